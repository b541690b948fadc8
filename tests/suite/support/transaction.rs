//! A transaction that a test opens as an application would: with the driver, for several verbs and its own statements.

use drip::{AnySession, Clock, Dialect};
use mysql::prelude::Queryable;

use super::Db;

/// An open transaction of whichever driver.
pub struct Tx<'t, 'c> {
    driver: Driver<'t, 'c>,
    clock: &'t Clock,
}

enum Driver<'t, 'c> {
    Postgres(&'t mut postgres::Transaction<'c>),
    Mariadb(&'t mut mysql::Transaction<'c>),
    Sqlite(&'t mut rusqlite::Transaction<'c>),
}

impl Db {
    /// Runs `body` in a transaction of the application's own: committed if it answers `Ok`, else rolled back.
    pub fn transaction<T, E>(&self, body: impl FnOnce(&mut Tx<'_, '_>) -> Result<T, E>) -> Result<T, E> {
        let clock = &self.clock;
        match self.dialect {
            Dialect::Postgres => {
                let mut client = self.postgres();
                let mut tx = client.transaction().unwrap();
                let answer = body(&mut Tx { driver: Driver::Postgres(&mut tx), clock })?;
                tx.commit().unwrap();
                Ok(answer)
            }
            Dialect::Mariadb => {
                let mut conn = self.mariadb();
                let mut tx = conn.start_transaction(mysql::TxOpts::default()).unwrap();
                let answer = body(&mut Tx { driver: Driver::Mariadb(&mut tx), clock })?;
                tx.commit().unwrap();
                Ok(answer)
            }
            _ => {
                let mut conn = self.sqlite();
                // One that reads before it writes must hold the write lock from the beginning.
                let mut tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
                let answer = body(&mut Tx { driver: Driver::Sqlite(&mut tx), clock })?;
                tx.commit().unwrap();
                Ok(answer)
            }
        }
    }
}

impl Tx<'_, '_> {
    /// Where the next verb runs.
    pub fn on(&mut self) -> AnySession<'_> {
        let session = match &mut self.driver {
            Driver::Postgres(tx) => AnySession::new(&mut **tx),
            Driver::Mariadb(tx) => AnySession::new(&mut **tx),
            Driver::Sqlite(tx) => AnySession::new(&mut **tx),
        };
        session.at(self.clock.now())
    }

    /// Runs a statement of the application's own.
    pub fn execute(&mut self, sql: &str) {
        match &mut self.driver {
            Driver::Postgres(tx) => tx.batch_execute(sql).unwrap(),
            Driver::Mariadb(tx) => tx.query_drop(sql).unwrap(),
            Driver::Sqlite(tx) => tx.execute_batch(sql).unwrap(),
        }
    }
}
