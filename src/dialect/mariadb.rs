//! MariaDB, through `mysql`.
//!
//! After a deadlock MariaDB rolls the whole transaction back and says so once; the next statement commits by itself. The
//! driver's transaction does not know. So everything that writes into a caller's transaction asks first, or carries the
//! question in the statement (`@@in_transaction`).

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use mysql::{
    Conn, IsolationLevel, Opts, OptsBuilder, TxOpts, UrlError, consts::CapabilityFlags, consts::ColumnType,
    prelude::Queryable,
};

use super::{
    Cell, Cells, Dialect, Driver, OpenTransaction, Row, Statement, Value,
    address::{Address, is_ambiguous, misread},
    connection::{Link, NextRow, Record, RowReader, TransactionWork, undecodable},
    patience::within,
    pool::sealed,
    statement,
    statement::Text,
    value::{nearest, utf8},
};
use crate::{Error, Result};

static LIMIT_TIME: Statement = statement!("limit_time" of mariadb);
static RESTORE_TIME: Statement = statement!("restore_time" of mariadb);
static IN_TRANSACTION: Statement = statement!("in_transaction" of mariadb);

/// How a connection of our own is opened.
pub(crate) fn connector(url: &str) -> Result<impl Fn() -> Result<Conn> + Send + Sync + 'static> {
    let (options, limit) = options(url)?;
    Ok(within(limit, "MariaDB", move || connect(options.clone())))
}

/// With how long that may take.
fn options(url: &str) -> Result<(Opts, Duration)> {
    let address = Address::read(url, "MariaDB")?;
    let options = Opts::from_url(&format!("mysql://{}", address.rest)).map_err(|error| misread_by(&error, url))?;
    let limit = address.connect_timeout;
    let options = OptsBuilder::from_opts(options)
        .tcp_connect_timeout(Some(limit))
        // Rows matched, not rows changed: a guarded update that writes what is there already is no lost claim.
        .additional_capabilities(CapabilityFlags::CLIENT_FOUND_ROWS)
        .stmt_cache_size(64)
        .init(vec!["SET time_zone = '+00:00'", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"]);
    Ok((options.into(), limit))
}

/// The driver's text would echo parts of the URL, and with it perhaps the password; the name of a parameter is none, unless
/// what seems to be one is the end of a login.
fn misread_by(error: &UrlError, url: &str) -> Error {
    match error {
        UrlError::UnknownParameter(name) if !is_ambiguous(url) && !name.contains('@') => {
            let tls =
                if TLS_WORDS.iter().any(|word| name.contains(word)) { "; TLS is asked for by sslmode" } else { "" };
            Error::invalid("url", format!("has the parameter {name:?}, which is none{tls}"))
        }
        _ => misread(url, "MariaDB"),
    }
}

/// What is in the names that other programs give to such parameters.
const TLS_WORDS: [&str; 3] = ["ssl", "tls", "verify"];

fn connect(options: Opts) -> Result<Conn> {
    Conn::new(options).map_err(|error| classify(error).refused("MariaDB refused the connection"))
}

/// A connection or a transaction.
pub struct MariadbLink<'a, Q: Queryable>(pub(crate) &'a mut Q);

impl<Q: Queryable> MariadbLink<'_, Q> {
    fn in_transaction(&mut self) -> Result<bool> {
        let mut open = false;
        self.rows(IN_TRANSACTION.text(Dialect::Mariadb), &[], &mut |row| {
            open = row.bool()?;
            Ok(())
        })?;
        Ok(open)
    }
}

