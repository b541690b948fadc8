//! The timetable: who does which upkeep, and when it is to be done next. Each run is one process's, however many offer to do it.

use std::time::Duration;

use jiff::Timestamp;

use super::read::current_time;
use crate::{
    Error, Result, Session,
    clock::{after, until},
    dialect::{Row, Sql, Statement, Value, statement},
    json::sanitise_text,
};

static ADD_TASK: Statement = statement!("add_task");
static TASK_TIMES: Statement = statement!("task_times");
static TAKE_TASK: Statement = statement!("take_task");
static KEEP_TASKS: Statement = statement!("keep_tasks");
static FINISH_TASK: Statement = statement!("finish_task");
static LIST_TASKS: Statement = statement!("list_tasks");

/// How long a runner may be silent before another takes over what it was doing.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// The longest error that is recorded, in bytes.
const MAX_ERROR_BYTES: usize = 8 * 1024;

/// A task of upkeep, as [`list_tasks`] answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its name.
    pub task: String,
    /// When it is to be done next.
    pub next_at: Timestamp,
    /// Who is at it at the moment: the [id](crate::Background::id) of what was started there.
    pub runner: Option<String>,
    /// Until when that one is believed to be; then another takes over.
    pub lease_until: Option<Timestamp>,
    /// How often it was begun.
    pub runs: u64,
    /// When it was last begun.
    pub started_at: Option<Timestamp>,
    /// When a run last ended.
    pub finished_at: Option<Timestamp>,
    /// How much that one has changed.
    pub changed: Option<u64>,
    /// Why that one failed, if it did.
    pub error: Option<String>,
}

/// The tasks of upkeep that were ever offered to be done, by name.
///
/// # Errors
/// When the database cannot be asked.
pub fn list_tasks(on: impl Session) -> Result<Vec<TaskInfo>> {
    on.any().read(|sql| sql.rows(&LIST_TASKS, &[], info))
}

fn info(row: &mut Row<'_>) -> Result<TaskInfo> {
    Ok(TaskInfo {
        task: row.text()?,
        next_at: row.time()?,
        runner: row.text_or_null()?,
        lease_until: row.time_or_null()?,
        runs: row.int()?.unsigned_abs(),
        started_at: row.time_or_null()?,
        finished_at: row.time_or_null()?,
        changed: row.int_or_null()?.map(i64::unsigned_abs),
        error: row.text_or_null()?,
    })
}

/// How a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    next_at: Timestamp,
    runner: Option<String>,
    lease_until: Option<Timestamp>,
    runs: i64,
}

impl Entry {
    /// How long until this runner may take the next run; nothing: now, which must have been asked for after the entry.
    ///
    /// A time that is further off than it was ever set says that the clock was set back meanwhile: then it counts no more. (Were
    /// the time the older one, whoever was taking the run in between would seem to have a clock that is ahead.)
    pub(crate) fn wait(&self, now: Timestamp, runner: &str, interval: Duration) -> Duration {
        let (at, longest) = match (&self.runner, self.lease_until) {
            // It was at it, and nobody has heard how it ended.
            (Some(other), _) if other == runner => return Duration::ZERO,
            (Some(_), Some(lease_until)) => (lease_until, LEASE),
            (Some(_), None) => return Duration::ZERO,
            (None, _) => (self.next_at, interval),
        };
        Some(until(now, at)).filter(|wait| *wait <= longest).unwrap_or_default()
    }
}

/// How a task stands; `None` if nobody has ever offered to do it.
pub(crate) fn entry(sql: &mut Sql<'_>, task: &str) -> Result<Option<Entry>> {
    sql.row(&TASK_TIMES, &[("task", Value::Text(Some(task)))], |row| {
        Ok(Entry {
            next_at: row.time()?,
            runner: row.text_or_null()?,
            lease_until: row.time_or_null()?,
            runs: row.int()?,
        })
    })
}

/// Puts a task on the timetable, if it is not there.
pub(crate) fn add(sql: &mut Sql<'_>, task: &str) -> Result<()> {
    sql.change(&ADD_TASK, &[("task", Value::Text(Some(task))), sql.now_param()]).map(drop)
}

/// Takes the next run, if all is still as the entry says; answers its number.
pub(crate) fn take(
    sql: &mut Sql<'_>,
    task: &str,
    entry: &Entry,
    now: Timestamp,
    runner: &str,
    interval: Duration,
) -> Result<Option<i64>> {
    let taken = sql.change(
        &TAKE_TASK,
        &[
            ("task", Value::Text(Some(task))),
            ("runner", Value::Text(Some(runner))),
            ("runs", Value::Int(Some(entry.runs))),
            ("lease_until", Value::Time(entry.lease_until)),
            ("at", Value::Time(Some(now))),
            ("until", Value::Time(Some(after(now, LEASE)))),
            ("next_at", Value::Time(Some(after(now, interval)))),
        ],
    )?;
    Ok((taken > 0).then_some(entry.runs + 1))
}

/// Says that a runner is still at all that it does.
pub(crate) fn keep(sql: &mut Sql<'_>, runner: &str) -> Result<()> {
    let now = current_time(sql)?;
    let (at, until) = (Value::Time(Some(now)), Value::Time(Some(after(now, LEASE))));
    sql.change(&KEEP_TASKS, &[("runner", Value::Text(Some(runner))), ("at", at), ("until", until)]).map(drop)
}

/// Ends a run; answers whether it was still this runner's.
pub(crate) fn finish(
    sql: &mut Sql<'_>,
    task: &str,
    runs: i64,
    runner: &str,
    outcome: &Result<usize, Error>,
) -> Result<bool> {
    let changed = outcome.as_ref().ok().map(|changed| *changed as i64);
    let error = outcome.as_ref().err().map(|error| sanitise_text(error.to_string(), MAX_ERROR_BYTES));
    let finished = sql.change(
        &FINISH_TASK,
        &[
            ("task", Value::Text(Some(task))),
            ("runs", Value::Int(Some(runs))),
            ("runner", Value::Text(Some(runner))),
            ("changed", Value::Int(changed)),
            ("error", Value::Text(error.as_deref())),
            sql.now_param(),
        ],
    )?;
    Ok(finished > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_due_at_its_time_when_its_runner_is_silent_and_when_the_clock_was_set_back() {
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let minute = Duration::from_secs(60);
        let at = |seconds: i64| Timestamp::from_second(now.as_second() + seconds).unwrap();
        let entry = |next: i64, runner: Option<(&str, i64)>| Entry {
            next_at: at(next),
            runner: runner.map(|(runner, _)| runner.to_owned()),
            lease_until: runner.map(|(_, lease)| at(lease)),
            runs: 1,
        };
        for (entry, seconds) in [
            (entry(0, None), 0),
            (entry(-1, None), 0),
            (entry(-86_400, None), 0),
            (entry(1, None), 1),
            (entry(60, None), 60),
            (entry(61, None), 0),
            (entry(86_400, None), 0),
            (entry(-1, Some(("other", 30))), 30),
            (entry(-1, Some(("other", 1))), 1),
            (entry(60, Some(("other", 0))), 0),
            (entry(60, Some(("other", -86_400))), 0),
            (entry(60, Some(("other", 31))), 0),
            (entry(60, Some(("me", 30))), 0),
        ] {
            assert_eq!(entry.wait(now, "me", minute), Duration::from_secs(seconds), "{entry:?}");
        }
    }
}
