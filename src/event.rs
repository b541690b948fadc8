//! What happens to jobs and to the machinery that runs them, as it happens.
//!
//! An event is a hint to whoever watches: it is sent after the fact, to subscribers that can neither block nor break a
//! worker. The truth is in the database.

mod hub;
mod news;

pub(crate) use hub::Events;
pub use hub::{SUBSCRIPTION_CAPACITY, Subscription};
pub(crate) use news::{News, Timing};

use std::time::Duration;

use jiff::Timestamp;

use crate::{Count, Job, State};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A job was inserted through this client. (In a caller's own transaction nobody knows whether it will commit:
    /// those are not reported.)
    Inserted(JobEvent),
    /// A worker, or [`work_once`](crate::Worker::work_once), has begun to run a job.
    Started(JobEvent),
    /// A job's row is completed (or gone, if it was ephemeral).
    Completed(JobEvent),
    /// An attempt failed; the job is retryable.
    Failed(JobEvent),
    /// An attempt passed its timeout and was settled as failed; its handler may still be running.
    TimedOut(JobEvent),
    /// A job put itself off.
    Snoozed(JobEvent),
    /// A job was cancelled.
    Cancelled(JobEvent),
    /// A job was discarded: its attempts are used up, its handler said so, or its unique key was taken.
    Discarded(JobEvent),
    /// A job that had been claimed and not begun was given back.
    GivenBack(JobEvent),
    /// A job was taken from a worker that has died, and is available again; or is discarded, if that has happened too often.
    /// Or it has run for longer than [`Maintenance::rescue_after`](crate::Maintenance::rescue_after) allows, and is discarded if
    /// that was its last attempt.
    Rescued(JobEvent),
    /// What a handler answered did not count any more: its claim had ended.
    ClaimLost(JobEvent),
    /// What became of an attempt could not be recorded, by whatever means; the job stays `running`.
    Unrecorded(JobEvent),
    /// A handler ignores its cancel token; another thread has taken its place, or `healthy` is false.
    Stuck {
        /// The job whose handler does not return.
        job: JobEvent,
        /// Whether the worker still has the threads that it was asked for.
        healthy: bool,
    },
    /// A queue was paused through this client, or was paused already. (In a caller's own transaction nobody knows whether
    /// it will commit: that is not reported.)
    QueuePaused {
        /// The queue; `*`, which no queue is called: all of them.
        queue: String,
    },
    /// A queue was resumed through this client, or was not paused.
    QueueResumed {
        /// As in [`QueuePaused`](Event::QueuePaused).
        queue: String,
    },
    /// A worker has claimed jobs.
    Claimed {
        /// The worker's id.
        worker: String,
        /// How many.
        count: usize,
    },
    /// A worker has found nothing to claim, and waits.
    Idle {
        /// The worker's id.
        worker: String,
    },
    /// Jobs of a kind that this worker has no handler for wait in one of its queues. Said once a kind and worker.
    UnknownKind {
        /// The worker's id.
        worker: String,
        /// The queue.
        queue: String,
        /// The kind.
        kind: String,
    },
    /// A worker has been silent for its whole lease, and this client's worker has given its jobs to others.
    WorkerDied {
        /// The id of the one that died.
        worker: String,
        /// How many jobs it had.
        rescued: usize,
    },
    /// A worker of this client was silent for so long that others took it for dead; its claims are theirs. It goes on.
    TakenForDead {
        /// The worker's id.
        worker: String,
    },
    /// A worker cannot say that it lives, or see who else does, for another reason than that the database is away: a right or
    /// a table is missing. If that lasts for a lease, others take it for dead. Said once, until it can again.
    HeartbeatFailed {
        /// The worker's id.
        worker: String,
        /// The error.
        error: String,
    },
    /// The database cannot be used: the connection is lost, it has become read-only, or (SQLite) somebody has held the write
    /// lock for longer than the 10 s that are waited for it. The worker, or [`Background`](crate::Background), tries again
    /// until it is back.
    DatabaseLost {
        /// The worker's id, or that of [what else](crate::Background::id) runs in the background.
        worker: String,
        /// The error.
        error: String,
    },
    /// The database is back.
    DatabaseBack {
        /// As in [`DatabaseLost`](Event::DatabaseLost).
        worker: String,
    },
    /// A slot of a schedule has come, and its job is inserted.
    SlotFired {
        /// The schedule.
        schedule: String,
        /// The slot.
        slot: Timestamp,
        /// The id of its job.
        job: i64,
        /// Whether that was there already and is the same (see [`Unique`](crate::Unique)): nothing was inserted.
        is_duplicate: bool,
    },
    /// Nobody was there in time for slots of a schedule. Some of them may yield jobs yet ([`Missed`](crate::Missed)), of
    /// which [`SlotFired`](Event::SlotFired) tells.
    SlotsMissed {
        /// The schedule.
        schedule: String,
        /// How many.
        count: Count,
    },
    /// A schedule can yield nothing ([`Fired::error`](crate::Fired::error)); it is tried again.
    ScheduleFailed {
        /// The schedule.
        schedule: String,
        /// Why.
        error: String,
    },
    /// PostgreSQL: notifications are being listened for.
    Listening {
        /// The worker's id.
        worker: String,
    },
    /// PostgreSQL: notifications cannot be received (an error, or a pooler that swallows them); the worker polls.
    NotListening {
        /// The worker's id.
        worker: String,
        /// Why.
        error: String,
    },
    /// [`Maintenance`](crate::Maintenance) of this client has changed something.
    Maintained {
        /// The task, as in [`list_tasks`](crate::list_tasks).
        task: String,
        /// How many jobs were rescued, removed or discarded; how many indexes were built anew.
        changed: usize,
        /// How long it took.
        took: Duration,
    },
    /// A task of [`Maintenance`](crate::Maintenance) has failed, for another reason than that the database was away. It is tried
    /// again after its interval.
    MaintenanceFailed {
        /// The task.
        task: String,
        /// The error.
        error: String,
    },
    /// A worker has stopped.
    Stopped {
        /// The worker's id.
        worker: String,
    },
}

