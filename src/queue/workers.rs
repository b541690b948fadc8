//! The rows of workers: who lives, who is missed, and whose jobs go to others.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{ending::Ending, settle::settle_each};
use crate::{
    Error, Job, Result, Session,
    dialect::{Row, Sql, Statement, Value, statement},
    name,
    new_job::check_span,
};

static REGISTER_WORKER: Statement = statement!("register_worker");
static BEAT_WORKER: Statement = statement!("beat_worker");
static LIST_WORKERS: Statement = statement!("list_workers");
static MISSED_WORKER: Statement = statement!("missed_worker");
static REMOVE_WORKER: Statement = statement!("remove_worker");
static ORPHANED_WORKERS: Statement = statement!("orphaned_workers");
static RUNNING_OF_WORKER: Statement = statement!("running_of_worker");

/// How many jobs of a dead worker are given to others by one statement.
const BATCH: usize = 1000;

/// The lease of a worker made by hand, unless it says otherwise.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// A worker that lives, or has not been missed yet.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Its id, which no other worker ever has; for one made by hand, whatever it calls itself.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// The machine that it runs on, where that is known.
    pub host: Option<String>,
    /// Its process on that machine.
    pub pid: Option<u32>,
    /// Of this library.
    pub version: Option<String>,
    /// The queues that it serves; none: any.
    pub queues: Vec<String>,
    /// The kinds that it handles; none: any.
    pub kinds: Vec<String>,
    /// How many jobs it runs at a time.
    pub concurrency: Option<u32>,
    /// How long it may be silent.
    pub lease: Duration,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub heartbeat_at: Timestamp,
    /// When it last asked for jobs and was answered, as far as its heart has told.
    pub claimed_at: Option<Timestamp>,
    pub(crate) beats: i64,
}

impl WorkerInfo {
    /// Whether it was heard of within its lease, at this time by the database's clock.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        Duration::try_from(now.duration_since(self.heartbeat_at)).unwrap_or_default() <= self.lease
    }
}

/// What a worker says of itself.
pub(crate) struct Registration<'a> {
    pub(crate) id: &'a str,
    pub(crate) label: &'a str,
    pub(crate) host: Option<&'a str>,
    pub(crate) queues: &'a [String],
    /// A JSON array.
    pub(crate) kinds: &'a str,
    pub(crate) concurrency: Option<usize>,
    pub(crate) lease: Duration,
}

impl<'a> Registration<'a> {
    /// Of a worker made by hand.
    pub(crate) fn by_hand(id: &'a str, lease: Duration) -> Registration<'a> {
        Registration { id, label: id, host: None, queues: &[], kinds: "[]", concurrency: None, lease }
    }
}

/// The workers that live, or have not been missed yet; oldest first.
///
/// # Errors
/// When the database cannot be asked.
pub fn list_workers(on: impl Session) -> Result<Vec<WorkerInfo>> {
    on.any().read(list)
}

/// Says that a worker made by hand lives: its jobs stay its own for as long as `lease`, from 1 s to 1 h, from now.
///
/// [`fetch_jobs`](crate::fetch_jobs) does the same for 30 s. When a lease has passed in silence, any [`Worker`](crate::Worker)
/// of this database gives the jobs to others.
///
/// # Errors
/// [`is_invalid_input`](Error::is_invalid_input) for a name that is none, or another lease.
pub fn renew_lease(on: impl Session, worker_id: &str, lease: Duration) -> Result<()> {
    name::check("worker_id", worker_id)?;
    check_span("lease", Some(lease), Duration::from_secs(1))?;
    if lease > Duration::from_secs(3600) {
        return Err(Error::invalid("lease", format!("is {lease:?}; from 1 s to 1 h")));
    }
    on.any().write(|sql| {
        sql.prove_open()?;
        register(sql, &Registration::by_hand(worker_id, lease))
    })
}

pub(crate) fn list(sql: &mut Sql<'_>) -> Result<Vec<WorkerInfo>> {
    sql.rows(&LIST_WORKERS, &[], read)
}

fn read(row: &mut Row<'_>) -> Result<WorkerInfo> {
    let names = |text: &str| serde_json::from_str(text).unwrap_or_default();
    let narrow = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    Ok(WorkerInfo {
        id: row.text()?,
        label: row.text()?,
        host: row.text_or_null()?,
        pid: narrow(row.int_or_null()?),
        version: row.text_or_null()?,
        queues: names(&row.str()?),
        kinds: names(&row.str()?),
        concurrency: narrow(row.int_or_null()?),
        lease: Duration::from_millis(row.int()?.unsigned_abs()),
        beats: row.int()?,
        started_at: row.time()?,
        heartbeat_at: row.time()?,
        claimed_at: row.time_or_null()?,
    })
}

pub(crate) fn register(sql: &mut Sql<'_>, worker: &Registration<'_>) -> Result<()> {
    let queues = Json::from(worker.queues.to_vec()).to_string();
    let millis = i64::try_from(worker.lease.as_millis()).unwrap_or(i64::MAX);
    sql.change(
        &REGISTER_WORKER,
        &[
            ("worker", Value::Text(Some(worker.id))),
            ("label", Value::Text(Some(worker.label))),
            ("host", Value::Text(worker.host)),
            ("pid", Value::Int(Some(std::process::id().into()))),
            ("library", Value::Text(Some(env!("CARGO_PKG_VERSION")))),
            ("queues", Value::Json(Some(&queues))),
            ("kinds", Value::Json(Some(worker.kinds))),
            ("concurrency", Value::Int(worker.concurrency.map(|threads| threads as i64))),
            ("lease_ms", Value::Int(Some(millis))),
            sql.now_param(),
        ],
    )?;
    Ok(())
}

/// One beat; answers whether the worker still has its row.
pub(crate) fn beat(sql: &mut Sql<'_>, worker: &str, claimed: bool) -> Result<bool> {
    let params = [("worker", Value::Text(Some(worker))), ("claimed", Value::Bool(claimed)), sql.now_param()];
    Ok(sql.change(&BEAT_WORKER, &params)? > 0)
}

pub(crate) fn remove(sql: &mut Sql<'_>, worker: &str) -> Result<()> {
    sql.change(&REMOVE_WORKER, &[("worker", Value::Text(Some(worker)))]).map(drop)
}

/// The ids under which jobs are running, and which no worker has.
pub(crate) fn orphaned(sql: &mut Sql<'_>) -> Result<Vec<String>> {
    sql.rows(&ORPHANED_WORKERS, &[], |row| row.text())
}

/// When claims were made; `None`: no such bound.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    /// Later than this.
    pub(crate) since: Option<Timestamp>,
    /// Earlier than this.
    pub(crate) before: Option<Timestamp>,
}

