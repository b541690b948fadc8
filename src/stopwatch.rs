//! How long an attempt takes: by the clock and, with the feature `cpu-time` and on Unix, how much of that its thread
//! computes.
//!
//! For that the kernel is asked twice an attempt; it has to look at the thread's own account, so it is a system call.

use std::time::{Duration, Instant};

/// Whether computing is measured.
pub(crate) const MEASURES_CPU: bool = cfg!(all(feature = "cpu-time", unix));

/// Started on the thread that it measures, and read there.
pub(crate) struct Stopwatch {
    pub(crate) began: Instant,
    cpu: Option<Duration>,
}

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch { began: Instant::now(), cpu: thread_time() }
    }

    pub(crate) fn cpu(&self) -> Option<Duration> {
        Some(thread_time()?.saturating_sub(self.cpu?))
    }
}

#[cfg(all(feature = "cpu-time", unix))]
fn thread_time() -> Option<Duration> {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).ok()
}

#[cfg(not(all(feature = "cpu-time", unix)))]
fn thread_time() -> Option<Duration> {
    None
}

#[cfg(all(test, feature = "cpu-time", unix))]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn only_computing_counts() {
        let (watch, began) = (Stopwatch::start(), Instant::now());
        let (_keep, never) = std::sync::mpsc::channel::<()>();
        let _ = never.recv_timeout(Duration::from_millis(50));
        let waiting = watch.cpu().unwrap();
        assert!(waiting < Duration::from_millis(40), "{waiting:?}");
        while watch.cpu().unwrap() < waiting + Duration::from_millis(5) {
            assert!(began.elapsed() < Duration::from_secs(30), "computing does not count");
        }
    }
}