impl Event {
    /// The job that it is about, if it is about one.
    pub fn job(&self) -> Option<&JobEvent> {
        match self {
            Event::Inserted(job)
            | Event::Started(job)
            | Event::Completed(job)
            | Event::Failed(job)
            | Event::TimedOut(job)
            | Event::Snoozed(job)
            | Event::Cancelled(job)
            | Event::Discarded(job)
            | Event::GivenBack(job)
            | Event::Rescued(job)
            | Event::ClaimLost(job)
            | Event::Unrecorded(job)
            | Event::Stuck { job, .. } => Some(job),
            _ => None,
        }
    }
}

/// A job in an event: never its args.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct JobEvent {
    /// The job's id.
    pub id: i64,
    /// Its kind.
    pub kind: String,
    /// Its queue.
    pub queue: String,
    /// Its state after what happened.
    pub state: State,
    /// Which attempt.
    pub attempt: u32,
    /// Which claim.
    pub claim_seq: i64,
    /// The error, where there is one.
    pub error: Option<String>,
    /// How long the attempt had to wait: from when the job was due to when it was claimed, by the database's clock, and
    /// from then to when a thread took it up.
    pub waited: Option<Duration>,
    /// How long the handler ran, where one did.
    pub duration: Option<Duration>,
    /// How much of that time its thread was computing, where its handler has returned: with the feature `cpu-time`, on Unix.
    pub cpu: Option<Duration>,
}

impl JobEvent {
    pub(crate) fn of(job: &Job) -> JobEvent {
        JobEvent {
            id: job.id,
            kind: job.kind.clone(),
            queue: job.queue.clone(),
            state: job.state,
            attempt: job.attempt,
            claim_seq: job.claim_seq,
            error: None,
            waited: None,
            duration: None,
            cpu: None,
        }
    }
}
