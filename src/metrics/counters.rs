//! The numbers themselves: atomics, found once for each thing that happens to a job.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    Metrics, Numbers,
    histogram::{self, Histogram},
};
use crate::event::{News, Timing};

/// How many pairs of queue and kind are counted by themselves. What is counted of all further ones is put together: each
/// costs whoever scrapes some forty lines, and an application may make up names without end.
pub(super) const MAX_PAIRS: usize = 100;

/// The queue and the kind of those.
const OTHER: &str = "other";

/// What is counted through one client.
#[derive(Default)]
pub(crate) struct Counters {
    pairs: RwLock<Pairs>,
    claims: AtomicU64,
    claimed: AtomicU64,
    losses: AtomicU64,
    workers: Mutex<Vec<Weak<dyn Workforce>>>,
}

/// By queue and kind.
#[derive(Default)]
struct Pairs {
    series: HashMap<Box<str>, HashMap<Box<str>, Series>>,
    count: usize,
}

#[derive(Default)]
struct Series {
    counts: [AtomicU64; News::COUNT],
    waited: Histogram,
    ran: Histogram,
    cpu: AtomicU64,
}

/// What can be asked of a running worker.
pub(crate) trait Workforce: Send + Sync {
    /// As things are; nothing of one that has stopped.
    fn load(&self) -> Load;
}

/// What a worker, or all of them, has to do.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) threads: usize,
    pub(crate) busy: usize,
    pub(crate) in_flight: usize,
}

impl Counters {
    pub(crate) fn count(&self, news: News, queue: &str, kind: &str, timing: &Timing) {
        self.with(queue, kind, |series| series.count(news, timing));
    }

    /// Counts jobs that were inserted, of each its queue and its kind; those in a row that are alike together.
    pub(crate) fn count_inserted<'j>(&self, jobs: impl Iterator<Item = (&'j str, &'j str)>) {
        let mut jobs = jobs.peekable();
        while let Some(job) = jobs.next() {
            let mut alike = 1;
            while jobs.next_if_eq(&job).is_some() {
                alike += 1;
            }
            self.with(job.0, job.1, |series| _ = series.counts[News::Inserted as usize].fetch_add(alike, Relaxed));
        }
    }

    fn with(&self, queue: &str, kind: &str, count: impl Fn(&Series)) {
        let pairs = self.pairs.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = pairs.find(queue, kind) {
            return count(series);
        }
        drop(pairs);
        count(self.pairs.write().unwrap_or_else(PoisonError::into_inner).make(queue, kind));
    }

    pub(crate) fn count_claim(&self, jobs: usize) {
        self.claims.fetch_add(1, Relaxed);
        self.claimed.fetch_add(jobs as u64, Relaxed);
    }

    pub(crate) fn count_loss(&self) {
        self.losses.fetch_add(1, Relaxed);
    }

    /// Asks this worker too, for as long as there is one.
    pub(crate) fn watch(&self, worker: Weak<dyn Workforce>) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| worker.strong_count() > 0);
        workers.push(worker);
    }

    pub(crate) fn read(&self) -> Metrics {
        let pairs = self.pairs.read().unwrap_or_else(PoisonError::into_inner);
        let mut series = BTreeMap::new();
        for (queue, kinds) in &pairs.series {
            series.extend(kinds.iter().map(|(kind, one)| ((queue.to_string(), kind.to_string()), one.read())));
        }
        drop(pairs);
        Metrics {
            series,
            claims: self.claims.load(Relaxed),
            claimed: self.claimed.load(Relaxed),
            losses: self.losses.load(Relaxed),
            load: self.load(),
        }
    }

    fn load(&self) -> Load {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        workers.iter().filter_map(Weak::upgrade).fold(Load::default(), |sum, worker| {
            let load = worker.load();
            Load {
                threads: sum.threads + load.threads,
                busy: sum.busy + load.busy,
                in_flight: sum.in_flight + load.in_flight,
            }
        })
    }
}

impl Pairs {
    /// Where this pair is counted, if that is known already.
    fn find(&self, queue: &str, kind: &str) -> Option<&Series> {
        let series = self.series.get(queue).and_then(|kinds| kinds.get(kind));
        if series.is_some() || self.count < MAX_PAIRS { series } else { self.series.get(OTHER)?.get(OTHER) }
    }

    fn make(&mut self, queue: &str, kind: &str) -> &Series {
        let known = self.series.get(queue).is_some_and(|kinds| kinds.contains_key(kind));
        let (queue, kind) = if known || self.count < MAX_PAIRS { (queue, kind) } else { (OTHER, OTHER) };
        let kinds = self.series.entry(queue.into()).or_default();
        if !kinds.contains_key(kind) {
            self.count += 1;
        }
        kinds.entry(kind.into()).or_default()
    }
}

impl Series {
    fn count(&self, news: News, timing: &Timing) {
        self.counts[news as usize].fetch_add(1, Relaxed);
        match news {
            News::Started => timing.waited.into_iter().for_each(|waited| self.waited.add(waited)),
            // Of the one the handler is still running, of the other it has not run.
            News::TimedOut | News::GivenBack => {}
            _ => timing.ran.into_iter().for_each(|ran| self.ran.add(ran)),
        }
        if let Some(cpu) = timing.cpu {
            histogram::add(&self.cpu, cpu);
        }
    }

    fn read(&self) -> Numbers {
        Numbers {
            counts: self.counts.each_ref().map(|count| count.load(Relaxed)),
            waited: self.waited.read(),
            ran: self.ran.read(),
            cpu: histogram::read(&self.cpu),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(counters: &Counters, queue: &str, kind: &str) {
        counters.count(News::Started, queue, kind, &Timing::default());
    }

    #[test]
    fn however_many_pairs_there_are_a_hundred_and_the_rest_are_counted() {
        let counters = Counters::default();
        for kind in 0..3 * MAX_PAIRS {
            (0..2).for_each(|_| count(&counters, "default", &kind.to_string()));
        }
        let metrics = counters.read();
        assert_eq!(metrics.series.len(), MAX_PAIRS + 1);
        let of = |queue: &str, kind: &str| {
            metrics.series[&(queue.to_owned(), kind.to_owned())].counts[News::Started as usize]
        };
        assert_eq!((of("default", "0"), of("default", "99")), (2, 2));
        assert_eq!(of("other", "other"), 4 * MAX_PAIRS as u64);
    }

    #[test]
    fn what_many_threads_count_at_once_is_all_there() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|n| count(&counters, "q", if n % 2 == 0 { "a" } else { "b" })));
            }
        });
        let counts: Vec<_> = counters.read().series.values().map(|one| one.counts[News::Started as usize]).collect();
        assert_eq!(counts, [20_000, 20_000]);
    }
}
