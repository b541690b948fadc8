//! `drip jobs`: looking at jobs, inserting them, changing them.

mod bulk;
mod change;
mod filter;
mod get;
mod insert;
mod list;
mod load;
mod slices;
mod unique;
mod update;
mod verbs;
mod why;

use clap::Subcommand;

use self::change::Which;
pub use self::insert::json as json_of;
use crate::{app::App, failure::Outcome};

/// The commands of `drip jobs`.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// Show jobs, newest first
    #[command(visible_alias = "ls")]
    List(list::ListCommand),
    /// Show all there is to know of a job
    Get(get::GetCommand),
    /// Say why a job is not running
    Why(why::WhyCommand),
    /// Insert a job
    Insert(insert::InsertCommand),
    /// Insert many jobs from a file, as fast as the database takes them
    Load(load::LoadCommand),
    /// Change jobs that are not running
    Update(update::UpdateCommand),
    /// Call jobs off that have not ended
    Cancel(Which),
    /// Make jobs available again, now
    Retry(verbs::RetryCommand),
    /// Give jobs up that have not ended
    Discard(Which),
    /// Put running jobs off; this attempt does not count
    Snooze(verbs::SnoozeCommand),
    /// Say that running jobs are done
    Complete(Which),
    /// Say that running jobs have failed
    Fail(update::FailCommand),
    /// Let pending jobs go
    Release(Which),
    /// Give running jobs back, whoever runs them; the attempt does not count
    Rescue(Which),
    /// Remove jobs that are not running
    Delete(Which),
    /// Record what a job has to show, under "output" in its metadata
    Output(update::OutputCommand),
}

impl JobsCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        match self {
            JobsCommand::List(command) => command.run(app),
            JobsCommand::Get(command) => command.run(app),
            JobsCommand::Why(command) => command.run(app),
            JobsCommand::Insert(command) => command.run(app),
            JobsCommand::Load(command) => command.run(app),
            JobsCommand::Update(command) => command.run(app),
            JobsCommand::Cancel(which) => verbs::cancel(which, app),
            JobsCommand::Retry(command) => command.run(app),
            JobsCommand::Discard(which) => verbs::discard(which, app),
            JobsCommand::Snooze(command) => command.run(app),
            JobsCommand::Complete(which) => verbs::complete(which, app),
            JobsCommand::Fail(command) => command.run(app),
            JobsCommand::Release(which) => verbs::release(which, app),
            JobsCommand::Rescue(which) => verbs::rescue(which, app),
            JobsCommand::Delete(which) => verbs::delete(which, app),
            JobsCommand::Output(command) => command.run(app),
        }
    }
}
