//! The figures: what is measured, and how.

use std::{
    cell::RefCell,
    ops::Range,
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use drip::{Client, Context, Dialect, HandlerResult, JobArgs, Worker};
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    baseline::Bare,
    child,
    database::{Fresh, Kind},
    idle::idle_cost,
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target, grouped},
};

/// Figures that are measured together.
pub struct Group {
    pub name: &'static str,
    pub measure: fn(&Kind<'_>, &Options, &mut Report) -> Result<()>,
}

pub const GROUPS: [Group; 6] = [
    Group { name: "drain", measure: drain },
    Group { name: "insert_single", measure: insert_single },
    Group { name: "insert_many", measure: insert_many },
    Group { name: "start_latency", measure: start_latency },
    Group { name: "idle_rss", measure: idle_rss },
    Group { name: "idle_cost", measure: idle_cost },
];

/// A job that knows when somebody began to insert it.
#[derive(Serialize, Deserialize)]
struct Stamped {
    at_us: u64,
}

impl JobArgs for Stamped {
    const KIND: &'static str = "stamped";
}

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// A library's time of 1.15 times the driver's.
const WITHIN_15_PERCENT: Target = Target::Ratio(1.0 / 1.15);

// ------------------------------------------------------------------------------------------------------------- drain

/// Jobs a second, from the start of a worker with default settings until the last job is completed in the database.
fn drain(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let jobs = options.jobs.unwrap_or(match kind.dialect {
        Dialect::Postgres => 60_000,
        Dialect::Mariadb => 40_000,
        _ => 150_000,
    });
    let (value, baseline) = alternate(
        kind,
        "drain",
        options.rounds,
        || Ok(jobs_a_second(jobs, drain_with_drip(&full(kind, jobs)?, jobs)?)),
        || {
            let database = full(kind, jobs)?;
            let mut bare = database.bare()?;
            let took = timed(|| expect(bare.drain()?, jobs))?;
            Ok(jobs_a_second(jobs, took))
        },
    )?;
    report.add(&Figure {
        name: "drain",
        database: kind.dialect,
        value,
        unit: "jobs/s",
        baseline: Some(baseline),
        target: Some(Target::Ratio(0.5)),
    });
    Ok(())
}

/// A fresh database with so many jobs, which has never been analysed.
fn full(kind: &Kind<'_>, jobs: u32) -> Result<Fresh> {
    let database = kind.fresh()?;
    drip::insert_many(&database.client()?, (0..jobs).map(|n| Noop { n }))?;
    Ok(database)
}

fn drain_with_drip(database: &Fresh, jobs: u32) -> Result<Duration> {
    let client = database.client()?;
    let mut bare = database.bare()?;
    let (all_begun, begun) = mpsc::channel();
    let count = AtomicU32::new(0);
    let worker = Worker::new(&client).handle(move |_: &Context, _: Noop| -> HandlerResult {
        if count.fetch_add(1, Ordering::Relaxed) + 1 == jobs {
            all_begun.send(())?;
        }
        Ok(())
    });
    let start = Instant::now();
    let running = worker.start()?;
    begun.recv_timeout(PATIENCE)?;
    // Only now is the database asked, so that the worker has it to itself until then.
    let took = loop {
        let asked = start.elapsed();
        if bare.is_drained()? {
            break asked;
        }
        thread::sleep(Duration::from_millis(5));
    };
    running.stop(Duration::from_secs(10));
    expect(bare.count()?, jobs)?;
    Ok(took)
}

// ------------------------------------------------------------------------------------------------------------ insert

/// Jobs inserted by one thread a second: each committed by itself, and a hundred in a transaction of the caller's.
fn insert_single(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    const JOBS: Range<u32> = 0..300;
    let own = |client: &Client, _: &mut dyn Bare| {
        JOBS.into_iter().try_for_each(|n| drip::insert_job(client, Noop { n }).map(drop))?;
        Ok(JOBS.end)
    };
    let bare_own = |bare: &mut dyn Bare| bare.insert_singly(JOBS).map(|()| JOBS.end);
    insert(kind, "insert_single", 4 * options.rounds, Some(WITHIN_15_PERCENT), own, bare_own, report)?;

    const TRANSACTIONS: u32 = 10;
    const EACH: Range<u32> = 0..100;
    let many = |mut run: Box<dyn FnMut() -> Result<()> + '_>| -> Result<u32> {
        (0..TRANSACTIONS).try_for_each(|_| run())?;
        Ok(TRANSACTIONS * EACH.end)
    };
    let callers = |_: &Client, bare: &mut dyn Bare| many(Box::new(|| bare.insert_in_transaction_with_drip(EACH)));
    let bare_callers = |bare: &mut dyn Bare| many(Box::new(|| bare.insert_in_transaction(EACH)));
    let name = "insert_single_in_transaction";
    insert(kind, name, 4 * options.rounds, Some(WITHIN_15_PERCENT), callers, bare_callers, report)
}

