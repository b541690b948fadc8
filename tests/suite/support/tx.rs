//! A caller's transaction of whichever driver, for tests that do several things in one.

use drip::{AnySession, Dialect, Result};
use jiff::Timestamp;
use mysql::prelude::Queryable;

use super::Db;

/// An open transaction of the application's own, as its driver opened it.
pub struct Tx<'t, 'c> {
    pub open: Open<'t, 'c>,
    now: Timestamp,
}

pub enum Open<'t, 'c> {
    Postgres(&'t mut postgres::Transaction<'c>),
    Mariadb(&'t mut mysql::Transaction<'c>),
    Sqlite(&'t mut rusqlite::Transaction<'c>),
}

/// A connection of the application's own, as its driver opened it.
pub enum Plain {
    Postgres(Box<postgres::Client>),
    Mariadb(Box<mysql::Conn>),
    Sqlite(rusqlite::Connection),
}

/// How the caller ends a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Commit,
    Rollback,
}

impl Tx<'_, '_> {
    /// Where a verb runs, at the time of the test's clock.
    pub fn on(&mut self) -> AnySession<'_> {
        let now = self.now;
        self.in_real_time().at(now)
    }

    /// Where a verb runs, at the time of the database's clock.
    pub fn in_real_time(&mut self) -> AnySession<'_> {
        match &mut self.open {
            Open::Postgres(tx) => AnySession::new(&mut **tx),
            Open::Mariadb(tx) => AnySession::new(&mut **tx),
            Open::Sqlite(tx) => AnySession::new(&mut **tx),
        }
    }

    /// Runs plain SQL of the application's own.
    pub fn execute(&mut self, sql: &str) -> Result<()> {
        match &mut self.open {
            Open::Postgres(tx) => tx.batch_execute(sql)?,
            Open::Mariadb(tx) => tx.query_drop(sql)?,
            Open::Sqlite(tx) => tx.execute_batch(sql)?,
        }
        Ok(())
    }

    /// PostgreSQL: the level that is the default, unless an application has made it another; at the beginning.
    pub fn read_committed(&mut self) {
        if let Open::Postgres(tx) = &mut self.open {
            tx.batch_execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED").unwrap();
        }
    }

    /// The number in the first column of the first row.
    pub fn number(&mut self, sql: &str) -> i64 {
        match &mut self.open {
            Open::Postgres(tx) => tx.query_one(sql, &[]).unwrap().get(0),
            Open::Mariadb(tx) => tx.query_first::<mysql::Row, _>(sql).unwrap().unwrap().get(0).unwrap(),
            Open::Sqlite(tx) => tx.query_row(sql, [], |row| row.get(0)).unwrap(),
        }
    }

    /// By which number the server knows the session; SQLite has none.
    pub fn session(&mut self) -> i64 {
        match &self.open {
            Open::Postgres(_) => self.number("SELECT pg_backend_pid()::bigint"),
            Open::Mariadb(_) => self.number("SELECT connection_id()"),
            Open::Sqlite(_) => 0,
        }
    }

    /// The text in the first column of each row.
    pub fn texts(&mut self, sql: &str) -> Vec<String> {
        match &mut self.open {
            Open::Postgres(tx) => tx.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect(),
            Open::Mariadb(tx) => tx.query(sql).unwrap(),
            Open::Sqlite(tx) => {
                let mut statement = tx.prepare(sql).unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().map(|text| text.unwrap()).collect()
            }
        }
    }
}

impl Db {
    /// Runs `work` in a transaction of the application's own, which is then committed.
    pub fn committed<T>(&self, work: impl FnOnce(&mut Tx<'_, '_>) -> T) -> T {
        let (answer, committed) = self.ended(End::Commit, work);
        committed.unwrap();
        answer
    }

    /// Runs `work` in a transaction of the application's own: committed if it answers `Ok`, else rolled back.
    pub fn transaction<T, E>(&self, work: impl FnOnce(&mut Tx<'_, '_>) -> Result<T, E>) -> Result<T, E> {
        let end = |answer: &Result<T, E>| if answer.is_ok() { End::Commit } else { End::Rollback };
        let (answer, ended) = self.ended_by(end, work);
        ended.unwrap();
        answer
    }

    /// Runs `work` in a transaction of the application's own, ends that as said, and answers what the driver said.
    pub fn ended<T>(&self, end: End, work: impl FnOnce(&mut Tx<'_, '_>) -> T) -> (T, Result<()>) {
        self.ended_by(|_| end, work)
    }

    /// As [`ended`](Db::ended), where it depends on the answer how.
    pub fn ended_by<T>(&self, end: impl FnOnce(&T) -> End, work: impl FnOnce(&mut Tx<'_, '_>) -> T) -> (T, Result<()>) {
        self.tried(end, work).unwrap()
    }

    /// As [`ended_by`](Db::ended_by), where the database may be away when the transaction begins.
    pub fn tried<T>(
        &self,
        end: impl FnOnce(&T) -> End,
        work: impl FnOnce(&mut Tx<'_, '_>) -> T,
    ) -> Result<(T, Result<()>)> {
        self.connection()?.tried(self.clock.now(), end, work)
    }

    /// A connection of the application's own.
    pub fn connection(&self) -> Result<Plain> {
        Ok(match self.dialect {
            Dialect::Postgres => Plain::Postgres(Box::new(self.try_postgres()?)),
            Dialect::Mariadb => Plain::Mariadb(Box::new(self.try_mariadb()?)),
            _ => Plain::Sqlite(self.try_sqlite()?),
        })
    }
}

impl Plain {
    /// As [`Db::ended_by`], at this time.
    pub fn ended_by<T>(
        &mut self,
        now: Timestamp,
        end: impl FnOnce(&T) -> End,
        work: impl FnOnce(&mut Tx<'_, '_>) -> T,
    ) -> (T, Result<()>) {
        self.tried(now, end, work).unwrap()
    }

    fn tried<T>(
        &mut self,
        now: Timestamp,
        end: impl FnOnce(&T) -> End,
        work: impl FnOnce(&mut Tx<'_, '_>) -> T,
    ) -> Result<(T, Result<()>)> {
        macro_rules! run {
            ($tx:expr, $open:ident) => {{
                let mut tx = $tx;
                let answer = work(&mut Tx { open: Open::$open(&mut tx), now });
                let ended = if end(&answer) == End::Commit { tx.commit() } else { tx.rollback() };
                Ok((answer, ended.map_err(Into::into)))
            }};
        }
        match self {
            Plain::Postgres(client) => run!(client.transaction()?, Postgres),
            Plain::Mariadb(conn) => run!(conn.start_transaction(mysql::TxOpts::default())?, Mariadb),
            Plain::Sqlite(conn) => run!(conn.transaction()?, Sqlite),
        }
    }
}

/// Tries again what failed for a reason that passes: in a transaction of the caller's nobody but the caller does.
pub fn patiently<T>(mut transaction: impl FnMut() -> Result<T>) -> T {
    loop {
        match transaction() {
            Err(error) if error.is_transient() => std::thread::yield_now(),
            other => return other.unwrap(),
        }
    }
}
