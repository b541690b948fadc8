//! Where databases differ: text (the statements under `sql/`) and types (one thin adapter per driver).
//!
//! An adapter binds, decodes, classifies errors and opens transactions. It knows nothing of jobs.

#[cfg(feature = "mariadb")]
pub(crate) mod mariadb;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

#[cfg(any(feature = "postgres", feature = "mariadb"))]
mod address;
mod assembled;
mod connection;
#[cfg(any(feature = "postgres", feature = "mariadb"))]
mod patience;
mod pool;
mod statement;
mod transaction;
mod value;

pub(crate) use assembled::{Assembled, Fragments, fragments, letters};
pub(crate) use connection::{Connection, Link, Record, Sql, truncated};
pub use pool::Driver;
pub(crate) use pool::{Borrowed, CallersPool, Database, OwnPool, PoolSize};
pub(crate) use statement::{Params, Statement, statement};
pub(crate) use transaction::OpenTransaction;
pub use transaction::TransactionBody;
pub(crate) use value::{Cell, Cells, Row, Value, time_text};

/// What an error says by itself: not in the form that `mysql` gives its own, nor twice.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    #[cfg(feature = "mariadb")]
    if let Some(words) = error.downcast_ref().and_then(mariadb::words) {
        return words;
    }
    #[cfg(feature = "sqlite")]
    if let Some(words) = error.downcast_ref().and_then(sqlite::words) {
        return words;
    }
    #[cfg(feature = "postgres")]
    if let Some(words) = error.downcast_ref().and_then(postgres::words) {
        return words;
    }
    error.to_string()
}

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// PostgreSQL 10 or newer, through the `postgres` crate.
    Postgres,
    /// MariaDB 10.6 or newer, through the `mysql` crate.
    Mariadb,
    /// SQLite 3.38 or newer, through the `rusqlite` crate.
    Sqlite,
}

/// How a claim is spelled; matched in `queue/claim.rs` and `queue/survey.rs` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimStyle {
    /// One statement picks from any number of queues and marks what it picked.
    AllQueues,
    /// Jobs are picked, a stretch of a queue at a time, then marked together, and read after that.
    StretchByStretch,
    /// Jobs are picked, a queue at a time, which locks and reads them; beyond a bound they are found before. Then they are
    /// marked together.
    QueueByQueue,
}

/// How a list of claims is written as JSON; matched in `queue/complete.rs` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimList {
    /// An array of pairs.
    Pairs,
    /// The sequences by id; of one id there may be several. SQLite would write out each pair and read it again for either of
    /// its numbers: 29,000 instructions to complete a job instead of 23,000.
    Object,
}

/// How a worker learns of jobs that other processes insert; matched in `worker/wake.rs` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// `LISTEN` on a connection of its own.
    Notifications,
    /// A counter that any commit of another connection raises, cheap enough to be asked every few milliseconds.
    DataVersion,
    /// Nothing: a worker that has just had work asks more often.
    Polling,
}

/// What the engine leaves to others to do for its tables; matched in `queue/tidy.rs` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tidying {
    /// The first statistics of a table; autovacuum sees to the rest.
    Statistics,
    /// Nothing: InnoDB purges, and recalculates its statistics when a tenth of a table has changed.
    Nothing,
    /// The write-ahead log, and free pages.
    File,
}

impl Dialect {
    pub(crate) const fn tidying(self) -> Tidying {
        match self {
            Dialect::Postgres => Tidying::Statistics,
            Dialect::Mariadb => Tidying::Nothing,
            Dialect::Sqlite => Tidying::File,
        }
    }

    /// Whether indexes that have grown can be built anew beside those who use them.
    pub(crate) const fn reindexes(self) -> bool {
        matches!(self, Dialect::Postgres)
    }

    pub(crate) const fn claim_style(self) -> ClaimStyle {
        match self {
            Dialect::Postgres => ClaimStyle::AllQueues,
            Dialect::Mariadb => ClaimStyle::QueueByQueue,
            Dialect::Sqlite => ClaimStyle::StretchByStretch,
        }
    }

    pub(crate) const fn claim_list(self) -> ClaimList {
        match self {
            Dialect::Postgres | Dialect::Mariadb => ClaimList::Pairs,
            Dialect::Sqlite => ClaimList::Object,
        }
    }

    pub(crate) const fn signal(self) -> Signal {
        match self {
            Dialect::Postgres => Signal::Notifications,
            Dialect::Mariadb => Signal::Polling,
            Dialect::Sqlite => Signal::DataVersion,
        }
    }

    /// Whether the time is known without asking, because this machine's clock is the one that decides.
    pub(crate) const fn shares_our_clock(self) -> bool {
        matches!(self, Dialect::Sqlite)
    }

    /// A text to be looked for; `None`, which equals nothing, if no text of this database can be that: PostgreSQL's hold no
    /// NUL, and one that is sent fails the statement.
    pub(crate) fn sought(self, text: &str) -> Option<&str> {
        Some(text).filter(|text| self != Dialect::Postgres || !text.contains('\0'))
    }

    /// Whether a transaction takes nothing more once a statement of it has failed.
    pub(crate) const fn fails_transactions(self) -> bool {
        matches!(self, Dialect::Postgres)
    }

    /// Whether an open transaction that writes keeps everybody else from writing.
    pub(crate) const fn has_one_writer(self) -> bool {
        matches!(self, Dialect::Sqlite)
    }

    /// Whether the time of statements is limited by a setting of their transaction, rather than of the connection.
    pub(crate) const fn limits_transactions(self) -> bool {
        matches!(self, Dialect::Postgres)
    }

    /// The name as it is written in URLs and folders.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Postgres => "postgres",
            Dialect::Mariadb => "mariadb",
            Dialect::Sqlite => "sqlite",
        }
    }
}

/// The first migration of each dialect, for tests that hold the SQL against the code.
#[cfg(test)]
pub(crate) fn first_migrations() -> [(Dialect, &'static str); 3] {
    [
        (Dialect::Postgres, include_str!("../../sql/postgres/migrations/001_jobs.up.sql")),
        (Dialect::Mariadb, include_str!("../../sql/mariadb/migrations/001_jobs.up.sql")),
        (Dialect::Sqlite, include_str!("../../sql/sqlite/migrations/001_jobs.up.sql")),
    ]
}
