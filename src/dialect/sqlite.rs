//! SQLite, through `rusqlite`.
//!
//! One writer at a time: the writers of this process queue fairly in front of each file ([`ticket`]), and every
//! transaction of ours begins IMMEDIATE, because one that reads first and then writes fails at once when another has
//! written meanwhile, whatever its busy timeout.

mod reign;
mod ticket;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, TransactionBehavior, ffi,
    types::{ToSqlOutput, ValueRef},
};

use self::ticket::TicketLock;
use super::{
    Cell, Cells, Dialect, Driver, OpenTransaction, Row, Value,
    connection::{Link, NextRow, Record, RowReader, TransactionWork},
    pool::sealed,
    statement::Text,
    time_text,
};
use crate::{Error, Result};

/// SQLite 3.38, which brought the operator `->>`.
const OLDEST: i32 = 3_038_000;

/// How long a writer waits for the writers of other processes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many steps of its virtual machine SQLite takes between two looks at the time: some tenths of a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// More than the statements of this crate, so that none is prepared twice.
const CACHED_STATEMENTS: usize = 64;

/// Opens a connection of our own to the file that a URL names.
pub(crate) fn connect(url: &str) -> Result<Connection> {
    if rusqlite::version_number() < OLDEST {
        let version = rusqlite::version();
        return Err(Error::unsupported(format!("SQLite {version} is too old; 3.38 or newer is needed")));
    }
    let path = file(url)?;
    let connection = Connection::open_with_flags(path, OpenFlags::default()).map_err(classify)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(classify)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// The path in `sqlite:app.db`, `sqlite://app.db` (relative) or `sqlite:///var/app.db` (absolute).
fn file(url: &str) -> Result<&Path> {
    let rest = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(Error::invalid("url", "names no file: sqlite://app.db"));
    }
    if path.starts_with(":memory:") {
        return Err(Error::invalid(
            "url",
            "name a file: every connection to an in-memory database would see a database of its own",
        ));
    }
    Ok(Path::new(path))
}

/// A connection, inside a transaction or not.
pub struct SqliteLink<'a>(pub(crate) &'a Connection);

impl Link for SqliteLink<'_> {
    fn rows(&mut self, text: &Text, values: &[&Value<'_>], read: &mut RowReader<'_>) -> Result<()> {
        let mut prepared = self.0.prepare_cached(&text.sql).map_err(classify)?;
        let mut found = prepared.query(rusqlite::params_from_iter(values)).map_err(classify)?;
        // To the end, always: a statement with RETURNING that is left half read may not have written all.
        while let Some(row) = found.next().map_err(classify)? {
            read(&mut Row::new(row))?;
        }
        Ok(())
    }

    fn change(&mut self, text: &Text, values: &[&Value<'_>]) -> Result<u64> {
        let mut prepared = self.0.prepare_cached(&text.sql).map_err(classify)?;
        // Not `execute`, which refuses a statement with RETURNING.
        let mut found = prepared.query(rusqlite::params_from_iter(values)).map_err(classify)?;
        while found.next().map_err(classify)?.is_some() {}
        Ok(self.0.changes())
    }

    fn insert(&mut self, text: &Text, rows: &[Record<'_>], _: &Record<'_>) -> Result<Vec<i64>> {
        let mut prepared = self.0.prepare_cached(&text.sql).map_err(classify)?;
        rows.iter().map(|row| prepared.insert(rusqlite::params_from_iter(row)).map_err(classify)).collect()
    }

    fn load(&mut self, text: &Text, rows: &mut NextRow<'_>, _: &[usize]) -> Result<u64> {
        let mut prepared = self.0.prepare_cached(&text.sql).map_err(classify)?;
        let mut loaded = 0;
        while let Some(row) = rows() {
            loaded += prepared.execute(rusqlite::params_from_iter(&row)).map_err(classify)? as u64;
        }
        Ok(loaded)
    }

    fn control(&mut self, sql: &str) -> Result<()> {
        self.0.execute_batch(sql).map_err(classify)
    }

    fn prove_open(&mut self) -> Result<()> {
        if self.0.is_autocommit() { Err(Error::transaction_lost()) } else { Ok(()) }
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let borrowed = |value| Ok(ToSqlOutput::Borrowed(value));
        match *self {
            Value::Bool(value) => borrowed(ValueRef::Integer(value.into())),
            Value::Small(value) => borrowed(ValueRef::Integer(value.into())),
            Value::Int(value) => borrowed(value.map_or(ValueRef::Null, ValueRef::Integer)),
            Value::Text(value) | Value::Json(value) => {
                borrowed(value.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())))
            }
            Value::Bytes(value) => borrowed(value.map_or(ValueRef::Null, ValueRef::Blob)),
            Value::Time(value) => Ok(ToSqlOutput::Owned(value.map(time_text).into())),
        }
    }
}

impl Cells for rusqlite::Row<'_> {
    fn width(&self) -> usize {
        self.as_ref().column_count()
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>> {
        Ok(match self.get_ref(index).map_err(classify)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Int(number),
            ValueRef::Text(text) => std::str::from_utf8(text).map_or(Cell::Bytes(text), Cell::Text),
            ValueRef::Blob(bytes) => Cell::Bytes(bytes),
            ValueRef::Real(number) => return Err(Error::corrupt(format!("a column holds the fraction {number}"))),
        })
    }
}

