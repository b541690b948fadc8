//! How many jobs a worker may hold: those that its threads run, and a few more that they will run in a moment.
//!
//! Jobs that do next to nothing are worth claiming a thousand at a time; slow ones must not be hoarded. So the worker
//! measures how fast it finishes jobs ([`Pace`]) and claims ahead what that rate will use up in [`HORIZON`].

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};

/// How far ahead the worker claims.
const HORIZON: Duration = Duration::from_millis(30);

/// How long a claimed job may wait for a thread before it is given back.
const HOARDED: Duration = Duration::from_secs(1);

/// Over how long the pace is averaged.
const SMOOTHING: Duration = Duration::from_millis(20);

/// The most that is claimed ahead. Statements gain little beyond a thousand rows.
pub(super) const MAX_AHEAD: usize = 2000;

/// What a job that is claimed counts against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Which of the worker's queues, if that has a limit of its own.
    pub(super) queue: Option<usize>,
    /// A worker has died with this job before: there is one of these at a time.
    pub(super) suspect: bool,
}

/// What is claimed and not yet finished.
pub(super) struct Budget {
    in_flight: AtomicUsize,
    suspects: AtomicUsize,
    suspects_expected: AtomicBool,
    by_queue: Vec<AtomicUsize>,
    finished: AtomicU64,
    born: Instant,
    /// When the last of what was in flight was finished, in nanoseconds of the budget's life.
    ran_dry: AtomicU64,
    /// Rung when so few are left that the claimer wants to know.
    freed: (Sender<()>, Receiver<()>),
    /// How few that is. Ringing for each of a hundred thousand jobs a second would keep the claimer's thread busy with
    /// waking up.
    ring_below: AtomicUsize,
}

impl Budget {
    pub(super) fn new(queues: usize) -> Budget {
        Budget {
            in_flight: AtomicUsize::new(0),
            suspects: AtomicUsize::new(0),
            suspects_expected: AtomicBool::new(true),
            by_queue: (0..queues).map(|_| AtomicUsize::new(0)).collect(),
            finished: AtomicU64::new(0),
            born: Instant::now(),
            ran_dry: AtomicU64::new(0),
            freed: bounded(1),
            ring_below: AtomicUsize::new(usize::MAX),
        }
    }

