//! How long a command of `drip` takes from its start to its end, on an empty queue: what a person or a script waits for.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Result,
    database::Kind,
    options::Options,
    report::{Figure, Report, Target},
};

/// It is there only where the feature `cli` is on.
const PROGRAM: Option<&str> = option_env!("CARGO_BIN_EXE_drip");

/// Starts a process that does nothing, and ends it: what nobody can do without.
const NOTHING: &str = "true";

const TIMES: usize = 51;

/// The median, of the process alone and of one that asks the database.
pub fn startup(kind: &Kind<'_>, _: &Options, report: &mut Report) -> Result<()> {
    let Some(program) = PROGRAM else {
        eprintln!("{} startup: left out: the feature `cli` is not on", kind.dialect.name());
        return Ok(());
    };
    let database = kind.fresh()?;
    eprintln!("{} startup: {TIMES} processes each", kind.dialect.name());
    let bare = median(|| Command::new(NOTHING))?;
    for (name, args) in [("startup_version", &["--version"][..]), ("startup_list", &["queues", "list"])] {
        let took = median(|| {
            let mut command = Command::new(program);
            command.args(args).env("DRIP_URL", &database.url);
            command
        })?;
        let (value, baseline) = (took.as_secs_f64() * 1000.0, Some(bare.as_secs_f64() * 1000.0));
        let target = Some(Target::Below(50.0));
        report.add(&Figure { name, database: kind.dialect, value, unit: "ms", baseline, target });
    }
    Ok(())
}

fn median(command: impl Fn() -> Command) -> Result<Duration> {
    let mut took = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let began = Instant::now();
        let status = command().stdin(Stdio::null()).stdout(Stdio::null()).status()?;
        took.push(began.elapsed());
        if !status.success() {
            return Err(format!("the process ended with {status}").into());
        }
    }
    took.sort();
    Ok(took[TIMES / 2])
}
