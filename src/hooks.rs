//! What a client does to every job before it is inserted.

use std::{fmt, sync::Arc};

use crate::{NewJob, Result};

type InsertHook = dyn Fn(NewJob) -> Result<NewJob> + Send + Sync;

/// The hooks of a client, in the order in which they are run.
#[derive(Clone, Default)]
pub(crate) struct InsertHooks(Vec<Arc<InsertHook>>);

impl InsertHooks {
    pub(crate) fn add(&mut self, hook: impl Fn(NewJob) -> Result<NewJob> + Send + Sync + 'static) {
        self.0.push(Arc::new(hook));
    }

    /// The job as they leave it, or the first refusal.
    pub(crate) fn apply(&self, job: NewJob) -> Result<NewJob> {
        self.0.iter().try_fold(job, |job, hook| hook(job))
    }
}

impl fmt::Debug for InsertHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hooks", self.0.len())
    }
}
