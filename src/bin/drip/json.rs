//! The documents that `--format json` and `jsonl` show: types of their own, so that those of the library may change and
//! what scripts read does not. Fields may be added here; none is renamed, removed, or given another type.

use std::{collections::BTreeMap, time::Duration};

use drip::{
    AttemptError, Count, Finding, Inserted, Job, JobCount, Listed, Migration, QueueInfo, QueueSummary, ScheduleInfo,
    State, TaskInfo, Verb, Why, WorkerInfo,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::stats::Stats;

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

/// A figure; there may be more where counting was broken off.
#[derive(Debug, Serialize)]
struct CountDocument {
    number: u64,
    capped: bool,
}

impl From<Count> for CountDocument {
    fn from(count: Count) -> CountDocument {
        CountDocument { number: count.number, capped: count.capped }
    }
}

/// What is kept with a queue.
#[derive(Debug, Serialize)]
pub struct QueueDocument {
    name: String,
    paused_at: Option<Timestamp>,
    all_paused_at: Option<Timestamp>,
    metadata: Value,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<&QueueInfo> for QueueDocument {
    fn from(queue: &QueueInfo) -> QueueDocument {
        QueueDocument {
            name: queue.name.clone(),
            paused_at: queue.paused_at,
            all_paused_at: queue.all_paused_at,
            metadata: queue.metadata().map(Value::Object).unwrap_or_default(),
            created_at: queue.created_at,
            updated_at: queue.updated_at,
        }
    }
}

/// The queues, and what waits in them.
#[derive(Debug, Serialize)]
pub struct QueuesDocument {
    pub queues: Vec<QueueSummaryDocument>,
}

/// A queue, and what waits in it.
#[derive(Debug, Serialize)]
pub struct QueueSummaryDocument {
    name: String,
    paused_at: Option<Timestamp>,
    all_paused_at: Option<Timestamp>,
    available: CountDocument,
    scheduled: CountDocument,
    retryable: CountDocument,
    oldest_ms: Option<u64>,
    metadata: Value,
}

impl From<&QueueSummary> for QueueSummaryDocument {
    fn from(queue: &QueueSummary) -> QueueSummaryDocument {
        QueueSummaryDocument {
            name: queue.name.clone(),
            paused_at: queue.paused_at,
            all_paused_at: queue.all_paused_at,
            available: queue.available.into(),
            scheduled: queue.scheduled.into(),
            retryable: queue.retryable.into(),
            oldest_ms: queue.oldest.map(millis),
            metadata: queue.metadata().map(Value::Object).unwrap_or_default(),
        }
    }
}

/// All schedules.
#[derive(Debug, Serialize)]
pub struct SchedulesDocument {
    pub schedules: Vec<ScheduleDocument>,
}

/// A schedule.
#[derive(Debug, Serialize)]
pub struct ScheduleDocument {
    name: String,
    rule: String,
    kind: String,
    queue: String,
    args: Value,
    paused_at: Option<Timestamp>,
    retired_at: Option<Timestamp>,
    next_at: Timestamp,
    last_slot_at: Option<Timestamp>,
    last_job_id: Option<i64>,
    grace_ms: u64,
    jitter_ms: u64,
    owner: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<&ScheduleInfo> for ScheduleDocument {
    fn from(schedule: &ScheduleInfo) -> ScheduleDocument {
        let job = schedule.job().ok();
        let args = job.as_ref().and_then(|job| serde_json::from_str(job.args_text()?).ok());
        ScheduleDocument {
            name: schedule.name.clone(),
            rule: schedule.rule().to_string(),
            kind: schedule.kind.clone(),
            queue: schedule.queue.clone(),
            args: args.unwrap_or_default(),
            paused_at: schedule.paused_at,
            retired_at: schedule.retired_at,
            next_at: schedule.next_at,
            last_slot_at: schedule.last_slot_at,
            last_job_id: schedule.last_job_id,
            grace_ms: millis(schedule.grace),
            jitter_ms: millis(schedule.jitter),
            owner: schedule.owner.clone(),
            created_at: schedule.created_at,
            updated_at: schedule.updated_at,
        }
    }
}

/// The next slots of a schedule.
#[derive(Debug, Serialize)]
pub struct SlotsDocument {
    pub schedule: String,
    pub slots: Vec<Timestamp>,
}

/// The workers.
#[derive(Debug, Serialize)]
pub struct WorkersDocument {
    pub workers: Vec<WorkerDocument>,
}

/// A worker.
#[derive(Debug, Serialize)]
pub struct WorkerDocument {
    id: String,
    label: String,
    host: Option<String>,
    pid: Option<u32>,
    version: Option<String>,
    queues: Vec<String>,
    kinds: Vec<String>,
    concurrency: Option<u32>,
    lease_ms: u64,
    started_at: Timestamp,
    heartbeat_at: Timestamp,
    claimed_at: Option<Timestamp>,
    alive: bool,
}

impl WorkerDocument {
    pub fn new(worker: &WorkerInfo, now: Timestamp) -> WorkerDocument {
        let alive = worker.is_alive(now);
        let worker = worker.clone();
        WorkerDocument {
            id: worker.id,
            label: worker.label,
            host: worker.host,
            pid: worker.pid,
            version: worker.version,
            queues: worker.queues,
            kinds: worker.kinds,
            concurrency: worker.concurrency,
            lease_ms: millis(worker.lease),
            started_at: worker.started_at,
            heartbeat_at: worker.heartbeat_at,
            claimed_at: worker.claimed_at,
            alive,
        }
    }
}

/// The tasks of upkeep.
#[derive(Debug, Serialize)]
pub struct TasksDocument {
    pub tasks: Vec<TaskDocument>,
}

/// A task of upkeep.
#[derive(Debug, Serialize)]
pub struct TaskDocument {
    task: String,
    next_at: Timestamp,
    runner: Option<String>,
    lease_until: Option<Timestamp>,
    runs: u64,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    changed: Option<u64>,
    error: Option<String>,
}

impl From<&TaskInfo> for TaskDocument {
    fn from(task: &TaskInfo) -> TaskDocument {
        let TaskInfo { task, next_at, runner, lease_until, runs, started_at, finished_at, changed, error, .. } =
            task.clone();
        TaskDocument { task, next_at, runner, lease_until, runs, started_at, finished_at, changed, error }
    }
}

/// A task of upkeep that was done by hand.
#[derive(Debug, Serialize)]
pub struct RanDocument {
    pub task: String,
    pub changed: u64,
}

/// How the queue stands at a moment.
#[derive(Debug, Serialize)]
pub struct StatsDocument {
    at: Timestamp,
    states: BTreeMap<&'static str, CountDocument>,
    counts: Vec<JobCountDocument>,
    queues: Vec<QueueSummaryDocument>,
    workers: Vec<WorkerDocument>,
}

/// How many jobs of a state are in a queue.
#[derive(Debug, Serialize)]
struct JobCountDocument {
    queue: String,
    state: &'static str,
    count: CountDocument,
}

impl From<&Stats> for StatsDocument {
    fn from(stats: &Stats) -> StatsDocument {
        let count = |count: &JobCount| JobCountDocument {
            queue: count.queue.clone(),
            state: count.state.name(),
            count: count.count.into(),
        };
        StatsDocument {
            at: stats.at,
            states: State::ALL.map(|state| (state.name(), stats.counts.in_state(state).into())).into(),
            counts: stats.counts.counts.iter().map(count).collect(),
            queues: stats.queues.iter().map(QueueSummaryDocument::from).collect(),
            workers: stats.workers.iter().map(|worker| WorkerDocument::new(worker, stats.at)).collect(),
        }
    }
}

/// The schema, and what is to be done to it.
#[derive(Debug, Serialize)]
pub struct SchemaDocument {
    pub version: u32,
    pub newest: u32,
    pub pending: Vec<MigrationDocument>,
}

/// A step between two versions of the schema.
#[derive(Debug, Serialize)]
pub struct MigrationDocument {
    pub version: u32,
    pub name: &'static str,
    pub sql: &'static str,
}

impl From<Migration> for MigrationDocument {
    fn from(migration: Migration) -> MigrationDocument {
        let Migration { version, name, sql, .. } = migration;
        MigrationDocument { version, name, sql }
    }
}

/// What `drip doctor` has seen.
#[derive(Debug, Serialize)]
pub struct FindingsDocument {
    pub worst: &'static str,
    pub findings: Vec<FindingDocument>,
}

/// What one check has seen.
#[derive(Debug, Serialize)]
pub struct FindingDocument {
    check: &'static str,
    severity: &'static str,
    what: String,
    why: &'static str,
    advice: Option<String>,
}

impl From<&Finding> for FindingDocument {
    fn from(finding: &Finding) -> FindingDocument {
        FindingDocument {
            check: finding.check,
            severity: finding.severity.name(),
            what: finding.what.clone(),
            why: finding.why,
            advice: finding.advice.clone(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
