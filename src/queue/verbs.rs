//! The verbs for one job that exists. Each is an ending, settled in the caller's transaction or one of its own.

use std::time::Duration;

use super::{
    ending::{Ending, Failure, MIN_SNOOZE},
    settle::{Target, settle_one, wake_for},
};
use crate::{
    Job, Result, Session, json,
    new_job::{check_span, in_field},
};

/// Completes a running job, and answers it as it now stands. The row of an ephemeral job is gone then.
///
/// In a handler's own transaction this makes its effects and the completion one: roll back when it answers an error.
///
/// # Errors
/// [`is_lost_claim`](crate::Error::is_lost_claim) for a `&Job` whose claim has ended;
/// [`is_not_found`](crate::Error::is_not_found) and [`is_wrong_state`](crate::Error::is_wrong_state) for an id.
/// A job that is completed already stays so, and is answered.
pub fn complete_job(on: impl Session, target: impl Into<Target>) -> Result<Job> {
    settle(on, target, Ending::Complete { output: None })
}

/// Records that a running job's attempt has failed: it becomes retryable, or is discarded after its last attempt.
///
/// # Errors
/// As [`complete_job`]; no state but running will do.
pub fn fail_job(on: impl Session, target: impl Into<Target>, failure: impl Into<Failure>) -> Result<Job> {
    settle(on, target, Ending::Fail(failure.into()))
}

/// Puts a running job off: it is scheduled again after `delay`, and this attempt does not count.
///
/// The shortest delay is 100 ms, which a shorter one becomes; the longest is 10 years.
///
/// # Errors
/// As [`complete_job`]; no state but running will do. [`is_invalid_input`](crate::Error::is_invalid_input) for a longer
/// delay.
pub fn snooze_job(on: impl Session, target: impl Into<Target>, delay: Duration) -> Result<Job> {
    check_span("delay", Some(delay.max(MIN_SNOOZE)), MIN_SNOOZE)?;
    settle(on, target, Ending::Snooze { delay })
}

/// Calls a job off that has not come to its end.
///
/// If it is running, what its handler does in a transaction of the library's can no longer be committed, and its cancel
/// token fires within a second, in whichever process it runs.
///
/// # Errors
/// As [`complete_job`]. A job that is cancelled already stays so, and is answered.
pub fn cancel_job(on: impl Session, target: impl Into<Target>) -> Result<Job> {
    settle(on, target, Ending::Cancel { reason: None })
}

/// Gives a job up that has not come to its end.
///
/// # Errors
/// As [`complete_job`]. A job that is discarded already stays so, and is answered.
pub fn discard_job(on: impl Session, target: impl Into<Target>) -> Result<Job> {
    settle(on, target, Ending::Discard { reason: None })
}

/// Makes a job available again, now: one that is retryable, scheduled, discarded or cancelled. If its attempts are used
/// up, it is given one more.
///
/// # Errors
/// [`is_not_found`](crate::Error::is_not_found); [`is_wrong_state`](crate::Error::is_wrong_state) for one that is running,
/// pending or completed; [`is_unique_conflict`](crate::Error::is_unique_conflict) if another job has taken its unique
/// key, and the job then stays as it was. A job that is available already is answered.
pub fn retry_job(on: impl Session, id: i64) -> Result<Job> {
    settle(on, id, Ending::Retry { completed_too: false })
}

/// As [`retry_job`], and runs a completed job once more.
///
/// # Errors
/// As [`retry_job`].
pub fn retry_completed_job(on: impl Session, id: i64) -> Result<Job> {
    settle(on, id, Ending::Retry { completed_too: true })
}

/// Lets a job go that was inserted [`pending`](crate::NewJob::pending): it becomes available, or scheduled if its time has
/// not come.
///
/// # Errors
/// As [`retry_job`], for a job in a state that is neither pending nor one of those two; one that is in one of them already
/// is answered.
pub fn release_job(on: impl Session, id: i64) -> Result<Job> {
    settle(on, id, Ending::Release)
}

/// Records what a job has to show, under `"output"` in its metadata, in place of any output before.
///
/// Given a `&Job` it counts while that claim stands, for progress and partial results; given an id, in any state.
///
/// # Errors
/// As [`complete_job`]; [`is_invalid_input`](crate::Error::is_invalid_input) for an output that is outside the limits of
/// args, or makes the metadata exceed them.
pub fn record_output(on: impl Session, target: impl Into<Target>, output: serde_json::Value) -> Result<Job> {
    let output = json::check_output(output).map_err(|problem| in_field("output", &problem))?;
    settle(on, target, Ending::Output(output))
}

fn settle(on: impl Session, target: impl Into<Target>, ending: Ending) -> Result<Job> {
    let target = target.into();
    let session = on.any();
    let client = session.client();
    let job = session.write(|sql| settle_one(sql, target, ending.clone()))?;
    if let Some(client) = client {
        wake_for(client, std::iter::once(&job));
    }
    Ok(job)
}
