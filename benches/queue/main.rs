//! `cargo bench --bench queue`: what the queue costs beside the bare drivers, on all three databases, with durable commits.
//!
//! Figures are taken together with their baselines, mostly the same work done by the driver alone: in the same run, and
//! round by round in turn, so that a machine which is busy with something else slows both. Values are medians of the rounds.

mod baseline;
mod child;
mod counting;
mod database;
mod group;
mod noop;
mod options;
mod report;
mod rounds;
#[path = "../../tests/suite/support/servers.rs"]
#[allow(dead_code)] // the tests ask for servers without options
mod servers;

use std::{error::Error, process::ExitCode};

use database::Databases;
use options::{Command, Options};
use report::Report;

/// Any error ends the benchmark, or the child of it.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let done = match options::parse(std::env::args().skip(1)) {
        Ok(Command::Measure(options)) => measure(&options),
        Ok(Command::Child(task)) => child::run(&task),
        Ok(Command::Say(text)) => {
            println!("{text}");
            Ok(())
        }
        Err(problem) => {
            eprintln!("{problem}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("queue: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<()> {
    let databases = Databases::find();
    let mut report = Report::new(options.json);
    for &dialect in &options.databases {
        if !databases.has(dialect) {
            eprintln!("*** {}: no server, no figures ***", dialect.name());
            continue;
        }
        databases.warn_unless_durable(dialect)?;
        for group in group::GROUPS.iter().filter(|group| options.wants(group)) {
            (group.measure)(&databases.kind(dialect), options, &mut report)?;
        }
    }
    Ok(())
}
