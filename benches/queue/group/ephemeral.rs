//! Ephemeral jobs, whose rows are gone when they are done; the baseline claims and deletes.

use drip::NewJob;

use super::drain;
use crate::{
    Result,
    baseline::{
        BATCH, KINDS,
        drain::{Drain, best},
    },
    database::{Fresh, Kind},
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target},
    rounds::{alternate, expect, rate},
};

pub fn ephemeral(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let jobs = drain::jobs(kind.dialect, options);
    let (value, baseline) = alternate(
        kind,
        "ephemeral",
        options.rounds,
        || {
            let database = full(kind, jobs)?;
            let rate = drain::with_drip(&database, jobs)?;
            expect(database.bare()?.count()?, 0)?;
            Ok(rate)
        },
        || {
            let database = full(kind, jobs)?;
            rate(jobs, best(&database, kind.dialect, Drain { batch: BATCH, deletes: true, kinds: KINDS })?)
        },
    )?;
    let target = Some(Target::Ratio(0.85));
    report.add(&Figure { target, ..Figure::rate("ephemeral", kind.dialect, value, baseline) });
    Ok(())
}

fn full(kind: &Kind<'_>, jobs: u32) -> Result<Fresh> {
    let database = kind.fresh()?;
    drip::insert_many(&database.client()?, (0..jobs).map(|n| NewJob::from(Noop { n }).ephemeral()))?;
    Ok(database)
}
