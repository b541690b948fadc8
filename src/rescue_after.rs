//! For how long a job may run before it is taken from a worker that lives.

use std::{collections::BTreeMap, time::Duration};

use crate::{Result, name, new_job::check_span};

/// For how long a job may run before it is rescued though its worker lives, by queue; from 1 ms to 10 years, `None` for as long
/// as it takes.
///
/// ```
/// use drip::RescueAfter;
/// use std::time::Duration;
///
/// let after = RescueAfter::new(Duration::from_secs(3600)).in_queue("reports", None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct RescueAfter {
    after: Option<Duration>,
    queues: BTreeMap<String, Option<Duration>>,
}

impl RescueAfter {
    /// The same for all queues.
    pub fn new(after: impl Into<Option<Duration>>) -> Self {
        RescueAfter { after: after.into(), queues: BTreeMap::new() }
    }

    /// Another one for this queue.
    pub fn in_queue(mut self, queue: impl Into<String>, after: impl Into<Option<Duration>>) -> Self {
        self.queues.insert(queue.into(), after.into());
        self
    }

    pub(crate) fn in_others(&mut self, after: Option<Duration>) {
        self.after = after;
    }

    pub(crate) fn of(&self, queue: &str) -> Option<Duration> {
        self.queues.get(queue).copied().unwrap_or(self.after)
    }

    /// The shortest there is; none: no job is rescued.
    pub(crate) fn shortest(&self) -> Option<Duration> {
        self.queues.values().copied().chain([self.after]).flatten().min()
    }

    pub(crate) fn check(&self) -> Result<()> {
        for (queue, after) in &self.queues {
            name::check_queue(queue)?;
            check_span("rescue_after", *after, Duration::from_millis(1))?;
        }
        check_span("rescue_after", self.after, Duration::from_millis(1))
    }
}
