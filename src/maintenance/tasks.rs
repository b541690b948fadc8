//! The tasks: what each does in one run.

use std::time::Duration;

use super::task::{Run, Task};
use crate::{
    RescueAfter, Result, Retention,
    queue::{expire, overdue, reindex, retain, stride::Stride, tidy},
    session::{Mode, own},
};

pub(super) struct Rescue {
    pub(super) after: RescueAfter,
    pub(super) interval: Duration,
}

impl Task for Rescue {
    fn name(&self) -> &'static str {
        "rescue"
    }
    fn interval(&self) -> Duration {
        self.interval
    }
    fn run(&mut self, run: &mut Run<'_>) -> Result<usize> {
        let client = run.owner.client.clone();
        overdue::rescue_overdue(run, &self.after, |rescued| overdue::tell(&client, rescued))
    }
}

pub(super) struct Retain {
    retention: Retention,
    interval: Duration,
    /// As the last run has left it: the next one need not learn it again.
    stride: Stride,
}

impl Retain {
    pub(super) fn new(retention: Retention, interval: Duration) -> Retain {
        Retain { retention, interval, stride: Stride::new() }
    }
}

impl Task for Retain {
    fn name(&self) -> &'static str {
        "retain"
    }
    fn interval(&self) -> Duration {
        self.interval
    }
    fn run(&mut self, run: &mut Run<'_>) -> Result<usize> {
        retain::retain(run, &self.retention, &self.stride)
    }
}

pub(super) struct Expire {
    pub(super) interval: Duration,
}

impl Task for Expire {
    fn name(&self) -> &'static str {
        "expire"
    }
    fn interval(&self) -> Duration {
        self.interval
    }
    fn run(&mut self, run: &mut Run<'_>) -> Result<usize> {
        expire::expire(run)
    }
}

pub(super) struct Reindex {
    pub(super) interval: Duration,
}

impl Task for Reindex {
    fn name(&self) -> &'static str {
        "reindex"
    }
    fn interval(&self) -> Duration {
        self.interval
    }
    fn run(&mut self, run: &mut Run<'_>) -> Result<usize> {
        let owner = run.owner;
        let lifeline = &mut *run.lifeline;
        let mut outside = |work: &mut dyn FnMut(&mut crate::dialect::Sql<'_>) -> Result<()>| {
            lifeline.run(|connection, now| own(connection, now, Mode::Read, work))
        };
        Ok(reindex::reindex_by(&owner.client, &mut outside, &|| !owner.stop.is_requested())?.len())
    }
}

pub(super) struct Tidy {
    pub(super) interval: Duration,
}

impl Task for Tidy {
    fn name(&self) -> &'static str {
        "tidy"
    }
    fn interval(&self) -> Duration {
        self.interval
    }
    fn run(&mut self, run: &mut Run<'_>) -> Result<usize> {
        run.lifeline.run(|connection, _| tidy::tidy_on(connection))
    }
}
