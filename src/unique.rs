//! What makes a job unique, and the key that stands for it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result, duration::MAX_DURATION, json, state::State};

/// What makes a job the same as another: at most one of them is active at a time.
///
/// ```
/// use drip::{NewJob, Unique};
/// use std::time::Duration;
///
/// // One report a customer and day, however often it is asked for.
/// let job = NewJob::new("report", serde_json::json!({"customer": 7, "format": "pdf"}))
///     .unique(Unique::new().by_keys(["customer"]).by_period(Duration::from_secs(24 * 3600)));
/// ```
///
/// The kind always counts, unless [`exclude_kind`](Unique::exclude_kind) is said. A job is active while it is in one of
/// the [states](Unique::by_states) that its own insert named.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Unique {
    args: Args,
    period: Option<Duration>,
    queue: bool,
    kind: bool,
    states: i16,
    on_duplicate: OnDuplicate,
}

#[derive(Debug, Clone, PartialEq)]
enum Args {
    Ignored,
    All,
    Keys(Vec<String>),
}

/// What happens to the job that is there already when its duplicate is inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnDuplicate {
    /// It stays as it is.
    #[default]
    Keep,
    /// If it has not started, it takes the args, due time, priority, tags, metadata, max_attempts, timeout and ttl of the
    /// new one: to put off, to debounce. One that is running or done stays as it is.
    Replace,
}

impl Unique {
    /// Unique by kind alone, in the default states.
    pub fn new() -> Self {
        let states = State::ALL.into_iter().filter(|s| !matches!(s, State::Cancelled | State::Discarded));
        Unique {
            args: Args::Ignored,
            period: None,
            queue: false,
            kind: true,
            states: mask(states),
            on_duplicate: OnDuplicate::Keep,
        }
    }

    /// Jobs with other args are other jobs. The order of keys does not count; `1` and `1.0` differ.
    pub fn by_args(mut self) -> Self {
        self.args = Args::All;
        self
    }

