//! What a handler can answer when it has not failed.

use std::time::Duration;

use serde::Serialize;

/// What becomes of a job whose handler has answered `Ok`.
///
/// `()` completes it, so most handlers never name this type.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// Done.
    Complete,
    /// Done, and this is kept as `"output"` in the job's metadata, in place of any earlier one.
    CompleteWith(serde_json::Value),
    /// Not now: the job is scheduled again after this long (at least 100 ms, at most 10 years). The attempt does not
    /// count.
    Snooze(Duration),
    /// The job is called off, for this reason.
    Cancel(String),
    /// The job is given up, for this reason, whatever attempts it has left.
    Discard(String),
    /// The handler has settled the job itself, by a verb that took `context.job()`.
    Settled,
}

impl Outcome {
    /// Done, with something to keep.
    ///
    /// # Errors
    /// When `output` cannot be written as JSON.
    pub fn output(output: impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_value(output).map(Outcome::CompleteWith)
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Outcome::Complete
    }
}