impl<Q: Queryable> Link for MariadbLink<'_, Q> {
    fn rows(&mut self, text: &Text, values: &[&Value<'_>], read: &mut RowReader<'_>) -> Result<()> {
        let mut found = self.0.exec_iter(text.sql.as_str(), bound(values)).map_err(classify)?;
        found.try_for_each(|row| read(&mut Row::new(&row.map_err(classify)?)))
    }

    fn change(&mut self, text: &Text, values: &[&Value<'_>]) -> Result<u64> {
        let found = self.0.exec_iter(text.sql.as_str(), bound(values)).map_err(classify)?;
        Ok(found.affected_rows())
    }

    /// With as many rows in a statement as a power of two says, so that few statements are ever prepared. What is the
    /// default in every row is not sent: each placeholder costs time, here and in the server.
    fn insert(&mut self, text: &Text, rows: &[Record<'_>], defaults: &Record<'_>) -> Result<Vec<i64>> {
        let differs = |index| rows.iter().any(|row| row[index] != defaults[index]);
        let sent: Vec<usize> = (0..defaults.len()).filter(|&index| differs(index)).collect();
        let mut ids = Vec::with_capacity(rows.len());
        let mut rest = rows;
        while let Some(power) = rest.len().checked_ilog2() {
            let (rows, others) = rest.split_at(1 << power);
            let sql = text.of_rows(rows.len(), |index| !sent.contains(&index));
            let values = rows.iter().flat_map(|row| sent.iter().map(|&index| encode(&row[index])));
            let values = mysql::Params::Positional(values.collect());
            ids.extend(self.0.exec::<i64, _, _>(sql, values).map_err(classify)?);
            rest = others;
        }
        Ok(ids)
    }

    /// In packets of many rows each, where the server takes them.
    fn load(&mut self, text: &Text, rows: &mut NextRow<'_>, other: &[usize]) -> Result<u64> {
        let sql = text.of_rows(1, |index| !other.contains(&index));
        let mut loaded = 0;
        let rows = std::iter::from_fn(|| {
            let row = rows()?;
            loaded += 1;
            Some(mysql::Params::Positional(other.iter().map(|&index| encode(&row[index])).collect()))
        });
        self.0.exec_batch(sql, rows).map_err(classify)?;
        Ok(loaded)
    }

    fn control(&mut self, sql: &str) -> Result<()> {
        self.0.query_drop(sql).map_err(classify)
    }

    fn prove_open(&mut self) -> Result<()> {
        if self.in_transaction()? { Ok(()) } else { Err(Error::transaction_lost()) }
    }
}

fn bound(values: &[&Value<'_>]) -> mysql::Params {
    if values.is_empty() {
        return mysql::Params::Empty;
    }
    mysql::Params::Positional(values.iter().map(|value| encode(value)).collect())
}

fn encode(value: &Value<'_>) -> mysql::Value {
    match *value {
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Small(value) => value.into(),
        Value::Text(value) | Value::Json(value) => value.into(),
        Value::Bytes(value) => value.into(),
        Value::Time(value) => value.map_or(mysql::Value::NULL, datetime),
    }
}

fn datetime(time: Timestamp) -> mysql::Value {
    let utc = TimeZone::UTC.to_datetime(time);
    let part = |number: i8| number.unsigned_abs();
    mysql::Value::Date(
        utc.year().unsigned_abs(),
        part(utc.month()),
        part(utc.day()),
        part(utc.hour()),
        part(utc.minute()),
        part(utc.second()),
        utc.subsec_nanosecond().unsigned_abs() / 1000,
    )
}

impl Cells for mysql::Row {
    fn width(&self) -> usize {
        self.len()
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>> {
        let column = &self.columns_ref()[index];
        let undecodable = || undecodable(&column.name_str());
        Ok(match self.as_ref(index).ok_or_else(undecodable)? {
            mysql::Value::NULL => Cell::Null,
            &mysql::Value::Int(number) => Cell::Int(number),
            &mysql::Value::UInt(number) => Cell::Int(i64::try_from(number).unwrap_or(i64::MAX)),
            mysql::Value::Bytes(digits) if column.column_type() == ColumnType::MYSQL_TYPE_NEWDECIMAL => {
                Cell::Int(utf8(digits)?.parse().map_err(|_| undecodable())?)
            }
            mysql::Value::Bytes(bytes) => Cell::Bytes(bytes),
            &mysql::Value::Date(year, month, day, hour, minute, second, micros) => {
                let date = [i64::from(year), month.into(), day.into()];
                Cell::Time(nearest(date, [hour, minute, second].map(i64::from), micros.into()))
            }
            _ => return Err(undecodable()),
        })
    }
}

impl Driver for Conn {
    const DIALECT: Dialect = Dialect::Mariadb;
}

impl sealed::Driver for Conn {
    /// The driver keeps its prepared statements itself.
    type Memory = ();

    fn link<'a>(&'a mut self, (): &'a mut ()) -> Box<dyn Link + 'a> {
        Box::new(MariadbLink(self))
    }

    fn transact(&mut self, (): &mut (), work: &mut TransactionWork<'_>) -> Result<()> {
        // For this transaction only: the connection may be out of the application's pool.
        let options = TxOpts::default().set_isolation_level(Some(IsolationLevel::ReadCommitted));
        let mut tx = self.start_transaction(options).map_err(classify)?;
        work(OpenTransaction::Mariadb(&mut tx))?;
        tx.commit().map_err(classify)
    }

    fn in_transaction(&mut self) -> Result<bool> {
        MariadbLink(self).in_transaction()
    }

    fn limit_time(&mut self, limit: Option<Duration>) -> Result<()> {
        let limit = limit.map(|limit| Value::Int(Some(limit.as_millis() as i64)));
        let mut link = MariadbLink(self);
        match &limit {
            Some(limit) => link.change(LIMIT_TIME.text(Dialect::Mariadb), &[limit]),
            None => link.change(RESTORE_TIME.text(Dialect::Mariadb), &[]),
        }
        .map(drop)
    }

    fn is_alive(&mut self) -> bool {
        self.ping().is_ok()
    }
}

impl From<mysql::Error> for Error {
    fn from(error: mysql::Error) -> Self {
        classify(error)
    }
}

/// The driver puts its errors in the braces of their names.
pub(super) fn words(error: &mysql::Error) -> Option<String> {
    Some(match error {
        mysql::Error::MySqlError(refusal) => refusal.to_string(),
        mysql::Error::DriverError(error) => error.to_string(),
        mysql::Error::IoError(error) => error.to_string(),
        mysql::Error::CodecError(error) => error.to_string(),
        _ => return None,
    })
}

/// Turns the driver's error into ours.
pub(crate) fn classify(error: mysql::Error) -> Error {
    let kind = match &error {
        mysql::Error::MySqlError(refusal) => classify_code(refusal.code, &refusal.message),
        mysql::Error::IoError(_) | mysql::Error::CodecError(_) | mysql::Error::DriverError(_) => {
            Some(Error::unavailable("the connection to MariaDB failed"))
        }
        _ => None,
    };
    match kind {
        Some(kind) => kind.because(error),
        None => Error::database(error),
    }
}

/// The codes are those of MariaDB's error reference.
fn classify_code(code: u16, message: &str) -> Option<Error> {
    match code {
        1146 if message.contains(".drip_") => Some(Error::not_migrated()),
        1213 => Some(Error::transient("deadlock: the whole transaction was rolled back; run it again")),
        1205 => Some(Error::transient(
            "another transaction held a lock for too long; roll back and run the transaction again",
        )),
        1020 => Some(Error::transient(
            "a row has changed since this transaction's snapshot; run the whole transaction again",
        )),
        // A deadlock over the lock in front of a table's ids is told as 1467, "failed to read auto-increment value".
        1467 => Some(Error::transient("deadlock over the ids: roll back and run the whole transaction again")),
        1317 | 1969 => Some(Error::cancelled()),
        1049 => Some(Error::no_database("MariaDB has no such database")),
        1021 => Some(Error::unavailable("MariaDB's disk is full")),
        1062 if message.contains("drip_job_unique") => Some(Error::unique_conflict(None)),
        // How an insert proves that its transaction is open: see insert_job.sql.
        1048 if message.contains("'kind'") => Some(Error::transaction_lost()),
        1040 | 1053 | 1077 | 1079 | 1152 | 1158..=1161 | 1184 | 1203 | 1226 | 1927 => {
            Some(Error::unavailable("MariaDB ended the connection"))
        }
        1290 | 1792 | 1836 => Some(Error::unavailable("the database is read-only; is it a replica?")),
        _ => None,
    }
}
