//! Hears what a worker tells, and waits for it.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use drip::{Client, Event, Subscription};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Everything that has been told since it began to listen.
pub struct Ear {
    subscription: Subscription,
    heard: RefCell<Vec<Event>>,
}

impl Ear {
    /// Begins to listen.
    pub fn of(client: &Client) -> Ear {
        Ear { subscription: client.subscribe(), heard: RefCell::default() }
    }

    /// Waits for the next event that `pick` picks.
    pub fn hear<T>(&self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let next = if left.is_zero() { None } else { self.subscription.next_within(left) };
            let Some(event) = next else { panic!("not heard: {what}; but {}", self.recollect()) };
            let picked = pick(&event);
            self.heard.borrow_mut().push(event);
            if let Some(picked) = picked {
                return picked;
            }
        }
    }

    /// Waits until so many such events have been told, since it began to listen.
    pub fn hear_many(&self, what: &str, count: usize, wanted: impl Fn(&Event) -> bool) {
        let mut left = count.saturating_sub(self.count(&wanted));
        while left > 0 {
            self.hear(what, |event| wanted(event).then_some(()));
            left -= 1;
        }
    }

    /// Waits until nothing has been told for this long.
    pub fn hear_silence(&self, of: Duration) {
        let until = Instant::now() + PATIENCE;
        while let Some(event) = self.subscription.next_within(of) {
            self.heard.borrow_mut().push(event);
            assert!(Instant::now() < until, "no silence; but {}", self.recollect());
        }
    }

    /// Waits until this job is started.
    pub fn hear_start(&self, id: i64) {
        self.hear(&format!("the start of job {id}"), |event| match event {
            Event::Started(job) if job.id == id => Some(()),
            _ => None,
        });
    }

    /// Waits until this job is completed, if it is not already.
    pub fn hear_completion(&self, id: i64) {
        self.hear_completions(&[id]);
    }

    /// Waits until all of these jobs are completed, in whatever order; some may have been heard while waiting for
    /// something else.
    pub fn hear_completions(&self, ids: &[i64]) {
        let mut left = ids.to_vec();
        let mut all_completed = |event: &Event| {
            if let Event::Completed(job) = event {
                left.retain(|id| *id != job.id);
            }
            left.is_empty().then_some(())
        };
        let already = self.heard.borrow().iter().any(|event| all_completed(event).is_some());
        if !already {
            self.hear(&format!("the completion of jobs {ids:?}"), all_completed);
        }
    }

    /// What has been heard of late.
    fn recollect(&self) -> String {
        let heard = self.heard.borrow();
        format!("{} events, of which the last {:#?}", heard.len(), &heard[heard.len().saturating_sub(40)..])
    }

    /// How many such events have been told so far.
    pub fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.heard.borrow_mut().extend(self.subscription.events().try_iter());
        self.heard.borrow().iter().filter(|event| wanted(event)).count()
    }
}
