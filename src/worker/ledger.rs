//! Jobs of which the database is being told something: that they are settled, or given back.
//!
//! A stop that can wait no longer reports what is still written here, whatever the thread that does it is waiting for.

use std::sync::{Mutex, PoisonError};

/// The ids of those jobs, in one thread's hands.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Vec<i64>>);

impl Ledger {
    /// Writes down what is about to be told; answers what to give to [`close`](Ledger::close).
    pub(super) fn open(&self, ids: impl Iterator<Item = i64>) -> usize {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = open.len();
        open.extend(ids);
        begins
    }

    /// All that was written since is told, except for `untold`, which stays for ever.
    pub(super) fn close(&self, begins: usize, untold: Vec<i64>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.truncate(begins);
        open.extend(untold);
    }

    /// What has not been told.
    pub(super) fn untold(&self) -> Vec<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
