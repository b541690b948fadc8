//! Jobs: as they stand, as they are inserted, and what changing them comes to.

use drip::{AttemptError, Count, Inserted, Job, Listed, Verb, Why};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{CountDocument, millis};

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
    /// Where they cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors_text: Option<String>,
    attempted_by: Option<String>,
    #[serde(serialize_with = "super::utc_or_null")]
    attempted_at: Option<Timestamp>,
    #[serde(serialize_with = "super::utc")]
    scheduled_at: Timestamp,
    #[serde(serialize_with = "super::utc")]
    created_at: Timestamp,
    #[serde(serialize_with = "super::utc_or_null")]
    finalized_at: Option<Timestamp>,
    #[serde(serialize_with = "super::utc_or_null")]
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
    #[serde(serialize_with = "super::utc")]
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
            errors_text: job.errors_text().map(str::to_owned),
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

/// How many jobs were inserted.
#[derive(Debug, Serialize)]
pub struct LoadedDocument {
    pub inserted: u64,
}

/// Why a job is not running, in a word and in a sentence.
#[derive(Debug, Serialize)]
pub struct WhyDocument {
    id: i64,
    reason: &'static str,
    text: String,
}

impl WhyDocument {
    pub fn new(id: i64, why: &Why) -> WhyDocument {
        let reason = match why {
            Why::Finished { .. } => "finished",
            Why::Running { alive: true, .. } => "running",
            Why::Running { .. } => "worker_silent",
            Why::Pending => "pending",
            Why::NotDue { .. } => "not_due",
            Why::Expired { .. } => "expired",
            Why::Paused { .. } => "paused",
            Why::KeyHeld { .. } => "key_held",
            Why::QueueNotServed => "queue_not_served",
            Why::KindNotHandled => "kind_not_handled",
            Why::Suspect => "suspect",
            Why::Behind { .. } => "behind",
            Why::Next => "next",
            _ => "other",
        };
        WhyDocument { id, reason, text: why.to_string() }
    }
}

/// Jobs that were changed.
#[derive(Debug, Serialize)]
pub struct ChangedJobsDocument {
    pub jobs: Vec<JobDocument>,
}

/// What a change of many jobs has come to, or would.
#[derive(Debug, Serialize)]
pub struct ChangedDocument {
    verb: &'static str,
    dry_run: bool,
    matched: CountDocument,
    changed: u64,
    skipped: u64,
}

impl ChangedDocument {
    /// Nothing has been done yet.
    pub fn new(verb: Verb, dry_run: bool, matched: Count) -> ChangedDocument {
        ChangedDocument { verb: verb.name(), dry_run, matched: matched.into(), changed: 0, skipped: 0 }
    }

    pub fn done(self, changed: u64, skipped: u64) -> ChangedDocument {
        ChangedDocument { changed, skipped, ..self }
    }
}
