//! What a job costs: statements, commits, bytes of the log, dead versions of its row, and CPU time of the worker's process.
//!
//! When very many are drained, beside the bare driver that claims and completes a thousand at a time; and when twenty come
//! in a second, beside the bare driver that claims and completes one at a time. The insert is never counted, and polls of
//! an idle worker are.

use std::{
    thread,
    time::{Duration, Instant},
};

use drip::{Client, Dialect};

use super::drain;
use crate::{
    Result,
    baseline::Tally,
    child::{AtWork, Spent, Who},
    counting::{self, Statements},
    database::{Fresh, Kind},
    noop::Noop,
    options::Options,
    report::{Figure, Report},
};

/// How many jobs come in a second, and how many in all.
const PACE: u32 = 20;
const SINGLE: u32 = 15 * PACE;

/// Until a server's counts show what its sessions have done.
const FLUSH: Duration = Duration::from_millis(2500);

pub fn cost(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let jobs = drain::jobs(kind.dialect, options);
    eprintln!("{} cost: of {jobs} jobs at once", kind.dialect.name());
    let (drip, bare) = (drained(kind, Who::Workers(1), jobs)?, drained(kind, Who::Bare, jobs)?);
    tell(kind, "drain", &drip, &bare, report);
    eprintln!("{} cost: of {SINGLE} jobs, {PACE} a second", kind.dialect.name());
    let (drip, bare) = (one_by_one(kind)?, drained(kind, Who::BareSingly, SINGLE)?);
    tell(kind, "single", &drip, &bare, report);
    Ok(())
}

/// What a job has cost on average.
struct Cost {
    server: Tally,
    cpu_us: f64,
}

/// A database, a way to it on which statements are counted, and what has been counted.
struct Meter {
    database: Fresh,
    url: String,
    sent: Option<Statements>,
}

impl Meter {
    fn new(kind: &Kind<'_>) -> Result<Meter> {
        let database = kind.fresh()?;
        let (sent, url) = match kind.dialect {
            Dialect::Postgres => counting::before(&database.url).map(|(sent, url)| (Some(sent), url))?,
            _ => (None, database.url.clone()),
        };
        Ok(Meter { database, url, sent })
    }

    /// What the server has counted, or else the proxy in front of it.
    fn read(&self) -> Result<Tally> {
        thread::sleep(FLUSH);
        let tally = self.database.bare()?.tally()?;
        Ok(Tally { statements: self.sent.as_ref().map(|sent| sent.so_far() as f64).or(tally.statements), ..tally })
    }
}

fn drained(kind: &Kind<'_>, who: Who, jobs: u32) -> Result<Cost> {
    let meter = Meter::new(kind)?;
    drip::insert_many(&meter.database.client()?, (0..jobs).map(|n| Noop { n }))?;
    let before = meter.read()?;
    let mut child = AtWork::prepare(who, &meter.url, jobs)?;
    drain::by_child(&mut child, &meter.database, jobs)?;
    let spent = child.spent()?;
    child.end()?;
    Ok(a_job(meter.read()?.since(&before), spent, jobs))
}

fn one_by_one(kind: &Kind<'_>) -> Result<Cost> {
    let inserts = {
        let meter = Meter::new(kind)?;
        let client = meter.database.client()?;
        let before = meter.read()?;
        insert_steadily(&client)?;
        meter.read()?.since(&before)
    };
    let meter = Meter::new(kind)?;
    let client = meter.database.client()?;
    let mut child = AtWork::prepare(Who::Workers(1), &meter.url, SINGLE)?;
    child.go()?;
    child.await_started()?;
    thread::sleep(FLUSH);
    let (before, spent) = (meter.read()?, child.spent()?);
    insert_steadily(&client)?;
    child.await_begun()?;
    let after = (meter.read()?.since(&before).since(&inserts), child.spent()?.since(&spent));
    child.end()?;
    Ok(a_job(after.0, after.1, SINGLE))
}

fn insert_steadily(client: &Client) -> Result<()> {
    let start = Instant::now();
    for n in 0..SINGLE {
        let due = Duration::from_secs(1) * n / PACE;
        thread::sleep(due.saturating_sub(start.elapsed()));
        let _ = drip::insert_job(client, Noop { n })?;
    }
    Ok(())
}

/// What no server has counted, the process itself has.
fn a_job(tally: Tally, spent: Spent, jobs: u32) -> Cost {
    let each = |total: Option<f64>| total.map(|total| total / f64::from(jobs));
    let or_own = |total: Option<f64>, own: f64| each(total.or((spent.statements > 0.0).then_some(own)));
    let server = Tally {
        statements: or_own(tally.statements, spent.statements),
        commits: or_own(tally.commits, spent.commits),
        log: or_own(tally.log, spent.written),
        dead: each(tally.dead),
        hot: each(tally.hot),
        ..Tally::default()
    };
    Cost { server, cpu_us: spent.cpu_us / f64::from(jobs) }
}

fn tell(kind: &Kind<'_>, what: &str, drip: &Cost, bare: &Cost, report: &mut Report) {
    let mut add = |name: &str, unit, value: Option<f64>, baseline: Option<f64>| {
        let Some(value) = value else { return };
        let name = format!("cost_{what}_{name}");
        report.add(&Figure { name: &name, database: kind.dialect, value, unit, baseline, target: None });
    };
    let (ours, theirs) = (&drip.server, &bare.server);
    add("statements", "a job", ours.statements, theirs.statements);
    add("commits", "a job", ours.commits, theirs.commits);
    add("log", "B a job", ours.log, theirs.log);
    add("dead_rows", "a job", ours.dead, theirs.dead);
    add("hot_updates", "a job", ours.hot, theirs.hot);
    add("cpu", "µs", Some(drip.cpu_us), Some(bare.cpu_us));
}
