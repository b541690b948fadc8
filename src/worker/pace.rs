//! How many jobs a worker may hold: those that its threads run, and a few more that they will run in a moment.
//!
//! Jobs that do next to nothing are worth claiming a thousand at a time; slow ones must not be hoarded. So the worker
//! measures how fast it finishes jobs ([`Pace`]) and claims ahead what that rate will use up in [`HORIZON`].

use std::time::{Duration, Instant};

use super::budget::Budget;

/// How far ahead the worker claims.
const HORIZON: Duration = Duration::from_millis(30);

/// How long a claimed job may wait for a thread before it is given back.
const HOARDED: Duration = Duration::from_secs(1);

/// Over how long the pace is averaged.
const SMOOTHING: Duration = Duration::from_millis(20);

/// The most that is claimed ahead. Statements gain little beyond a thousand rows.
pub(super) const MAX_AHEAD: usize = 2000;

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
        let in_flight = budget.ring_at(enough);
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
    use super::{super::budget::Place, *};

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
}
