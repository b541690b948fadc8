//! The same again and again in several threads, until all jobs are done or the time is up.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    Figure, Limits,
    site::{BEAT, Site, bar},
};
use crate::failure::Outcome;

/// What the threads share.
pub struct Round<'a> {
    site: &'a Site,
    limits: &'a Limits,
    began: Instant,
    /// How many jobs somebody has set out to do.
    taken: AtomicU32,
    done: AtomicU64,
    failed: AtomicBool,
}

/// A figure of what `step` does, which is told how many jobs to do, at most `batch`, and answers how many it has done.
pub fn measure(
    site: &Site,
    name: &'static str,
    limits: &Limits,
    batch: u32,
    step: impl Fn(u32, &Round<'_>) -> Outcome<u32> + Sync,
) -> Outcome<Figure> {
    let bar = bar(name, limits.jobs);
    let (taken, done, failed) = (AtomicU32::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let round = Round { site, limits, began: Instant::now(), taken, done, failed };
    let ends = thread::scope(|scope| {
        let threads: Vec<_> = (0..limits.threads).map(|_| scope.spawn(|| round.work(batch, &step))).collect();
        while !threads.iter().all(|thread| thread.is_finished()) {
            bar.set_position(round.done.load(Ordering::Relaxed));
            thread::sleep(BEAT);
        }
        let ends = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ends.collect::<Outcome<Vec<Duration>>>()
    });
    let took = ends?.into_iter().max().unwrap_or_default();
    site.go_on()?;
    Ok(Figure::rate(name, round.done.into_inner(), took, limits.threads))
}

impl Round<'_> {
    /// Whether there is no time for more.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() >= self.limits.time
            || self.site.interrupt.is_asked()
            || self.failed.load(Ordering::Relaxed)
    }

    /// In each thread; answers when it has come to its end.
    fn work(&self, batch: u32, step: impl Fn(u32, &Self) -> Outcome<u32>) -> Outcome<Duration> {
        while !self.is_over() {
            let from = self.taken.fetch_add(batch, Ordering::Relaxed);
            if from >= self.limits.jobs {
                break;
            }
            let done = step(batch.min(self.limits.jobs - from), self);
            self.failed.fetch_or(done.is_err(), Ordering::Relaxed);
            self.done.fetch_add(done?.into(), Ordering::Relaxed);
        }
        Ok(self.began.elapsed())
    }
}
