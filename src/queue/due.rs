//! What becomes due: moving scheduled and retryable jobs to available when their time has come.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::{
    Dialect, Error, Result, Session,
    dialect::{Connection, Sql, Statement, Value, statement},
    session::{Mode, Repeat, own},
};

static PROMOTE_JOBS: Statement = statement!("promote_jobs");
static DUE_JOBS: Statement = statement!("due_jobs" of mariadb);
static GLANCE: Statement = statement!("glance");

/// How many jobs one statement promotes.
pub(crate) const BATCH: usize = 1000;

/// What there is to do, and to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Glance {
    /// The time by the clock that decides.
    pub(crate) now: Timestamp,
    /// When the earliest job that has not been promoted is, or was, due.
    pub(crate) earliest: Option<Timestamp>,
    /// How long until the next one is.
    pub(crate) within: Option<Duration>,
    /// Whether a job is available, for whomever.
    pub(crate) available: bool,
}

impl Glance {
    /// A job is due now and has not been promoted.
    pub(crate) fn is_overdue(&self) -> bool {
        self.earliest.is_some_and(|earliest| earliest <= self.now)
    }
}

/// What is due, by the clock that decides, and whether a job is available in these queues, a JSON array; `None`: in any.
pub(crate) fn glance(sql: &mut Sql<'_>, queues: Option<&str>) -> Result<Glance> {
    let glance = sql.row(&GLANCE, &[("queues", Value::Json(queues)), sql.now_param()], |row| {
        let (now, earliest, next) = (row.time()?, row.time_or_null()?, row.time_or_null()?);
        let within = next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or_default());
        Ok(Glance { now, earliest, within, available: row.bool()? })
    })?;
    glance.ok_or_else(|| Error::corrupt("the database does not know the time"))
}

/// Makes jobs available whose time has come; answers how many. Any [`Worker`](crate::Worker) does so by itself.
///
/// A job that waits for a unique key which another holds stays as it is. Given a client, each thousand jobs are a
/// transaction of their own.
///
/// # Errors
/// When the database cannot be asked.
pub fn promote_jobs(on: impl Session) -> Result<usize> {
    let session = on.any();
    let client = session.client();
    let batch = |sql: &mut Sql<'_>, (): &()| {
        sql.prove_open()?;
        promote_carefully(sql).map(|count| (count, (count >= BATCH).then_some(())))
    };
    let mut total = 0;
    session.repeat((), batch, |count| total += count)?;
    client.into_iter().for_each(|client| client.wake().wake_for_reopened());
    Ok(total)
}

fn promote_carefully(sql: &mut Sql<'_>) -> Result<usize> {
    match sql.savepoint(|sql| promote(sql, BATCH)) {
        Err(error) if error.is_unique_conflict() => promote_singly(sql),
        promoted => promoted,
    }
}

/// Promotes due jobs on a connection of our own; answers how many. If it is [`BATCH`], there may be more.
pub(crate) fn promote_on(connection: &mut (dyn Connection + '_), now: Option<Timestamp>) -> Result<usize> {
    match own(connection, now, Mode::Transaction, &mut |sql| promote(sql, BATCH)) {
        // Somebody took a key in this very moment. One by one, that job waits and the others go.
        Err(error) if error.is_unique_conflict() => own(connection, now, Mode::Transaction, &mut promote_singly),
        promoted => promoted,
    }
}

fn promote_singly(sql: &mut Sql<'_>) -> Result<usize> {
    for promoted in 0..BATCH {
        match sql.savepoint(|sql| promote(sql, 1)) {
            Ok(0) => return Ok(promoted),
            Err(error) if error.is_unique_conflict() => return Ok(promoted),
            other => other?,
        };
    }
    Ok(BATCH)
}

fn promote(sql: &mut Sql<'_>, limit: usize) -> Result<usize> {
    let ids = match sql.dialect() {
        Dialect::Mariadb => Some(lock_due(sql, limit)?),
        _ => None,
    };
    if ids.as_deref() == Some("[]") {
        return Ok(0);
    }
    let limit = Value::Int(Some(limit as i64));
    let params = [("ids", Value::Json(ids.as_deref())), ("limit", limit), sql.now_param()];
    Ok(sql.change(&PROMOTE_JOBS, &params)? as usize)
}

/// Locks due jobs, of each unique key that is free the one that was inserted first.
fn lock_due(sql: &mut Sql<'_>, limit: usize) -> Result<String> {
    let mut ids = Vec::new();
    let mut firsts = HashMap::new();
    for state in ["scheduled", "retryable"] {
        let left = limit - ids.len() - firsts.len();
        let params = [("state", Value::Text(Some(state))), ("limit", Value::Int(Some(left as i64))), sql.now_param()];
        for (id, key) in sql.rows(&DUE_JOBS, &params, |row| Ok((row.int()?, row.bytes_or_null()?)))? {
            match key {
                Some(key) => drop(firsts.entry(key).and_modify(|first| *first = id.min(*first)).or_insert(id)),
                None => ids.push(id),
            }
        }
    }
    Ok(Json::from_iter(ids.into_iter().chain(firsts.into_values())).to_string())
}
