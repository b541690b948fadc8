//! The command line as it is typed: what holds for every command, and which commands there are.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand, error::ErrorKind};

use crate::{
    bench::BenchCommand, completions::CompletionsCommand, doctor::DoctorCommand, escape::without_passwords, failure,
    jobs::JobsCommand, maintenance::MaintenanceCommand, migrate::MigrateCommand, output::Format, queues::QueuesCommand,
    schedules::SchedulesCommand, stats::StatsCommand, time::duration, tui::TuiCommand, workers::WorkersCommand,
};

/// Looks after the job queue in a PostgreSQL, MariaDB or SQLite database.
#[derive(Debug, Parser)]
#[command(name = "drip", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 failed; 2 the command line is wrong; 3 there is no such job, queue or schedule; 4 the job's state \
refuses. `drip doctor` also: 5 a warning, 6 a problem.

JSON: `--format json` is one document, `--format jsonl` one a line; times in it are UTC. Fields may be added in later \
versions, none is renamed or removed. Tables show times in the zone of this machine (TZ). NO_COLOR turns colours off.

Names: characters that a terminal would obey are shown as \\u{1b}, and can be typed so wherever a name is; \\u{2c} is a \
comma that separates nothing.";

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The database: postgres://user:password@host/name, mariadb://…, sqlite://path. Others on this machine can see
    /// what is on a command line; DRIP_URL and --url-file they cannot
    #[arg(long, global = true, env = "DRIP_URL", hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,
    /// A file that holds the URL, and nothing else
    #[arg(long, global = true, value_name = "PATH")]
    pub url_file: Option<PathBuf>,
    /// How what is found is shown
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// How long a list, a count or the search of a bulk change may take
    #[arg(long, global = true, value_parser = duration, default_value = "30s", value_name = "DURATION")]
    pub search_timeout: Duration,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one in all")]
pub enum Command {
    /// Bring the schema up to date, or to another version
    Migrate(MigrateCommand),
    /// Look at jobs, insert them, change them
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Look at queues, pause and resume them
    #[command(subcommand)]
    Queues(QueuesCommand),
    /// Look at jobs that come again and again, pause them, run them now
    #[command(subcommand)]
    Schedules(SchedulesCommand),
    /// See who is at work
    #[command(subcommand)]
    Workers(WorkersCommand),
    /// Do upkeep by hand
    #[command(subcommand)]
    Maintenance(MaintenanceCommand),
    /// Show how many jobs there are, and who serves them
    Stats(StatsCommand),
    /// Find out what slows or stops the queue, why that matters, and what to type
    Doctor(DoctorCommand),
    /// See all of it on a screen, live, and change it
    Tui(TuiCommand),
    /// Measure how fast the queue is in this database, and leave nothing behind
    Bench(BenchCommand),
    /// Write what a shell needs to complete command lines
    Completions(CompletionsCommand),
}

/// Says what is wrong with a command line, or what was asked of it: help, the version.
pub fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A pipe that is closed has what it wants.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        // A URL in the wrong place would be repeated.
        _ => {
            eprint!("{}", without_passwords(&error.render().to_string()));
            ExitCode::from(failure::USAGE)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn no_two_options_are_in_each_other_s_way() {
        Arguments::command().debug_assert();
    }
}
