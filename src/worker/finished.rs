//! An attempt that has ended, on its way to be recorded.

use std::sync::Arc;

use crate::{
    Job,
    event::Timing,
    queue::{complete, ending::Ending, settle::Settlement},
};

/// How many letters may wait; beyond that, threads wait with their next job until the database has caught up.
pub(super) const MAILBOX: usize = 8192;

/// What the settler is sent.
pub(super) enum Letter {
    Finished(Finished),
    /// Nothing more will come.
    Last,
}

/// An attempt that has ended and is to be recorded.
pub(super) struct Finished {
    pub(super) job: Arc<Job>,
    pub(super) ending: Ending,
    pub(super) timing: Timing,
    pub(super) timed_out: bool,
    /// The handler says that it has settled the job: this should be refused, and nobody be told.
    pub(super) settled: bool,
    /// The worker's suspect: until this is recorded there is no other, which it could be taken for.
    pub(super) suspect: bool,
}

impl Finished {
    pub(super) fn new(job: Arc<Job>, ending: Ending, timing: Timing) -> Finished {
        Finished { job, ending, timing, timed_out: false, settled: false, suspect: false }
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.ending, Ending::Complete { output: None }) && complete::is_plain(&self.job)
    }

    /// Whether its row goes, and nothing need be known of it for that.
    pub(super) fn is_dropped(&self) -> bool {
        matches!(self.ending, Ending::Complete { output: None }) && self.job.ephemeral
    }

    pub(super) fn settlement(&self) -> Settlement {
        Settlement { target: (&*self.job).into(), ending: self.ending.clone() }
    }
}
