//! One bell for all workers of a process: rung by inserts, notifications and moved clocks.
//!
//! Ringing carries no data and may be lost without harm: it saves a worker from waiting for its next poll, no more.

use std::sync::Arc;

use crate::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
    channel::{Receiver, Sender, bounded},
};

/// The bell of a client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wake(Arc<Bell>);

#[derive(Debug, Default)]
struct Bell {
    listeners: Mutex<Vec<Sender<()>>>,
    reopened: AtomicU64,
}

impl Wake {
    /// Wakes everybody who listens. A second ring before the first was heard adds nothing.
    pub(crate) fn wake_all(&self) {
        let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| !matches!(listener.try_send(()), Err(error) if error.is_disconnected()));
    }

    /// As [`wake_all`](Wake::wake_all), where a job may have become claimable that is not the last of its queue.
    pub(crate) fn wake_for_reopened(&self) {
        self.0.reopened.fetch_add(1, Ordering::AcqRel);
        self.wake_all();
    }

    /// How often that has happened.
    pub(crate) fn reopened(&self) -> u64 {
        self.0.reopened.load(Ordering::Acquire)
    }

    /// A new listener.
    pub(crate) fn listen(&self) -> Receiver<()> {
        self.ear().heard
    }

    /// A new listener whom others may wake alone.
    pub(crate) fn ear(&self) -> Ear {
        let (ring, heard) = bounded(1);
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(ring.clone());
        Ear { ring, heard }
    }
}

/// One who listens.
pub(crate) struct Ear {
    ring: Sender<()>,
    heard: Receiver<()>,
}

impl Ear {
    /// Wakes this one and nobody else.
    pub(crate) fn wake(&self) {
        let _ = self.ring.try_send(()); // it is full: that will be heard
    }

    /// What wakes it.
    pub(crate) fn heard(&self) -> &Receiver<()> {
        &self.heard
    }
}
