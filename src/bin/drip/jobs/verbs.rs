//! `drip jobs cancel`, `retry`, `delete` and their like: which verb of the library each is.

use std::time::Duration;

use clap::Args;
use drip::{Changed, Client, JobFilter, State, Verb};

use super::{
    change::{All, Change, One, Which},
    get,
};
use crate::{
    app::App,
    failure::{Failure, Outcome},
    time::duration,
};

/// Make jobs available again, now
#[derive(Debug, Args)]
pub struct RetryCommand {
    /// Run completed jobs once more, too
    #[arg(long)]
    completed_too: bool,
    #[command(flatten)]
    which: Which,
}

/// Put running jobs off; this attempt does not count
#[derive(Debug, Args)]
pub struct SnoozeCommand {
    /// For how long
    #[arg(long = "for", alias = "in", value_name = "DURATION", value_parser = duration)]
    delay: Duration,
    #[command(flatten)]
    which: Which,
}

pub fn cancel(which: Which, app: &mut App) -> Outcome {
    all(which, app, Verb::Cancel, "cancelled", &|on, id| Ok(drip::cancel_job(on, id)?), &|on, filter| {
        drip::cancel_jobs(on, filter)
    })
}

pub fn discard(which: Which, app: &mut App) -> Outcome {
    all(which, app, Verb::Discard, "discarded", &|on, id| Ok(drip::discard_job(on, id)?), &|on, filter| {
        drip::discard_jobs(on, filter)
    })
}

pub fn delete(which: Which, app: &mut App) -> Outcome {
    let delete = |on: &Client, filter: &JobFilter| {
        let deleted = drip::delete_jobs(on, filter)?;
        let mut changed = Changed::default();
        changed.changed = deleted;
        Ok(changed)
    };
    all(which, app, Verb::Delete, "deleted", &|on, id| Ok(drip::delete_job(on, id)?), &delete)
}

pub fn rescue(which: Which, app: &mut App) -> Outcome {
    let one = |on: &Client, id| {
        let changed = drip::rescue_jobs(on, &JobFilter::new().id(id))?.changed;
        let job = get::found(on, id)?;
        match changed {
            0 => Err(Failure::refused(format!("cannot rescue job {id}: it is {}", job.state))),
            _ => Ok(job),
        }
    };
    all(which, app, Verb::Rescue, "given back", &one, &|on, filter| drip::rescue_jobs(on, filter))
}

impl RetryCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        if !self.completed_too {
            return all(
                self.which,
                app,
                Verb::Retry,
                "retried",
                &|on, id| Ok(drip::retry_job(on, id)?),
                &|on, filter| drip::retry_jobs(on, filter),
            );
        }
        let one: &One<'_> = &|on, id| Ok(drip::retry_completed_job(on, id)?);
        let change = Change { verb: Verb::Retry, done: "retried", also: Some(State::Completed), one, all: None };
        self.which.run(app, &change)
    }
}

impl SnoozeCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        each(self.which, app, Verb::Snooze, "snoozed", &|on, id| Ok(drip::snooze_job(on, id, self.delay)?))
    }
}

pub fn complete(which: Which, app: &mut App) -> Outcome {
    each(which, app, Verb::Complete, "completed", &|on, id| Ok(drip::complete_job(on, id)?))
}

pub fn release(which: Which, app: &mut App) -> Outcome {
    each(which, app, Verb::Release, "released", &|on, id| Ok(drip::release_job(on, id)?))
}

fn all(which: Which, app: &mut App, verb: Verb, done: &'static str, one: &One<'_>, all: &All<'_>) -> Outcome {
    which.run(app, &Change { verb, done, also: None, one, all: Some(all) })
}

/// What the library does to one job at a time only.
pub fn each(which: Which, app: &mut App, verb: Verb, done: &'static str, one: &One<'_>) -> Outcome {
    which.run(app, &Change { verb, done, also: None, one, all: None })
}
