//! Threads in the background, and how they are stopped.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::RecvTimeoutError;

use super::{
    Owner,
    thread::{self, Ended},
};
use crate::{Error, Result};

/// Threads that work until they are stopped. Cheap to clone; when the last clone is dropped they are told to stop, and
/// nobody waits for them.
#[derive(Clone)]
#[must_use = "dropping this stops the work: keep it, and call `stop`"]
pub struct Background(Arc<Inner>);

struct Inner {
    owner: Arc<Owner>,
    threads: Vec<Ended>,
}

/// What one thread does.
type Work = Box<dyn FnOnce(Arc<Owner>) + Send>;

impl Background {
    /// Starts a thread for each piece of work; if one cannot be started, those before it are stopped again.
    pub(crate) fn start(owner: Arc<Owner>, work: impl IntoIterator<Item = (String, Work)>) -> Result<Background> {
        // Stops them when it is dropped.
        let mut background = Inner { owner: owner.clone(), threads: Vec::new() };
        for (name, run) in work {
            let owner = owner.clone();
            let started = thread::start(name, move || run(owner));
            let started =
                started.map_err(|error| Error::unavailable("a thread could not be started").because(error))?;
            background.threads.push(started);
        }
        Ok(Background(Arc::new(background)))
    }

    /// Its id: what it is, its process, and a number that no other one has.
    pub fn id(&self) -> &str {
        &self.0.owner.id
    }

    /// Tells the threads to stop after what they are at, and waits for them until `deadline` has passed; answers whether
    /// all have ended. May be called again.
    pub fn stop(&self, deadline: Duration) -> bool {
        self.0.owner.stop.finish();
        let deadline = Instant::now().checked_add(deadline);
        self.0.threads.iter().all(|thread| match deadline {
            Some(deadline) => thread.recv_deadline(deadline) != Err(RecvTimeoutError::Timeout),
            None => thread.recv().is_err(),
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.owner.stop.finish();
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").field("id", &self.id()).finish_non_exhaustive()
    }
}
