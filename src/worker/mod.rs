//! A worker: threads that claim jobs, run them and settle them.
//!
//! A line of small machines joined by bounded channels; only permits, wake and stop travel backwards.
//!
//! ```text
//!  listener ─(wake)─► claimer ──[jobs]──► worker threads ──[finished]──► settler ──► queue::settle
//!                       ▲                      │      ▲
//!                       └─────── permits ──────┘      └── watcher: deadlines, cancelled claims, stuck handlers
//!
//!  liveness: says that this worker lives, and gives the jobs of those that do not to others
//! ```

mod attempt;
mod budget;
mod builder;
mod cancel;
mod claimer;
mod context;
mod finished;
mod handler;
mod health;
mod in_hand;
#[cfg(feature = "postgres")]
mod listener;
mod liveness;
mod middleware;
mod once;
mod orders;
mod outcome;
mod pace;
mod queues;
mod remains;
mod runners;
mod running;
mod settings;
mod settler;
mod signal;
mod slot;
mod stop;
mod watcher;

pub use builder::Worker;
pub use cancel::{CancelReason, CancelToken};
pub use context::Context;
pub use handler::{Handler, HandlerResult};
pub use health::Health;
pub use middleware::Next;
pub use once::Worked;
pub use outcome::Outcome;
pub use queues::Queue;
pub use running::Running;
pub use stop::Report;

use std::{sync::Arc, time::Instant};

use crossbeam_channel::{Receiver, Sender};

use crate::{
    Client, Job,
    machine::{Owner, stop::Stop},
    metrics::{Load, Workforce},
    wake::Ear,
};

/// What the threads of one started worker share.
struct Shared {
    owner: Arc<Owner>,
    /// The owner's client, id and signals of a stop.
    client: Client,
    id: Arc<str>,
    stop: Arc<Stop>,
    manner: stop::Manner,
    settings: settings::Settings,
    label: std::borrow::Cow<'static, str>,
    /// The kinds that it handles, as a JSON array.
    kinds: String,
    budget: budget::Budget,
    slots: slot::Slots,
    orders: orders::Orders<Claimed>,
    finished: (Sender<finished::Letter>, Receiver<finished::Letter>),
    settling: in_hand::InHand,
    giving_back: in_hand::InHand,
    /// Wakes the claimer.
    ear: Ear,
    /// Rung for the watcher, when a deadline comes before its next look.
    watch: (Sender<()>, Receiver<()>),
    health: health::Signs,
    runners: runners::Runners,
}

impl Shared {
    fn request_stop(&self, drain: bool) {
        if drain {
            self.manner.drain();
        }
        self.stop.request();
    }

    /// So many suspects are done with, and recorded: the next one may be claimed, and an idle claimer hears only this.
    fn free_suspects(&self, count: usize) {
        self.budget.free_suspects(count);
        if count > 0 {
            self.client.wake().wake_all();
        }
    }

    /// Tells every thread that runs jobs to leave after those that are before this in the channel.
    fn dismiss_runners(&self) {
        self.orders.dismiss(self.runners.close());
    }
}

impl Workforce for Shared {
    fn load(&self) -> Load {
        match self.stop.is_over() {
            true => Load::default(),
            false => {
                Load { threads: self.settings.concurrency, busy: self.slots.busy(), in_flight: self.budget.in_flight() }
            }
        }
    }
}

/// A job on its way to a thread.
struct Claimed {
    job: Arc<Job>,
    place: budget::Place,
    since: Instant,
}
