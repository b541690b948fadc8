//! Waiting for what a worker tells, instead of for time to pass.

use std::time::{Duration, Instant};

use drip::{Client, Event, JobEvent, State, Subscription};

/// How long a test waits before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What happens through one client, from now on.
pub struct Watch {
    subscription: Subscription,
    /// Everything that has been told.
    told: Vec<Event>,
    /// What has been told and not been asked for yet.
    open: Vec<Event>,
}

impl Watch {
    pub fn new(client: &Client) -> Watch {
        Watch { subscription: client.subscribe(), told: Vec::new(), open: Vec::new() }
    }

    /// Waits for an event that no call has answered yet.
    pub fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        if let Some(index) = self.open.iter().position(&wanted) {
            return self.open.remove(index);
        }
        self.next(wanted)
    }

    /// Waits for an event that has not been told yet.
    pub fn next(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(event) = self.subscription.next_within(left) else {
                let told: Vec<_> = self.told.iter().filter(|event| !matches!(event, Event::Idle { .. })).collect();
                panic!("not within {PATIENCE:?}; told was, but for idleness: {told:#?}");
            };
            self.told.push(event.clone());
            if wanted(&event) {
                return event;
            }
            self.open.push(event);
        }
    }

    /// Waits until so many events have been told since the beginning.
    pub fn until_count(&mut self, count: usize, wanted: impl Fn(&Event) -> bool) {
        for _ in self.count(&wanted)..count {
            self.next(&wanted);
        }
    }

    /// How many events have been told since the beginning.
    pub fn count(&mut self, wanted: impl Fn(&Event) -> bool) -> usize {
        for event in self.subscription.events().try_iter() {
            self.told.push(event.clone());
            self.open.push(event);
        }
        self.told.iter().filter(|event| wanted(event)).count()
    }

    /// How many jobs workers have said that they claimed.
    pub fn claimed(&mut self) -> usize {
        self.count(|_| false);
        let count = |event: &Event| if let Event::Claimed { count, .. } = event { *count } else { 0 };
        self.told.iter().map(count).sum()
    }

    /// Waits until a worker has brought the job into this state.
    pub fn until_state(&mut self, id: i64, state: State) -> JobEvent {
        let event = self.until(|event| job(event).is_some_and(|job| job.id == id && job.state == state));
        job(&event).expect("the event is about a job").clone()
    }

    /// Waits until a handler of the job has returned, and what it answered did not count.
    pub fn until_claim_lost(&mut self, id: i64) -> JobEvent {
        match self.until(|event| matches!(event, Event::ClaimLost(job) if job.id == id)) {
            Event::ClaimLost(job) => job,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until so many jobs have been completed since the beginning.
    pub fn until_completed(&mut self, count: usize) {
        self.until_count(count, |event| matches!(event, Event::Completed(_)));
    }
}

/// The job that an event is about.
pub fn job(event: &Event) -> Option<&JobEvent> {
    match event {
        Event::Inserted(job) | Event::Started(job) | Event::Completed(job) | Event::Failed(job) => Some(job),
        Event::TimedOut(job) | Event::Snoozed(job) | Event::Cancelled(job) | Event::Discarded(job) => Some(job),
        Event::GivenBack(job) | Event::ClaimLost(job) | Event::Unrecorded(job) | Event::Stuck { job, .. } => Some(job),
        _ => None,
    }
}

/// Waits for what no event tells, by asking again and again.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
