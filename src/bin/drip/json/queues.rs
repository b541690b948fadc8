//! Queues, schedules and workers, and the figures of all of them.

use std::collections::BTreeMap;

use drip::{JobCount, QueueInfo, QueueSummary, ScheduleInfo, State, WorkerInfo};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{CountDocument, Utc, millis};
use crate::stats::Stats;

/// What is kept with a queue.
#[derive(Debug, Serialize)]
pub struct QueueDocument {
    name: String,
    #[serde(serialize_with = "super::utc_or_null")]
    paused_at: Option<Timestamp>,
    #[serde(serialize_with = "super::utc_or_null")]
    all_paused_at: Option<Timestamp>,
    metadata: Value,
    #[serde(serialize_with = "super::utc")]
    created_at: Timestamp,
    #[serde(serialize_with = "super::utc")]
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
    #[serde(serialize_with = "super::utc_or_null")]
    paused_at: Option<Timestamp>,
    #[serde(serialize_with = "super::utc_or_null")]
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
    #[serde(serialize_with = "super::utc_or_null")]
    paused_at: Option<Timestamp>,
    #[serde(serialize_with = "super::utc_or_null")]
    retired_at: Option<Timestamp>,
    #[serde(serialize_with = "super::utc")]
    next_at: Timestamp,
    #[serde(serialize_with = "super::utc_or_null")]
    last_slot_at: Option<Timestamp>,
    last_job_id: Option<i64>,
    grace_ms: u64,
    jitter_ms: u64,
    owner: Option<String>,
    #[serde(serialize_with = "super::utc")]
    created_at: Timestamp,
    #[serde(serialize_with = "super::utc")]
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
    pub slots: Vec<Utc>,
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
    #[serde(serialize_with = "super::utc")]
    started_at: Timestamp,
    #[serde(serialize_with = "super::utc")]
    heartbeat_at: Timestamp,
    #[serde(serialize_with = "super::utc_or_null")]
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

/// How the queue stands at a moment.
#[derive(Debug, Serialize)]
pub struct StatsDocument {
    #[serde(serialize_with = "super::utc")]
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
