//! Why a job is not running: the question of whoever waits for it.

use std::{fmt, time::Duration};

use jiff::Timestamp;

use super::{queues, read, workers};
use crate::{
    Count, Error, Job, Result, Session, State,
    dialect::{Sql, Statement, Value, statement},
    name::ALL_QUEUES,
};

static JOBS_AHEAD: Statement = statement!("jobs_ahead");

/// How many jobs are counted that go before.
const CAP: u64 = 10_000;

/// Why a job is not running, or that it is.
///
/// Its text says it in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It has come to its end.
    Finished {
        /// As what.
        state: State,
        /// When.
        at: Option<Timestamp>,
    },
    /// It is running.
    Running {
        /// The worker that claimed it.
        worker: Option<String>,
        /// Since when.
        since: Option<Timestamp>,
        /// Whether that worker has been heard of within its lease. If not, another gives the job back within about forty
        /// seconds, at the settings that workers have by default.
        alive: bool,
    },
    /// It is held until [`release_job`](crate::release_job).
    Pending,
    /// It is not due yet.
    NotDue {
        /// How long that takes.
        within: Duration,
        /// How many attempts have failed before.
        failed: u32,
    },
    /// It may not begin any more: its time to live has passed.
    Expired {
        /// When that was.
        at: Timestamp,
    },
    /// Its queue is paused, or all are.
    Paused {
        /// Whether [all](crate::pause_all) queues are.
        all: bool,
    },
    /// It waits for a unique key that another job holds.
    KeyHeld {
        /// That job.
        by: i64,
    },
    /// No worker that lives serves its queue.
    QueueNotServed,
    /// Workers serve its queue, and none of them handles its kind.
    KindNotHandled,
    /// A worker has died while it ran this job: it is run when its worker has no other job of which that is so.
    Suspect,
    /// Others go first.
    Behind {
        /// How many are before it in its queue, those included that cannot go themselves.
        jobs: Count,
    },
    /// It is the next of its queue: workers are busy or at their limit for the queue, or about to claim it.
    Next,
}

/// Why a job is not running, or that it is, by what the database knows at this moment.
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
/// # client.migrate()?;
/// let job = drip::insert_job(&client, drip::NewJob::new("greet", serde_json::json!({})))?.into_job();
/// assert_eq!(drip::why_job(&client, job.id)?, drip::Why::QueueNotServed);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`is_not_found`](Error::is_not_found); else when the database cannot be asked.
pub fn why_job(on: impl Session, id: i64) -> Result<Why> {
    on.any().read(|sql| {
        let job = read::by_id(sql, id)?.ok_or_else(|| Error::not_found(id))?;
        let now = read::current_time(sql)?;
        match job.state {
            State::Completed | State::Discarded | State::Cancelled => {
                Ok(Why::Finished { state: job.state, at: job.finalized_at })
            }
            State::Running => running(sql, job, now),
            State::Pending => Ok(Why::Pending),
            State::Available | State::Scheduled | State::Retryable => waiting(sql, &job, now),
        }
    })
}

fn running(sql: &mut Sql<'_>, job: Job, now: Timestamp) -> Result<Why> {
    let workers = workers::list(sql)?;
    let alive = workers.iter().any(|worker| job.attempted_by.as_ref() == Some(&worker.id) && worker.is_alive(now));
    Ok(Why::Running { worker: job.attempted_by, since: job.attempted_at, alive })
}

fn waiting(sql: &mut Sql<'_>, job: &Job, now: Timestamp) -> Result<Why> {
    if let Some(at) = job.expires_at.filter(|at| *at <= now) {
        return Ok(Why::Expired { at });
    }
    if job.scheduled_at > now {
        let within = Duration::try_from(job.scheduled_at.duration_since(now)).unwrap_or_default();
        return Ok(Why::NotDue { within, failed: job.attempt });
    }
    let paused = queues::paused(sql)?;
    if paused.iter().any(|name| name == ALL_QUEUES || *name == job.queue) {
        return Ok(Why::Paused { all: paused.iter().any(|name| name == ALL_QUEUES) });
    }
    if let Some(by) = holder(sql, job)? {
        return Ok(Why::KeyHeld { by });
    }
    match unserved(sql, job, now)? {
        Some(why) => Ok(why),
        None if job.crash_count > 0 => Ok(Why::Suspect),
        None => place(sql, job),
    }
}

