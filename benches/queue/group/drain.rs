//! Drain: jobs a second, from the start of a worker with default settings until the last job is done in the database.

use std::{
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use drip::{Client, Context, Dialect, HandlerResult, Worker};

use crate::{
    Result,
    baseline::{
        BATCH, KINDS,
        drain::{Drain, best},
    },
    child::AtWork,
    database::{Fresh, Kind},
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target},
    rounds::{PATIENCE, alternate, expect, jobs_a_second, rate, wait_until_drained},
};

pub fn drain(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let jobs = jobs(kind.dialect, options);
    let (value, baseline) = alternate(
        kind,
        "drain",
        options.rounds,
        || {
            let database = full(kind, jobs)?;
            let rate = with_drip(&database, jobs)?;
            expect(database.bare()?.count()?, jobs)?;
            Ok(rate)
        },
        || {
            let database = full(kind, jobs)?;
            rate(jobs, best(&database, kind.dialect, Drain { batch: BATCH, deletes: false, kinds: KINDS })?)
        },
    )?;
    let target = Some(Target::Ratio(0.85));
    report.add(&Figure { target, ..Figure::rate("drain", kind.dialect, value, baseline) });
    Ok(())
}

/// How many jobs there are to be drained: so many that it does not count that the worker opens its connections meanwhile.
pub fn jobs(dialect: Dialect, options: &Options) -> u32 {
    options.jobs.unwrap_or(match dialect {
        Dialect::Postgres => 200_000,
        Dialect::Mariadb => 80_000,
        _ => 300_000,
    })
}

/// A fresh database with so many jobs, which has never been analysed.
fn full(kind: &Kind<'_>, jobs: u32) -> Result<Fresh> {
    let database = kind.fresh()?;
    drip::insert_many(&database.client()?, (0..jobs).map(|n| Noop { n }))?;
    Ok(database)
}

pub fn with_drip(database: &Fresh, jobs: u32) -> Result<f64> {
    with_worker(database, jobs, |client, count| {
        Worker::new(client).handle(move |_: &Context, _: Noop| -> HandlerResult { count() })
    })
}

/// Counts a job that is being run.
pub type Count = Box<dyn Fn() -> HandlerResult + Send + Sync>;

/// Jobs a second of a worker that counts each.
pub fn with_worker(database: &Fresh, jobs: u32, worker: impl FnOnce(&Client, Count) -> Worker) -> Result<f64> {
    let client = database.client()?;
    let mut bare = database.bare()?;
    let (all_begun, begun) = mpsc::channel();
    let count = AtomicU32::new(0);
    let worker = worker(
        &client,
        Box::new(move || {
            if count.fetch_add(1, Ordering::Relaxed) + 1 == jobs {
                all_begun.send(())?;
            }
            Ok(())
        }),
    );
    let start = Instant::now();
    let running = worker.start()?;
    // Only then is the database asked, so that the worker has it to itself until then.
    begun.recv_timeout(PATIENCE)?;
    let took = wait_until_drained(&mut *bare, jobs, start)?;
    running.stop(Duration::from_secs(10));
    Ok(jobs_a_second(jobs, took))
}

/// Jobs a second of a process at work, from the word to it.
pub fn by_child(child: &mut AtWork, database: &Fresh, jobs: u32) -> Result<f64> {
    let mut bare = database.bare()?;
    let start = Instant::now();
    child.go()?;
    child.await_begun()?;
    Ok(jobs_a_second(jobs, wait_until_drained(&mut *bare, jobs, start)?))
}
