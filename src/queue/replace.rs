//! What a duplicate does to the job that is there already, if it was asked to: it puts its own content into it.

use super::{new_row::millis, read};
use crate::{
    Job, Result, State,
    clock::after,
    dialect::{Sql, Statement, Value, statement, truncated},
    new_job::{Checked, Due},
};

static REPLACE_JOB: Statement = statement!("replace_job");

/// Puts the content of a duplicate into the job that is there, if that was asked for and it has not started.
pub(super) fn replace_if_asked(sql: &mut Sql<'_>, holder: Job, checked: &Checked) -> Result<Job> {
    let job = &checked.job;
    let waits = !holder.state.is_final() && holder.state != State::Running;
    if !waits || !job.unique.as_ref().is_some_and(crate::Unique::replaces) {
        return Ok(holder);
    }
    let now = read::current_time(sql)?;
    let scheduled_at = match job.due {
        Due::Now => now,
        Due::At(at) => truncated(at),
        Due::In(delay) => after(now, delay),
    };
    sql.prove_open()?;
    sql.change(
        &REPLACE_JOB,
        &[
            ("id", Value::Int(Some(holder.id))),
            ("claim_seq", Value::Int(Some(holder.claim_seq))),
            ("at", Value::Time(Some(now))),
            ("priority", Value::Int(Some(job.priority.into()))),
            ("args", Value::Json(Some(&checked.args))),
            ("metadata", Value::Json(Some(&checked.metadata))),
            ("tags", Value::Json(Some(&checked.tags))),
            ("max_attempts", Value::Int(Some(job.max_attempts.into()))),
            ("scheduled_at", Value::Time(Some(scheduled_at))),
            ("expires_at", Value::Time(job.ttl.map(|ttl| after(now, ttl)))),
            ("timeout_ms", Value::Int(job.timeout.map(millis))),
        ],
    )?;
    // As it is now: replaced, or, if a worker was faster, running.
    Ok(read::by_id(sql, holder.id)?.unwrap_or(holder))
}
