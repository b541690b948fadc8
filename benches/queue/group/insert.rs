//! Jobs inserted a second.

use std::{cell::RefCell, ops::Range, time::Instant};

use drip::Client;

use crate::{
    Result,
    baseline::Bare,
    database::Kind,
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target},
    rounds::{WITHIN_15_PERCENT, alternate, jobs_a_second},
};

/// Jobs inserted by one thread a second: each committed by itself, and a hundred in a transaction of the caller's. There
/// beside the driver's statement given as text, as an application writes it that keeps no prepared one, and beside one that
/// was prepared once: which is more than a queue can do that is lent a transaction and does not know its connection.
pub fn insert_single(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    const JOBS: Range<u32> = 0..300;
    let own = |client: &Client, _: &mut dyn Bare| {
        JOBS.into_iter().try_for_each(|n| drip::insert_job(client, Noop { n }).map(drop))?;
        Ok(JOBS.end)
    };
    let bare_own = |bare: &mut dyn Bare| bare.insert_singly(JOBS).map(|()| JOBS.end);
    insert(kind, "insert_single", 4 * options.rounds, Some(Target::Ratio(WITHIN_15_PERCENT)), own, bare_own, report)?;

    const TRANSACTIONS: u32 = 10;
    const EACH: Range<u32> = 0..100;
    let many = |mut run: Box<dyn FnMut() -> Result<()> + '_>| -> Result<u32> {
        (0..TRANSACTIONS).try_for_each(|_| run())?;
        Ok(TRANSACTIONS * EACH.end)
    };
    let callers = |_: &Client, bare: &mut dyn Bare| many(Box::new(|| bare.insert_in_transaction_with_drip(EACH)));
    let target = Some(Target::Ratio(0.9));
    let text = |bare: &mut dyn Bare| many(Box::new(|| bare.insert_in_transaction_as_text(EACH)));
    insert(kind, "insert_in_transaction_text", 4 * options.rounds, target, callers, text, report)?;
    let prepared = |bare: &mut dyn Bare| many(Box::new(|| bare.insert_in_transaction(EACH)));
    insert(kind, "insert_in_transaction", 4 * options.rounds, target, callers, prepared, report)
}

/// Jobs inserted a second, ten thousand at a time: answered as jobs, and only counted.
pub fn insert_many(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    const JOBS: Range<u32> = 0..10_000;
    let jobs = || JOBS.map(|n| Noop { n });
    let target = Some(Target::Ratio(0.85));
    let own = |client: &Client, _: &mut dyn Bare| Ok(drip::insert_many(client, jobs())?.len() as u32);
    let bare = |bare: &mut dyn Bare| bare.insert_many(JOBS).map(|()| JOBS.end);
    insert(kind, "insert_many", options.rounds, target, own, bare, report)?;

    let own = |client: &Client, _: &mut dyn Bare| Ok(drip::insert_many_fast(client, jobs())? as u32);
    let bare = |bare: &mut dyn Bare| bare.insert_many_fast(JOBS).map(|()| JOBS.end);
    insert(kind, "insert_many_fast", options.rounds, target, own, bare, report)
}

/// Both ways of inserting answer how many jobs they have inserted; all go into the same table.
fn insert(
    kind: &Kind<'_>,
    name: &'static str,
    rounds: usize,
    target: Option<Target>,
    mut with_drip: impl FnMut(&Client, &mut dyn Bare) -> Result<u32>,
    mut with_driver: impl FnMut(&mut dyn Bare) -> Result<u32>,
    report: &mut Report,
) -> Result<()> {
    let database = kind.fresh()?;
    let client = database.client()?;
    // One connection for both: the system may treat two differently, by a factor of two.
    let bare = RefCell::new(database.bare()?);
    let rate = |insert: &mut dyn FnMut() -> Result<u32>| {
        let start = Instant::now();
        let jobs = insert()?;
        Ok(jobs_a_second(jobs, start.elapsed()))
    };
    let (value, baseline) = alternate(
        kind,
        name,
        rounds,
        || rate(&mut || with_drip(&client, &mut **bare.borrow_mut())),
        || rate(&mut || with_driver(&mut **bare.borrow_mut())),
    )?;
    report.add(&Figure { target, ..Figure::rate(name, kind.dialect, value, baseline) });
    Ok(())
}