/// Who has the key that this job needs to become available, or to run.
fn holder(sql: &mut Sql<'_>, job: &Job) -> Result<Option<i64>> {
    let needs = [State::Available, State::Running].into_iter().any(|state| job.holds_key_in(state));
    let (true, false, Some(key)) = (needs, job.holds_key_in(job.state), job.unique_key.as_deref()) else {
        return Ok(None);
    };
    Ok(read::holder(sql, key)?.map(|holder| holder.id).filter(|id| *id != job.id))
}

fn unserved(sql: &mut Sql<'_>, job: &Job, now: Timestamp) -> Result<Option<Why>> {
    let mut serving = workers::list(sql)?;
    serving.retain(|worker| worker.is_alive(now) && (worker.queues.is_empty() || worker.queues.contains(&job.queue)));
    Ok(match serving.iter().any(|worker| worker.kinds.is_empty() || worker.kinds.contains(&job.kind)) {
        true => None,
        false if serving.is_empty() => Some(Why::QueueNotServed),
        false => Some(Why::KindNotHandled),
    })
}

fn place(sql: &mut Sql<'_>, job: &Job) -> Result<Why> {
    let ahead = sql.row(
        &JOBS_AHEAD,
        &[
            ("id", Value::Int(Some(job.id))),
            ("queue", Value::Text(Some(&job.queue))),
            ("priority", Value::Int(Some(job.priority.into()))),
            ("scheduled_at", Value::Time(Some(job.scheduled_at))),
            ("limit", Value::Int(Some(CAP as i64))),
        ],
        |row| row.int(),
    )?;
    let number = ahead.unwrap_or_default().unsigned_abs();
    Ok(if number == 0 { Why::Next } else { Why::Behind { jobs: Count::up_to(CAP, number) } })
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Finished { state, at: Some(at) } => write!(f, "it is {state}, since {at}"),
            Why::Finished { state, at: None } => write!(f, "it is {state}"),
            Why::Running { worker, since, alive } => {
                write!(f, "it is running")?;
                worker.iter().try_for_each(|worker| write!(f, " in {worker}"))?;
                since.iter().try_for_each(|since| write!(f, " since {since}"))?;
                if *alive { Ok(()) } else { f.write_str("; that worker has not been heard of within its lease") }
            }
            Why::Pending => f.write_str("it is held until it is released"),
            Why::NotDue { within, failed: 0 } => write!(f, "it is due in {:.1} s", within.as_secs_f64()),
            Why::NotDue { within, failed } => {
                let times = if *failed == 1 { "once".to_owned() } else { format!("{failed} times") };
                write!(f, "it has failed {times}, and is tried again in {:.1} s", within.as_secs_f64())
            }
            Why::Expired { at } => write!(f, "it had to begin by {at}"),
            Why::Paused { all: true } => f.write_str("all queues are paused"),
            Why::Paused { all: false } => f.write_str("its queue is paused"),
            Why::KeyHeld { by } => write!(f, "job {by} holds its unique key"),
            Why::QueueNotServed => f.write_str("no worker that lives serves its queue"),
            Why::KindNotHandled => f.write_str("workers serve its queue, and none of them handles its kind"),
            Why::Suspect => f.write_str("a worker has died with it: it is run when no other such job is"),
            Why::Behind { jobs: Count { number: 1, .. } } => f.write_str("1 job of its queue goes first"),
            Why::Behind { jobs } => write!(f, "{jobs} jobs of its queue go first"),
            Why::Next => f.write_str("it is the next of its queue"),
        }
    }
}
