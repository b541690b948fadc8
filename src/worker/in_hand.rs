//! What a thread is writing to the database at the moment.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The ids of the jobs of which a thread is recording what becomes of them.
#[derive(Default)]
pub(super) struct InHand(Mutex<Vec<i64>>);

impl InHand {
    pub(super) fn ids(&self) -> Vec<i64> {
        self.lock().clone()
    }

    /// Takes up jobs; answers how many there were before.
    pub(super) fn take_up(&self, ids: impl Iterator<Item = i64>) -> usize {
        let mut all = self.lock();
        let before = all.len();
        all.extend(ids);
        before
    }

    /// What was taken up since is done with, but for these.
    pub(super) fn put_down(&self, before: usize, unrecorded: &[i64]) {
        let mut all = self.lock();
        all.truncate(before);
        all.extend(unrecorded);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