impl Driver for Connection {
    const DIALECT: Dialect = Dialect::Sqlite;
}

impl sealed::Driver for Connection {
    /// The queue of writers in front of this connection's file.
    type Memory = Option<Arc<TicketLock>>;

    fn link<'a>(&'a mut self, _: &'a mut Self::Memory) -> Box<dyn Link + 'a> {
        Box::new(SqliteLink(self))
    }

    fn transact(&mut self, memory: &mut Self::Memory, work: &mut TransactionWork<'_>) -> Result<()> {
        let lock = memory.get_or_insert_with(|| TicketLock::of(self.path().unwrap_or_default())).clone();
        let _turn = lock.wait(BUSY_TIMEOUT)?;
        let mut tx = self.transaction_with_behavior(TransactionBehavior::Immediate).map_err(classify)?;
        work(OpenTransaction::Sqlite(&mut tx))?;
        tx.commit().map_err(uncommitted)
    }

    /// A write of one statement queues like any other.
    fn once(&mut self, memory: &mut Self::Memory, work: &mut dyn FnMut(&mut dyn Link) -> Result<()>) -> Result<()> {
        self.transact(memory, &mut |mut tx| work(&mut *tx.link()))
    }

    fn in_transaction(&mut self) -> Result<bool> {
        Ok(!self.is_autocommit())
    }

    fn limit_time(&mut self, limit: Option<Duration>) -> Result<()> {
        let limited = limit.map(|limit| {
            // Each statement has its own time on a server; here they share it.
            let end = Instant::now() + limit;
            move || Instant::now() >= end
        });
        self.progress_handler(STEPS_BETWEEN_LOOKS, limited).map_err(classify)
    }

    fn is_left_open(&self) -> bool {
        !self.is_autocommit()
    }

    /// There is no server that could hang up.
    fn is_alive(&mut self) -> bool {
        true
    }
}

/// A commit may count and yet be told as an error, when a hook fails that runs after it. Tried again, all of it would be done
/// twice. What certainly does not count is one that is refused, or kept waiting by those who read.
fn uncommitted(error: rusqlite::Error) -> Error {
    use ErrorCode::{AuthorizationForStatementDenied, ConstraintViolation, DatabaseBusy};
    let code = error.sqlite_error_code();
    let is_certain = matches!(code, Some(AuthorizationForStatementDenied | ConstraintViolation | DatabaseBusy));
    match classify(error) {
        error if is_certain || error.is_unavailable() => error,
        error => {
            Error::unavailable("SQLite reported an error of the commit: whether it counts is not known").because(error)
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        classify(error)
    }
}

/// Behind its message the driver has a text of the code, which says less.
pub(super) fn words(error: &ffi::Error) -> Option<String> {
    (error.extended_code != ffi::SQLITE_OK).then(String::new)
}

/// Turns the driver's error into ours.
pub(crate) fn classify(error: rusqlite::Error) -> Error {
    let kind = match &error {
        rusqlite::Error::SqliteFailure(failure, message) => classify_code(*failure, message.as_deref()),
        _ => None,
    };
    match kind {
        Some(kind) => kind.because(error),
        None => Error::database(error),
    }
}

fn classify_code(failure: ffi::Error, message: Option<&str>) -> Option<Error> {
    if failure.extended_code == ffi::SQLITE_BUSY_SNAPSHOT {
        return Some(Error::transient(
            "another connection has written since this transaction first read; begin transactions that write as IMMEDIATE",
        ));
    }
    if message.is_some_and(|message| message.starts_with("no such table: drip_")) {
        return Some(Error::not_migrated());
    }
    let unique = failure.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE;
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Some(Error::transient(
            "another connection holds the database's write lock (if that is your own open transaction, pass it instead of the client)",
        )),
        ErrorCode::OperationInterrupted => Some(Error::cancelled()),
        ErrorCode::CannotOpen => {
            Some(Error::unavailable("the database file cannot be opened: is its directory there, and may it be used?"))
        }
        ErrorCode::ReadOnly => Some(Error::unavailable("the database file is read-only")),
        ErrorCode::DiskFull => Some(Error::unavailable("the disk is full, or the database may not grow further")),
        ErrorCode::SystemIoFailure => Some(Error::unavailable("the database file cannot be read or written")),
        ErrorCode::ConstraintViolation if unique && message.is_some_and(|m| m.contains("drip_job.unique_key")) => {
            Some(Error::unique_conflict(None))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_files() {
        for (url, path) in [
            ("sqlite:app.db", "app.db"),
            ("sqlite://app.db", "app.db"),
            ("sqlite://data/app.db", "data/app.db"),
            ("sqlite:///var/app.db", "/var/app.db"),
        ] {
            assert_eq!(file(url).unwrap(), Path::new(path), "{url}");
        }
        for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite://:memory:"] {
            assert!(file(url).unwrap_err().is_invalid_input(), "{url}");
        }
    }
}