    pub(super) fn take(&self, place: Place) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        self.suspects.fetch_add(place.suspect.into(), Ordering::AcqRel);
        if let Some(queue) = place.queue {
            self.by_queue[queue].fetch_add(1, Ordering::AcqRel);
        }
    }

    /// A job that was taken is finished, or was given back.
    pub(super) fn free(&self, place: Place) {
        self.free_suspects(place.suspect.into());
        if let Some(queue) = place.queue {
            self.by_queue[queue].fetch_sub(1, Ordering::AcqRel);
        }
        let left = self.in_flight.fetch_sub(1, Ordering::SeqCst) - 1;
        self.finished.fetch_add(1, Ordering::Relaxed);
        if left == 0 {
            self.ran_dry.store(self.born.elapsed().as_nanos() as u64, Ordering::Release);
        }
        // A queue with a limit of its own may be waited for at any level.
        if place.queue.is_some() || left <= self.ring_below.load(Ordering::SeqCst) {
            let _ = self.freed.0.try_send(());
        }
    }

    /// So many suspects are no longer in danger; another may be claimed.
    pub(super) fn free_suspects(&self, count: usize) {
        self.suspects.fetch_sub(count, Ordering::AcqRel);
        if count > 0 {
            let _ = self.freed.0.try_send(());
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn in_flight_of(&self, queue: usize) -> usize {
        self.by_queue[queue].load(Ordering::Acquire)
    }

    pub(super) fn has_suspect(&self) -> bool {
        self.suspects.load(Ordering::Acquire) > 0
    }

    /// There may be suspects to be claimed.
    pub(super) fn expect_suspects(&self) {
        self.suspects_expected.store(true, Ordering::Release);
    }

    /// Whether that has been said since anybody last asked.
    pub(super) fn are_suspects_expected(&self) -> bool {
        self.suspects_expected.swap(false, Ordering::AcqRel)
    }

    pub(super) fn freed(&self) -> &Receiver<()> {
        &self.freed.1
    }

    fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    /// Since when nothing is in flight.
    fn idle_since(&self) -> Option<Instant> {
        let ran_dry = self.born + Duration::from_nanos(self.ran_dry.load(Ordering::Acquire));
        (self.in_flight() == 0).then_some(ran_dry)
    }
}

/// How fast jobs are being finished, and so how many to claim ahead.
pub(super) struct Pace {
    concurrency: usize,
    /// Jobs a second, smoothed.
    rate: f64,
    ahead: usize,
    since: Instant,
    finished: u64,
}

impl Pace {
    pub(super) fn new(concurrency: usize) -> Pace {
        Pace { concurrency, rate: 0.0, ahead: 0, since: Instant::now(), finished: 0 }
    }

    /// Jobs are being handed to the threads: from here on it is their pace that counts.
    pub(super) fn start(&mut self, budget: &Budget) {
        self.look(budget);
        self.since = Instant::now();
        self.finished = budget.finished();
    }

    /// How many more may be claimed now; 0 while all threads are busy and enough is there for the next moment.
    pub(super) fn room(&mut self, budget: &Budget) -> usize {
        self.look(budget);
        let enough = (self.concurrency + self.ahead / 2).min(self.concurrency + self.ahead - 1);
        // In one order with `free`, which sees either this or the level that is read below.
        budget.ring_below.store(enough, Ordering::SeqCst);
        let in_flight = budget.in_flight();
        if in_flight > enough { 0 } else { self.concurrency + self.ahead - in_flight }
    }

    /// Claimed ahead at a pace that has not held: what would wait for more than [`HOARDED`] should be given back.
    pub(super) fn excess(&self, waiting: usize) -> usize {
        waiting.saturating_sub((self.rate * HOARDED.as_secs_f64()) as usize + self.concurrency)
    }

    /// Takes the pace since the last look: of the time until the threads ran out of jobs, for what they would have done
    /// after that nobody knows.
    fn look(&mut self, budget: &Budget) {
        let (finished, idle_since) = (budget.finished(), budget.idle_since());
        if idle_since.is_some() && finished == self.finished {
            self.since = Instant::now();
            return;
        }
        let ran_dry = idle_since.filter(|&idle| idle > self.since);
        let elapsed = ran_dry.unwrap_or_else(Instant::now).saturating_duration_since(self.since);
        self.measure(finished, elapsed, ran_dry.is_some());
    }

    fn measure(&mut self, finished: u64, elapsed: Duration, ran_dry: bool) {
        let weight = match ran_dry {
            // However short: it is all that there was to do.
            true => 0.5,
            // Shorter spans say more about the scheduler than about the jobs.
            false if elapsed < Duration::from_micros(200) => return,
            // A long span says all, a short one a little.
            false => (elapsed.as_secs_f64() / SMOOTHING.as_secs_f64()).min(1.0),
        };
        let sample = finished.saturating_sub(self.finished) as f64 / elapsed.as_secs_f64().max(1e-6);
        self.rate += (sample - self.rate) * weight;
        let wanted = (self.rate * HORIZON.as_secs_f64()) as usize;
        // Step by step, so that one lucky moment does not fetch thousands.
        self.ahead = wanted.min(self.ahead * 4 + self.concurrency).min(MAX_AHEAD);
        self.since += elapsed;
        self.finished = finished;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace_after(jobs_a_second: f64, rounds: u32) -> Pace {
        let mut pace = Pace::new(10);
        for _ in 0..rounds {
            let finished = pace.finished + (jobs_a_second / 100.0) as u64;
            pace.since = Instant::now();
            pace.measure(finished, Duration::from_millis(10), false);
        }
        pace
    }

    #[test]
    fn slow_jobs_are_not_hoarded_and_fast_ones_travel_by_the_thousand() {
        assert_eq!(pace_after(0.0, 20).ahead, 0);
        assert!(pace_after(100.0, 20).ahead <= 3);
        assert!(pace_after(1_000_000.0, 20).ahead == MAX_AHEAD);
    }

    /// They are finished long before the next are claimed, which must not count as slowness.
    #[test]
    fn threads_that_wait_for_the_claimer_are_given_more() {
        let (budget, mut pace) = (Budget::new(0), Pace::new(10));
        for _ in 0..6 {
            let room = pace.room(&budget);
            pace.start(&budget);
            (0..room).for_each(|_| budget.take(Place::default()));
            (0..room).for_each(|_| budget.free(Place::default()));
        }
        assert_eq!(pace.room(&budget), MAX_AHEAD + 10);
    }

    #[test]
    fn time_without_jobs_says_nothing_of_their_pace() {
        let (budget, mut pace) = (Budget::new(0), pace_after(1000.0, 20));
        pace.finished = 0;
        pace.since = Instant::now() - Duration::from_secs(1);
        pace.start(&budget);
        assert!(pace.ahead > 10 && pace.since.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn one_lucky_moment_does_not_fetch_thousands() {
        assert!(pace_after(1_000_000.0, 1).ahead <= 10);
    }

    #[test]
    fn places_come_back() {
        let budget = Budget::new(1);
        budget.take(Place { queue: Some(0), suspect: true });
        budget.take(Place::default());
        assert_eq!((budget.in_flight(), budget.in_flight_of(0), budget.has_suspect()), (2, 1, true));
        budget.free(Place { queue: Some(0), suspect: true });
        assert_eq!((budget.in_flight(), budget.in_flight_of(0), budget.has_suspect()), (1, 0, false));
        assert!(budget.freed().try_recv().is_ok());
    }
}
