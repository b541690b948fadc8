//! How often how long: counts by duration, which any number of threads may add to.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The upper bounds of the buckets, as they are written, and in milliseconds.
///
/// From a millisecond, below which the commits weigh more than the jobs, to an hour; about five times as long from one to
/// the next, which tells an order of magnitude and keeps what is scraped small; with a second, a minute and an hour among
/// them, in which limits are set.
pub(super) const BOUNDS: [(&str, u64); 12] = [
    ("0.001", 1),
    ("0.005", 5),
    ("0.025", 25),
    ("0.1", 100),
    ("0.5", 500),
    ("1", 1000),
    ("5", 5000),
    ("15", 15_000),
    ("60", 60_000),
    ("300", 300_000),
    ("900", 900_000),
    ("3600", 3_600_000),
];

/// The buckets, and one for what is longer than all bounds.
const BUCKETS: usize = BOUNDS.len() + 1;

#[derive(Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone)]
pub(super) struct Buckets {
    /// How many were in each bucket, and in none before it.
    pub(super) counts: [u64; BUCKETS],
    pub(super) sum: Duration,
}

impl Histogram {
    pub(super) fn add(&self, span: Duration) {
        let bucket = BOUNDS.iter().position(|(_, millis)| span <= Duration::from_millis(*millis));
        self.buckets[bucket.unwrap_or(BOUNDS.len())].fetch_add(1, Relaxed);
        add(&self.nanos, span);
    }

    pub(super) fn read(&self) -> Buckets {
        Buckets { counts: self.buckets.each_ref().map(|count| count.load(Relaxed)), sum: read(&self.nanos) }
    }
}

/// Adds to a sum of nanoseconds; it holds 584 years.
pub(super) fn add(sum: &AtomicU64, span: Duration) {
    sum.fetch_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX), Relaxed);
}

pub(super) fn read(sum: &AtomicU64) -> Duration {
    Duration::from_nanos(sum.load(Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_written_as_they_are_and_grow() {
        for (text, millis) in BOUNDS {
            assert_eq!(text.parse::<f64>().unwrap(), millis as f64 / 1000.0);
        }
        assert!(BOUNDS.is_sorted_by_key(|(_, millis)| *millis));
    }

    #[test]
    fn a_span_is_in_the_bucket_that_ends_with_it() {
        let histogram = Histogram::default();
        let table =
            [(0, 0), (1_000_000, 0), (1_000_001, 1), (5_000_000, 1), (3_600_000_000_000, 11), (3_600_000_000_001, 12)];
        for (nanos, bucket) in table {
            let before = histogram.read().counts[bucket];
            histogram.add(Duration::from_nanos(nanos));
            assert_eq!(histogram.read().counts[bucket], before + 1, "{nanos} ns");
        }
        assert_eq!(histogram.read().sum, Duration::from_nanos(table.iter().map(|(nanos, _)| nanos).sum()));
    }
}
