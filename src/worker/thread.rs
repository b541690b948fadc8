//! The threads of a worker: each has a name, runs one of the machines, and says when it has ended.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread,
};

use crossbeam_channel::{Receiver, bounded};

use super::{Order, Shared, attempt, slot::Slot};

/// A thread that was started; its receiver becomes ready when the thread has ended.
pub(super) type Ended = Receiver<()>;

/// Starts a machine on a thread of its own.
pub(super) fn start(name: String, run: impl FnOnce() + Send + 'static) -> io::Result<Ended> {
    let (alive, ended) = bounded(0);
    thread::Builder::new().name(name).spawn(move || {
        run();
        drop::<crossbeam_channel::Sender<()>>(alive);
    })?;
    Ok(ended)
}

/// The threads that run jobs, replacements included.
#[derive(Default)]
pub(super) struct Runners(Mutex<Vec<Ended>>);

impl Runners {
    /// Starts one more.
    pub(super) fn start(&self, shared: &Arc<Shared>) -> io::Result<()> {
        let mut runners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = shared.clone();
        let slot = shared.slots.add();
        let ended = start(format!("drip-job-{}", runners.len() + 1), move || {
            run_orders(&shared, &slot);
            shared.slots.remove(&slot);
        })?;
        runners.push(ended);
        Ok(())
    }

    /// All that have ever been started.
    pub(super) fn all(&self) -> Vec<Ended> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn run_orders(shared: &Shared, slot: &Slot) {
    while let Ok(Order::Run(claimed)) = shared.orders.1.recv() {
        if shared.stop.is_over() {
            // The stop has reported it as not begun; the claimer gives it back if it ever can.
            let _ = shared.orders.0.try_send(Order::Run(claimed));
            return;
        }
        if !attempt::run(shared, slot, claimed) {
            shared.health.replaced.fetch_sub(1, Ordering::AcqRel);
            return;
        }
    }
}