    /// Jobs which differ in one of these top-level keys of the args are other jobs. A key that is missing differs from
    /// one that is null.
    pub fn by_keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.args = Args::Keys(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Jobs due in different windows of this length are other jobs. Windows are aligned to 1970-01-01T00:00:00Z, so that
    /// one of `24h` is a UTC day. From 1 ms to 10 years.
    pub fn by_period(mut self, period: Duration) -> Self {
        self.period = Some(period);
        self
    }

    /// Jobs in different queues are other jobs.
    pub fn by_queue(mut self) -> Self {
        self.queue = true;
        self
    }

    /// Jobs of different kinds may be the same job.
    pub fn exclude_kind(mut self) -> Self {
        self.kind = false;
        self
    }

    /// In which states a job counts. Default: all but cancelled and discarded.
    pub fn by_states(mut self, states: impl IntoIterator<Item = State>) -> Self {
        self.states = mask(states);
        self
    }

    /// What happens to the job that is there already. Default: [`OnDuplicate::Keep`].
    pub fn on_duplicate(mut self, on_duplicate: OnDuplicate) -> Self {
        self.on_duplicate = on_duplicate;
        self
    }

    pub(crate) fn replaces(&self) -> bool {
        self.on_duplicate == OnDuplicate::Replace
    }

    pub(crate) fn states(&self) -> i16 {
        self.states
    }

    /// Whether the key depends on when the job is due.
    pub(crate) fn needs_time(&self) -> bool {
        self.period.is_some()
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.states == 0 {
            return Err(Error::invalid("unique.by_states", "names no state"));
        }
        if matches!(&self.args, Args::Keys(keys) if keys.is_empty()) {
            return Err(Error::invalid("unique.by_keys", "names no key"));
        }
        match self.period {
            Some(period) if period < Duration::from_millis(1) || period > MAX_DURATION => {
                Err(Error::invalid("unique.by_period", format!("is {period:?}; from 1 ms to 10 years")))
            }
            _ => Ok(()),
        }
    }

    /// The key: SHA-256 over the fields that count, each with a tag and its length, so that no two different jobs have
    /// the same input. The first byte is the version of this encoding.
    pub(crate) fn key(&self, kind: &str, queue: &str, args: &str, due: Timestamp) -> Vec<u8> {
        let mut hash = Sha256::new_with_prefix([1u8]);
        let mut field = |tag: u8, bytes: &[u8]| {
            hash.update([tag]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        if self.kind {
            field(b'k', kind.as_bytes());
        }
        if self.queue {
            field(b'q', queue.as_bytes());
        }
        match &self.args {
            Args::Ignored => {}
            Args::All => field(b'a', json::canonical(args).as_bytes()),
            Args::Keys(keys) => field(b'a', json::canonical_keys(args, keys).as_bytes()),
        }
        if let Some(period) = self.period {
            field(b'p', &period.as_micros().to_be_bytes());
            field(b'w', &window(due, period).to_be_bytes());
        }
        hash.finalize().to_vec()
    }
}

impl Default for Unique {
    fn default() -> Self {
        Unique::new()
    }
}

/// As it is kept where jobs are made of it later. What is not known here was written by a newer version.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoredUnique {
    by_args: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_keys: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_period_us: Option<u64>,
    by_queue: bool,
    exclude_kind: bool,
    /// Their names; none: the default.
    by_states: Vec<String>,
    replace: bool,
}

impl StoredUnique {
    pub(crate) fn of(unique: &Unique) -> StoredUnique {
        let states = State::ALL.into_iter().filter(|state| unique.states & state.bit() != 0);
        StoredUnique {
            by_args: unique.args == Args::All,
            by_keys: match &unique.args {
                Args::Keys(keys) => Some(keys.clone()),
                _ => None,
            },
            by_period_us: unique.period.map(|period| u64::try_from(period.as_micros()).unwrap_or(u64::MAX)),
            by_queue: unique.queue,
            exclude_kind: !unique.kind,
            by_states: states.map(|state| state.name().to_owned()).collect(),
            replace: unique.replaces(),
        }
    }

    pub(crate) fn read(self) -> Result<Unique> {
        let states = self.by_states.iter().map(|name| name.parse()).collect::<Result<Vec<State>>>()?;
        Ok(Unique {
            args: match self.by_keys {
                Some(keys) => Args::Keys(keys),
                None if self.by_args => Args::All,
                None => Args::Ignored,
            },
            period: self.by_period_us.map(Duration::from_micros),
            queue: self.by_queue,
            kind: !self.exclude_kind,
            states: if states.is_empty() { Unique::new().states } else { mask(states) },
            on_duplicate: if self.replace { OnDuplicate::Replace } else { OnDuplicate::Keep },
        })
    }
}

fn mask(states: impl IntoIterator<Item = State>) -> i16 {
    states.into_iter().fold(0, |mask, state| mask | state.bit())
}

/// The number of the window in which `due` lies.
fn window(due: Timestamp, period: Duration) -> i128 {
    i128::from(due.as_microsecond()).div_euclid(period.as_micros() as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_shortest_and_the_longest_period_are_allowed() {
        for period in [Duration::from_millis(1), MAX_DURATION] {
            assert!(Unique::new().by_period(period).check().is_ok(), "{period:?}");
        }
    }

    #[test]
    fn a_state_that_is_named_twice_counts_once() {
        assert_eq!(mask([State::Running, State::Pending, State::Running]), State::Running.bit() + State::Pending.bit());
    }

    #[test]
    fn windows_are_aligned_to_the_epoch() {
        let day = Duration::from_secs(86_400);
        assert_eq!(window(at("1970-01-01T23:59:59.999999Z"), day), 0);
        assert_eq!(window(at("1970-01-02T00:00:00Z"), day), 1);
        assert_eq!(window(at("1969-12-31T23:59:59Z"), day), -1);
    }

    #[test]
    fn the_default_mask_is_all_but_cancelled_and_discarded() {
        assert_eq!(Unique::new().states(), 0b1100_1111);
    }

    #[test]
    fn what_counts_and_what_does_not() {
        let key = |unique: &Unique, kind, queue, args| unique.key(kind, queue, args, at("2026-01-01T00:00:00Z"));
        let all = Unique::new().by_args();
        assert_eq!(
            key(&all, "k", "q", r#"{"a":1,"b":{"c":2,"d":3}}"#),
            key(&all, "k", "r", r#"{"b":{"d":3,"c":2},"a":1}"#)
        );
        assert_ne!(key(&all, "k", "q", r#"{"a":1}"#), key(&all, "k", "q", r#"{"a":"1"}"#));
        assert_ne!(key(&all, "k", "q", "{}"), key(&all, "l", "q", "{}"));
        let keys = Unique::new().by_keys(["a"]);
        assert_eq!(key(&keys, "k", "q", r#"{"a":1,"b":2}"#), key(&keys, "k", "q", r#"{"a":1,"b":3}"#));
        assert_ne!(key(&keys, "k", "q", r#"{"a":null}"#), key(&keys, "k", "q", "{}"));
        let queues = Unique::new().by_queue().exclude_kind();
        assert_eq!(key(&queues, "k", "q", "{}"), key(&queues, "l", "q", "{}"));
        assert_ne!(key(&queues, "k", "q", "{}"), key(&queues, "k", "r", "{}"));
    }

    #[test]
    fn hours_and_days_of_one_kind_do_not_collide_where_their_windows_meet() {
        let hour = Unique::new().by_period(Duration::from_secs(3600));
        let day = Unique::new().by_period(Duration::from_secs(86_400));
        let due = at("1970-01-01T00:00:00Z");
        assert_ne!(hour.key("k", "q", "{}", due), day.key("k", "q", "{}", due));
    }
}
