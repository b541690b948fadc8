//! The history of what went wrong with a job: bounded, and never itself a reason to fail.

use jiff::Timestamp;

use crate::{job::AttemptError, json};

/// How many errors a job keeps: the first and the latest ones.
const KEPT: usize = 10;

/// The longest text of an error, and of a trace, in bytes.
const MAX_TEXT_BYTES: usize = 8 * 1024;

impl AttemptError {
    /// What went wrong, in a form that every database can hold.
    pub(crate) fn new(attempt: u32, at: Timestamp, error: &str, trace: &str) -> AttemptError {
        AttemptError {
            attempt,
            at,
            error: json::sanitise_text(error, MAX_TEXT_BYTES),
            trace: json::sanitise_text(trace, MAX_TEXT_BYTES),
        }
    }
}

/// Adds an error; of those in the middle the oldest makes room.
pub(crate) fn append(errors: &mut Vec<AttemptError>, error: AttemptError) {
    while errors.len() >= KEPT {
        errors.remove(1);
    }
    errors.push(error);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_latest_are_kept() {
        let mut errors = Vec::new();
        for attempt in 1..=40 {
            append(&mut errors, AttemptError::new(attempt, Timestamp::UNIX_EPOCH, "no", ""));
        }
        let attempts: Vec<u32> = errors.iter().map(|error| error.attempt).collect();
        assert_eq!(attempts, [1, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
    }

    #[test]
    fn what_no_database_can_hold_is_mended() {
        let error = AttemptError::new(1, Timestamp::UNIX_EPOCH, "a\0b", &"x".repeat(100_000_000));
        assert!(!error.error.contains('\0') && error.error.contains('a') && error.error.contains('b'));
        assert!(error.trace.len() < 9 * 1024);
    }
}
