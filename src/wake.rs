//! One bell for all workers of a process: rung by inserts, notifications and moved clocks.
//!
//! Ringing carries no data and may be lost without harm: it saves a worker from waiting for its next poll, no more.

use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

/// The bell of a client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wake(Arc<Mutex<Vec<Sender<()>>>>);

impl Wake {
    /// Wakes everybody who listens. A second ring before the first was heard adds nothing.
    pub(crate) fn wake_all(&self) {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| !matches!(listener.try_send(()), Err(error) if error.is_disconnected()));
    }

    /// A new listener.
    pub(crate) fn listen(&self) -> Receiver<()> {
        let (sender, receiver) = bounded(1);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }
}
