//! The seams between the thought and the drivers: [`Link`], what an adapter implements; [`Connection`], a link that can
//! open transactions; and [`Sql`], what everything in `queue/` is given.

use std::time::Duration;

use jiff::Timestamp;

use super::{Assembled, Dialect, OpenTransaction, Params, Row, Statement, Value, statement::Text};
use crate::{Error, Result};

/// A driver's connection or transaction, ready to run a statement: binds, decodes, classifies errors.
///
/// The names are unlike the drivers' own (`query`, `execute`), which they would shadow.
pub trait Link {
    /// Runs a statement and lets each of its rows be read. The values are in the order of its placeholders.
    fn rows(&mut self, text: &Text, values: &[&Value<'_>], read: &mut RowReader<'_>) -> Result<()>;
    /// Runs a statement and answers how many rows it changed.
    fn change(&mut self, text: &Text, values: &[&Value<'_>]) -> Result<u64>;
    /// Inserts rows, each of which has the values of the statement's parameters in their order; answers their ids, which
    /// rise in the order of the rows. `defaults` is what the table puts into columns that an insert leaves out.
    fn insert(&mut self, text: &Text, rows: &[Record<'_>], defaults: &Record<'_>) -> Result<Vec<i64>>;
    /// Inserts rows, each of which has the values of the statement's columns in their order; answers how many. Only the
    /// columns at these places are other than `defaults`, in any row.
    fn load(&mut self, text: &Text, rows: &mut NextRow<'_>, other: &[usize]) -> Result<u64>;
    /// Runs text without parameters: savepoints, migrations.
    fn control(&mut self, sql: &str) -> Result<()>;
    /// Asks whether a transaction that was open still is; [`Error::is_transaction_lost`] if not.
    fn prove_open(&mut self) -> Result<()>;
}

/// A row of which everything is known but its id: the values that a new job has, see `queue/new_row.rs`.
pub type Record<'r> = [Value<'r>; 13];

/// Reads a row of a result.
pub type RowReader<'w> = dyn FnMut(&mut Row<'_>) -> Result<()> + 'w;

/// The next row to be loaded, as long as there are any.
pub type NextRow<'r> = dyn FnMut() -> Option<Record<'r>> + 'r;

/// A connection that is ours for the moment, whoever owns it.
pub trait Connection: Send {
    fn dialect(&self) -> Dialect;
    /// This connection outside of any transaction.
    fn link(&mut self) -> Box<dyn Link + '_>;
    /// Runs `work` in a transaction that takes part in no other: committed if it answers `Ok`, else rolled back.
    fn transact(&mut self, work: &mut TransactionWork<'_>) -> Result<()>;
    /// Runs one statement that commits by itself.
    fn once(&mut self, work: &mut dyn FnMut(&mut dyn Link) -> Result<()>) -> Result<()>;
    /// From here on no statement may take longer; `None`: as long as before. Outside of any transaction, and where it is
    /// not a setting of that.
    fn limit_time(&mut self, limit: Option<Duration>) -> Result<()>;
    /// Whether somebody has opened a transaction on it.
    fn in_transaction(&mut self) -> Result<bool>;
    /// It has failed: whoever owns it should not use it again.
    fn give_up(&mut self) {}
    /// It may have failed: whoever owns it should ask whether it is still there before it is used again.
    fn doubt(&mut self) {}
    /// Whether it has the settings of a connection that is kept for our own statements.
    fn is_tuned(&self) -> bool;
    #[cfg(feature = "postgres")]
    fn as_postgres(&mut self) -> Option<&mut ::postgres::Client>;
}

/// What is run inside a transaction.
pub type TransactionWork<'w> = dyn FnMut(OpenTransaction<'_, '_>) -> Result<()> + 'w;

/// Somewhere SQL can run: what the verbs in `queue/` are written against.
pub struct Sql<'a> {
    link: &'a mut dyn Link,
    dialect: Dialect,
    now: Option<Timestamp>,
    callers: bool,
    notifies: bool,
    /// Inside of [`savepoint`](Sql::savepoint).
    saved: bool,
}

impl<'a> Sql<'a> {
    /// Inside a transaction (or a single statement) that this crate opened.
    pub(crate) fn own(link: &'a mut dyn Link, dialect: Dialect, now: Option<Timestamp>) -> Sql<'a> {
        Sql { link, dialect, now: known_time(dialect, now), callers: false, notifies: false, saved: false }
    }

    /// Inside a transaction that a caller opened, and may have lost.
    pub(crate) fn callers(link: &'a mut dyn Link, dialect: Dialect, now: Option<Timestamp>) -> Sql<'a> {
        Sql { link, dialect, now: known_time(dialect, now), callers: true, notifies: true, saved: false }
    }

    /// From here on inserts notify by themselves, for nobody announces them after the commit.
    pub(crate) fn notifying(&mut self) -> &mut Self {
        self.notifies = true;
        self
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The time to be used instead of the database's, the same for the whole of a verb: set by tests, and always on
    /// SQLite, whose own clock knows milliseconds only and which shares this machine's clock anyway.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// `now` as every statement that asks for the time takes it.
    pub(crate) fn now_param(&self) -> (&'static str, Value<'static>) {
        ("now", Value::Time(self.now()))
    }

    /// Whether statements must prove that the transaction is still open.
    pub(crate) fn is_callers(&self) -> bool {
        self.callers
    }

    /// Whether inserts notify in their transaction.
    pub(crate) fn notifies(&self) -> bool {
        self.notifies
    }

    /// Proves that a caller's transaction is still open before something is written in it.
    ///
    /// After a rollback by the engine the next statement would silently commit by itself.
    pub(crate) fn prove_open(&mut self) -> Result<()> {
        if self.callers { self.link.prove_open() } else { Ok(()) }
    }

    /// All rows of a statement, as `read` answers them.
    pub(crate) fn rows<T>(
        &mut self,
        statement: &Statement,
        params: &Params<'_>,
        read: impl FnMut(&mut Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let text = statement.text(self.dialect);
        self.read(text, &text.bind(params)?, read)
    }

    /// As [`rows`](Sql::rows), for a statement that was put together just now.
    pub(crate) fn rows_of<T>(
        &mut self,
        assembled: &Assembled<'_>,
        read: impl FnMut(&mut Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let text = assembled.text(self.dialect);
        self.read(&text, &text.bind(&assembled.params)?, read)
    }

    /// The first row of a statement, if there is one.
    pub(crate) fn row<T>(
        &mut self,
        statement: &Statement,
        params: &Params<'_>,
        mut read: impl FnMut(&mut Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut first = None;
        let text = statement.text(self.dialect);
        self.link.rows(text, &text.bind(params)?, &mut |row| {
            if first.is_none() {
                first = Some(read(row)?);
            }
            Ok(())
        })?;
        Ok(first)
    }

    fn read<T>(
        &mut self,
        text: &Text,
        values: &[&Value<'_>],
        mut read: impl FnMut(&mut Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.link.rows(text, values, &mut |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    pub(crate) fn change(&mut self, statement: &Statement, params: &Params<'_>) -> Result<u64> {
        let text = statement.text(self.dialect);
        self.link.change(text, &text.bind(params)?)
    }

    /// As [`change`](Sql::change), for a statement that was put together just now.
    pub(crate) fn change_of(&mut self, assembled: &Assembled<'_>) -> Result<u64> {
        let text = assembled.text(self.dialect);
        self.link.change(&text, &text.bind(&assembled.params)?)
    }

    pub(crate) fn insert(
        &mut self,
        statement: &Statement,
        rows: &[Record<'_>],
        defaults: &Record<'_>,
    ) -> Result<Vec<i64>> {
        self.link.insert(statement.text(self.dialect), rows, defaults)
    }

    pub(crate) fn load<'r>(&mut self, statement: &Statement, rows: &mut NextRow<'r>, other: &[usize]) -> Result<u64> {
        self.link.load(statement.text(self.dialect), rows, other)
    }

    pub(crate) fn control(&mut self, sql: &str) -> Result<()> {
        self.link.control(sql)
    }

    /// Runs `work`, which is several statements, so that when it fails it leaves nothing in a transaction that its owner may
    /// go on with.
    pub(crate) fn all_or_nothing<T>(&mut self, work: impl FnOnce(&mut Sql<'_>) -> Result<T>) -> Result<T> {
        // Before the savepoint, which on SQLite would begin a transaction.
        self.prove_open()?;
        match self.callers && !self.saved && !self.dialect.fails_transactions() {
            true => self.savepoint(work),
            false => work(self),
        }
    }

    /// Runs `work` behind a savepoint, so that a statement which the engine refuses spoils nothing but itself.
    pub(crate) fn savepoint<T>(&mut self, work: impl FnOnce(&mut Sql<'_>) -> Result<T>) -> Result<T> {
        self.control("SAVEPOINT drip_step")?;
        let outer = std::mem::replace(&mut self.saved, true);
        let result = work(self);
        self.saved = outer;
        let undo = if result.is_err() { self.control("ROLLBACK TO SAVEPOINT drip_step") } else { Ok(()) };
        let ended = undo.and_then(|()| self.control("RELEASE SAVEPOINT drip_step"));
        match (result, ended) {
            // Whatever ended the whole transaction took the savepoint with it, and is what the caller must know. But
            // nobody may go on from a conflict that was not undone.
            (Err(error), Err(_)) if !error.is_unique_conflict() => Err(error),
            (_, Err(error)) => Err(error),
            (result, Ok(())) => result,
        }
    }
}

/// Asked once a verb: of two answers a due time could be reckoned from one and be compared with the other.
fn known_time(dialect: Dialect, now: Option<Timestamp>) -> Option<Timestamp> {
    now.or_else(|| dialect.shares_our_clock().then(|| truncated(Timestamp::now())))
}

/// Whole microseconds, never rounded up: what all three databases hold.
pub(crate) fn truncated(time: Timestamp) -> Timestamp {
    from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// As the constructor of that name, which refuses the last second there is.
pub(crate) fn from_microsecond(micros: i64) -> Result<Timestamp, jiff::Error> {
    let nanos = micros.rem_euclid(1_000_000) as i32 * 1000;
    Timestamp::new(micros.div_euclid(1_000_000), nanos)
}

/// The error of a connection that answers in a way its driver does not expect.
pub(crate) fn undecodable(column: &str) -> Error {
    Error::corrupt(format!("column {column} has a type that this crate never stores"))
}
