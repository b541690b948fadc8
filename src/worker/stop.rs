//! In what manner a worker stops, and what it answers.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// What the signals of a stop do not say.
#[derive(Default)]
pub(super) struct Manner {
    /// Run what is claimed instead of giving it back.
    drain: AtomicBool,
    /// Handlers have been asked to stop; so are those that begin from now on.
    late: AtomicBool,
}

impl Manner {
    pub(super) fn drain(&self) {
        self.drain.store(true, Ordering::Release);
    }

    pub(super) fn drains(&self) -> bool {
        self.drain.load(Ordering::Acquire)
    }

    pub(super) fn be_late(&self) {
        self.late.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_late(&self) -> bool {
        self.late.load(Ordering::SeqCst)
    }
}

/// How a worker has stopped.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Jobs that had been claimed, had not begun, and were given back.
    pub given_back: usize,
    /// Jobs whose handlers were still running at the deadline, and which stay claimed: their handlers may yet do
    /// something, and what they answer is no longer recorded. They are run again by others, once this process has ended and
    /// the worker's lease is over.
    pub still_running: Vec<i64>,
    /// Jobs whose handlers were still running at the deadline, and which were given back all the same, because nothing
    /// that those handlers may yet do counts: see [`Running::stop_to_exit`](crate::Running::stop_to_exit).
    pub abandoned: Vec<i64>,
    /// Jobs that are not this worker's any more (they timed out, were cancelled, rescued or settled otherwise) and whose
    /// handlers were still running all the same: what those may yet do through their claims is refused.
    pub lingering: Vec<i64>,
    /// Jobs that were run and whose outcome could not be recorded, or that had not begun and could not be given back,
    /// because the database was not there; they stay claimed.
    pub unsettled: Vec<i64>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// Whether every job that was begun has come to its end and has been recorded, and no handler runs any more.
    pub fn is_clean(&self) -> bool {
        [&self.still_running, &self.abandoned, &self.lingering, &self.unsettled].iter().all(|jobs| jobs.is_empty())
    }
}
