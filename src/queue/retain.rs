//! Retention: jobs that have ended go away after a while, in small batches.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{read::current_time, stride::Stride};
use crate::{
    Result, Retention, Session,
    clock::before,
    dialect::{Sql, Statement, Value, statement},
    retention::STATES,
    session::Repeat,
};

static FINAL_QUEUES: Statement = statement!("final_queues");
static OLD_JOBS: Statement = statement!("old_jobs");
static REMOVE_JOBS: Statement = statement!("remove_jobs");

/// In how many queues one transaction looks.
const QUEUES: usize = 100;

/// Removes jobs that have ended for longer than they are to stay; answers how many. A job that somebody else is changing at
/// the moment stays until the next time (PostgreSQL and MariaDB).
///
/// Given a client, this goes in transactions of a few milliseconds each: an error leaves what was removed before it removed.
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
/// # client.migrate()?;
/// let removed = drip::retain_jobs(&client, &drip::Retention::default())?;
/// # assert_eq!(removed, 0);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`is_invalid_input`](crate::Error::is_invalid_input) for a span or the name of a queue that is none; else when the
/// database cannot be asked.
pub fn retain_jobs(on: impl Session, retention: &Retention) -> Result<usize> {
    retention.check()?;
    retain(on.any(), retention, &Stride::new())
}

pub(crate) fn retain(on: impl Repeat, retention: &Retention, stride: &Stride) -> Result<usize> {
    let mut total = 0;
    let work = |sql: &mut Sql<'_>, walk: &Walk| {
        sql.prove_open()?;
        walk.clone().step(sql, retention, stride.begin())
    };
    on.repeat(Walk::default(), work, |count| {
        stride.end();
        total += count;
    })?;
    Ok(total)
}

/// How far it has come: from state to state, in each from queue to queue, in each from the oldest job on.
#[derive(Clone, Default)]
struct Walk {
    /// When it began: what ends meanwhile stays.
    now: Option<Timestamp>,
    state: usize,
    /// The queues up to this one have been looked for.
    after: String,
    /// Those in which there are old jobs, and from when.
    queues: Vec<(String, Timestamp)>,
}

impl Walk {
    /// Removes some jobs; answers how many, and from where to go on.
    fn step(mut self, sql: &mut Sql<'_>, retention: &Retention, limit: usize) -> Result<(usize, Option<Walk>)> {
        let now = self.now.map_or_else(|| current_time(sql), Ok)?;
        self.now = Some(now);
        if self.queues.is_empty() && !self.find_queues(sql, retention, now)? {
            return Ok((0, None));
        }
        let mut removed = 0;
        while removed < limit
            && let Some((queue, from)) = self.queues.last_mut()
        {
            let Some(span) = retention.of(queue, self.state) else { break };
            let wanted = limit - removed;
            let (count, last) = remove(sql, self.state, queue, *from..=before(now, span), wanted)?;
            removed += count;
            *from = last.unwrap_or(*from);
            if count < wanted {
                self.queues.pop();
            }
        }
        Ok((removed, Some(self)))
    }

    /// The next queues in which there are jobs that go; whether there may be any.
    fn find_queues(&mut self, sql: &mut Sql<'_>, retention: &Retention, now: Timestamp) -> Result<bool> {
        while self.state < STATES.len() {
            if retention.concerns(self.state) {
                let found = final_queues(sql, self.state, &self.after)?;
                if let Some((last, _)) = found.last() {
                    self.after.clone_from(last);
                    let is_old = |(queue, oldest): &(String, Timestamp)| {
                        retention.of(queue, self.state).is_some_and(|span| *oldest <= before(now, span))
                    };
                    self.queues = found.into_iter().filter(is_old).collect();
                    return Ok(true);
                }
            }
            self.state += 1;
            self.after.clear();
        }
        Ok(false)
    }
}

/// The next queues by name, with the time at which the first job ended there. MariaDB names one at a time.
fn final_queues(sql: &mut Sql<'_>, state: usize, after: &str) -> Result<Vec<(String, Timestamp)>> {
    let mut queues = Vec::<(String, Timestamp)>::new();
    while queues.len() < QUEUES {
        let params = [
            ("final", Value::Text(Some(STATES[state].name()))),
            ("after", Value::Text(Some(queues.last().map_or(after, |(queue, _)| queue)))),
            ("limit", Value::Int(Some((QUEUES - queues.len()) as i64))),
        ];
        let more = sql.rows(&FINAL_QUEUES, &params, |row| Ok((row.text()?, row.time()?)))?;
        if more.is_empty() {
            break;
        }
        queues.extend(more);
    }
    Ok(queues)
}

/// Removes the first of these jobs; answers how many, and when the last of them had ended.
fn remove(
    sql: &mut Sql<'_>,
    state: usize,
    queue: &str,
    ended: std::ops::RangeInclusive<Timestamp>,
    limit: usize,
) -> Result<(usize, Option<Timestamp>)> {
    let params = [
        ("final", Value::Text(Some(STATES[state].name()))),
        ("queue", Value::Text(Some(queue))),
        ("from", Value::Time(Some(*ended.start()))),
        ("until", Value::Time(Some(*ended.end()))),
        ("limit", Value::Int(Some(limit as i64))),
    ];
    let mut last = None;
    let ids = sql.rows(&OLD_JOBS, &params, |row| {
        let id = row.int()?;
        last = Some(row.time()?);
        Ok(id)
    })?;
    if !ids.is_empty() {
        let ids = Json::from(ids.as_slice()).to_string();
        sql.change(&REMOVE_JOBS, &[("ids", Value::Json(Some(&ids)))])?;
    }
    Ok((ids.len(), last))
}
