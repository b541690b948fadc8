//! How a worker is told to stop, and what it answers.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};

/// The two signals of a stop. A receiver of each becomes ready when it is given, and stays so.
pub(super) struct Stop {
    /// Take no more jobs.
    requested: Gate,
    /// Nothing more will happen: whatever still waits, ends.
    over: Gate,
    /// Run what is claimed instead of giving it back.
    drain: AtomicBool,
    /// Handlers have been asked to stop; so are those that begin from now on.
    late: AtomicBool,
}

/// Opened once, by dropping the sender.
struct Gate {
    open: AtomicBool,
    sender: Mutex<Option<Sender<()>>>,
    receiver: Receiver<()>,
}

impl Gate {
    fn new() -> Gate {
        let (sender, receiver) = bounded(0);
        Gate { open: AtomicBool::new(false), sender: Mutex::new(Some(sender)), receiver }
    }

    fn open(&self) {
        self.open.store(true, Ordering::Release);
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

impl Stop {
    pub(super) fn new() -> Stop {
        Stop { requested: Gate::new(), over: Gate::new(), drain: AtomicBool::new(false), late: AtomicBool::new(false) }
    }

    pub(super) fn request(&self, drain: bool) {
        self.drain.fetch_or(drain, Ordering::AcqRel);
        self.requested.open();
    }

    pub(super) fn finish(&self) {
        self.requested.open();
        self.over.open();
    }

    pub(super) fn is_requested(&self) -> bool {
        self.requested.is_open()
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

    pub(super) fn requested(&self) -> &Receiver<()> {
        &self.requested.receiver
    }

    pub(super) fn over(&self) -> &Receiver<()> {
        &self.over.receiver
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_open()
    }
}

/// How a worker has stopped.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Jobs that had been claimed, had not begun, and were given back.
    pub given_back: usize,
    /// Jobs whose handlers were still running at the deadline, and which stay claimed: their handlers may yet do
    /// something, and what they answer is no longer recorded.
    pub still_running: Vec<i64>,
    /// Jobs whose handlers were still running at the deadline, and which were given back all the same, because nothing
    /// that those handlers may yet do counts: see [`Running::stop_to_exit`](crate::Running::stop_to_exit).
    pub abandoned: Vec<i64>,
    /// Jobs that were run and whose outcome could not be recorded, or that had not begun and could not be given back,
    /// because the database was not there; they stay claimed.
    pub unsettled: Vec<i64>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// Whether every job that was begun has come to its end and has been recorded.
    pub fn is_clean(&self) -> bool {
        self.still_running.is_empty() && self.abandoned.is_empty() && self.unsettled.is_empty()
    }
}

/// Waits on a channel until something comes, it closes, or a time has come.
pub(super) fn wait_until<T>(receiver: &Receiver<T>, deadline: Instant) {
    let _ = receiver.recv_deadline(deadline);
}
