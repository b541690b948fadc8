//! What is claimed and not yet finished: the permits that travel from the threads back to the claimer.

use std::time::{Duration, Instant};

use crate::sync::{
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    channel::{Receiver, Sender, bounded},
};

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

    /// Rings from now on when so few are left; answers how many there are.
    pub(super) fn ring_at(&self, level: usize) -> usize {
        // In one order with `free`, which sees either this or is seen by what is read next.
        self.ring_below.store(level, Ordering::SeqCst);
        self.in_flight()
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

    pub(super) fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    /// Since when nothing is in flight.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let ran_dry = self.born + Duration::from_nanos(self.ran_dry.load(Ordering::Acquire));
        (self.in_flight() == 0).then_some(ran_dry)
    }
}
