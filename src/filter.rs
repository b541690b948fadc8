//! Which jobs: what lists, counts and changes of many jobs are asked for.

use std::ops::{Bound, RangeBounds};

use jiff::Timestamp;

use crate::{Error, Result, name, state::State};

/// The most values of one criterion. PostgreSQL and MariaDB take 65,535 parameters, SQLite 32,766.
const MAX_VALUES: usize = 1000;

/// Which jobs.
///
/// The criteria are combined by AND; the values of one criterion by OR. A criterion that is not given leaves every job;
/// one that is given without any value leaves none, so that an empty selection never means everything.
///
/// ```
/// use drip::{JobFilter, State};
///
/// // Discarded or cancelled jobs of one kind.
/// let filter = JobFilter::new().states([State::Discarded, State::Cancelled]).kind("invoice");
/// ```
///
/// Names are looked for as they are given, also those that no verb would write and plain SQL has: with control characters,
/// say (but MariaDB finds none of these among tags and keys, which are JSON). Only an empty one is refused.
///
/// Ids, states and kinds are looked up by an index; queues together with a state; and the time of the end together with a
/// final state and a queue. Else, what the other criteria leave is read through, for the whole table if there are none.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct JobFilter {
    pub(crate) ids: Option<Vec<i64>>,
    pub(crate) states: Option<Vec<State>>,
    pub(crate) queues: Option<Vec<String>>,
    pub(crate) kinds: Option<Vec<String>>,
    pub(crate) priorities: Option<Vec<u8>>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) metadata_keys: Option<Vec<String>>,
    pub(crate) workers: Option<Vec<String>>,
    pub(crate) id_range: Between<i64>,
    pub(crate) created: Between<Timestamp>,
    pub(crate) scheduled: Between<Timestamp>,
    pub(crate) finalized: Between<Timestamp>,
}

/// Both ends are included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Between<T> {
    pub(crate) from: Option<T>,
    pub(crate) to: Option<T>,
}

impl<T> Default for Between<T> {
    fn default() -> Self {
        Between { from: None, to: None }
    }
}

/// Adds values to a criterion.
fn add<T>(to: &mut Option<Vec<T>>, values: impl IntoIterator<Item = T>) {
    to.get_or_insert_default().extend(values);
}

impl JobFilter {
    /// Every job.
    pub fn new() -> Self {
        JobFilter::default()
    }

    /// The job with this id, beside those named before.
    pub fn id(self, id: i64) -> Self {
        self.ids([id])
    }

    /// Jobs with these ids: at most 1000.
    pub fn ids(mut self, ids: impl IntoIterator<Item = i64>) -> Self {
        add(&mut self.ids, ids);
        self
    }

    /// Jobs in this state, beside those named before.
    pub fn state(self, state: State) -> Self {
        self.states([state])
    }

    /// Jobs in any of these states.
    pub fn states(mut self, states: impl IntoIterator<Item = State>) -> Self {
        add(&mut self.states, states);
        self
    }

    /// Jobs in this queue, beside those named before.
    pub fn queue(self, queue: impl Into<String>) -> Self {
        self.queues([queue])
    }

    /// Jobs in any of these queues: at most 1000.
    pub fn queues<S: Into<String>>(mut self, queues: impl IntoIterator<Item = S>) -> Self {
        add(&mut self.queues, queues.into_iter().map(Into::into));
        self
    }

    /// Jobs of this kind, beside those named before.
    pub fn kind(self, kind: impl Into<String>) -> Self {
        self.kinds([kind])
    }

    /// Jobs of any of these kinds: at most 1000.
    pub fn kinds<S: Into<String>>(mut self, kinds: impl IntoIterator<Item = S>) -> Self {
        add(&mut self.kinds, kinds.into_iter().map(Into::into));
        self
    }

    /// Jobs of this priority, from 1 to 4, beside those named before.
    pub fn priority(self, priority: u8) -> Self {
        self.priorities([priority])
    }

    /// Jobs of any of these priorities.
    pub fn priorities(mut self, priorities: impl IntoIterator<Item = u8>) -> Self {
        add(&mut self.priorities, priorities);
        self
    }

