//! What each thread is running, for those who watch it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{
    budget::Place,
    cancel::{CancelReason, CancelToken},
};
use crate::{Job, event::Timing};

/// The slots of all threads, replacements included.
#[derive(Default)]
pub(super) struct Slots(Mutex<Vec<Arc<Slot>>>);

/// The slot of one thread.
#[derive(Default)]
pub(super) struct Slot(Mutex<Option<Occupant>>);

/// A job that a thread is running.
pub(super) struct Occupant {
    pub(super) job: Arc<Job>,
    pub(super) place: Place,
    pub(super) cancel: CancelToken,
    pub(super) started: Instant,
    pub(super) timing: Timing,
    pub(super) transactional: bool,
    /// Since when what the handler answers does not count any more.
    pub(super) disowned: Option<Instant>,
    pub(super) stuck: Option<Stuck>,
}

/// A handler that ignores its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuck {
    /// Another thread has taken over, and this one ends when its handler returns.
    Replaced,
    /// No other thread may be started; this one goes on when its handler returns.
    Waiting,
}

impl Slots {
    pub(super) fn add(&self, slot: &Arc<Slot>) {
        self.lock().push(slot.clone());
    }

    pub(super) fn remove(&self, slot: &Arc<Slot>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, slot));
    }

    /// Looks at everything that is running, without holding up those who run it for long.
    pub(super) fn for_each(&self, mut look: impl FnMut(&mut Occupant)) {
        let slots = self.lock().clone();
        for slot in slots {
            if let Some(occupant) = &mut *slot.lock() {
                look(occupant);
            }
        }
    }

    /// How many threads are running a job.
    pub(super) fn busy(&self) -> usize {
        let mut busy = 0;
        self.for_each(|_| busy += 1);
        busy
    }

    /// Fires the tokens of everything that is running.
    pub(super) fn cancel_all(&self, reason: CancelReason) {
        self.for_each(|occupant| occupant.cancel.fire(reason));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(super) fn occupy(&self, occupant: Occupant) {
        *self.lock() = Some(occupant);
    }

    /// What the slot held, as the watcher has left it.
    pub(super) fn vacate(&self) -> Option<Occupant> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Occupant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
