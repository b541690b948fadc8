//! For how long jobs stay that have ended.

use std::{collections::BTreeMap, time::Duration};

use crate::{Result, State, name, new_job::check_span};

/// The states that it is about, in the order of their spans below.
pub(crate) const STATES: [State; 3] = [State::Completed, State::Cancelled, State::Discarded];

const DAY: Duration = Duration::from_secs(24 * 3600);

/// For how long jobs stay that have ended, by state and queue; from 1 ms to 10 years, `None` for ever.
///
/// ```
/// use drip::Retention;
/// use std::time::Duration;
///
/// let retention = Retention::default() // completed and cancelled 24 h, discarded 7 days
///     .completed(Duration::from_secs(3600))
///     .discarded_in("payments", None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Retention {
    spans: [Option<Duration>; 3],
    /// Of some queues some spans.
    queues: BTreeMap<String, [Option<Option<Duration>>; 3]>,
}

impl Default for Retention {
    /// Completed and cancelled jobs stay for 24 hours, discarded ones for 7 days.
    fn default() -> Self {
        Retention { spans: [Some(DAY), Some(DAY), Some(7 * DAY)], queues: BTreeMap::new() }
    }
}

impl Retention {
    /// Everything stays for ever, unless something else is said.
    pub fn forever() -> Self {
        Retention { spans: [None; 3], queues: BTreeMap::new() }
    }

    /// How long completed jobs stay. Default: 24 h.
    pub fn completed(mut self, span: impl Into<Option<Duration>>) -> Self {
        self.spans[0] = span.into();
        self
    }

    /// How long cancelled jobs stay. Default: 24 h.
    pub fn cancelled(mut self, span: impl Into<Option<Duration>>) -> Self {
        self.spans[1] = span.into();
        self
    }

    /// How long discarded jobs stay. Default: 7 days.
    pub fn discarded(mut self, span: impl Into<Option<Duration>>) -> Self {
        self.spans[2] = span.into();
        self
    }

    /// How long completed jobs of this queue stay, whatever is said of the others.
    pub fn completed_in(self, queue: impl Into<String>, span: impl Into<Option<Duration>>) -> Self {
        self.set(queue.into(), 0, span.into())
    }

    /// How long cancelled jobs of this queue stay, whatever is said of the others.
    pub fn cancelled_in(self, queue: impl Into<String>, span: impl Into<Option<Duration>>) -> Self {
        self.set(queue.into(), 1, span.into())
    }

    /// How long discarded jobs of this queue stay, whatever is said of the others.
    pub fn discarded_in(self, queue: impl Into<String>, span: impl Into<Option<Duration>>) -> Self {
        self.set(queue.into(), 2, span.into())
    }

    fn set(mut self, queue: String, state: usize, span: Option<Duration>) -> Self {
        self.queues.entry(queue).or_default()[state] = Some(span);
        self
    }

    /// How long jobs of this queue stay in the state with this index.
    pub(crate) fn of(&self, queue: &str, state: usize) -> Option<Duration> {
        self.queues.get(queue).and_then(|spans| spans[state]).unwrap_or(self.spans[state])
    }

    /// Whether anything goes away that is in the state with this index.
    pub(crate) fn concerns(&self, state: usize) -> bool {
        self.spans[state].is_some() || self.queues.values().any(|spans| spans[state].flatten().is_some())
    }

    pub(crate) fn check(&self) -> Result<()> {
        const LEAST: Duration = Duration::from_millis(1);
        for (state, field) in ["completed", "cancelled", "discarded"].into_iter().enumerate() {
            check_span(field, self.spans[state], LEAST)?;
            for (queue, spans) in &self.queues {
                name::check_queue(queue)?;
                check_span(field, spans[state].flatten(), LEAST)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_queue_counts_field_by_field() {
        let hour = Duration::from_secs(3600);
        let retention = Retention::default().completed_in("a", hour).discarded_in("a", None).discarded(None);
        let of = |queue| [0, 1, 2].map(|state| retention.of(queue, state));
        assert_eq!(of("a"), [Some(hour), Some(DAY), None]);
        assert_eq!(of("b"), [Some(DAY), Some(DAY), None]);
        assert_eq!([0, 1, 2].map(|state| retention.concerns(state)), [true, true, false]);
        assert!(Retention::forever().cancelled_in("a", hour).concerns(1));
    }
}
