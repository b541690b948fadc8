//! From where the claims of a worker start in each queue.
//!
//! From the head, as long as that is quick: then the order is exact and nothing waits. Where claims from the head have
//! become slow (a million jobs of a kind that nobody here handles, entries of the index that are dead but cannot be
//! removed), the claimer carries a [`Bound`]: a position in each priority up to which it has seen nothing that it could
//! take, and from which the next claim goes on. What comes to be claimable below that is found by looking again: every
//! second at the last few seconds, and now and then from the head, the more seldom the longer that takes. Jobs with which a
//! worker has died are claimed apart, behind bounds of their own.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    Job,
    name::ALL_QUEUES,
    queue::{
        claim::Wanted,
        stretch::{Bound, PRIORITIES, Position},
        survey::{Sight, Taken},
    },
};

/// What a claim may take before it is asked why, and what each job and each queue in it may take besides.
const QUICK: Duration = Duration::from_millis(5);
const QUICK_EACH: Duration = Duration::from_micros(50);

/// How often that is asked at most, where all claims take long for another reason.
const DOUBT_INTERVAL: Duration = Duration::from_secs(1);

/// How often the claimer looks at what is within the slack.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Claims that look take at most one part in so many of the time: those of the slack; those from the head for which there
/// is a reason.
const LOOK_SHARE: u32 = 4;
const REASONED_SHARE: u32 = 4;

/// The longest time between two claims from the head of a queue. With a minute MariaDB, on which a snapshot was held for
/// five, was walking for a third of the time in the end: in every other half minute 6,500 to 14,000 jobs a second were
/// drained instead of 20,000.
const LONGEST: Duration = Duration::from_secs(300);

/// How much is looked at again.
#[derive(Debug, Clone, Copy)]
struct Care {
    /// Where the end of a queue was seen, the bound stays this far behind the time.
    slack: SignedDuration,
    /// Claims from the head for which there is no reason take at most one part in so many of the time.
    walk_share: u32,
}

/// Transactions that insert take a while to commit.
const JOBS: Care = Care { slack: SignedDuration::from_secs(5), walk_share: 20 };

/// Nobody becomes a suspect before a whole lease, and most never do; but to find none a claim reads all jobs there are. With
/// the slack of others it did so twice a second where all had just been inserted: while 8 processes drained 200,000 from
/// PostgreSQL, 47 entries of the index were read for each of them.
const SUSPECTS: Care = Care { slack: SignedDuration::ZERO, walk_share: 50 };

/// The bounds of all queues that have one.
#[derive(Debug)]
pub(super) struct Bounds {
    care: Care,
    carried: HashMap<String, Carried>,
    /// Queues of which the last claim from the head took long: the next one is to find out whether it was the way.
    in_doubt: HashSet<String>,
    doubted: Option<Instant>,
}

/// What is known of a queue in which claims from the head are slow.
#[derive(Debug)]
struct Carried {
    care: Care,
    /// Nothing up to here is to be taken, by all that has been seen.
    passed: Bound,
    /// When the queue was last looked at, by the database's clock.
    seen: Timestamp,
    paused: bool,
    /// When the slack is to be looked at again, and when the queue is to be walked from its head.
    look_due: Instant,
    walk_due: Instant,
    /// When it was last walked, and how long that took.
    walked: Instant,
    walk: Duration,
}

impl Bounds {
    /// For claims of jobs with which no worker has died.
    pub(super) fn of_jobs() -> Bounds {
        Bounds::new(JOBS)
    }

    /// For claims of others, which pass by all jobs but a few.
    pub(super) fn of_suspects() -> Bounds {
        Bounds::new(SUSPECTS)
    }

    fn new(care: Care) -> Bounds {
        Bounds { care, carried: HashMap::new(), in_doubt: HashSet::new(), doubted: None }
    }

    /// Sets where claims that are about to be made start; answers whether they are to look around.
    pub(super) fn set_out(&self, wanted: &mut [Wanted], now: Instant) -> bool {
        let mut looks = false;
        for one in wanted {
            looks |= self.in_doubt.contains(&one.queue);
            let Some(carried) = self.carried.get(&one.queue) else { continue };
            looks |= now >= carried.due();
            one.beyond = carried.start(now);
        }
        looks
    }

    /// Learns from what these claims have brought; they `began` then, and have ended just now.
    pub(super) fn learn(&mut self, wanted: &[Wanted], taken: &Taken, began: Instant, now: Instant) {
        let quick = QUICK + QUICK_EACH * (taken.jobs.len() + wanted.len()) as u32;
        match &taken.sight {
            Some(sight) => {
                let long = sight.took > quick + sight.on_the_way;
                wanted.iter().for_each(|one| self.see(one, sight, long, now));
            }
            None if now.duration_since(began) > quick => self.wonder(wanted, now),
            None => {}
        }
        for one in wanted {
            if let Some(carried) = self.carried.get_mut(&one.queue) {
                carried.pass(one, taken);
                if taken.sight.is_none() && began >= carried.due() {
                    carried.rest(now);
                }
            }
        }
    }

    /// Claims of these queues have taken long, for whatever reason.
    fn wonder(&mut self, wanted: &[Wanted], now: Instant) {
        let from_head = wanted.iter().filter(|one| one.beyond.is_none());
        let queues: HashSet<String> = from_head.map(|one| one.queue.clone()).collect();
        if !queues.is_empty() && self.doubted.is_none_or(|last| now.duration_since(last) >= DOUBT_INTERVAL) {
            // Others have yet to be asked again: a turn through many slow queues takes longer than the interval.
            self.in_doubt.extend(queues);
            self.doubted = Some(now);
        }
    }

