//! Jobs run a second.

use std::{
    thread,
    time::{Duration, Instant},
};

use drip::{Context, HandlerResult, NewJob, Worked};
use serde::de::IgnoredAny;

use super::{
    Figure, Limits,
    round::{self, Round},
    site::{KIND, Site, bar, not_run},
};
use crate::failure::Outcome;

/// How often is looked whether all jobs are done.
const LOOK: Duration = Duration::from_millis(2);

/// How long a worker, or a moment in which others have locked what there is, is waited for.
const STOPPING: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// From the start of a worker until its last job is completed.
pub fn drain(site: &Site, limits: &Limits) -> Outcome<Figure> {
    run(site, "drain", limits, |job| job)
}

/// The same with jobs that are removed when they are done.
pub fn ephemeral(site: &Site, limits: &Limits) -> Outcome<Figure> {
    run(site, "ephemeral", limits, NewJob::ephemeral)
}

/// Each by one commit.
pub fn transactional(site: &Site, limits: &Limits) -> Outcome<Figure> {
    site.fill(limits.jobs, |job| job)?;
    let worker = site.worker(1).handle_kind(KIND, nothing);
    let once = |_: u32, round: &Round<'_>| {
        while !round.is_over() {
            match worker.work_once() {
                // Others have locked what there is.
                Ok(Worked::Nothing) => thread::sleep(PAUSE),
                Ok(_) => return Ok(1),
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(0)
    };
    some(round::measure(site, "transactional", limits, 1, once)?, limits)
}

fn nothing(_: &Context, _: IgnoredAny) -> HandlerResult {
    Ok(())
}

fn run(site: &Site, name: &'static str, limits: &Limits, change: fn(NewJob) -> NewJob) -> Outcome<Figure> {
    site.fill(limits.jobs, change)?;
    let worker = site.worker(limits.threads).handle_kind(KIND, nothing);
    let (bar, before) = (bar(name, limits.jobs), site.completed());
    let began = Instant::now();
    let running = worker.start()?;
    let (done, took) = loop {
        let (done, took) = (site.completed() - before, began.elapsed());
        if done >= limits.jobs.into() || took >= limits.time || site.interrupt.is_asked() {
            break (done, took);
        }
        bar.set_position(done);
        thread::sleep(LOOK);
    };
    running.stop(STOPPING);
    site.go_on()?;
    some(Figure::rate(name, done, took, limits.threads), limits)
}

/// None done is no figure.
fn some(figure: Figure, limits: &Limits) -> Outcome<Figure> {
    if figure.count > 0 { Ok(figure) } else { Err(not_run(limits.time)) }
}
