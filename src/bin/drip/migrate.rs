//! `drip migrate`: the schema.

use clap::Args;
use drip::Client;

use crate::{
    app::App,
    failure::Outcome,
    json::{MigrationDocument, SchemaDocument},
    number::version,
};

#[derive(Debug, Args)]
pub struct MigrateCommand {
    /// Only show what would be run
    #[arg(long, conflicts_with = "to")]
    plan: bool,
    /// The version to bring the schema to, up or down; 0 removes everything, jobs included
    #[arg(long, value_name = "VERSION", value_parser = version)]
    to: Option<u32>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl MigrateCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let client = if self.plan { app.client()? } else { app.client_of_new()? };
        let before = client.schema_version()?;
        if self.plan {
            return plan(app, &client, before);
        }
        match self.to {
            Some(version) => {
                if version < before {
                    let loses = if version == 0 { "all jobs are lost" } else { "what later versions added is lost" };
                    let question = format!("Take the schema back from version {before} to {version}? Then {loses}.");
                    app.confirm(&question, "say --yes if that is what you want", self.yes)?;
                }
                client.migrate_to(version)?;
            }
            None => client.migrate()?,
        }
        let version = client.schema_version()?;
        let document = SchemaDocument { version, newest: Client::SCHEMA_VERSION, pending: Vec::new() };
        app.output.one(&document, |output| match version == before {
            true => output.line(format!("The schema has version {version}, as before.")),
            false => output.line(format!("The schema has version {version}; it had {before}.")),
        })
    }
}

fn plan(app: &mut App, client: &Client, version: u32) -> Outcome {
    let pending = client.pending_migrations()?;
    let pending: Vec<_> = pending.into_iter().map(MigrationDocument::from).collect();
    let document = SchemaDocument { version, newest: Client::SCHEMA_VERSION, pending };
    app.output.one(&document, |output| {
        for migration in &document.pending {
            output.line(format!("-- {}", migration.name))?;
            output.line(migration.sql)?;
            output.line("")?;
        }
        match document.pending.len() {
            0 => output.line(format!("-- The schema has version {version}: nothing to do.")),
            steps => output
                .line(format!("-- The schema has version {version}; {steps} to do, to version {}.", document.newest)),
        }
    })
}
