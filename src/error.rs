//! The one error of this crate: opaque, with predicates, the driver's own error behind `source()`.
//!
//! Opaque, so that a new kind of failure or a newer driver breaks nobody; predicates, because callers ask "may I try
//! again?" and "was it my input?", not which variant it was.

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

use crate::{
    dialect::words,
    duration::format_duration,
    state::{State, Verb},
};

/// What every function of this crate answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync>;

/// An error of the queue.
///
/// Ask it with the predicates; the driver's own error, where there is one, is behind
/// [`source`](std::error::Error::source). The text never holds a job's args, nor a connection URL.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    source: Option<Source>,
}

#[derive(Debug)]
enum Kind {
    Invalid { field: Cow<'static, str>, problem: String },
    NotFound { id: i64 },
    NoSchedule { name: String },
    WrongState { verb: Verb, id: i64, state: State },
    LostClaim { id: i64 },
    UniqueConflict { id: Option<i64> },
    TransactionLost,
    Transient(&'static str),
    Cancelled,
    TooLong { limit: Duration },
    Unavailable(&'static str),
    Unsupported(String),
    Corrupt(String),
    NotMigrated,
    Database,
    Refused(&'static str),
    NoDatabase(&'static str),
    Other,
}

impl Error {
    /// The input was refused before anything was written; the message names the field and the limit.
    pub fn is_invalid_input(&self) -> bool {
        matches!(self.0.kind, Kind::Invalid { .. })
    }

    /// There is no job with this id, or no schedule of this name.
    pub fn is_not_found(&self) -> bool {
        matches!(self.0.kind, Kind::NotFound { .. } | Kind::NoSchedule { .. })
    }

    /// The job is in a state in which the verb has no meaning; [`Error::state`] says which.
    pub fn is_wrong_state(&self) -> bool {
        matches!(self.0.kind, Kind::WrongState { .. })
    }

    /// The claim under which the job was run has ended: it was cancelled, timed out, rescued or settled meanwhile.
    ///
    /// Whoever gets this in a transaction must roll that back: its effects belong to a run that no longer counts.
    pub fn is_lost_claim(&self) -> bool {
        matches!(self.0.kind, Kind::LostClaim { .. })
    }

    /// Another job holds the unique key; [`Error::conflicting_job`] says which.
    pub fn is_unique_conflict(&self) -> bool {
        matches!(self.0.kind, Kind::UniqueConflict { .. })
    }

    /// The caller's transaction is no longer open: the database has already rolled it back (or refuses to go on with
    /// it). Nothing was written. Start the whole transaction again.
    pub fn is_transaction_lost(&self) -> bool {
        matches!(self.0.kind, Kind::TransactionLost)
    }

    /// The same call, or the whole of the caller's transaction, may succeed when tried again: a deadlock, a
    /// serialization failure, a busy database, a lost connection.
    pub fn is_transient(&self) -> bool {
        matches!(self.0.kind, Kind::Transient(_) | Kind::Cancelled | Kind::Unavailable(_) | Kind::TransactionLost)
    }

    /// The database could not be reached, or the connection to it was lost.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.0.kind, Kind::Unavailable(_))
    }

    /// The database answers, and lets nobody in: for another password, another user, another database, perhaps.
    pub fn is_refused(&self) -> bool {
        matches!(self.0.kind, Kind::Refused(_) | Kind::NoDatabase(_))
    }

    /// The server answers, and has no database of that name.
    pub fn is_no_database(&self) -> bool {
        matches!(self.0.kind, Kind::NoDatabase(_))
    }

    /// A list, a count, or the search of a bulk verb took longer than the client lets it
    /// ([`search_timeout`](crate::ClientBuilder::search_timeout)).
    pub fn is_timed_out(&self) -> bool {
        matches!(self.0.kind, Kind::TooLong { .. })
    }

    /// The queue's tables are not there, or not all of them: [`Client::migrate`](crate::Client::migrate) makes them.
    pub fn is_not_migrated(&self) -> bool {
        matches!(self.0.kind, Kind::NotMigrated)
    }

    /// Somebody has cancelled the statement, or it has taken longer than its connection lets it.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self.0.kind, Kind::Cancelled)
    }

    /// The state that refused the verb, for an error that [`is_wrong_state`](Error::is_wrong_state).
    pub fn state(&self) -> Option<State> {
        match self.0.kind {
            Kind::WrongState { state, .. } => Some(state),
            _ => None,
        }
    }

    /// The id of the job that holds the unique key, where it is known.
    pub fn conflicting_job(&self) -> Option<i64> {
        match self.0.kind {
            Kind::UniqueConflict { id } => id,
            _ => None,
        }
    }

    /// Wraps an error of the application's own, for closures that answer this type.
    pub fn other(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Error::from(Kind::Other).because(source)
    }

    /// Input that an insert hook refuses: which field, and what is the matter with it (see
    /// [`on_insert`](crate::ClientBuilder::on_insert)).
    pub fn invalid(field: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Kind::Invalid { field: field.into(), problem: problem.into() }.into()
    }

    pub(crate) fn not_found(id: i64) -> Self {
        Kind::NotFound { id }.into()
    }

    /// The message spells out what of the name is not to be seen.
    pub(crate) fn no_schedule(name: &str) -> Self {
        Kind::NoSchedule { name: name.to_owned() }.into()
    }

    pub(crate) fn wrong_state(verb: Verb, id: i64, state: State) -> Self {
        Kind::WrongState { verb, id, state }.into()
    }

    pub(crate) fn lost_claim(id: i64) -> Self {
        Kind::LostClaim { id }.into()
    }

    pub(crate) fn unique_conflict(id: Option<i64>) -> Self {
        Kind::UniqueConflict { id }.into()
    }

    pub(crate) fn transaction_lost() -> Self {
        Kind::TransactionLost.into()
    }

    /// `hint` says in a sentence what happened and what to do.
    pub(crate) fn transient(hint: &'static str) -> Self {
        Kind::Transient(hint).into()
    }

    pub(crate) fn cancelled() -> Self {
        Kind::Cancelled.into()
    }

    pub(crate) fn too_long(limit: Duration) -> Self {
        Kind::TooLong { limit }.into()
    }

    pub(crate) fn unavailable(hint: &'static str) -> Self {
        Kind::Unavailable(hint).into()
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Kind::Unsupported(what.into()).into()
    }

    pub(crate) fn not_migrated() -> Self {
        Kind::NotMigrated.into()
    }

    /// The server has no database of the name in the URL.
    pub(crate) fn no_database(hint: &'static str) -> Self {
        Kind::NoDatabase(hint).into()
    }

    /// A row that does not read as a row of ours: written by hand, or by a newer version.
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Kind::Corrupt(what.into()).into()
    }

    /// The database answers, and lets nobody in, or not there.
    pub(crate) fn refused(self, hint: &'static str) -> Self {
        match self.0.kind {
            Kind::Database => Error(Box::new(Inner { kind: Kind::Refused(hint), source: self.0.source })),
            _ => self,
        }
    }

    pub(crate) fn database(source: impl Into<Source>) -> Self {
        Error::from(Kind::Database).because(source)
    }

    #[must_use]
    pub(crate) fn because(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Names the schedule that was refused.
    #[must_use]
    pub(crate) fn of_schedule(mut self, name: &str) -> Self {
        if let Kind::Invalid { field, .. } = &mut self.0.kind {
            *field = format!("schedule {name:?}: {field}").into();
        }
        self
    }

    /// Names the job that cannot be read.
    #[must_use]
    pub(crate) fn in_job(mut self, id: i64) -> Self {
        if let Kind::Corrupt(what) = &mut self.0.kind {
            *what = format!("job {id}: {what}");
        }
        self
    }

    /// Names the job of a batch that was refused.
    #[must_use]
    pub(crate) fn of_job(mut self, index: usize) -> Self {
        if let Kind::Invalid { field, .. } = &mut self.0.kind {
            *field = format!("job {index} of the batch: {field}").into();
        }
        self
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Error(Box::new(Inner { kind, source: None }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            Kind::Invalid { field, problem } => write!(f, "{field}: {problem}"),
            Kind::NotFound { id } => write!(f, "there is no job {id}"),
            Kind::NoSchedule { name } => write!(f, "there is no schedule {name:?}"),
            Kind::WrongState { verb, id, state } => {
                write!(f, "cannot {} job {id}: it is {state}", verb.name())
            }
            Kind::LostClaim { id } => write!(
                f,
                "the claim on job {id} has ended (cancelled, timed out, rescued or settled elsewhere); roll back what was done under it"
            ),
            Kind::UniqueConflict { id: Some(id) } => write!(f, "job {id} holds the same unique key"),
            Kind::UniqueConflict { id: None } => write!(f, "another job holds the same unique key"),
            Kind::TransactionLost => write!(
                f,
                "the transaction is no longer open: the database has rolled it back; start the whole transaction again"
            ),
            Kind::Cancelled => f.write_str("the statement was cancelled, or has taken too long"),
            Kind::TooLong { limit } => write!(
                f,
                "the search was given up after {}: narrow it by a state, a kind or a range of ids, or see search_timeout",
                format_duration(*limit)
            ),
            Kind::Transient(hint) | Kind::Unavailable(hint) | Kind::Refused(hint) | Kind::NoDatabase(hint) => {
                f.write_str(hint)
            }
            Kind::Unsupported(what) | Kind::Corrupt(what) => f.write_str(what),
            Kind::NotMigrated => f.write_str("the queue's tables are not there: call `client.migrate()` first"),
            Kind::Database => f.write_str("the database refused a statement"),
            Kind::Other => return self.0.source.as_ref().map_or(Ok(()), |source| source.fmt(f)),
        }?;
        // To the end of the chain: what PostgreSQL said is behind a mere "db error". Of each link the first line: what
        // follows may be the row that was refused, and with it the args.
        let (mut next, mut said) = (self.source(), String::new());
        while let Some(cause) = next {
            let text = words(cause);
            let line = text.lines().next().unwrap_or_default();
            if !said.contains(line) {
                write!(f, ": {line}")?;
            }
            (next, said) = (cause.source(), text);
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    /// As [`Display`](fmt::Display): this is what a `main` that answers an error shows, and the driver's own text may
    /// hold the row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
