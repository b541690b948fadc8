//! PostgreSQL, through `postgres`.

mod binary;

use std::{
    collections::HashMap,
    error::Error as StdError,
    io::{self, Write},
    time::{Duration, Instant},
};

use postgres::{
    Client, Config, GenericClient, IsolationLevel, NoTls,
    config::Host,
    error::SqlState,
    types::{ToSql, Type, private::BytesMut},
};

use self::binary::{Column, columns, put};
use super::{
    Dialect, Driver, OpenTransaction, Row, Statement, Value,
    address::{Address, misread},
    connection::{Link, NextRow, Record, RowReader, TransactionWork, undecodable},
    patience::within,
    pool::sealed,
    statement,
    statement::Text,
};
use crate::{Error, Result};

static OWN_CONNECTION: Statement = statement!("own_connection" of postgres);
static KEPT_CONNECTION: Statement = statement!("kept_connection" of postgres);
static LEAVE_PROBE: Statement = statement!("leave_probe" of postgres);
static FIND_PROBE: Statement = statement!("find_probe" of postgres);

/// How long a connection that is asked whether it is there may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a prepared statement is used. With it goes its plan, which is the right one for the table as it was: made when
/// there were but a few jobs it looks through the whole table (77 ms rather than 0.06 once there are 300,000), until the
/// table is analysed.
const PLAN_LIFE: Duration = Duration::from_secs(2);

const NO_PREPARED: &str = "prepared statements do not stay on their connection: is there a pooler in transaction mode? \
     Connect to the server itself, or let the pooler keep track of them (PgBouncer's max_prepared_statements)";

/// With what the binary format of `COPY` begins: its signature, no flags, no extension. Then come the rows, each a number
/// of fields and these behind their lengths; -1 fields are the end (PostgreSQL's manual, "COPY", Binary Format). By hand:
/// the driver's writer of rows goes through its runtime for each, which is two thirds of what a row then costs us.
const COPY_HEADER: &[u8] = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0";

/// How much of a copy is sent at once, in bytes.
const COPY_BUFFER: usize = 16 * 1024;

/// How a connection of our own is opened.
pub(crate) fn connector(url: &str) -> Result<impl Fn() -> Result<Client> + Send + Sync + 'static> {
    let (config, limit) = config(url)?;
    Ok(within(limit, "PostgreSQL", move || connect(&config)))
}

/// With how long that may take.
fn config(url: &str) -> Result<(Config, Duration)> {
    let address = Address::read(url, "PostgreSQL")?;
    // The driver's text would echo parts of the URL, and with it perhaps the password.
    let config = format!("postgres://{}", address.rest).parse();
    let mut config: Config = config.map_err(|_: postgres::Error| misread(url, "PostgreSQL"))?;
    if config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(host) if host.contains('@'))) {
        return Err(misread(url, "PostgreSQL"));
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(Error::invalid("url", "names no host: postgres://user:password@host/database"));
    }
    if config.get_application_name().is_none() {
        config.application_name("drip");
    }
    config.connect_timeout(address.connect_timeout);
    // Each is tried for so long.
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len()).max(1);
    Ok((config, address.connect_timeout * hosts as u32))
}

fn connect(config: &Config) -> Result<Client> {
    config.connect(NoTls).map_err(|error| classify(error).refused("PostgreSQL refused the connection"))
}

/// The prepared statements of one connection, and when they were prepared.
pub type StatementCache = HashMap<&'static str, (postgres::Statement, Instant)>;

/// A connection or a transaction; with a cache of prepared statements if the connection is ours to keep.
pub struct PostgresLink<'a, C: GenericClient> {
    client: &'a mut C,
    cache: Option<&'a mut StatementCache>,
}

impl<'a, C: GenericClient> PostgresLink<'a, C> {
    pub(crate) fn new(client: &'a mut C) -> Self {
        PostgresLink { client, cache: None }
    }

    pub(crate) fn cached(client: &'a mut C, cache: &'a mut StatementCache) -> Self {
        PostgresLink { client, cache: Some(cache) }
    }

