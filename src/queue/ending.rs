//! What becomes of a job: each ending, decided once for all databases, without a database.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::{
    Job, Result, RetryPolicy,
    clock::after,
    dialect::time_text,
    errors,
    job::AttemptError,
    state::{Answer, State, Verb},
};

/// The shortest snooze: a job that put itself off by nothing would spin.
pub(crate) const MIN_SNOOZE: Duration = Duration::from_millis(100);

/// How often a worker may die while it runs a job as its only suspect, before the job is given up.
const MAX_CRASHES: u32 = 3;

/// Why an attempt failed, and when the next may begin.
#[derive(Debug, Clone)]
#[must_use]
pub struct Failure {
    error: String,
    trace: String,
    retry: RetryPolicy,
}

impl Failure {
    /// A failure with this text, retried by the default policy. Text that no database can hold is mended, and cut after
    /// 8 KiB.
    pub fn new(error: impl Into<String>) -> Self {
        Failure { error: error.into(), trace: String::new(), retry: RetryPolicy::default() }
    }

    /// What led to it; cut after 8 KiB. Default: nothing.
    pub fn trace(mut self, trace: impl Into<String>) -> Self {
        self.trace = trace.into();
        self
    }

    /// When the next attempt may begin. Default: [`RetryPolicy::default`].
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }
}

impl From<&str> for Failure {
    fn from(error: &str) -> Self {
        Failure::new(error)
    }
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Failure::new(error)
    }
}

/// What becomes of a job.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    Complete {
        output: Option<Json>,
    },
    Fail(Failure),
    Snooze {
        delay: Duration,
    },
    Cancel {
        reason: Option<String>,
    },
    Discard {
        reason: Option<String>,
    },
    /// To the queue, as if it had not been claimed.
    GiveBack,
    Retry {
        completed_too: bool,
    },
    Release,
    /// To the queue, with what is known of how it was lost. `crashed`: its worker died.
    Rescue {
        evidence: String,
        crashed: bool,
    },
    /// Taken from a worker that lives, with the reason: to the queue, or discarded if that was the last attempt.
    Overrun {
        evidence: &'static str,
    },
    /// It may not begin any more.
    Expire,
    /// None: it goes on as it was, with something to show.
    Output(Json),
}

/// A job as it is to be written.
pub(super) struct Move {
    pub(super) from: State,
    pub(super) job: Job,
    errors_changed: bool,
    metadata_changed: bool,
    mask_changed: bool,
}

impl Ending {
    pub(super) fn verb(&self) -> Verb {
        match self {
            Ending::Complete { .. } => Verb::Complete,
            Ending::Fail(_) => Verb::Fail,
            Ending::Snooze { .. } => Verb::Snooze,
            Ending::Cancel { .. } => Verb::Cancel,
            Ending::Discard { .. } => Verb::Discard,
            Ending::GiveBack => Verb::GiveBack,
            Ending::Retry { .. } => Verb::Retry,
            Ending::Release => Verb::Release,
            Ending::Rescue { .. } | Ending::Overrun { .. } => Verb::Rescue,
            Ending::Expire => Verb::Expire,
            Ending::Output(_) => Verb::Output,
        }
    }

    pub(super) fn answer(&self, state: State) -> Answer {
        match self {
            Ending::Retry { completed_too: true } if state == State::Completed => Answer::Move,
            _ => self.verb().on(state),
        }
    }

    /// The job as this ending leaves it.
    pub(super) fn decide(&self, before: Job, now: Timestamp) -> Result<Move> {
        let mut moved = Move::of(before);
        match self {
            Ending::Complete { output } => moved.complete(output.as_ref(), now)?,
            Ending::Fail(failure) => moved.fail(failure, now),
            Ending::Snooze { delay } => moved.snooze(*delay, now),
            Ending::Cancel { reason } => moved.end(State::Cancelled, reason.as_deref(), now),
            Ending::Discard { reason } => moved.end(State::Discarded, reason.as_deref(), now),
            Ending::GiveBack => moved.give_back(),
            Ending::Retry { .. } => moved.retry(now),
            Ending::Release => moved.wait(now),
            Ending::Rescue { evidence, crashed } => moved.rescue(evidence, *crashed, now),
            Ending::Overrun { evidence } => moved.overrun(evidence, now),
            Ending::Expire => {
                moved.end(State::Discarded, Some("expired: it had not begun within its time to live"), now)
            }
            Ending::Output(output) => moved.put_output(output)?,
        }
        Ok(moved)
    }
}

