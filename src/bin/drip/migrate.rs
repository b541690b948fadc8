//! `drip migrate`: the schema.

use clap::Args;
use drip::Client;

use crate::{app::App, failure::Outcome};

/// Bring the schema up to date, or to another version.
#[derive(Debug, Args)]
pub struct MigrateCommand {
    /// The version to bring the schema to, up or down; 0 removes everything, jobs included
    #[arg(long, value_name = "VERSION")]
    to: Option<u32>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl MigrateCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let client = app.client_of_new()?;
        match self.to {
            None => client.migrate()?,
            Some(version) => {
                if version < Client::SCHEMA_VERSION {
                    let loses = if version == 0 { "all jobs are lost" } else { "what later versions added is lost" };
                    app.confirm(&format!("Bring the schema to version {version}? If it is newer, {loses}."), self.yes)?;
                }
                client.migrate_to(version)?;
            }
        }
        Ok(())
    }
}
