//! The documents that `--format json` and `jsonl` show: types of their own, so that those of the library may change and
//! what scripts read does not. Fields may be added here; none is renamed, removed, or given another type.

use std::time::Duration;

use drip::{AttemptError, Inserted, Job, Listed};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// A job.
#[derive(Debug, Serialize)]
pub struct JobDocument {
    id: i64,
    state: &'static str,
    queue: String,
    kind: String,
    priority: u8,
    args: Value,
    metadata: Value,
    tags: Vec<String>,
    attempt: u32,
    max_attempts: u32,
    errors: Vec<ErrorDocument>,
    attempted_by: Option<String>,
    attempted_at: Option<Timestamp>,
    scheduled_at: Timestamp,
    created_at: Timestamp,
    finalized_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    timeout_ms: Option<u64>,
    ephemeral: bool,
    unique_key: Option<String>,
    snooze_count: u32,
    crash_count: u32,
}

/// What went wrong in an attempt.
#[derive(Debug, Serialize)]
struct ErrorDocument {
    attempt: u32,
    at: Timestamp,
    error: String,
    trace: String,
}

impl From<&Job> for JobDocument {
    fn from(job: &Job) -> JobDocument {
        JobDocument {
            id: job.id,
            state: job.state.name(),
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            priority: job.priority,
            // What was written by hand, and is no JSON, is shown as the text that it is.
            args: job.args().unwrap_or_else(|_| job.args_text().into()),
            metadata: job.metadata().map(Value::Object).unwrap_or_default(),
            tags: job.tags.clone(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            errors: job.errors.iter().map(ErrorDocument::from).collect(),
            attempted_by: job.attempted_by.clone(),
            attempted_at: job.attempted_at,
            scheduled_at: job.scheduled_at,
            created_at: job.created_at,
            finalized_at: job.finalized_at,
            expires_at: job.expires_at,
            timeout_ms: job.timeout.map(millis),
            ephemeral: job.ephemeral,
            unique_key: job.unique_key.as_ref().map(|key| key.iter().map(|byte| format!("{byte:02x}")).collect()),
            snooze_count: job.snooze_count,
            crash_count: job.crash_count,
        }
    }
}

impl From<&AttemptError> for ErrorDocument {
    fn from(error: &AttemptError) -> ErrorDocument {
        let AttemptError { attempt, at, error, trace, .. } = error.clone();
        ErrorDocument { attempt, at, error, trace }
    }
}

/// A page of jobs.
#[derive(Debug, Serialize)]
pub struct JobsDocument {
    pub jobs: Vec<JobDocument>,
    previous: Option<String>,
    next: Option<String>,
}

impl From<&Listed> for JobsDocument {
    fn from(listed: &Listed) -> JobsDocument {
        JobsDocument {
            jobs: listed.jobs.iter().map(JobDocument::from).collect(),
            previous: listed.previous.map(|cursor| cursor.to_string()),
            next: listed.next.map(|cursor| cursor.to_string()),
        }
    }
}

/// A job that was inserted, or was there already.
#[derive(Debug, Serialize)]
pub struct InsertedDocument {
    duplicate: bool,
    job: JobDocument,
}

impl From<&Inserted> for InsertedDocument {
    fn from(inserted: &Inserted) -> InsertedDocument {
        InsertedDocument { duplicate: inserted.is_duplicate(), job: JobDocument::from(inserted.job()) }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