impl Move {
    fn of(job: Job) -> Move {
        Move { from: job.state, job, errors_changed: false, metadata_changed: false, mask_changed: false }
    }

    fn complete(&mut self, output: Option<&Json>, now: Timestamp) -> Result<()> {
        output.map_or(Ok(()), |output| self.put_output(output))?;
        self.finish(State::Completed, now);
        Ok(())
    }

    /// In the place of any before it.
    fn put_output(&mut self, output: &Json) -> Result<()> {
        let mut metadata = self.job.metadata()?;
        metadata.insert("output".to_owned(), output.clone());
        self.job.metadata = crate::json::check_value(Json::Object(metadata), crate::json::MAX_BYTES)
            .map_err(|problem| crate::new_job::in_field("output", &problem))?;
        self.metadata_changed = true;
        Ok(())
    }

    /// For its time, if that has not come.
    fn wait(&mut self, now: Timestamp) {
        self.job.state = if self.job.scheduled_at > now { State::Scheduled } else { State::Available };
    }

    fn fail(&mut self, failure: &Failure, now: Timestamp) {
        self.job.crash_count = 0;
        let delay = failure.retry.delay(self.job.attempt, &failure.error);
        self.record(&failure.error, &failure.trace, now);
        if self.job.attempt >= self.job.max_attempts {
            self.finish(State::Discarded, now);
        } else {
            self.job.state = State::Retryable;
            self.job.scheduled_at = after(now, delay);
        }
    }

    fn snooze(&mut self, delay: Duration, now: Timestamp) {
        self.job.crash_count = 0;
        self.job.state = State::Scheduled;
        self.job.scheduled_at = after(now, delay.max(MIN_SNOOZE));
        self.job.attempt = self.job.attempt.saturating_sub(1);
        self.job.snooze_count = self.job.snooze_count.saturating_add(1);
    }

    pub(super) fn end(&mut self, state: State, reason: Option<&str>, now: Timestamp) {
        if let Some(reason) = reason {
            self.record(reason, "", now);
        }
        self.finish(state, now);
    }

    /// To its old place in the queue, which it would lose if it were due only now.
    fn give_back(&mut self) {
        self.job.state = State::Available;
        self.job.attempt = self.job.attempt.saturating_sub(1);
    }

    /// The attempt does not count. A suspect that was lost with its worker is charged for that; with none to spare, it is
    /// not run again.
    fn rescue(&mut self, evidence: &str, crashed: bool, now: Timestamp) {
        self.record(evidence, "", now);
        self.job.crash_count = self.job.crash_count.saturating_add(u32::from(crashed));
        if self.job.crash_count > MAX_CRASHES {
            let reason = format!("given up: its worker died {MAX_CRASHES} times while it ran as the only suspect");
            return self.end(State::Discarded, Some(&reason), now);
        }
        self.give_back();
    }

    /// The attempt counts, or what hangs each time would go round for ever.
    fn overrun(&mut self, evidence: &str, now: Timestamp) {
        self.record(evidence, "", now);
        if self.job.attempt >= self.job.max_attempts {
            self.finish(State::Discarded, now);
        } else {
            self.job.state = State::Available;
        }
    }

    fn retry(&mut self, now: Timestamp) {
        self.job.crash_count = 0;
        self.job.state = State::Available;
        self.job.scheduled_at = now;
        self.job.finalized_at = None;
        if self.job.attempt >= self.job.max_attempts {
            self.job.max_attempts = self.job.attempt.saturating_add(1);
        }
    }

