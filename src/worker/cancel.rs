//! How a handler is told to stop: a thread cannot be killed, but it can be asked.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Why a handler is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelReason {
    /// The attempt's time is up. It has been settled as failed; what the handler answers no longer counts.
    TimedOut,
    /// The claim has ended: somebody cancelled the job, rescued it (`rescue_after` included), or settled it. What the handler
    /// answers no longer counts.
    ClaimEnded,
    /// The worker is stopping, and its patience ends soon. What the handler answers still counts.
    Stopping,
}

/// Asks a handler to stop. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<Token>);

#[derive(Debug, Default)]
struct Token {
    attempt: Mutex<Attempt>,
    fired: Condvar,
}

/// What the handler and the watcher both see of an attempt.
#[derive(Debug, Default)]
struct Attempt {
    reason: Option<CancelReason>,
    deadline: Option<Instant>,
}

impl CancelToken {
    /// Whether the handler should stop.
    pub fn is_cancelled(&self) -> bool {
        self.lock().reason.is_some()
    }

    /// Why the handler should stop, if it should.
    pub fn reason(&self) -> Option<CancelReason> {
        self.lock().reason
    }

    /// Sleeps, but no longer than until the token fires; answers whether it has.
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now().checked_add(timeout);
        let mut attempt = self.lock();
        while attempt.reason.is_none() {
            let left = deadline.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            attempt = self.0.fired.wait_timeout(attempt, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Fires, unless it has already.
    pub(super) fn fire(&self, why: CancelReason) {
        self.lock().reason.get_or_insert(why);
        self.0.fired.notify_all();
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lock().deadline
    }

    pub(super) fn set_deadline(&self, deadline: Option<Instant>) {
        self.lock().deadline = deadline;
    }

    fn lock(&self) -> MutexGuard<'_, Attempt> {
        self.0.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays_and_sleepers_wake() {
        let token = CancelToken::default();
        assert!(!token.wait(Duration::ZERO));
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(token.wait(Duration::MAX)));
            token.fire(CancelReason::TimedOut);
            token.fire(CancelReason::Stopping);
        });
        assert_eq!(token.reason(), Some(CancelReason::TimedOut));
    }
}
