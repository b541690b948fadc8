//! What happens to jobs and to the machinery that runs them, as it happens.
//!
//! An event is a hint to whoever watches: it is sent after the fact, to subscribers that can neither block nor break a
//! worker. The truth is in the database.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::{Job, State};

/// How many events a subscriber may leave unread before further ones are dropped.
pub const SUBSCRIPTION_CAPACITY: usize = 65_536;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A job was inserted through this client. (In a caller's own transaction nobody knows whether it will commit:
    /// those are not reported.)
    Inserted(JobEvent),
    /// A worker has begun to run a job.
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
    /// The connection to the database is lost; the worker tries again until it is back.
    DatabaseLost {
        /// The worker's id.
        worker: String,
        /// The error.
        error: String,
    },
    /// The database is back.
    DatabaseBack {
        /// The worker's id.
        worker: String,
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
    /// A worker has stopped.
    Stopped {
        /// The worker's id.
        worker: String,
    },
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
    /// How long the handler ran, where one did.
    pub duration: Option<Duration>,
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
            duration: None,
        }
    }
}

/// The events of one subscription.
///
/// Dropping it ends the subscription. A subscriber that does not keep up loses the newest events, and
/// [`missed`](Subscription::missed) counts them.
#[derive(Debug)]
pub struct Subscription {
    events: Receiver<Event>,
    missed: Arc<AtomicU64>,
}

impl Subscription {
    /// The channel on which the events arrive.
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    /// The next event, waited for until `timeout` has passed.
    pub fn next_within(&self, timeout: Duration) -> Option<Event> {
        self.events.recv_timeout(timeout).ok()
    }

    /// How many events were dropped because [`SUBSCRIPTION_CAPACITY`] of them had not been read.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// Everybody who watches a client.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Hub>);

#[derive(Default)]
struct Hub {
    /// Whether anybody watches: asked before an event is even made.
    watched: AtomicBool,
    subscribers: Mutex<Vec<Subscriber>>,
}

struct Subscriber {
    events: Sender<Event>,
    missed: Arc<AtomicU64>,
}

impl Events {
    pub(crate) fn subscribe(&self) -> Subscription {
        let (sender, events) = bounded(SUBSCRIPTION_CAPACITY);
        let missed = Arc::new(AtomicU64::new(0));
        let mut subscribers = self.0.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.push(Subscriber { events: sender, missed: missed.clone() });
        self.0.watched.store(true, Ordering::Release);
        Subscription { events, missed }
    }

    /// Tells everybody, if there is anybody.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if self.0.watched.load(Ordering::Acquire) {
            self.send(event());
        }
    }

    fn send(&self, event: Event) {
        let mut subscribers = self.0.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|subscriber| match subscriber.events.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                subscriber.missed.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        });
        self.0.watched.store(!subscribers.is_empty(), Ordering::Release);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_subscriber_loses_events_and_knows_how_many() {
        let events = Events::default();
        let slow = events.subscribe();
        for _ in 0..SUBSCRIPTION_CAPACITY + 3 {
            events.tell(|| Event::Idle { worker: "w".into() });
        }
        assert_eq!(slow.missed(), 3);
        assert_eq!(slow.events().len(), SUBSCRIPTION_CAPACITY);
    }

    #[test]
    fn nothing_is_made_for_nobody() {
        let events = Events::default();
        events.tell(|| panic!("nobody watches"));
        drop(events.subscribe());
        events.tell(|| Event::Idle { worker: "w".into() });
        events.tell(|| panic!("nobody watches any more"));
    }
}