    /// Jobs with this tag, or with any of those named before.
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.tags([tag])
    }

    /// Jobs with any of these tags: at most 1000.
    pub fn tags<S: Into<String>>(mut self, tags: impl IntoIterator<Item = S>) -> Self {
        add(&mut self.tags, tags.into_iter().map(Into::into));
        self
    }

    /// Jobs whose metadata has this key at its top, or any of those named before.
    pub fn metadata_key(mut self, key: impl Into<String>) -> Self {
        add(&mut self.metadata_keys, [key.into()]);
        self
    }

    /// Jobs whose latest claim was made by this worker, or any of those named before.
    pub fn worker(mut self, worker_id: impl Into<String>) -> Self {
        add(&mut self.workers, [worker_id.into()]);
        self
    }

    /// Jobs with ids in this range.
    pub fn id_range(mut self, range: impl RangeBounds<i64>) -> Self {
        self.id_range = Between {
            from: bound(range.start_bound(), |id| id.saturating_add(1), |id| id),
            to: bound(range.end_bound(), |id| id.saturating_sub(1), |id| id),
        };
        self
    }

    /// Jobs inserted in this span of time, such as `yesterday..today`; in microseconds.
    pub fn created(mut self, range: impl RangeBounds<Timestamp>) -> Self {
        self.created = times(&range);
        self
    }

    /// Jobs that are, or were, due in this span of time.
    pub fn scheduled(mut self, range: impl RangeBounds<Timestamp>) -> Self {
        self.scheduled = times(&range);
        self
    }

    /// Jobs that came to their end in this span of time.
    pub fn finalized(mut self, range: impl RangeBounds<Timestamp>) -> Self {
        self.finalized = times(&range);
        self
    }

    /// Whether no criterion is given.
    pub(crate) fn is_everything(&self) -> bool {
        *self == JobFilter::default()
    }

    /// Checks everything that can be checked without a database.
    pub(crate) fn check(&self) -> Result<()> {
        check_count("ids", &self.ids)?;
        check_count("priorities", &self.priorities)?;
        check_names("queues", &self.queues)?;
        check_names("kinds", &self.kinds)?;
        check_names("tags", &self.tags)?;
        check_names("metadata_key", &self.metadata_keys)?;
        check_names("worker", &self.workers)?;
        if self.tags.iter().flatten().any(|tag| tag.contains(',')) {
            return Err(Error::invalid("tags", "hold a comma, which no tag does: name each by itself"));
        }
        for priority in self.priorities.iter().flatten() {
            if !(1..=4).contains(priority) {
                return Err(Error::invalid("priorities", format!("{priority} is none; from 1 to 4")));
            }
        }
        Ok(())
    }
}

fn check_count<T>(field: &'static str, values: &Option<Vec<T>>) -> Result<()> {
    match values {
        Some(values) if values.len() > MAX_VALUES => {
            Err(Error::invalid(field, format!("are {}; at most {MAX_VALUES}", values.len())))
        }
        _ => Ok(()),
    }
}

fn check_names(field: &'static str, names: &Option<Vec<String>>) -> Result<()> {
    check_count(field, names)?;
    names.iter().flatten().try_for_each(|value| name::check_sought(field, value))
}

fn bound<T: Copy>(bound: Bound<&T>, excluded: impl Fn(T) -> T, included: impl Fn(T) -> T) -> Option<T> {
    match bound {
        Bound::Included(end) => Some(included(*end)),
        Bound::Excluded(end) => Some(excluded(*end)),
        Bound::Unbounded => None,
    }
}

/// In whole microseconds, which is what the database holds.
fn times(range: &impl RangeBounds<Timestamp>) -> Between<Timestamp> {
    Between {
        from: bound(range.start_bound(), |at| shifted(floor(at), 1), |at| shifted(floor(shifted_nanos(at)), 0)),
        to: bound(range.end_bound(), |at| floor(shifted(shifted_nanos(at), -1)), floor),
    }
}

fn floor(at: Timestamp) -> Timestamp {
    crate::dialect::truncated(at)
}

/// So much later that cutting to microseconds rounds up.
fn shifted_nanos(at: Timestamp) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_nanos(999)).unwrap_or(at)
}

fn shifted(at: Timestamp, micros: i64) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_micros(micros)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_of_time_end_at_whole_microseconds_inside() {
        let (early, late) = (at("2030-01-01T00:00:00.0000012Z"), at("2030-01-01T00:00:00.0000045Z"));
        let inside =
            Between { from: Some(at("2030-01-01T00:00:00.000002Z")), to: Some(at("2030-01-01T00:00:00.000004Z")) };
        assert_eq!(times(&(early..late)), inside);
        assert_eq!(times(&(early..=late)), inside);
        let (early, late) = (at("2030-01-01T00:00:00.000001Z"), at("2030-01-01T00:00:00.000004Z"));
        assert_eq!(times(&(early..late)), Between { from: Some(early), to: Some(at("2030-01-01T00:00:00.000003Z")) });
        assert_eq!(times(&(early..=late)), Between { from: Some(early), to: Some(late) });
        assert_eq!(times(&(Bound::Excluded(early), Bound::Unbounded)).from, Some(at("2030-01-01T00:00:00.000002Z")));
    }

    #[test]
    fn an_empty_selection_is_not_everything() {
        assert!(JobFilter::new().is_everything());
        assert!(!JobFilter::new().ids([]).is_everything());
        assert!(!JobFilter::new().created(at("2030-01-01T00:00:00Z")..).is_everything());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (field, filter) in [
            ("ids", JobFilter::new().ids(0..1001)),
            ("priorities", JobFilter::new().priority(5)),
            ("queues", JobFilter::new().queue("")),
            ("kinds", JobFilter::new().kind("")),
            ("tags", JobFilter::new().tag("a,b")),
        ] {
            assert!(filter.check().unwrap_err().to_string().starts_with(field));
        }
    }
}