    /// A claim of this queue has looked around, and has `long` been on its way.
    fn see(&mut self, one: &Wanted, sight: &Sight, long: bool, now: Instant) {
        let paused = sight.paused.iter().any(|name| *name == one.queue || name == ALL_QUEUES);
        let from_head = one.beyond.is_none();
        self.in_doubt.remove(&one.queue);
        if from_head && !long {
            self.carried.remove(&one.queue);
        } else if from_head {
            let carried = self.carried.entry(one.queue.clone()).or_insert_with(|| Carried::new(self.care, now));
            carried.walked(sight.took, now);
        }
        if let Some(carried) = self.carried.get_mut(&one.queue) {
            carried.see(sight, paused, now);
            if !from_head {
                // A walk says nothing about how long the next look takes.
                carried.look_due = now + LOOK_INTERVAL.max(sight.took * LOOK_SHARE);
            }
        }
    }

    /// This job may be claimed again.
    pub(super) fn reopen(&mut self, job: &Job) {
        if let (Some(carried), Some(priority)) = (self.carried.get_mut(&job.queue), index(job)) {
            let before = Position { at: job.scheduled_at, id: job.id.saturating_sub(1) };
            carried.passed[priority] = carried.passed[priority].min(before);
        }
    }

    /// Jobs of any queue have become available that were due from this time on.
    pub(super) fn reopen_from(&mut self, earliest: Timestamp, now: Instant) {
        for carried in self.carried.values_mut() {
            // Farther back each such job would be another walk.
            if Position::before(earliest) < carried.slack() {
                carried.hurry(now);
            }
            let from = carried.slack().max(Position::before(earliest));
            carried.passed.iter_mut().for_each(|passed| *passed = from.min(*passed));
        }
    }

    /// Something that was passed by may be claimable now, nobody knows where.
    pub(super) fn reopen_any(&mut self, now: Instant) {
        self.carried.values_mut().for_each(|carried| carried.hurry(now));
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        *self = Bounds::new(self.care);
    }

    /// Of queues that are no longer served.
    pub(super) fn forget_all_but(&mut self, is_served: impl Fn(&str) -> bool) {
        self.carried.retain(|queue, _| is_served(queue));
        self.in_doubt.retain(|queue| is_served(queue));
    }

    /// When to look again, though nothing calls for it.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.carried.values().map(Carried::due).min()
    }
}

impl Carried {
    fn new(care: Care, now: Instant) -> Carried {
        Carried {
            care,
            passed: [Position::first(); PRIORITIES],
            seen: Position::first().at,
            paused: false,
            look_due: now,
            walk_due: now,
            walked: now,
            walk: Duration::ZERO,
        }
    }

    fn due(&self) -> Instant {
        self.look_due.min(self.walk_due)
    }

    /// Where to start: from the head, from before the slack, or from where the last claim ended.
    fn start(&self, now: Instant) -> Option<Bound> {
        if now >= self.walk_due {
            return None;
        }
        let looks = now >= self.look_due;
        Some(self.passed.map(|passed| if looks { passed.min(self.slack()) } else { passed }))
    }

    /// Later than this jobs may come to be claimable that are due earlier than others that were seen.
    fn slack(&self) -> Position {
        Position::before(self.seen.saturating_sub(self.care.slack).unwrap_or(self.seen))
    }

    fn walked(&mut self, took: Duration, now: Instant) {
        (self.walked, self.walk) = (now, took);
        self.walk_due = now + (took * self.care.walk_share).min(LONGEST);
    }

    /// There is a reason to walk soon.
    fn hurry(&mut self, now: Instant) {
        let soon = self.walked + (self.walk * REASONED_SHARE).min(LONGEST);
        self.walk_due = self.walk_due.min(soon.max(now));
    }

    fn see(&mut self, sight: &Sight, paused: bool, now: Instant) {
        self.look_due = now + LOOK_INTERVAL;
        if sight.at < self.seen {
            // The clock has been set back: what is due now is below what was passed.
            (self.passed, self.walk_due) = ([Position::first(); PRIORITIES], now);
        }
        if std::mem::replace(&mut self.paused, paused) && !paused {
            self.walk_due = now;
        }
        // In a pause nothing is seen of the queue.
        self.seen = if paused { self.seen.min(sight.at) } else { sight.at };
    }

    /// Moves the bound to where a claim has ended: at the last job that it took or, if there were not enough, at the end
    /// of the queue.
    fn pass(&mut self, one: &Wanted, taken: &Taken) {
        let jobs: Vec<&Job> = taken.jobs.iter().filter(|job| job.queue == one.queue).collect();
        let at_end = taken.whole && jobs.len() < one.limit;
        let last = jobs.last().and_then(|job| index(job));
        let slack = self.slack();
        for (priority, passed) in self.passed.iter_mut().enumerate() {
            let newest = jobs.iter().rev().find(|job| index(job) == Some(priority));
            let newest = newest.map(|job| Position { at: job.scheduled_at, id: job.id });
            if at_end || last.is_some_and(|last| priority < last) {
                *passed = newest.into_iter().fold(slack.max(*passed), Ord::max);
            } else if let Some(newest) = newest {
                // Beyond it there may be more, even if it is one that an earlier claim has passed by.
                *passed = newest;
            }
        }
    }

    /// A look that was due has shown nothing; the next one is not at once.
    fn rest(&mut self, now: Instant) {
        let later = now + LOOK_INTERVAL;
        (self.look_due, self.walk_due) = (self.look_due.max(later), self.walk_due.max(later));
    }
}

/// Which of the priorities it has.
fn index(job: &Job) -> Option<usize> {
    usize::from(job.priority).checked_sub(1).filter(|&priority| priority < PRIORITIES)
}

#[cfg(test)]
mod tests;
