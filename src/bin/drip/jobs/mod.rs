//! `drip jobs`: looking at jobs, inserting them, changing them.

mod filter;
mod get;
mod insert;
mod list;

use clap::Subcommand;

use crate::{app::App, failure::Outcome};

/// The commands of `drip jobs`.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// Show jobs, newest first
    #[command(visible_alias = "ls")]
    List(list::ListCommand),
    /// Show all there is to know of a job
    Get(get::GetCommand),
    /// Insert a job
    Insert(insert::InsertCommand),
}

impl JobsCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        match self {
            JobsCommand::List(command) => command.run(app),
            JobsCommand::Get(command) => command.run(app),
            JobsCommand::Insert(command) => command.run(app),
        }
    }
}
