//! The state machine of a job: its states, their names and bits, and which verb may move a job from which state.
//!
//! This is the only place that knows. The SQL spells states as literals, so that partial indexes match; the tests hold
//! both against each other.
//!
//! ```text
//!              insert
//!       ┌────────┼──────────┐
//!       ▼        ▼          ▼
//!    pending  scheduled  available ◄──────────────┐ retry, give back
//!       │ release │ due     │ claim               │
//!       └────►────┴────►────▼                     │
//!                        running ── snooze ──► scheduled
//!            ┌──────────────┼──────────────┬──────────────┐
//!            ▼ complete     ▼ fail         ▼ fail, last   ▼ cancel
//!        completed      retryable       discarded      cancelled
//!                           │ due
//!                           └──► available
//! ```

use std::{fmt, str::FromStr};

/// Where a job stands.
///
/// `Completed`, `Discarded` and `Cancelled` are final: `finalized_at` is set exactly then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum State {
    /// Waits for a worker.
    Available,
    /// Claimed by a worker.
    Running,
    /// Done.
    Completed,
    /// Failed, and will be available again at `scheduled_at`.
    Retryable,
    /// Given up: its attempts are used up, or somebody discarded it.
    Discarded,
    /// Called off.
    Cancelled,
    /// Will be available at `scheduled_at`.
    Scheduled,
    /// Held until it is released.
    Pending,
}

/// What somebody asks of a job that exists; each is a function of this crate, or a part of one.
///
/// ```
/// use drip::{State, Verb};
///
/// assert!(Verb::Retry.moves(State::Discarded));
/// assert!(!Verb::Retry.moves(State::Running));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// [`complete_job`](crate::complete_job)
    Complete,
    /// [`fail_job`](crate::fail_job)
    Fail,
    /// [`snooze_job`](crate::snooze_job)
    Snooze,
    /// [`cancel_job`](crate::cancel_job)
    Cancel,
    /// [`discard_job`](crate::discard_job)
    Discard,
    /// A worker gives back what it has claimed and not begun.
    GiveBack,
    /// [`retry_job`](crate::retry_job); [`retry_completed_job`](crate::retry_completed_job) also moves what is completed.
    Retry,
    /// [`release_job`](crate::release_job)
    Release,
    /// [`rescue_jobs`](crate::rescue_jobs)
    Rescue,
    /// [`expire_jobs`](crate::expire_jobs)
    Expire,
    /// [`record_output`](crate::record_output)
    Output,
    /// [`update_job`](crate::update_job), [`swap_job`](crate::swap_job)
    Update,
    /// [`delete_job`](crate::delete_job)
    Delete,
}

/// What a verb does to a job in a given state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The job moves.
    Move,
    /// The job already is where the verb would take it: nothing is written.
    Already,
    /// The verb has no meaning here.
    Refuse,
}

impl State {
    /// All states, in the order of their bits.
    pub const ALL: [State; 8] = [
        State::Available,
        State::Running,
        State::Completed,
        State::Retryable,
        State::Discarded,
        State::Cancelled,
        State::Scheduled,
        State::Pending,
    ];

    /// The name in the database's `state` column.
    pub const fn name(self) -> &'static str {
        match self {
            State::Available => "available",
            State::Running => "running",
            State::Completed => "completed",
            State::Retryable => "retryable",
            State::Discarded => "discarded",
            State::Cancelled => "cancelled",
            State::Scheduled => "scheduled",
            State::Pending => "pending",
        }
    }

    /// Whether a job in this state has come to its end.
    pub const fn is_final(self) -> bool {
        matches!(self, State::Completed | State::Discarded | State::Cancelled)
    }

    /// The state's bit in the `unique_states` column.
    pub(crate) const fn bit(self) -> i16 {
        1 << (self as i16)
    }
}

impl Verb {
    /// Whether this verb changes a job in `state`. In other states it answers an error that
    /// [`is_wrong_state`](crate::Error::is_wrong_state), or, where the job already is what it would become, changes nothing.
    pub fn moves(self, state: State) -> bool {
        self.on(state) == Answer::Move
    }

