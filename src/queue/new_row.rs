//! A new job as the statements take it, and as the database's answer makes it a [`Job`].

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::{
    Job, Result, State, Unique,
    clock::after,
    dialect::{Row, Sql, time_text, truncated},
    new_job::{Checked, Due, NewJob},
};

/// The times of a job as statements take them: absolute where the time is known, relative to the database's clock where
/// only that knows it.
pub(super) struct Times {
    pub(super) scheduled_at: Option<Timestamp>,
    pub(super) delay_us: Option<i64>,
    pub(super) expires_at: Option<Timestamp>,
}

impl Times {
    pub(super) fn of(sql: &Sql<'_>, job: &NewJob) -> Times {
        let scheduled_at = match (job.due, sql.now()) {
            (Due::At(at), _) => Some(truncated(at)),
            (Due::In(delay), Some(now)) => Some(after(now, delay)),
            _ => None,
        };
        let delay_us = match job.due {
            Due::In(delay) => Some(micros(delay)),
            _ => None,
        };
        let expires_at = sql.now().zip(job.ttl).map(|(now, ttl)| after(now, ttl));
        Times { scheduled_at, delay_us, expires_at }
    }
}

/// A row of a statement that takes many. JSON travels in it as text: nested, it would be too deep for MariaDB.
pub(super) fn json_row(sql: &Sql<'_>, n: usize, checked: &Checked) -> serde_json::Value {
    let job = &checked.job;
    let times = Times::of(sql, job);
    json!({
        "n": n,
        "queue": job.queue,
        "kind": job.kind,
        "priority": job.priority,
        "args": checked.args,
        "metadata": checked.metadata,
        "tags": checked.tags,
        "max_attempts": job.max_attempts,
        "scheduled_at": times.scheduled_at.map(time_text),
        "delay_us": times.delay_us,
        "expires_at": times.expires_at.map(time_text),
        "ttl_us": job.ttl.map(micros),
        "timeout_ms": job.timeout.map(millis),
        "ephemeral": job.ephemeral,
        "pending": job.pending,
    })
}

/// What the database decides about a new job.
pub(super) struct Placed {
    pub(super) id: i64,
    state: State,
    scheduled_at: Timestamp,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl Placed {
    pub(super) fn read(mut row: Row) -> Result<Placed> {
        Ok(Placed {
            id: row.int()?,
            state: row.text()?.parse()?,
            scheduled_at: row.time()?,
            created_at: row.time()?,
            expires_at: row.time_or_null()?,
        })
    }

    /// As [`read`](Placed::read), of a job that is available at once and for ever.
    pub(super) fn read_available(mut row: Row) -> Result<Placed> {
        let (id, created_at) = (row.int()?, row.time()?);
        Ok(Placed { id, state: State::Available, scheduled_at: created_at, created_at, expires_at: None })
    }

    /// The job as it now stands: what was sent need not be sent back.
    pub(super) fn job(self, checked: &Checked, unique_key: Option<&[u8]>) -> Job {
        let new = &checked.job;
        Job {
            id: self.id,
            state: self.state,
            queue: new.queue.clone().into_owned(),
            kind: new.kind.clone().into_owned(),
            priority: new.priority,
            tags: new.tags.clone(),
            attempt: 0,
            max_attempts: new.max_attempts,
            claim_seq: 0,
            snooze_count: 0,
            crash_count: 0,
            errors: Vec::new(),
            attempted_by: None,
            attempted_at: None,
            scheduled_at: self.scheduled_at,
            created_at: self.created_at,
            finalized_at: None,
            expires_at: self.expires_at,
            timeout: new.timeout.map(|timeout| Duration::from_millis(millis(timeout).unsigned_abs())),
            ephemeral: new.ephemeral,
            unique_key: unique_key.map(<[u8]>::to_vec),
            unique_states: unique_key.and(new.unique.as_ref()).map_or(0, Unique::states),
            args: checked.args.clone(),
            metadata: checked.metadata.clone(),
        }
    }
}

pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
