//! The threads of a worker: each has a name, runs one of the machines, and says when it has ended.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    thread,
};

use crossbeam_channel::{Receiver, TryRecvError, bounded};

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
        let ended = start(name, move || {
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

    /// Whether they have been told to leave, or are about to be.
    pub(super) fn are_dismissed(&self) -> bool {
        self.lock().closed
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
