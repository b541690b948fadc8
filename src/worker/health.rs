//! Whether a worker does what it is there for.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a running worker can and cannot do at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The worker has been started and nobody has stopped it.
    pub running: bool,
    /// The last claim reached the database.
    pub claiming: bool,
    /// The last settlement reached the database.
    pub settling: bool,
    /// PostgreSQL: notifications arrive. Without them the worker polls.
    pub listening: bool,
    /// Threads whose handlers ignore their cancel tokens, and which others have replaced.
    pub replaced_threads: usize,
    /// Threads whose handlers ignore their cancel tokens, beyond those that may be replaced: capacity that is missing.
    pub stuck_threads: usize,
}

impl Health {
    /// Whether jobs are being run with all the capacity that was asked for.
    pub fn is_healthy(&self) -> bool {
        self.running && self.claiming && self.settling && self.stuck_threads == 0
    }
}

/// The signs that the threads of a worker leave.
pub(super) struct Signs {
    pub(super) claiming: AtomicBool,
    /// A claim has been answered since the last heartbeat.
    pub(super) claimed: AtomicBool,
    pub(super) settling: AtomicBool,
    pub(super) listening: AtomicBool,
    pub(super) replaced: AtomicUsize,
    pub(super) stuck: AtomicUsize,
}

impl Signs {
    pub(super) fn new() -> Signs {
        Signs {
            claiming: AtomicBool::new(true),
            claimed: AtomicBool::new(false),
            settling: AtomicBool::new(true),
            listening: AtomicBool::new(false),
            replaced: AtomicUsize::new(0),
            stuck: AtomicUsize::new(0),
        }
    }

    /// A handler that held a thread has returned after all.
    pub(super) fn stuck_thread_returned(&self) {
        self.stuck.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn read(&self, running: bool) -> Health {
        Health {
            running,
            claiming: self.claiming.load(Ordering::Relaxed),
            settling: self.settling.load(Ordering::Relaxed),
            listening: self.listening.load(Ordering::Relaxed),
            replaced_threads: self.replaced.load(Ordering::Relaxed),
            stuck_threads: self.stuck.load(Ordering::Relaxed),
        }
    }
}
