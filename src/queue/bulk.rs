//! Changes of all jobs that a filter leaves, batch by batch.

use super::{
    criteria::{self, Order},
    ending::Ending,
    settle::{available_queues, settle_each, wake_queues},
};
use crate::{
    Dialect, Error, JobFilter, Result, Session, State,
    dialect::{Assembled, Sql, Statement, Value, statement},
    session::Repeat,
    state::{Answer, Verb},
};

static LIST_IDS: Statement = statement!("list_ids");
static DELETE_JOBS: Statement = statement!("delete_jobs");

/// How many jobs one transaction of ours changes: few enough that nobody waits long for its locks.
const BATCH: usize = 1000;

/// How many jobs were changed, and how many could not be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// Jobs that were changed.
    pub changed: usize,
    /// Jobs that stay as they were: moved meanwhile, or their unique keys are held by others.
    pub skipped: usize,
}

/// Makes all jobs available again that the filter leaves and that are retryable, scheduled, discarded or cancelled; see
/// [`retry_job`](crate::retry_job).
///
/// Given a client, each thousand jobs are a transaction of their own: an error leaves those before it changed.
///
/// # Errors
/// [`is_invalid_input`](Error::is_invalid_input) for a filter without any criterion;
/// [`is_timed_out`](Error::is_timed_out), after those that were found before; else when the database cannot be asked.
pub fn retry_jobs(on: impl Session, filter: &JobFilter) -> Result<Changed> {
    end_all(on, filter, &Ending::Retry { completed_too: false })
}

/// Calls off all jobs that the filter leaves and that have not come to their ends, running ones included; see
/// [`cancel_job`](crate::cancel_job).
///
/// # Errors
/// As [`retry_jobs`].
pub fn cancel_jobs(on: impl Session, filter: &JobFilter) -> Result<Changed> {
    end_all(on, filter, &Ending::Cancel { reason: None })
}

/// Gives up all jobs that the filter leaves and that have not come to their ends, running ones included; see
/// [`discard_job`](crate::discard_job).
///
/// # Errors
/// As [`retry_jobs`].
pub fn discard_jobs(on: impl Session, filter: &JobFilter) -> Result<Changed> {
    end_all(on, filter, &Ending::Discard { reason: None })
}

/// Gives back all running jobs that the filter leaves, whoever runs them: their claims end, the attempts do not count, and
/// others may run them at once. For workers that will not come back and cannot be waited for; of those that die,
/// [`Worker`](crate::Worker)s find out by themselves.
///
/// # Errors
/// As [`retry_jobs`].
pub fn rescue_jobs(on: impl Session, filter: &JobFilter) -> Result<Changed> {
    end_all(on, filter, &Ending::Rescue { evidence: "rescued by hand".to_owned(), crashed: false })
}

/// Removes all jobs that the filter leaves, but for those that are running; answers how many.
///
/// Given a client, each thousand jobs are a transaction of their own: an error leaves those before it removed.
///
/// # Errors
/// As [`retry_jobs`].
pub fn delete_jobs(on: impl Session, filter: &JobFilter) -> Result<usize> {
    check(filter)?;
    let mut deleted = 0;
    let batch = |sql: &mut Sql<'_>, filter: &JobFilter| {
        sql.prove_open()?;
        // First without a lock: MariaDB would lock each row that it looks at, if only for a moment, and whoever claims in
        // that moment steps over it.
        let found = ids(sql, filter)?;
        Ok((delete_found(sql, &found, filter)?, after(filter, &found)))
    };
    on.any().searching().repeat(filter.clone(), batch, |count| deleted += count)?;
    Ok(deleted)
}

fn end_all(on: impl Session, filter: &JobFilter, ending: &Ending) -> Result<Changed> {
    check(filter)?;
    let session = on.any().searching();
    let client = session.client();
    let batch = |sql: &mut Sql<'_>, filter: &JobFilter| {
        let ids = ids(sql, filter)?;
        let answers = settle_each(sql, &ids, ending)?;
        let moved = answers.iter().flatten().count();
        let changed = Changed { changed: moved, skipped: answers.len() - moved };
        Ok(((changed, available_queues(answers.iter().flatten())), after(filter, &ids)))
    };
    let mut total = Changed::default();
    session.repeat(movable(filter, ending.verb()), batch, |(changed, queues)| {
        total.changed += changed.changed;
        total.skipped += changed.skipped;
        client.into_iter().for_each(|client| wake_queues(client, &queues));
    })?;
    Ok(total)
}

/// What everything would be done to is never what was meant.
fn check(filter: &JobFilter) -> Result<()> {
    if filter.is_everything() {
        return Err(Error::invalid("filter", "has no criteria: name at least one, such as all states"));
    }
    filter.check()
}

/// The filter, but for states in which the verb moves nothing.
fn movable(filter: &JobFilter, verb: Verb) -> JobFilter {
    let asked = filter.states.clone().unwrap_or_else(|| State::ALL.to_vec());
    let states = asked.into_iter().filter(|state| verb.on(*state) == Answer::Move).collect();
    JobFilter { states: Some(states), ..filter.clone() }
}

/// What is left of the filter after a batch; nothing after one that was not full.
fn after(filter: &JobFilter, ids: &[i64]) -> Option<JobFilter> {
    let last = ids.iter().max().filter(|_| ids.len() == BATCH)?;
    let mut rest = filter.clone();
    rest.id_range.from = Some(last.saturating_add(1));
    Some(rest)
}

/// A batch of the jobs that the filter leaves, in order.
fn ids(sql: &mut Sql<'_>, filter: &JobFilter) -> Result<Vec<i64>> {
    let mut statement = filtered(&LIST_IDS, filter, sql.dialect());
    statement.set("limit", Value::Int(Some(BATCH as i64)));
    sql.rows_of(&statement, |row| row.int())
}

/// Removes those that the filter leaves now that they are locked; answers how many.
fn delete_found(sql: &mut Sql<'_>, found: &[i64], filter: &JobFilter) -> Result<usize> {
    if found.is_empty() {
        return Ok(0);
    }
    let found = serde_json::json!(found).to_string();
    let mut statement = filtered(&DELETE_JOBS, filter, sql.dialect());
    statement.set("found", Value::Json(Some(&found)));
    Ok(sql.change_of(&statement)? as usize)
}

fn filtered<'f>(statement: &'static Statement, filter: &'f JobFilter, dialect: Dialect) -> Assembled<'f> {
    let mut statement = Assembled::of(statement, dialect);
    criteria::apply(filter, &mut statement, dialect, Order::ById);
    statement
}
