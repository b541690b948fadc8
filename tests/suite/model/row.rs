//! A job as the model has it, and as a database shows it: every column, in plain types.

use std::time::Duration;

use drip::{Error, Job, State};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// All columns of a job. It is called by its place in the order of all inserts.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub place: usize,
    pub state: State,
    pub queue: String,
    pub kind: String,
    pub priority: u8,
    pub args: Value,
    pub metadata: Map<String, Value>,
    pub tags: Vec<String>,
    pub attempt: u32,
    pub max_attempts: u32,
    pub claim_seq: i64,
    pub snooze_count: u32,
    pub crash_count: u32,
    /// Of which attempt, when, and what.
    pub errors: Vec<(u32, Timestamp, String)>,
    pub attempted_by: Option<String>,
    pub attempted_at: Option<Timestamp>,
    pub scheduled_at: Timestamp,
    pub created_at: Timestamp,
    pub finalized_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub timeout: Option<Duration>,
    pub ephemeral: bool,
    /// Its unique key: the number of keys that were seen before this one.
    pub key: Option<usize>,
    /// The states in which it holds that.
    pub held_in: Vec<State>,
}

/// What a call has answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Nothing,
    Jobs(Vec<Row>),
    /// Each with whether it is new.
    Inserted(Vec<(bool, Row)>),
    Count(usize),
    /// How many were changed, and how many could not be.
    Changed(usize, usize),
    Refused(Refusal),
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    NotFound,
    LostClaim,
    WrongState(State),
    /// The key is held by this job.
    Conflict(Option<usize>),
}

impl Refusal {
    /// Of an error; any other than these was not asked for.
    pub fn of(error: &Error, place: impl Fn(i64) -> usize) -> Refusal {
        match error {
            _ if error.is_not_found() => Refusal::NotFound,
            _ if error.is_lost_claim() => Refusal::LostClaim,
            _ if error.is_unique_conflict() => Refusal::Conflict(error.conflicting_job().map(place)),
            _ => Refusal::WrongState(error.state().unwrap_or_else(|| panic!("nobody asked for this error: {error}"))),
        }
    }
}

impl Row {
    pub fn of(job: Job, place: usize, key: Option<usize>, held_in: Vec<State>) -> Row {
        Row {
            place,
            args: job.args().unwrap(),
            metadata: job.metadata().unwrap(),
            errors: job.errors.iter().map(|error| (error.attempt, error.at, error.error.clone())).collect(),
            key,
            held_in,
            state: job.state,
            queue: job.queue,
            kind: job.kind,
            priority: job.priority,
            tags: job.tags,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            claim_seq: job.claim_seq,
            snooze_count: job.snooze_count,
            crash_count: job.crash_count,
            attempted_by: job.attempted_by,
            attempted_at: job.attempted_at,
            scheduled_at: job.scheduled_at,
            created_at: job.created_at,
            finalized_at: job.finalized_at,
            expires_at: job.expires_at,
            timeout: job.timeout,
            ephemeral: job.ephemeral,
        }
    }

    /// Whether the key is its own in this state.
    pub fn holds_in(&self, state: State) -> bool {
        self.key.is_some() && self.held_in.contains(&state)
    }

    pub fn is_active(&self) -> bool {
        self.holds_in(self.state)
    }
}

/// The first row in which what is differs from what should be, and in which columns.
pub fn difference(expected: &[Row], found: &[Row]) -> Option<String> {
    let longest = expected.len().max(found.len());
    let differ = |n: &usize| expected.get(*n) != found.get(*n);
    let first = (0..longest).find(differ)?;
    Some(match (expected.get(first), found.get(first)) {
        (Some(expected), Some(found)) => format!("job {}: {}", expected.place, columns(expected, found)),
        (expected, found) => format!("expected {expected:#?}\nfound {found:#?}"),
    })
}

/// The columns that differ: the lines of the one that the other does not have there.
fn columns(expected: &Row, found: &Row) -> String {
    let [expected, found] = [format!("{expected:#?}"), format!("{found:#?}")];
    if expected.lines().count() != found.lines().count() {
        return format!("expected {expected}\nfound {found}");
    }
    let differ = expected.lines().zip(found.lines()).filter(|(one, other)| one != other);
    differ.map(|(one, other)| format!("expected {}; found {}", one.trim(), other.trim())).collect::<Vec<_>>().join("\n")
}
