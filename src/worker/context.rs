//! What a handler knows of the attempt that it is running.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;

use super::cancel::CancelToken;
use crate::{Client, Job};

/// The attempt that a handler is running.
#[derive(Debug)]
pub struct Context {
    client: Client,
    job: Arc<Job>,
    worker_id: Arc<str>,
    cancel: CancelToken,
    /// Tells the watcher that the deadline has changed.
    watch: Option<Sender<()>>,
}

impl Context {
    pub(super) fn new(client: &Client, job: Arc<Job>, worker_id: &Arc<str>) -> Context {
        Context {
            client: client.clone(),
            job,
            worker_id: worker_id.clone(),
            cancel: CancelToken::default(),
            watch: None,
        }
    }

    /// With a watcher, and perhaps a time limit from now on.
    pub(super) fn watched(mut self, watch: &Sender<()>, timeout: Option<Duration>) -> Context {
        self.watch = Some(watch.clone());
        if timeout.is_some() {
            self.cancel.set_deadline(timeout.and_then(|timeout| Instant::now().checked_add(timeout)));
        }
        self
    }

    /// The job, which also is the claim: give it to a verb such as [`complete_job`](crate::complete_job) or
    /// [`snooze_job`](crate::snooze_job) to settle it yourself, and answer [`Outcome::Settled`](crate::Outcome::Settled).
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Which attempt this is; the first is 1.
    pub fn attempt(&self) -> u32 {
        self.job.attempt
    }

    /// The worker's client. Jobs inserted through it are committed at once, whatever becomes of this attempt.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The id of the worker.
    pub fn worker_id(&self) -> &str {
        &self.worker_id
    }

    /// Fires when the handler should stop. A handler that may run for long looks at it now and then.
    pub fn cancel(&self) -> &CancelToken {
        &self.cancel
    }

    /// Whether the handler should stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// When this attempt's time is up, if it is limited.
    pub fn deadline(&self) -> Option<Instant> {
        self.cancel.deadline()
    }

    /// How much time is left, if it is limited.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Limits this attempt anew: its time is up `timeout` from now. Comes too late once the token has fired.
    pub fn extend(&self, timeout: Duration) {
        self.cancel.set_deadline(Instant::now().checked_add(timeout));
        if let Some(watch) = &self.watch {
            let _ = watch.try_send(());
        }
    }

    pub(super) fn shared_job(&self) -> &Arc<Job> {
        &self.job
    }
}