    /// What this verb does to a job in `state`: the state × verb matrix.
    pub(crate) fn on(self, state: State) -> Answer {
        use State::*;
        match (self, state) {
            (Verb::Complete, Running) => Answer::Move,
            (Verb::Complete, Completed) => Answer::Already,
            (Verb::Fail | Verb::Snooze | Verb::GiveBack | Verb::Rescue, Running) => Answer::Move,
            (Verb::Expire, Available | Retryable | Scheduled | Pending) => Answer::Move,
            (Verb::Cancel, Cancelled) | (Verb::Discard, Discarded) => Answer::Already,
            (Verb::Cancel | Verb::Discard, state) if !state.is_final() => Answer::Move,
            (Verb::Retry, Retryable | Discarded | Cancelled | Scheduled) => Answer::Move,
            (Verb::Retry, Available) => Answer::Already,
            (Verb::Release, Pending) => Answer::Move,
            (Verb::Release, Available | Scheduled) => Answer::Already,
            (Verb::Output, _) => Answer::Move,
            // What is running must not be changed under its handler, nor be gone when that wants to settle it.
            (Verb::Update | Verb::Delete, state) if state != Running => Answer::Move,
            _ => Answer::Refuse,
        }
    }

    /// The verb's name, as errors have it: `cancel`.
    pub const fn name(self) -> &'static str {
        match self {
            Verb::Complete => "complete",
            Verb::Fail => "fail",
            Verb::Snooze => "snooze",
            Verb::Cancel => "cancel",
            Verb::Discard => "discard",
            Verb::GiveBack => "give back",
            Verb::Retry => "retry",
            Verb::Release => "release",
            Verb::Rescue => "rescue",
            Verb::Expire => "expire",
            Verb::Output => "record output of",
            Verb::Update => "update",
            Verb::Delete => "delete",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for State {
    type Err = crate::Error;

    /// Reads a state's name, as the database's `state` column has it.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        State::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| crate::Error::invalid("state", format!("{name:?} is not a state of a job")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_are_distinct_and_names_read_back() {
        let mut bits = 0;
        for state in State::ALL {
            assert_eq!(bits & state.bit(), 0);
            bits |= state.bit();
            assert_eq!(state.name().parse::<State>().unwrap(), state);
        }
        assert_eq!(bits, 0xFF);
    }

    #[test]
    fn each_verb_does_in_each_state_what_the_table_says() {
        // In the order of State::ALL: moves it, finds it there already, or refuses.
        for (verb, answers) in [
            (Verb::Complete, "-ma-----"),
            (Verb::Fail, "-m------"),
            (Verb::Snooze, "-m------"),
            (Verb::Cancel, "mm-m-amm"),
            (Verb::Discard, "mm-ma-mm"),
            (Verb::GiveBack, "-m------"),
            (Verb::Retry, "a--mmmm-"),
            (Verb::Release, "a-----am"),
            (Verb::Rescue, "-m------"),
            (Verb::Expire, "m--m--mm"),
            (Verb::Output, "mmmmmmmm"),
            (Verb::Update, "m-mmmmmm"),
            (Verb::Delete, "m-mmmmmm"),
        ] {
            for (state, answer) in State::ALL.into_iter().zip(answers.chars()) {
                let expected = match answer {
                    'm' => Answer::Move,
                    'a' => Answer::Already,
                    _ => Answer::Refuse,
                };
                assert_eq!(verb.on(state), expected, "{} of {state}", verb.name());
                assert_eq!(verb.moves(state), expected == Answer::Move, "{} of {state}", verb.name());
            }
        }
    }

    #[test]
    fn states_and_verbs_are_written_as_they_are_called() {
        let states = State::ALL.map(|state| state.to_string()).join(" ");
        assert_eq!(states, "available running completed retryable discarded cancelled scheduled pending");
        let refused = crate::Error::wrong_state(Verb::Cancel, 7, State::Completed);
        assert_eq!(refused.to_string(), "cannot cancel job 7: it is completed");
    }

    /// The lines of the drawing of a page, or of a file's comment.
    fn drawing(text: &str) -> Vec<&str> {
        let lines = text.lines().map(|line| line.strip_prefix("//! ").unwrap_or(line));
        lines.skip_while(|line| line.trim() != "insert").take_while(|line| !line.contains("```")).collect()
    }

    #[test]
    fn it_is_drawn_everywhere_as_it_is_here() {
        let here = drawing(include_str!("state.rs"));
        assert!(here.len() > 8);
        assert_eq!(drawing(include_str!("lib.rs")), here);
        assert_eq!(drawing(include_str!("../README.md")), here);
    }

    #[test]
    fn the_sql_of_every_dialect_spells_the_bits_of_the_states() {
        for (dialect, sql) in crate::dialect::first_migrations() {
            for (bit, state) in State::ALL.into_iter().enumerate() {
                let spelled = format!("WHEN '{}' THEN {bit}", state.name());
                assert!(sql.contains(&spelled), "{dialect:?} lacks {spelled}");
            }
        }
    }
}
