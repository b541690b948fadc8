//! Listing the queues, with what waits in them: from the ends of indexes, however many jobs have been finished.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use super::claim::ready_queues;
use crate::{
    Count, QueueSummary, Result, Session, State,
    dialect::{Sql, Statement, Value, statement},
    name::ALL_QUEUES,
};

static LIST_QUEUES: Statement = statement!("list_queues");
static AVAILABLE: Statement = statement!("available_in_queues");
static LATER: Statement = statement!("later_in_queues");

/// The most jobs that are read for one figure.
const CAP: u64 = 10_000;

/// The most that are read for all figures of available jobs together: with many queues each has its part of this, but
/// not less than [`LEAST_CAP`].
const CAP_IN_ALL: u64 = 100_000;
const LEAST_CAP: u64 = 100;

type Queues = BTreeMap<String, QueueSummary>;

/// Every queue that has a row or in which jobs wait, in the order of their names' bytes.
///
/// What is cheap to know is counted, however large the table is: jobs that are available, scheduled or retryable.
/// Counting stops at 10,000 available jobs a queue (with more than ten queues at 100,000 divided by their number, at
/// least 100), and after the 10,000 scheduled and retryable jobs of all queues that are due first; a figure that was
/// broken off says that there may be [more](Count). Running, pending and finished jobs are not in these indexes, and a
/// queue that holds only such jobs is listed only if it has a row.
///
/// The figures are read one after the other while others go on working, and so need not be of one moment.
///
/// # Errors
/// When the database cannot be asked.
pub fn list_queues(on: impl Session) -> Result<Vec<QueueSummary>> {
    let queues = on.any().read(|sql| {
        let mut queues = with_rows(sql)?;
        let all_paused_at = queues.remove(ALL_QUEUES).and_then(|all| all.paused_at);
        count_available(sql, &mut queues)?;
        count_later(sql, &mut queues)?;
        queues.values_mut().for_each(|queue| queue.all_paused_at = all_paused_at);
        Ok(queues)
    })?;
    Ok(queues.into_values().collect())
}

/// The queues that have a row, and the row that stands for all.
fn with_rows(sql: &mut Sql<'_>) -> Result<Queues> {
    let queues = sql.rows(&LIST_QUEUES, &[], QueueSummary::read)?;
    Ok(queues.into_iter().map(|queue| (queue.name.clone(), queue)).collect())
}

fn count_available(sql: &mut Sql<'_>, queues: &mut Queues) -> Result<()> {
    let ready = ready_queues(sql)?;
    let cap = (CAP_IN_ALL / ready.len().max(1) as u64).clamp(LEAST_CAP, CAP);
    let names = json!(ready).to_string();
    let params = [("queues", Value::Json(Some(&names))), ("limit", Value::Int(Some(cap as i64))), sql.now_param()];
    sql.rows(&AVAILABLE, &params, |row| {
        let (name, now, number, first) = (row.text()?, row.time()?, row.int()?, row.time_or_null()?);
        let queue = named(queues, name);
        queue.available = Count::up_to(cap, number.unsigned_abs());
        // Due in the future, as somebody with a console may have it, none waits yet.
        queue.oldest = first.and_then(|first| Duration::try_from(now.duration_since(first)).ok());
        Ok(())
    })
    .map(drop)
}

fn count_later(sql: &mut Sql<'_>, queues: &mut Queues) -> Result<()> {
    let mut read = 0;
    sql.rows(&LATER, &[("limit", Value::Int(Some(CAP as i64)))], |row| {
        let (name, state, number) = (row.text()?, row.str()?.parse::<State>()?, row.int()?.unsigned_abs());
        read += number;
        let queue = named(queues, name);
        let count = if state == State::Scheduled { &mut queue.scheduled } else { &mut queue.retryable };
        count.number = number;
        Ok(())
    })?;
    // Nobody knows whose the others are.
    let capped = read >= CAP;
    queues.values_mut().for_each(|queue| (queue.scheduled.capped, queue.retryable.capped) = (capped, capped));
    Ok(())
}

fn named(queues: &mut Queues, name: String) -> &mut QueueSummary {
    queues.entry(name.clone()).or_insert_with(|| QueueSummary::of(name))
}
