//! What becomes of one job by one thing that is done to it.

use std::time::Duration;

use drip::State::{self, *};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    op::{Change, Choice, New, Sameness, Verb},
    row::Row,
};
use crate::support::START;

/// The shortest snooze.
const MIN_SNOOZE: Duration = Duration::from_millis(100);

/// How many errors a job remembers: the first, and the latest of the others.
const ERRORS: usize = 10;

/// A new job, but for what makes it unique.
pub fn inserted(new: &New, place: usize, now: Timestamp) -> Row {
    let mut row = Row {
        place,
        state: Available,
        queue: "default".to_owned(),
        kind: new.kind.to_owned(),
        priority: 1,
        args: json!({"n": new.n}),
        metadata: Map::new(),
        tags: Vec::new(),
        attempt: 0,
        max_attempts: 25,
        claim_seq: 0,
        snooze_count: 0,
        crash_count: 0,
        errors: Vec::new(),
        attempted_by: None,
        attempted_at: None,
        scheduled_at: now,
        created_at: now,
        finalized_at: None,
        expires_at: None,
        timeout: None,
        ephemeral: false,
        key: None,
        held_in: Vec::new(),
    };
    for choice in &new.options {
        match choice {
            Choice::Delay(delay) => row.scheduled_at = now + *delay,
            Choice::Pending => row.state = Pending,
            choice => choose(&mut row, choice, now),
        }
    }
    wait(&mut row, now);
    row
}

/// A job that waits, with the content of its duplicate.
pub fn replaced(holder: Row, new: Row, now: Timestamp) -> Row {
    let mut row = Row {
        // At least one attempt is left.
        max_attempts: new.max_attempts.max(holder.attempt + 1),
        priority: new.priority,
        args: new.args,
        metadata: new.metadata,
        tags: new.tags,
        scheduled_at: new.scheduled_at,
        expires_at: new.expires_at,
        timeout: new.timeout,
        ..holder
    };
    wait(&mut row, now);
    row
}

/// What a verb makes of a job that it moves from this state.
pub fn moves(verb: Verb, from: State) -> Option<fn(&mut Row, Timestamp)> {
    match (verb, from) {
        (Verb::Retry | Verb::RetryCompleted, Retryable | Discarded | Cancelled | Scheduled) => Some(retry),
        (Verb::RetryCompleted, Completed) => Some(retry),
        (Verb::Cancel, state) if !state.is_final() => Some(|row, now| finish(row, Cancelled, now)),
        (Verb::Discard, state) if !state.is_final() => Some(|row, now| finish(row, Discarded, now)),
        (Verb::Rescue, Running) => Some(rescue),
        _ => None,
    }
}

/// An option of a new job, or a change of one that is there, that means the same in both.
pub fn choose(row: &mut Row, choice: &Choice, now: Timestamp) {
    match choice {
        Choice::Queue(queue) => row.queue = (*queue).to_owned(),
        Choice::Priority(priority) => row.priority = *priority,
        Choice::MaxAttempts(attempts) => row.max_attempts = *attempts,
        Choice::At(seconds) => {
            let start: Timestamp = START.parse().unwrap();
            row.scheduled_at = start + SignedDuration::from_secs(*seconds);
            wait(row, now);
        }
        Choice::Tag(tag) => row.tags = vec![(*tag).to_owned()],
        Choice::Metadata(n) => drop(row.metadata.insert("m".to_owned(), json!({"n": n}))),
        Choice::Timeout(timeout) => row.timeout = Some(*timeout),
        Choice::Ttl(ttl) => row.expires_at = Some(row.created_at + *ttl),
        Choice::Ephemeral => row.ephemeral = true,
        Choice::Delay(_) | Choice::Pending | Choice::Unique(_) => {}
    }
}

pub fn alter(row: &mut Row, change: &Change, now: Timestamp) {
    match change {
        Change::To(choice) => choose(row, choice, now),
        Change::Args(n) => row.args = json!({"n": n}),
        Change::NoTtl => row.expires_at = None,
        Change::NoTimeout => row.timeout = None,
        Change::Lasting => row.ephemeral = false,
    }
}

pub fn held_in(sameness: &Sameness) -> Vec<State> {
    let by_default = |state: &State| !matches!(state, Cancelled | Discarded);
    let named = |state: &State| sameness.states.map_or_else(|| by_default(state), |states| states.contains(state));
    State::ALL.into_iter().filter(named).collect()
}

/// Whether it needs its key now and did not before.
pub fn takes_key(row: &Row, from: State) -> bool {
    row.is_active() && !row.holds_in(from)
}

pub fn is_waiting(state: State) -> bool {
    !state.is_final() && state != Running
}

/// A job that waits, waits for its time; unless it is held.
pub fn wait(row: &mut Row, now: Timestamp) {
    if is_waiting(row.state) && row.state != Pending {
        row.state = if row.scheduled_at > now { Scheduled } else { Available };
    }
}

pub fn finish(row: &mut Row, state: State, now: Timestamp) {
    row.state = state;
    row.finalized_at = Some(now);
}

pub fn end(row: &mut Row, state: State, reason: &str, now: Timestamp) {
    remember(row, reason, now);
    finish(row, state, now);
}

fn remember(row: &mut Row, error: &str, now: Timestamp) {
    if row.errors.len() == ERRORS {
        row.errors.remove(1);
    }
    row.errors.push((row.attempt, now, error.to_owned()));
}

pub fn fail(row: &mut Row, delay: Duration, now: Timestamp) {
    remember(row, "boom", now);
    if row.attempt >= row.max_attempts {
        return finish(row, Discarded, now);
    }
    row.state = Retryable;
    row.scheduled_at = now + delay;
}

/// The attempt does not count.
pub fn snooze(row: &mut Row, delay: Duration, now: Timestamp) {
    row.state = Scheduled;
    row.scheduled_at = now + delay.max(MIN_SNOOZE);
    row.attempt -= 1;
    row.snooze_count += 1;
}

/// Now, and with one attempt more if there is none left.
fn retry(row: &mut Row, now: Timestamp) {
    row.state = Available;
    row.scheduled_at = now;
    row.finalized_at = None;
    if row.attempt >= row.max_attempts {
        row.max_attempts = row.attempt + 1;
    }
}

/// Given back to its old place, and the attempt does not count.
fn rescue(row: &mut Row, now: Timestamp) {
    remember(row, "rescued by hand", now);
    row.state = Available;
    row.attempt -= 1;
}

/// The attempt counts.
pub fn overrun(row: &mut Row, now: Timestamp) {
    remember(row, "job rescued after timeout", now);
    row.state = Available;
    if row.attempt >= row.max_attempts {
        finish(row, Discarded, now);
    }
}

pub fn expire(row: &mut Row, now: Timestamp) {
    end(row, Discarded, "expired: it had not begun within its time to live", now);
}

pub fn put_output(row: &mut Row, n: u8) {
    row.metadata.insert("output".to_owned(), Value::from(n));
}
