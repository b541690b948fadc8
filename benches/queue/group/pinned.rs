//! A snapshot that is held: nothing that dies after it can be removed. Rates under continuous load, the last beside the
//! first; and the same without it, for the table and its indexes grow, and checkpoints begin, whether it is held or not.
//!
//! Jobs are inserted as fast as they are drained, by another thread of the same process. On SQLite a reader keeps the log
//! from being started anew, so that it grows; the measurement ends early when it has become too large.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use drip::{Client, Context, Dialect, HandlerResult, Worker};

use crate::{
    Result,
    database::{Fresh, Kind},
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target, grouped},
};

/// How many jobs wait at most, and how many are inserted at a time.
const BACKLOG: u64 = 20_000;
const CHUNK: u32 = 2_000;

/// The longest time over which a rate is taken; there are at least four.
const WINDOW: Duration = Duration::from_secs(30);

const GIB: f64 = (1_u64 << 30) as f64;

/// Where the log of SQLite has become too large.
const LARGEST_LOG: f64 = 8.0;

pub fn pinned(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let window = WINDOW.min(Duration::from_secs(options.seconds.into()) / 4);
    let windows = (options.seconds / window.as_secs().max(1) as u32).max(1);
    for (name, is_held, target) in [("pinned", true, Some(Target::Ratio(0.8))), ("not_pinned", false, None)] {
        let database = kind.fresh()?;
        let rates = under_load(&database, is_held, windows, window)?;
        let (first, last) = (rates[0], rates[rates.len() - 1]);
        report.add(&Figure { target, ..Figure::rate(name, kind.dialect, last, first) });
        if let Some(value) = log_size(&database).filter(|_| is_held) {
            let name = "pinned_log";
            report.add(&Figure { name, database: kind.dialect, value, unit: "GiB", baseline: None, target: None });
        }
    }
    Ok(())
}

/// Jobs a second, window by window.
fn under_load(database: &Fresh, is_held: bool, windows: u32, window: Duration) -> Result<Vec<f64>> {
    let client = database.client()?;
    let begun = Arc::new(AtomicU64::new(0));
    let count = begun.clone();
    let handler = move |_: &Context, _: Noop| -> HandlerResult {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let inserting = scope.spawn(|| keep_inserting(&client, &begun, &over));
        let mut holder = database.bare()?;
        while begun.load(Ordering::Relaxed) == 0 && !inserting.is_finished() && database.bare()?.count()? == 0 {
            thread::sleep(Duration::from_millis(10));
        }
        if is_held {
            holder.pin()?;
        }
        let running = Worker::new(&client).handle(handler).start()?;
        let rates = watch(database, &begun, is_held, windows, window);
        over.store(true, Ordering::Relaxed);
        inserting.join().map_err(|_| "the inserting thread has panicked")??;
        running.stop(Duration::from_secs(10));
        Ok(rates)
    })
}

fn keep_inserting(client: &Client, begun: &AtomicU64, over: &AtomicBool) -> Result<()> {
    let mut inserted = 0;
    while !over.load(Ordering::Relaxed) {
        if inserted - begun.load(Ordering::Relaxed) < BACKLOG {
            inserted += drip::insert_many_fast(client, (0..CHUNK).map(|n| Noop { n }))? as u64;
        } else {
            thread::sleep(Duration::from_millis(2));
        }
    }
    Ok(())
}

fn watch(database: &Fresh, begun: &AtomicU64, is_held: bool, windows: u32, window: Duration) -> Vec<f64> {
    let held = if is_held { "pinned" } else { "not pinned" };
    let mut rates = Vec::new();
    for n in 1..=windows {
        let (start, before) = (Instant::now(), begun.load(Ordering::Relaxed));
        thread::sleep(window);
        rates.push((begun.load(Ordering::Relaxed) - before) as f64 / start.elapsed().as_secs_f64());
        let rate = grouped(rates.last().copied().unwrap_or_default(), 0);
        let log = log_size(database).filter(|_| database.dialect == Dialect::Sqlite);
        let told = log.map_or_else(String::new, |log| format!(", log {log:.1} GiB"));
        eprintln!("{} {held} {n}/{windows} of {window:?}: {rate} jobs/s{told}", database.dialect.name());
        if log.is_some_and(|log| log > LARGEST_LOG) {
            break;
        }
    }
    rates
}

/// GiB of the write-ahead log, where that is a file beside the database.
fn log_size(database: &Fresh) -> Option<f64> {
    let log = format!("{}-wal", database.url.strip_prefix("sqlite://")?);
    fs::metadata(log).ok().map(|file| file.len() as f64 / GIB)
}