    fn prepared(&mut self, text: &Text, types: &[Type]) -> Result<Option<postgres::Statement>> {
        let (Some(cache), Some(name)) = (&mut self.cache, text.name) else { return Ok(None) };
        if let Some((prepared, _)) = cache.get(name).filter(|(_, since)| since.elapsed() < PLAN_LIFE) {
            return Ok(Some(prepared.clone()));
        }
        let prepared = self.client.prepare_typed(&text.sql, types).map_err(classify)?;
        cache.insert(name, (prepared.clone(), Instant::now()));
        Ok(Some(prepared))
    }
}

fn types(values: &[&Value<'_>]) -> Vec<Type> {
    values.iter().map(|value| value.postgres_type()).collect()
}

/// Parameters for a prepared statement.
fn plain<'v>(values: &[&'v Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| *value as &(dyn ToSql + Sync)).collect()
}

/// Parameters for a statement that is sent as text.
fn typed<'v>(values: &[&'v Value<'v>]) -> Vec<(&'v (dyn ToSql + Sync), Type)> {
    plain(values).into_iter().zip(types(values)).collect()
}

impl<C: GenericClient> Link for PostgresLink<'_, C> {
    fn rows(&mut self, text: &Text, values: &[&Value<'_>], read: &mut RowReader<'_>) -> Result<()> {
        let found = match self.prepared(text, &types(values))? {
            Some(prepared) => self.client.query(&prepared, &plain(values)),
            None => self.client.query_typed(&text.sql, &typed(values)),
        };
        found.map_err(classify)?.iter().try_for_each(|row| read(&mut Row::new(row)))
    }

    fn change(&mut self, text: &Text, values: &[&Value<'_>]) -> Result<u64> {
        let changed = match self.prepared(text, &types(values))? {
            Some(prepared) => self.client.execute(&prepared, &plain(values)),
            None => self.client.execute_typed(&text.sql, &typed(values)),
        };
        changed.map_err(classify)
    }

    fn insert(&mut self, text: &Text, rows: &[Record<'_>], _: &Record<'_>) -> Result<Vec<i64>> {
        let columns = columns(rows);
        let types: Vec<Type> = columns.iter().map(Column::postgres_type).collect();
        let values = columns.iter().map(|column| column as &(dyn ToSql + Sync));
        let found = match self.prepared(text, &types)? {
            Some(prepared) => self.client.query(&prepared, &values.collect::<Vec<_>>()),
            None => self.client.query_typed(&text.sql, &values.zip(types).collect::<Vec<_>>()),
        };
        let [row] = &found.map_err(classify)?[..] else { return Ok(Vec::new()) };
        row.try_get(0).map_err(|error| undecodable("ids").because(error))
    }

    /// What is the default in every row is not sent: with all columns the server takes 10 % longer, and we twice as long.
    fn load(&mut self, text: &Text, rows: &mut NextRow<'_>, other: &[usize]) -> Result<u64> {
        let mut copy = self.client.copy_in(&text.of_columns(other)).map_err(classify)?;
        let mut out = BytesMut::from(COPY_HEADER);
        while let Some(row) = rows() {
            out.extend_from_slice(&i16::try_from(other.len()).unwrap_or_default().to_be_bytes());
            other.iter().try_for_each(|&index| put(&row[index], &mut out)).map_err(Error::database)?;
            if out.len() > COPY_BUFFER {
                copy.write_all(&out).map_err(uncopied)?;
                out.clear();
            }
        }
        out.extend_from_slice(&(-1_i16).to_be_bytes());
        copy.write_all(&out).map_err(uncopied)?;
        copy.finish().map_err(classify)
    }

    fn control(&mut self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).map_err(classify)
    }

    /// The server refuses every statement in a transaction that has failed.
    fn prove_open(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What the driver's writer answers has its error inside.
fn uncopied(error: io::Error) -> Error {
    match error.downcast::<postgres::Error>() {
        Ok(error) => classify(error),
        Err(error) => Error::database(error),
    }
}

impl Driver for Client {
    const DIALECT: Dialect = Dialect::Postgres;
}

impl sealed::Driver for Client {
    type Memory = StatementCache;

    fn link<'a>(&'a mut self, memory: &'a mut StatementCache) -> Box<dyn Link + 'a> {
        Box::new(PostgresLink::cached(self, memory))
    }

    fn transact(&mut self, memory: &mut StatementCache, work: &mut TransactionWork<'_>) -> Result<()> {
        let mut tx = self
            .build_transaction()
            // Whatever the role's default: a claim under a stricter level would fail where it should skip.
            .isolation_level(IsolationLevel::ReadCommitted)
            .start()
            .map_err(classify)?;
        work(OpenTransaction::Postgres(&mut tx, memory))?;
        tx.commit().map_err(classify)
    }

    /// A setting that is local to a transaction outlives its statement exactly when a transaction is open.
    fn in_transaction(&mut self) -> Result<bool> {
        let nonce = fastrand::u64(..).to_string();
        let mut link = PostgresLink::new(self);
        link.rows(LEAVE_PROBE.text(Dialect::Postgres), &[&Value::Text(Some(&nonce))], &mut |_| Ok(()))?;
        let mut found = None;
        link.rows(FIND_PROBE.text(Dialect::Postgres), &[], &mut |row| {
            found = row.text_or_null()?;
            Ok(())
        })?;
        Ok(found == Some(nonce))
    }

    fn is_alive(&mut self) -> bool {
        self.is_valid(PATIENCE).is_ok()
    }

    fn adopt(&mut self) -> Result<()> {
        self.batch_execute(&OWN_CONNECTION.text(Dialect::Postgres).sql).map_err(classify)
    }

    fn tune(&mut self) -> Result<()> {
        self.batch_execute(&KEPT_CONNECTION.text(Dialect::Postgres).sql).map_err(classify)
    }

    fn as_postgres(&mut self) -> Option<&mut Client> {
        Some(self)
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        classify(error)
    }
}

/// What the server said stands behind a mere "db error".
pub(super) fn words(error: &postgres::Error) -> Option<String> {
    let refusal = error.as_db_error()?;
    Some(refusal.to_string())
}

/// Turns the driver's error into ours.
pub(crate) fn classify(error: postgres::Error) -> Error {
    let kind = match error.as_db_error() {
        Some(refusal) if *refusal.code() == SqlState::UNDEFINED_TABLE && refusal.message().contains("\"drip_") => {
            Some(Error::not_migrated())
        }
        Some(refusal) => classify_state(refusal.code(), refusal.constraint()),
        // No answer of the server's: the connection is gone, or never was.
        None if error.is_closed() || error.source().is_some_and(|cause| cause.is::<std::io::Error>()) => {
            Some(Error::unavailable("the connection to PostgreSQL failed"))
        }
        None => None,
    };
    match kind {
        Some(kind) => kind.because(error),
        None => Error::database(error),
    }
}

fn classify_state(code: &SqlState, constraint: Option<&str>) -> Option<Error> {
    match *code {
        SqlState::IN_FAILED_SQL_TRANSACTION => Some(Error::transaction_lost()),
        SqlState::T_R_SERIALIZATION_FAILURE => Some(Error::transient(
            "the transaction's isolation level cannot go on beside another; run the whole transaction again",
        )),
        SqlState::T_R_DEADLOCK_DETECTED => Some(Error::transient("deadlock; run the whole transaction again")),
        SqlState::LOCK_NOT_AVAILABLE => Some(Error::transient("another transaction holds the lock")),
        SqlState::UNIQUE_VIOLATION if constraint == Some("drip_job_unique") => Some(Error::unique_conflict(None)),
        SqlState::READ_ONLY_SQL_TRANSACTION => Some(Error::unavailable("the database is read-only; is it a replica?")),
        SqlState::QUERY_CANCELED => Some(Error::cancelled()),
        SqlState::INVALID_CATALOG_NAME => Some(Error::no_database("PostgreSQL has no such database")),
        SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::DUPLICATE_PSTATEMENT => Some(Error::unsupported(NO_PREPARED)),
        SqlState::TOO_MANY_CONNECTIONS | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
            Some(Error::unavailable("PostgreSQL ended the connection"))
        }
        SqlState::DISK_FULL | SqlState::IO_ERROR => Some(Error::unavailable("PostgreSQL cannot write to its disk")),
        // An operator, or the server's own end; a time limit of the session's.
        _ if code.code().starts_with("57P") => Some(Error::unavailable("PostgreSQL ended the connection")),
        _ if code.code().starts_with("08") => Some(Error::unavailable("the connection to PostgreSQL failed")),
        _ => None,
    }
}
