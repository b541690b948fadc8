//! A new job as the statements take it, and as the database's answer makes it a [`Job`].

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    Job, Result, State, Unique,
    clock::after,
    dialect::{Record, Row, Sql, Value, truncated},
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

/// What the time of its insert decides about a job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) state: State,
    scheduled_at: Timestamp,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl Start {
    /// Of a job that is inserted at this time.
    pub(super) fn of(job: &NewJob, now: Timestamp) -> Start {
        let scheduled_at = match job.due {
            Due::Now => now,
            Due::At(at) => truncated(at),
            Due::In(delay) => after(now, delay),
        };
        let state = match job.pending {
            true => State::Pending,
            false if scheduled_at > now => State::Scheduled,
            false => State::Available,
        };
        Start { state, scheduled_at, created_at: now, expires_at: job.ttl.map(|ttl| after(now, ttl)) }
    }

    /// As a statement answers it.
    pub(super) fn read(row: &mut Row<'_>) -> Result<Start> {
        Ok(Start {
            state: row.text()?.parse()?,
            scheduled_at: row.time()?,
            created_at: row.time()?,
            expires_at: row.time_or_null()?,
        })
    }
}

/// The row of a job, in the order of the parameters of `insert_rows` and `load_jobs`.
pub(super) fn record<'j>(checked: &'j Checked, start: &Start) -> Record<'j> {
    let job = &checked.job;
    [
        Value::Text(Some(start.state.name())),
        Value::Text(Some(&job.queue)),
        Value::Text(Some(&job.kind)),
        Value::Small(job.priority.into()),
        Value::Json(Some(&checked.args)),
        Value::Json(Some(&checked.metadata)),
        Value::Json(Some(&checked.tags)),
        Value::Int(Some(job.max_attempts.into())),
        Value::Time(Some(start.scheduled_at)),
        Value::Time(Some(start.created_at)),
        Value::Time(start.expires_at),
        Value::Int(job.timeout.map(millis)),
        Value::Bool(job.ephemeral),
    ]
}

/// What the table puts into the columns of a record that an insert leaves out; of those that have no default it is null.
pub(super) const DEFAULTS: Record<'static> = [
    Value::Text(Some(State::Available.name())),
    Value::Text(Some("default")),
    Value::Text(None),
    Value::Small(1),
    Value::Json(Some("{}")),
    Value::Json(Some("{}")),
    Value::Json(Some("[]")),
    Value::Int(Some(25)),
    Value::Time(None),
    Value::Time(None),
    Value::Time(None),
    Value::Int(None),
    Value::Bool(false),
];

/// What the database decides about a new job.
pub(super) struct Placed {
    pub(super) id: i64,
    pub(super) start: Start,
    pub(super) unique_key: Option<Vec<u8>>,
}

impl Placed {
    pub(super) fn read(row: &mut Row<'_>, unique_key: Option<&[u8]>) -> Result<Placed> {
        let (id, unique_key) = (row.int()?, unique_key.map(<[u8]>::to_vec));
        Ok(Placed { id, start: Start::read(row)?, unique_key })
    }

    /// As [`read`](Placed::read), of a job of which only the time is not known yet.
    pub(super) fn read_available(row: &mut Row<'_>, job: &NewJob) -> Result<Placed> {
        Ok(Placed { id: row.int()?, start: Start::of(job, row.time()?), unique_key: None })
    }

    /// The job as it now stands: what was sent need not be sent back.
    pub(super) fn job(self, checked: Checked) -> Job {
        let new = checked.job;
        Job {
            id: self.id,
            state: self.start.state,
            queue: new.queue.into_owned(),
            kind: new.kind.into_owned(),
            priority: new.priority,
            tags: new.tags,
            attempt: 0,
            max_attempts: new.max_attempts,
            claim_seq: 0,
            snooze_count: 0,
            crash_count: 0,
            errors: Vec::new(),
            attempted_by: None,
            attempted_at: None,
            scheduled_at: self.start.scheduled_at,
            created_at: self.start.created_at,
            finalized_at: None,
            expires_at: self.start.expires_at,
            timeout: new.timeout.map(|timeout| Duration::from_millis(millis(timeout).unsigned_abs())),
            ephemeral: new.ephemeral,
            unique_states: self.unique_key.as_ref().and(new.unique.as_ref()).map_or(0, Unique::states),
            odd_errors: None,
            unique_key: self.unique_key,
            args: checked.args,
            metadata: checked.metadata,
        }
    }
}

pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
