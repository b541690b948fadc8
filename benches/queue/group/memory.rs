//! Resident memory: with nothing to do, and at full speed.

use super::drain;
use crate::{
    Result,
    child::{self, AtWork, Who},
    database::Kind,
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target},
};

/// How many jobs are inserted at a time.
const CHUNK: u32 = 50_000;

/// As many jobs as make no difference.
const FEW: u32 = 10_000;

/// Resident memory of a process with nothing but an idle worker of 10 threads; the baseline has only a connection.
pub fn idle_rss(kind: &Kind<'_>, _: &Options, report: &mut Report) -> Result<()> {
    let (bare, idle) = child::memory(&kind.fresh()?)?;
    report.add(&Figure {
        name: "idle_rss",
        database: kind.dialect,
        value: idle / 1024.0,
        unit: "MiB",
        baseline: Some(bare / 1024.0),
        target: Some(Target::Below(30.0)),
    });
    Ok(())
}

/// The most resident memory of a process that drains very many jobs; the baseline drains few.
pub fn memory(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let jobs = options.jobs.unwrap_or(1_000_000);
    let few = peak_mib(kind, FEW)?;
    report.add(&Figure {
        name: "peak_rss",
        database: kind.dialect,
        value: peak_mib(kind, jobs)?,
        unit: "MiB",
        baseline: Some(few),
        target: Some(Target::Below(40.0)),
    });
    Ok(())
}

fn peak_mib(kind: &Kind<'_>, jobs: u32) -> Result<f64> {
    eprintln!("{} memory: {jobs} jobs", kind.dialect.name());
    let database = kind.fresh()?;
    let client = database.client()?;
    for chunk in (0..jobs).step_by(CHUNK as usize) {
        drip::insert_many_fast(&client, (chunk..jobs.min(chunk + CHUNK)).map(|n| Noop { n }))?;
    }
    let mut child = AtWork::prepare(Who::Workers(1), &database.url, jobs)?;
    drain::by_child(&mut child, &database, jobs)?;
    let spent = child.spent()?;
    child.end()?;
    Ok(spent.peak_kib / 1024.0)
}
