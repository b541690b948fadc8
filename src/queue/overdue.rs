//! Jobs that have run for too long, though their workers live.

use jiff::Timestamp;

use super::{
    ending::Ending,
    read::current_time,
    settle::{Settlement, Target, settle, tell_rescued},
};
use crate::{
    Job, RescueAfter, Result, Session,
    clock::before,
    dialect::{Sql, Statement, Value, statement},
    session::Repeat,
};

static OVERDUE_JOBS: Statement = statement!("overdue_jobs");

/// How many running jobs one transaction looks at.
const BATCH: usize = 1000;

/// What such a job is told by its errors.
const EVIDENCE: &str = "job rescued after timeout";

/// Takes jobs from their workers that have run for longer than they may, and makes them available again; answers how many.
///
/// Their claims have ended, as after [`rescue_jobs`](crate::rescue_jobs); but the attempts count, so that a job that hangs
/// each time comes to an end: one that has none left is discarded.
///
/// A handler that is still at work on such a job is asked to stop within a second ([`CancelToken`](crate::CancelToken)). What
/// it answers does not count any more ([`is_lost_claim`](crate::Error::is_lost_claim)), nor can what it wrote in a
/// transaction of the library's be committed; but another may run the job beside it, so choose a time that no handler takes.
/// To fail attempts that take too long is what [`timeout`](crate::Worker::timeout) is for.
///
/// Given a client, each thousand jobs are a transaction of their own.
///
/// # Errors
/// [`is_invalid_input`](crate::Error::is_invalid_input) for a span or the name of a queue that is none; else when the
/// database cannot be asked.
pub fn rescue_overdue_jobs(on: impl Session, after: &RescueAfter) -> Result<usize> {
    after.check()?;
    let session = on.any();
    let client = session.client();
    rescue_overdue(session, after, |rescued| client.into_iter().for_each(|client| tell_rescued(client, rescued)))
}

/// Answers how many; `rescued` is given them, once that is committed.
pub(crate) fn rescue_overdue(on: impl Repeat, after: &RescueAfter, mut rescued: impl FnMut(&[Job])) -> Result<usize> {
    let mut total = 0;
    on.repeat(
        0,
        |sql, last| step(sql, after, *last),
        |jobs| {
            total += jobs.len();
            rescued(&jobs);
        },
    )?;
    Ok(total)
}

/// Rescues some of those after this id; answers them, and the last one that it has looked at, if there may be more.
fn step(sql: &mut Sql<'_>, after: &RescueAfter, last: i64) -> Result<(Vec<Job>, Option<i64>)> {
    let Some(shortest) = after.shortest() else { return Ok((Vec::new(), None)) };
    sql.prove_open()?;
    let now = current_time(sql)?;
    let params = [
        ("after_id", Value::Int(Some(last))),
        ("until", Value::Time(Some(before(now, shortest)))),
        ("limit", Value::Int(Some(BATCH as i64))),
    ];
    let (mut looked_at, mut overdue) = (Vec::new(), Vec::new());
    sql.rows(&OVERDUE_JOBS, &params, |row| {
        let (id, claim_seq, queue, since) = (row.int()?, row.int()?, row.str()?, row.time()?);
        looked_at.push(id);
        if is_overdue(after, &queue, since, now) {
            let target = Target { id, claim_seq: Some(claim_seq) };
            let ending = Ending::Overrun { evidence: EVIDENCE };
            overdue.push(Settlement { target, ending });
        }
        Ok(())
    })?;
    // A claim that has ended in this moment is nobody's business any more.
    let rescued = settle(sql, &overdue)?.into_iter().flatten().collect();
    Ok((rescued, looked_at.last().copied().filter(|_| looked_at.len() == BATCH)))
}

fn is_overdue(after: &RescueAfter, queue: &str, since: Timestamp, now: Timestamp) -> bool {
    after.of(queue).is_some_and(|span| since <= before(now, span))
}