/// Jobs inserted a second, ten thousand at a time: answered as jobs, and only counted.
fn insert_many(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
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
        let mut jobs = 0;
        let took = timed(|| insert().map(|inserted| jobs = inserted))?;
        Ok(jobs_a_second(jobs, took))
    };
    let (value, baseline) = alternate(
        kind,
        name,
        rounds,
        || rate(&mut || with_drip(&client, &mut **bare.borrow_mut())),
        || rate(&mut || with_driver(&mut **bare.borrow_mut())),
    )?;
    report.add(&Figure { name, database: kind.dialect, value, unit: "jobs/s", baseline: Some(baseline), target });
    Ok(())
}

// ----------------------------------------------------------------------------------------------------------- latency

/// How many jobs a second are inserted, and how many in all.
const PACE: u32 = 20;
const STAMPED: u32 = 10 * PACE;

/// From the beginning of an insert to the start of its handler, in a worker that is otherwise idle.
fn start_latency(kind: &Kind<'_>, _: &Options, report: &mut Report) -> Result<()> {
    let soon = Some(Target::Below(5.0));
    let (postgres, sqlite) = (kind.dialect == Dialect::Postgres, kind.dialect == Dialect::Sqlite);
    let database = kind.fresh()?;
    let times = latencies(&database, insert_steadily)?;
    tell_latencies(
        kind,
        ["start_latency_p50", "start_latency_p99"],
        &times,
        soon.filter(|_| postgres || sqlite),
        report,
    );

    let other_process = |_: &Client| match child::start_inserting(&database)?.wait()?.success() {
        true => Ok(()),
        false => Err("the process that inserts has failed".into()),
    };
    let times = latencies(&database, other_process)?;
    let names = ["start_latency_across_p50", "start_latency_across_p99"];
    tell_latencies(kind, names, &times, soon.filter(|_| postgres), report);
    Ok(())
}

/// Runs a worker beside `insert`, which inserts [`STAMPED`] jobs and one before them; answers milliseconds, sorted.
fn latencies(database: &Fresh, insert: impl FnOnce(&Client) -> Result<()>) -> Result<Vec<f64>> {
    let client = database.client()?;
    let (started, starts) = mpsc::channel();
    let handler = move |_: &Context, job: Stamped| -> HandlerResult { Ok(started.send(micros() - job.at_us)?) };
    let running = Worker::new(&client).handle(handler).start()?;
    let ready = Instant::now() + Duration::from_secs(5);
    while database.dialect == Dialect::Postgres && !running.health().listening && Instant::now() < ready {
        thread::sleep(Duration::from_millis(10));
    }
    insert(&client)?;
    // The first one found connections that were still to be opened.
    starts.recv_timeout(PATIENCE)?;
    let times = (0..STAMPED).map(|_| starts.recv_timeout(PATIENCE));
    let mut times = times.map(|us| Ok(us? as f64 / 1000.0)).collect::<Result<Vec<_>>>()?;
    times.sort_by(f64::total_cmp);
    running.stop(Duration::from_secs(10));
    Ok(times)
}

/// Inserts jobs at an even pace, but not in step with anything that polls.
pub fn insert_steadily(client: &Client) -> Result<()> {
    let start = Instant::now();
    for n in 0..=STAMPED {
        let due = Duration::from_secs(1) * n / PACE + Duration::from_millis(fastrand::u64(0..50));
        thread::sleep(due.saturating_sub(start.elapsed()));
        let _ = drip::insert_job(client, Stamped { at_us: micros() })?;
    }
    Ok(())
}

fn tell_latencies(
    kind: &Kind<'_>,
    names: [&'static str; 2],
    sorted: &[f64],
    median_target: Option<Target>,
    report: &mut Report,
) {
    for (name, part, target) in [(names[0], 0.5, median_target), (names[1], 0.99, None)] {
        let value = sorted[((sorted.len() - 1) as f64 * part).round() as usize];
        report.add(&Figure { name, database: kind.dialect, value, unit: "ms", baseline: None, target });
    }
}

/// By the clock that two processes share.
fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

// ------------------------------------------------------------------------------------------------------------ memory

/// Resident memory of a process with nothing but an idle worker of 10 threads; the baseline has only a connection.
fn idle_rss(kind: &Kind<'_>, _: &Options, report: &mut Report) -> Result<()> {
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

// ------------------------------------------------------------------------------------------------------------ rounds

/// Runs both in turn, each first in every other round; answers the medians, the library's first.
fn alternate(
    kind: &Kind<'_>,
    name: &str,
    rounds: usize,
    mut with_drip: impl FnMut() -> Result<f64>,
    mut with_driver: impl FnMut() -> Result<f64>,
) -> Result<(f64, f64)> {
    let (mut values, mut baselines) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        if round % 2 == 0 {
            values.push(with_drip()?);
            baselines.push(with_driver()?);
        } else {
            baselines.push(with_driver()?);
            values.push(with_drip()?);
        }
        let latest = |rates: &[f64]| grouped(rates.last().copied().unwrap_or_default(), 0);
        let database = kind.dialect.name();
        eprintln!("{database} {name} {round}/{rounds}: drip {}, bare {} jobs/s", latest(&values), latest(&baselines));
    }
    Ok((median(values), median(baselines)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

fn jobs_a_second(jobs: u32, took: Duration) -> f64 {
    f64::from(jobs) / took.as_secs_f64()
}

fn expect(found: u32, jobs: u32) -> Result<()> {
    if found == jobs { Ok(()) } else { Err(format!("{found} jobs where there should be {jobs}").into()) }
}
