//! A job as it stands in the database.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, Result, dialect::Row, json, state::State};

/// A job as it was when it was read.
///
/// A job that was claimed also is the claim: the verbs that take `&Job` ([`complete_job`](crate::complete_job) and its
/// siblings) act only as long as that very claim stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Job {
    /// Given by the database. No two jobs ever have the same; but on SQLite an id that was given in a transaction which was
    /// then rolled back is given again.
    pub id: i64,
    /// Where the job stands.
    pub state: State,
    /// The queue it waits in.
    pub queue: String,
    /// What kind of work it is: which handler runs it.
    pub kind: String,
    /// 1 (served first) to 4.
    pub priority: u8,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// How many attempts have begun that count against [`max_attempts`](Job::max_attempts). Snoozes and shutdowns do
    /// not count.
    pub attempt: u32,
    /// After so many failed attempts the job is discarded.
    pub max_attempts: u32,
    /// How many claims there have been. It never goes down, and so tells one claim from every other.
    pub claim_seq: i64,
    /// How many times the job has been snoozed.
    pub snooze_count: u32,
    /// How often the worker that ran it has died: 0, if not since the job last came to an end of its own; 1 makes it a
    /// suspect, which may have been the cause, and is run with no other suspect beside it; each death after that counts,
    /// and after three of those it is discarded.
    pub crash_count: u32,
    /// What went wrong, oldest first. Of many the first and the latest nine are kept.
    pub errors: Vec<AttemptError>,
    /// The id of the worker of the latest claim.
    pub attempted_by: Option<String>,
    /// When the latest claim was made.
    pub attempted_at: Option<Timestamp>,
    /// When the job is due; of two jobs of one queue and priority the one due earlier is served first.
    pub scheduled_at: Timestamp,
    /// When it was inserted.
    pub created_at: Timestamp,
    /// When it came to its end; set exactly in the final states.
    pub finalized_at: Option<Timestamp>,
    /// A job that has not begun by then never begins.
    pub expires_at: Option<Timestamp>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// Whether the row goes away when the job completes.
    pub ephemeral: bool,
    /// The SHA-256 of what makes the job unique.
    pub unique_key: Option<Vec<u8>>,
    pub(crate) unique_states: i16,
    /// What stands in the column of errors, where that is none of ours.
    pub(crate) odd_errors: Option<String>,
    pub(crate) args: String,
    pub(crate) metadata: String,
}

/// What went wrong in one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptError {
    /// Which attempt; the first is 1. One that did not count (its worker died) is followed by another of the same number.
    pub attempt: u32,
    /// When it was recorded.
    pub at: Timestamp,
    /// The error's text, or the panic's message; at most 8 KiB.
    pub error: String,
    /// The chain of its sources, or the panic's backtrace; at most 8 KiB.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace: String,
}

impl Job {
    /// The args.
    ///
    /// # Errors
    /// When the column was written by hand and is not JSON.
    pub fn args(&self) -> Result<serde_json::Value> {
        self.args_as()
    }

    /// The args as a type.
    ///
    /// # Errors
    /// When they do not fit the type; the error says where and what was expected, never what was found.
    pub fn args_as<T: DeserializeOwned>(&self) -> Result<T> {
        decode("args", &self.args)
    }

    /// The args as the text that was stored.
    pub fn args_text(&self) -> &str {
        &self.args
    }

    /// The metadata: a JSON object.
    ///
    /// # Errors
    /// When the column was written by hand and is not a JSON object.
    pub fn metadata(&self) -> Result<serde_json::Map<String, serde_json::Value>> {
        decode("metadata", &self.metadata)
    }

    /// What the job's handler answered, if it answered something: the metadata's `"output"`.
    pub fn output(&self) -> Option<serde_json::Value> {
        self.metadata().ok()?.remove("output")
    }

    /// What stands in the column of errors, if it was written by hand and cannot be read: [`errors`](Job::errors) is empty
    /// then.
    pub fn errors_text(&self) -> Option<&str> {
        self.odd_errors.as_deref().filter(|_| self.errors.is_empty())
    }