    fn finish(&mut self, state: State, now: Timestamp) {
        self.job.state = state;
        self.job.finalized_at = Some(now);
    }

    /// Takes the move back, but for what the attempt has left in errors and metadata. Discarded, the job must stand
    /// beside whoever holds its key there; in every other state it still has to be unique.
    pub(super) fn give_up_place(&mut self, before: &Job) {
        self.job = Job {
            errors: std::mem::take(&mut self.job.errors),
            odd_errors: self.job.odd_errors.take(),
            metadata: std::mem::take(&mut self.job.metadata),
            unique_states: before.unique_states & !State::Discarded.bit(),
            ..before.clone()
        };
        self.mask_changed = true;
    }

    fn record(&mut self, error: &str, trace: &str, at: Timestamp) {
        errors::append(&mut self.job.errors, AttemptError::new(self.job.attempt, at, error, trace));
        self.job.odd_errors = None;
        self.errors_changed = true;
    }

    /// As a row of the statement's array. JSON travels as text: nested, it would be too deep for MariaDB.
    pub(super) fn json(&self) -> Json {
        let job = &self.job;
        json!({
            "id": job.id,
            "from_state": self.from.name(),
            "claim_seq": job.claim_seq,
            "state": job.state.name(),
            "attempt": job.attempt,
            "max_attempts": job.max_attempts,
            "snooze_count": job.snooze_count,
            "crash_count": job.crash_count,
            "scheduled_at": time_text(job.scheduled_at),
            "finalized_at": job.finalized_at.map(time_text),
            "errors": self.errors_changed.then(|| json!(job.errors).to_string()),
            "metadata": self.metadata_changed.then_some(&job.metadata),
            "unique_states": self.mask_changed.then_some(job.unique_states),
        })
    }

    /// Whether it takes a unique key that the job does not hold now, and that another may hold.
    pub(super) fn takes_key(&self) -> bool {
        !self.drops() && self.job.holds_key_in(self.job.state) && !self.job.holds_key_in(self.from)
    }

    /// Whether the row goes away instead of being written.
    pub(super) fn drops(&self) -> bool {
        self.job.ephemeral && self.job.state == State::Completed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_failure_that_says_it() {
        for failure in [Failure::from("boom"), Failure::from("boom".to_owned()), Failure::new("boom")] {
            assert_eq!((failure.error.as_str(), failure.trace.as_str()), ("boom", ""));
        }
    }

    /// A job that was the only suspect when its worker died, twice.
    fn suspect(state: State) -> Job {
        Job { state, attempt: 1, claim_seq: 1, crash_count: 2, ..Job::sample() }
    }

    #[test]
    fn what_shows_that_a_job_kills_no_worker_clears_the_suspicion_and_nothing_else_does() {
        let evidence = || "its worker died".to_owned();
        for (state, ending, crashes) in [
            (State::Running, Ending::Fail("boom".into()), 0),
            (State::Running, Ending::Snooze { delay: MIN_SNOOZE }, 0),
            (State::Discarded, Ending::Retry { completed_too: false }, 0),
            (State::Running, Ending::GiveBack, 2),
            (State::Running, Ending::Rescue { evidence: evidence(), crashed: false }, 2),
            (State::Running, Ending::Rescue { evidence: evidence(), crashed: true }, 3),
        ] {
            let moved = ending.decide(suspect(state), Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(moved.job.crash_count, crashes, "{ending:?}");
        }
    }

    #[test]
    fn whoever_gives_up_its_place_keeps_what_the_attempt_has_left() {
        let before = Job { metadata: "{}".to_owned(), ..suspect(State::Running) };
        let ending = Ending::Complete { output: Some(json!({"found": 3})) };
        let mut moved = ending.decide(before.clone(), Timestamp::UNIX_EPOCH).unwrap();
        moved.give_up_place(&before);
        assert_eq!((moved.job.state, moved.job.output()), (State::Running, Some(json!({"found": 3}))));
    }
}
