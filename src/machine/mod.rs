//! What all machines are made of: threads with names, connections that come back, and a signal to stop.
//!
//! A worker is one, and so is whatever else runs in the background.

mod background;
pub(crate) mod lifeline;
mod outages;
pub(crate) mod panic;
pub(crate) mod stop;
pub(crate) mod thread;

use std::{sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, never, select};

pub use background::Background;

use crate::Client;

/// Whose the threads are.
pub(crate) struct Owner {
    pub(crate) client: Client,
    /// Its label, the process, and a number that nobody else has.
    pub(crate) id: Arc<str>,
    pub(crate) stop: Arc<stop::Stop>,
    outages: outages::Outages,
}

impl Owner {
    pub(crate) fn new(client: &Client, label: &str) -> Arc<Owner> {
        let id = format!("{label}-{}-{:016x}", std::process::id(), fastrand::u64(..));
        Arc::new(Owner {
            client: client.clone(),
            id: id.into(),
            stop: Arc::new(stop::Stop::new()),
            outages: outages::Outages::default(),
        })
    }

    /// Rung when the clock of a test is moved; nothing rings where there is none.
    pub(crate) fn clock_bell(&self) -> Receiver<()> {
        if self.client.now().is_some() { self.client.wake().listen() } else { never() }
    }

    /// Waits this long, or until the bell rings or the stop is over.
    pub(crate) fn rest(&self, span: Duration, bell: &Receiver<()>) {
        select! {
            recv(bell) -> _ => {}
            recv(self.stop.over()) -> _ => {}
            default(span) => {}
        }
    }
}
