//! The signals of a stop.

use std::time::Instant;

use crate::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
    channel::{Receiver, Sender, bounded},
};

/// The two signals of a stop. A receiver of each becomes ready when it is given, and stays so.
pub(crate) struct Stop {
    /// Take on nothing more.
    requested: Gate,
    /// Nothing more will happen: whatever still waits, ends.
    over: Gate,
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
    pub(crate) fn new() -> Stop {
        Stop { requested: Gate::new(), over: Gate::new() }
    }

    pub(crate) fn request(&self) {
        self.requested.open();
    }

    pub(crate) fn finish(&self) {
        self.requested.open();
        self.over.open();
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested.is_open()
    }

    pub(crate) fn requested(&self) -> &Receiver<()> {
        &self.requested.receiver
    }

    pub(crate) fn over(&self) -> &Receiver<()> {
        &self.over.receiver
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.is_open()
    }
}

/// Waits on a channel until something comes, it closes, or a time has come.
pub(crate) fn wait_until<T>(receiver: &Receiver<T>, deadline: Instant) {
    let _ = receiver.recv_deadline(deadline);
}
