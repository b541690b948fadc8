//! The threads that run jobs.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use crossbeam_channel::TryRecvError;

use super::{Shared, attempt, slot::Slot};
use crate::machine::thread::{self, Ended};

/// The threads that run jobs, replacements included.
#[derive(Default)]
pub(super) struct Runners(Mutex<Started>);

#[derive(Default)]
struct Started {
    runners: Vec<Ended>,
    /// How many there have ever been.
    count: usize,
    closed: bool,
}

impl Runners {
    /// Starts one more, unless they have been told to leave.
    pub(super) fn start(&self, shared: &Arc<Shared>) -> io::Result<()> {
        let mut started = self.lock();
        if started.closed {
            return Err(io::Error::other("the worker is stopping"));
        }
        let shared = shared.clone();
        let slot = Arc::new(Slot::default());
        let name = format!("drip-job-{}", started.count + 1);
        let ended = thread::start(name, move || {
            shared.slots.add(&slot);
            run_orders(&shared, &slot);
            shared.slots.remove(&slot);
        })?;
        started.count += 1;
        started.runners.retain(|runner| runner.try_recv() != Err(TryRecvError::Disconnected));
        started.runners.push(ended);
        Ok(())
    }

    /// Starts no more; answers how many there are.
    pub(super) fn close(&self) -> usize {
        let mut started = self.lock();
        started.closed = true;
        started.runners.len()
    }

    /// All that may not have ended.
    pub(super) fn all(&self) -> Vec<Ended> {
        self.lock().runners.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Started> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run_orders(shared: &Shared, slot: &Slot) {
    shared.orders.serve(&shared.stop, |claimed| {
        let is_wanted = attempt::run(shared, slot, claimed);
        if !is_wanted {
            shared.health.replaced.fetch_sub(1, Ordering::AcqRel);
        }
        is_wanted
    });
}
