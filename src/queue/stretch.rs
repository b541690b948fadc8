//! Where in a queue a claim looks: stretches of the claim's index, in its order.

use jiff::{Timestamp, civil::date, tz::TimeZone};

/// The priorities that there are, the first to be served first.
pub(crate) const PRIORITIES: usize = 4;

/// A place among the jobs of one queue and priority: a due time and, among those due at that time, an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) at: Timestamp,
    pub(crate) id: i64,
}

impl Position {
    /// Before all jobs that are due then or later.
    pub(crate) const fn before(at: Timestamp) -> Position {
        Position { at, id: 0 }
    }

    /// Before all jobs: the first day that all three databases can hold.
    pub(crate) fn first() -> Position {
        let midnight = TimeZone::UTC.to_timestamp(date(1, 1, 1).at(0, 0, 0, 0));
        Position::before(midnight.unwrap_or(Timestamp::MIN))
    }
}

/// After which position of each priority a claim looks.
pub(crate) type Bound = [Position; PRIORITIES];

/// A part of a queue that is one part of the index: what comes after (`from_priority`, `from`), up to the end of
/// `to_priority`. One that begins within a priority ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from_priority: i64,
    pub(crate) from: Position,
    pub(crate) to_priority: i64,
}

/// The stretches beyond a bound; without one the whole queue is a single stretch.
pub(crate) fn stretches(bound: Option<&Bound>) -> Vec<Stretch> {
    match bound {
        None => vec![Stretch { from_priority: 0, from: Position::first(), to_priority: PRIORITIES as i64 }],
        Some(bound) => (1..)
            .zip(bound)
            .map(|(priority, &from)| Stretch { from_priority: priority, from, to_priority: priority })
            .collect(),
    }
}
