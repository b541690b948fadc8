//! The clock that tests move.
//!
//! In real life there is one clock, the database's: it decides who is due and who is dead. A test that would have to
//! wait for it takes a [`Clock`] of its own instead and moves that.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::wake::Wake;

/// A clock that stands still until it is moved.
///
/// ```
/// use std::time::Duration;
///
/// let clock = drip::Clock::at("2026-01-01T00:00:00Z".parse().unwrap());
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now().to_string(), "2026-01-01T01:00:00Z");
/// ```
///
/// A client made with one ([`ClientBuilder::clock`](crate::ClientBuilder::clock)) uses it for every question about time
/// that it would otherwise put to the database, and its workers wake when it moves. For tests: two processes with
/// clocks of their own would not agree on what is due.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Stopped>);

#[derive(Debug)]
struct Stopped {
    now: Mutex<Timestamp>,
    wake: Wake,
}

impl Clock {
    /// A clock that shows `now`, cut to whole microseconds.
    #[must_use]
    pub fn at(now: Timestamp) -> Clock {
        let now = crate::dialect::truncated(now);
        Clock(Arc::new(Stopped { now: Mutex::new(now), wake: Wake::default() }))
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves it forward, and wakes the workers of its clients. At the end of time it stands.
    pub fn advance(&self, by: Duration) {
        {
            let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
            *now = after(*now, by);
        }
        self.0.wake.wake_all();
    }

    pub(crate) fn wake(&self) -> &Wake {
        &self.0.wake
    }
}

/// `time` and a `span` later; the last instant there is, if that is too far.
pub(crate) fn after(time: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    crate::dialect::truncated(time.saturating_add(span).unwrap_or(Timestamp::MAX))
}

/// `time` and a `span` earlier; the first instant there is, if that is too far.
pub(crate) fn before(time: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    time.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

/// How long it is from the one to the other; nothing, if that is not later.
pub(crate) fn until(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_time_is_not_passed() {
        let clock = Clock::at(Timestamp::UNIX_EPOCH);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now().as_microsecond(), Timestamp::MAX.as_microsecond());
    }
}
