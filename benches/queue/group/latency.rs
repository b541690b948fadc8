//! From the beginning of an insert to the start of its handler.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use drip::{Client, Context, Dialect, HandlerResult, JobArgs, Worker};
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    baseline::KINDS,
    child,
    database::{Fresh, Kind},
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target},
    rounds::PATIENCE,
};

/// A job that knows when somebody began to insert it.
#[derive(Serialize, Deserialize)]
struct Stamped {
    at_us: u64,
}

impl JobArgs for Stamped {
    /// The one that bare statements claim.
    const KIND: &'static str = Noop::KIND;
}

/// How many jobs a second are inserted, and how many in all.
const PACE: u32 = 20;
const STAMPED: u32 = 10 * PACE;

/// A worker's, unless it is told otherwise, in milliseconds.
const POLL_INTERVAL: f64 = 1000.0;

/// From the beginning of an insert to the start of its handler, in a worker that is otherwise idle.
pub fn start_latency(kind: &Kind<'_>, _: &Options, report: &mut Report) -> Result<()> {
    let database = kind.fresh()?;
    let times = latencies(&database, insert_steadily)?;
    tell_latencies(kind, Inserted::Here, &times, None, report);

    let other_process = |_: &Client| match child::start_inserting(&database)?.wait()?.success() {
        true => Ok(()),
        false => Err("the process that inserts has failed".into()),
    };
    let times = latencies(&database, other_process)?;
    let bare = bare_latencies(&database)?;
    tell_latencies(kind, Inserted::Elsewhere, &times, bare.as_deref(), report);
    Ok(())
}

/// In which process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inserted {
    Here,
    Elsewhere,
}

impl Inserted {
    fn names(self) -> [&'static str; 2] {
        match self {
            Inserted::Here => ["start_latency_p50", "start_latency_p99"],
            Inserted::Elsewhere => ["start_latency_across_p50", "start_latency_across_p99"],
        }
    }

    /// Milliseconds that the median and the slowest percentile are to stay below.
    fn targets(self, dialect: Dialect) -> [Option<f64>; 2] {
        match (self, dialect) {
            (Inserted::Here, Dialect::Mariadb) => [Some(3.0), None],
            (Inserted::Here, _) => [Some(5.0), None],
            (Inserted::Elsewhere, Dialect::Postgres) => [Some(2.0), Some(6.0)],
            // Nobody tells a worker: it asks.
            (Inserted::Elsewhere, Dialect::Mariadb) => [None, Some(POLL_INTERVAL)],
            (Inserted::Elsewhere, _) => [Some(5.0), None],
        }
    }
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

/// The same, where a server tells of inserts, with a bare connection that is told, and claims.
fn bare_latencies(database: &Fresh) -> Result<Option<Vec<f64>>> {
    let (client, mut bare) = (database.client()?, database.bare()?);
    if !bare.listen()? {
        return Ok(None);
    }
    let mut inserting = child::start_inserting(database)?;
    let mut starts = Vec::new();
    while starts.len() <= STAMPED as usize {
        bare.await_insert()?;
        loop {
            let claimed = bare.claim(10, KINDS)?;
            let start = micros();
            if claimed.is_empty() {
                break;
            }
            starts.extend(claimed.iter().map(|&(id, _)| (id, start)));
            bare.finish(&claimed, false)?;
        }
    }
    inserting.wait()?;
    let time = |(id, start)| -> Result<f64> {
        let job = drip::get_job(&client, id)?.ok_or("a job is gone")?;
        Ok((start - job.args_as::<Stamped>()?.at_us) as f64 / 1000.0)
    };
    // Without the first one, as above.
    let mut times = starts.into_iter().skip(1).map(time).collect::<Result<Vec<_>>>()?;
    times.sort_by(f64::total_cmp);
    Ok(Some(times))
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

fn tell_latencies(kind: &Kind<'_>, inserted: Inserted, sorted: &[f64], bare: Option<&[f64]>, report: &mut Report) {
    let at = |times: &[f64], part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
    for ((name, part), target) in inserted.names().into_iter().zip([0.5, 0.99]).zip(inserted.targets(kind.dialect)) {
        let target = target.map(Target::Below);
        let (value, baseline) = (at(sorted, part), bare.map(|bare| at(bare, part)));
        report.add(&Figure { name, database: kind.dialect, value, unit: "ms", baseline, target });
    }
}

/// By the clock that two processes share.
fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
