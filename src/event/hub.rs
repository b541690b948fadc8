//! Who is told: subscribers, the counters, and `tracing`.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::{Event, JobEvent, News, Timing};
use crate::{Error, Job, NewJob, metrics::Counters, trace};

/// How many events a subscriber may leave unread before further ones are dropped.
pub const SUBSCRIPTION_CAPACITY: usize = 65_536;

/// The events of one subscription.
///
/// Dropping it ends the subscription. A subscriber that does not keep up loses the newest events, and
/// [`missed`](Subscription::missed) counts them.
#[derive(Debug)]
#[must_use = "dropping it ends the subscription"]
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

    /// The first event from now on that is `wanted`, waited for until `timeout` has passed; those before it are read over.
    ///
    /// ```
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> drip::Result<()> {
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
    /// # client.migrate()?;
    /// use std::time::Duration;
    ///
    /// let subscription = client.subscribe();
    /// let job = drip::insert_job(&client, drip::NewJob::new("greet", serde_json::json!({})))?.into_job();
    /// let inserted = subscription.wait_for(Duration::from_secs(5), |event| event.job().is_some_and(|it| it.id == job.id));
    /// assert!(matches!(inserted, Some(drip::Event::Inserted(_))));
    /// # Ok(()) }
    /// ```
    pub fn wait_for(&self, timeout: Duration, wanted: impl Fn(&Event) -> bool) -> Option<Event> {
        let deadline = Instant::now().checked_add(timeout)?;
        loop {
            match self.events.recv_deadline(deadline) {
                Ok(event) if wanted(&event) => return Some(event),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
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
    counters: Counters,
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
        if self.is_watched() || trace::listens() {
            self.send(event());
        }
    }

    /// Counts what happens to a job, and tells everybody, if there is anybody.
    pub(crate) fn tell_job(&self, news: News, job: &Job, timing: &Timing, event: impl FnOnce() -> JobEvent) {
        self.0.counters.count(news, &job.queue, &job.kind, timing);
        if self.is_watched() || trace::listens_for(news) {
            let &Timing { waited, ran, cpu } = timing;
            let event = JobEvent { waited, duration: ran, cpu, ..event() };
            news.event(event).into_iter().for_each(|event| self.send(event));
        }
    }

    /// Counts jobs that were inserted, and tells everybody of each, if there is anybody.
    pub(crate) fn tell_inserted<'j>(&self, jobs: impl Iterator<Item = &'j Job> + Clone) {
        self.0.counters.count_inserted(jobs.clone().map(|job| (&*job.queue, &*job.kind)));
        if self.is_watched() || trace::listens_for(News::Inserted) {
            let events = jobs.filter_map(|job| News::Inserted.event(JobEvent::of(job)));
            events.for_each(|event| self.send(event));
        }
    }

    /// Counts jobs that were loaded, of which nobody is told.
    pub(crate) fn count_loaded<'j>(&self, jobs: impl Iterator<Item = &'j NewJob>) {
        self.0.counters.count_inserted(jobs.map(|job| (&*job.queue, &*job.kind)));
    }

    /// A worker has claimed so many jobs.
    pub(crate) fn tell_claim(&self, worker: &str, count: usize) {
        self.0.counters.count_claim(count);
        if count > 0 {
            self.tell(|| Event::Claimed { worker: worker.to_owned(), count });
        }
    }

    /// A worker has lost the database.
    pub(crate) fn tell_loss(&self, worker: &str, error: &Error) {
        self.0.counters.count_loss();
        self.tell(|| Event::DatabaseLost { worker: worker.to_owned(), error: error.to_string() });
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    fn is_watched(&self) -> bool {
        self.0.watched.load(Ordering::Acquire)
    }

    fn send(&self, event: Event) {
        trace::tell(&event);
        if !self.is_watched() {
            return;
        }
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
