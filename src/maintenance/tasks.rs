//! The tasks: what each does in one run.

use std::time::Duration;

use super::task::{Run, Task};
use crate::{
    RescueAfter, Retention,
    queue::{self, settle::tell_rescued, stride::Stride},
    session::{Mode, own},
};

pub(super) fn rescue(after: RescueAfter, interval: Duration) -> Task {
    let run = move |run: &mut Run<'_>| {
        let client = run.owner.client.clone();
        queue::overdue::rescue_overdue(run, &after, |rescued| tell_rescued(&client, rescued))
    };
    Task { name: "rescue", interval, run: Box::new(run) }
}

pub(super) fn retain(retention: Retention, interval: Duration) -> Task {
    // As the last run has left it: the next one need not learn it again.
    let stride = Stride::new();
    let run = move |run: &mut Run<'_>| queue::retain::retain(run, &retention, &stride);
    Task { name: "retain", interval, run: Box::new(run) }
}

pub(super) fn expire(interval: Duration) -> Task {
    let run = |run: &mut Run<'_>| queue::expire::expire(run);
    Task { name: "expire", interval, run: Box::new(run) }
}

pub(super) fn reindex(interval: Duration) -> Task {
    let run = |run: &mut Run<'_>| {
        let owner = run.owner;
        let lifeline = &mut *run.lifeline;
        let mut outside = |work: &mut dyn FnMut(&mut crate::dialect::Sql<'_>) -> crate::Result<()>| {
            lifeline.run(|connection, now| own(connection, now, Mode::Read, work))
        };
        Ok(queue::reindex::reindex_by(&owner.client, &mut outside, &|| !owner.stop.is_requested())?.len())
    };
    Task { name: "reindex", interval, run: Box::new(run) }
}

pub(super) fn tidy(interval: Duration) -> Task {
    let run = |run: &mut Run<'_>| run.lifeline.run(|connection, _| queue::tidy::tidy_on(connection));
    Task { name: "tidy", interval, run: Box::new(run) }
}