    /// Whether the unique key is held while the job is in `state`.
    pub(crate) fn holds_key_in(&self, state: State) -> bool {
        self.unique_key.is_some() && self.unique_states & state.bit() != 0
    }

    /// Reads the columns that `{job}` names.
    pub(crate) fn read(row: &mut Row<'_>) -> Result<Job> {
        let id = row.int()?;
        Job::read_after(id, row).map_err(|error| error.in_job(id))
    }

    fn read_after(id: i64, row: &mut Row<'_>) -> Result<Job> {
        let mut odd_errors = None;
        let mut errors = |text: &str| {
            let errors: Option<Vec<AttemptError>> = decoded(text);
            odd_errors = errors.is_none().then(|| text.to_owned());
            errors.unwrap_or_default()
        };
        Ok(Job {
            id,
            state: row.str()?.parse()?,
            queue: row.text()?,
            kind: row.text()?,
            priority: saturated(row.int()?),
            args: row.text()?,
            metadata: row.text()?,
            tags: decode_or_default(&row.str()?),
            attempt: saturated(row.int()?),
            max_attempts: saturated(row.int()?),
            claim_seq: row.int()?,
            snooze_count: saturated(row.int()?),
            crash_count: saturated(row.int()?),
            errors: errors(&row.str()?),
            attempted_by: row.text_or_null()?,
            attempted_at: row.time_or_null()?,
            scheduled_at: row.time()?,
            created_at: row.time()?,
            finalized_at: row.time_or_null()?,
            expires_at: row.time_or_null()?,
            timeout: row.int_or_null()?.map(|ms| Duration::from_millis(ms.max(0) as u64)),
            ephemeral: row.bool()?,
            unique_key: row.bytes_or_null()?,
            unique_states: saturated(row.int_or_null()?.unwrap_or(0)),
            odd_errors,
        })
    }
}

#[cfg(test)]
impl Job {
    /// A new job, for what needs one and no database.
    pub(crate) fn sample() -> Job {
        let at = Timestamp::UNIX_EPOCH;
        Job {
            id: 0,
            state: State::Available,
            queue: "queue".to_owned(),
            kind: "kind".to_owned(),
            priority: 1,
            tags: Vec::new(),
            attempt: 0,
            max_attempts: 25,
            claim_seq: 0,
            snooze_count: 0,
            crash_count: 0,
            errors: Vec::new(),
            attempted_by: None,
            attempted_at: None,
            scheduled_at: at,
            created_at: at,
            finalized_at: None,
            expires_at: None,
            timeout: None,
            ephemeral: false,
            unique_key: None,
            unique_states: 0,
            odd_errors: None,
            args: String::new(),
            metadata: String::new(),
        }
    }
}

fn decode<T: DeserializeOwned>(column: &str, text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::corrupt(format!("{column} cannot be read as wanted: {}", json::misfit(&error))))
}

/// Tags and errors that somebody mangled by hand must not keep the job from being run.
fn decode_or_default<T: DeserializeOwned + Default>(text: &str) -> T {
    decoded(text).unwrap_or_default()
}

fn decoded<T: DeserializeOwned + Default>(text: &str) -> Option<T> {
    if text == "[]" { Some(T::default()) } else { serde_json::from_str(text).ok() }
}

/// A number as a narrower type holds it; what is outside becomes its nearest bound.
fn saturated<T: TryFrom<i64> + Bounds>(number: i64) -> T {
    T::try_from(number).unwrap_or(if number < 0 { T::MIN } else { T::MAX })
}

trait Bounds {
    const MIN: Self;
    const MAX: Self;
}

macro_rules! bounds {
    ($($number:ty)*) => { $(impl Bounds for $number {
        const MIN: Self = <$number>::MIN;
        const MAX: Self = <$number>::MAX;
    })* };
}
bounds!(u8 i16 u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_become_the_nearest_bound() {
        assert_eq!(saturated::<u32>(-1), 0);
        assert_eq!(saturated::<u32>(i64::MAX), u32::MAX);
        assert_eq!(saturated::<u8>(4), 4);
    }
}