/// Gives back what a worker has claimed in a span and never heard of: the answer was lost with its connection. Answers the
/// jobs as they now stand: a batch of them, none when there are no more.
pub(crate) fn give_back_unheard(sql: &mut Sql<'_>, worker: &str, span: Span) -> Result<Vec<Job>> {
    let ids = running(sql, worker, span)?;
    Ok(settle_each(sql, &ids, &Ending::GiveBack)?.into_iter().flatten().collect())
}

fn running(sql: &mut Sql<'_>, worker: &str, span: Span) -> Result<Vec<i64>> {
    let params = [
        ("worker", Value::Text(Some(worker))),
        ("since", Value::Time(span.since)),
        ("before", Value::Time(span.before)),
        ("limit", Value::Int(Some(BATCH as i64))),
    ];
    sql.rows(&RUNNING_OF_WORKER, &params, |row| row.int())
}

/// Gives the jobs of a dead worker to others, if its heart has not beaten since `beats`; of one without a row, if it has
/// none by now either. Answers the jobs as they now stand; `None`, if it lives or somebody else was first.
///
/// Waits for nobody who has locked the worker or one of its jobs, since meanwhile the heart of whoever buries could not beat: such a job
/// is left without a worker, and so missed once more.
pub(crate) fn bury(sql: &mut Sql<'_>, worker: &str, beats: Option<i64>) -> Result<Option<Vec<Job>>> {
    match beats {
        Some(beats) => {
            let params = [("worker", Value::Text(Some(worker))), ("beats", Value::Int(Some(beats)))];
            if sql.row(&MISSED_WORKER, &params, |_| Ok(()))?.is_none() {
                return Ok(None);
            }
            remove(sql, worker)?;
        }
        None if list(sql)?.iter().any(|alive| alive.id == worker) => return Ok(None),
        None => {}
    }
    let evidence = format!("the worker {worker} died while it ran this job, or was about to");
    let ending = Ending::Rescue { evidence, crashed: true };
    let mut rescued = Vec::new();
    loop {
        let ids = running(sql, worker, Span::default())?;
        if ids.is_empty() {
            // Of what is locked all the while nothing need be said again and again.
            return Ok(Some(rescued).filter(|rescued| beats.is_some() || !rescued.is_empty()));
        }
        let answers = settle_each(sql, &ids, &ending)?;
        let before = rescued.len();
        rescued.extend(answers.into_iter().flatten());
        // What has not moved would be found again.
        if rescued.len() == before {
            return Ok(Some(rescued));
        }
    }
}
