//! A worker: threads that claim jobs, run them and settle them.
//!
//! A line of small machines joined by bounded channels; only permits, wake and stop travel backwards.
//!
//! ```text
//!  listener ─(wake)─► claimer ──[jobs]──► worker threads ──[finished]──► settler ──► queue::settle
//!                       ▲                      │      ▲
//!                       └─────── permits ──────┘      └── watcher: deadlines, cancelled claims, stuck handlers
//! ```

mod attempt;
mod budget;
mod builder;
mod cancel;
mod claimer;
mod context;
mod handler;
mod health;
mod lifeline;
#[cfg(feature = "postgres")]
mod listener;
mod once;
mod outcome;
mod panic;
mod queues;
mod running;
mod settler;
mod signal;
mod slot;
mod stop;
mod thread;
mod watcher;

pub use builder::Worker;
pub use cancel::{CancelReason, CancelToken};
pub use context::Context;
pub use handler::{Handler, HandlerResult};
pub use health::Health;
pub use once::Worked;
pub use outcome::Outcome;
pub use queues::Queue;
pub use running::Running;
pub use stop::Report;

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use crate::{Client, Job};

/// What the threads of one started worker share.
struct Shared {
    client: Client,
    settings: builder::Settings,
    id: Arc<str>,
    /// The kinds that it handles, as a JSON array.
    kinds: String,
    budget: budget::Budget,
    slots: slot::Slots,
    stop: stop::Stop,
    orders: (Sender<Order>, Receiver<Order>),
    finished: (Sender<settler::Letter>, Receiver<settler::Letter>),
    /// Rung for the watcher, when a deadline comes before its next look.
    watch: (Sender<()>, Receiver<()>),
    health: health::Signs,
    runners: thread::Runners,
}

impl Shared {
    /// Takes up to `most` jobs that no thread has begun. Dismissals stay.
    fn take_unbegun(&self, most: usize) -> Vec<Claimed> {
        let mut claimed = Vec::new();
        let mut dismissals = 0;
        while claimed.len() < most {
            match self.orders.1.try_recv() {
                Ok(Order::Run(one)) => claimed.push(one),
                Ok(Order::Leave) => dismissals += 1,
                Err(_) => break,
            }
        }
        (0..dismissals).for_each(|_| drop(self.orders.0.try_send(Order::Leave)));
        claimed
    }
}

/// What a worker thread is told to do.
enum Order {
    Run(Claimed),
    Leave,
}

/// A job on its way to a thread.
struct Claimed {
    job: Arc<Job>,
    /// Which of the worker's queues it counts against.
    queue: Option<usize>,
}
