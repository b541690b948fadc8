//! An open transaction of one of the drivers, and the closures that are given the driver's own type of it.

use super::{Driver, connection::Link};
use crate::{Error, Result};

/// A transaction of whichever driver, with what belongs to its connection.
pub enum OpenTransaction<'t, 'c> {
    #[cfg(feature = "postgres")]
    Postgres(&'t mut postgres::Transaction<'c>, &'t mut super::postgres::StatementCache),
    #[cfg(feature = "mariadb")]
    Mariadb(&'t mut mysql::Transaction<'c>),
    #[cfg(feature = "sqlite")]
    Sqlite(&'t mut rusqlite::Transaction<'c>),
    #[cfg(not(all(feature = "postgres", feature = "mariadb", feature = "sqlite")))]
    #[allow(dead_code)] // keeps both lifetimes in use whichever drivers are compiled in
    Never(std::convert::Infallible, std::marker::PhantomData<&'t mut &'c ()>),
}

impl OpenTransaction<'_, '_> {
    pub(crate) fn link(&mut self) -> Box<dyn Link + '_> {
        match self {
            #[cfg(feature = "postgres")]
            OpenTransaction::Postgres(tx, cache) => Box::new(super::postgres::PostgresLink::cached(&mut **tx, cache)),
            #[cfg(feature = "mariadb")]
            OpenTransaction::Mariadb(tx) => Box::new(super::mariadb::MariadbLink(&mut **tx)),
            #[cfg(feature = "sqlite")]
            OpenTransaction::Sqlite(tx) => Box::new(super::sqlite::SqliteLink(tx)),
            #[cfg(not(all(feature = "postgres", feature = "mariadb", feature = "sqlite")))]
            OpenTransaction::Never(never, _) => match *never {},
        }
    }
}

/// A closure that runs inside a transaction: `FnOnce(&mut Tx) -> Result<R, E>`, where `Tx` is `postgres::Transaction`,
/// `mysql::Transaction` or `rusqlite::Transaction`.
///
/// Which one it is says the type written at the closure's argument; `D` is found by the compiler. The error type must be
/// able to hold an [`Error`] of this crate.
#[diagnostic::on_unimplemented(
    message = "this is not a closure over a driver's transaction",
    label = "write the transaction's type at the argument, e.g. `|tx: &mut rusqlite::Transaction| …`, and let the closure answer a `Result`"
)]
pub trait TransactionBody<D, R, E>: sealed::TransactionBody<D, R, E> {}

impl<D, R, E, F: sealed::TransactionBody<D, R, E>> TransactionBody<D, R, E> for F {}

pub(crate) mod sealed {
    use super::*;

    pub trait TransactionBody<D, R, E> {
        /// Runs the closure, unless the transaction is another driver's.
        fn run(self, transaction: OpenTransaction<'_, '_>) -> Result<R, E>;
    }

    #[cfg(feature = "postgres")]
    impl<F, R, E: From<Error>> TransactionBody<postgres::Client, R, E> for F
    where
        F: for<'t, 'c> FnOnce(&'t mut postgres::Transaction<'c>) -> Result<R, E>,
    {
        #[allow(unreachable_patterns)] // with a single driver compiled in there is no other
        fn run(self, transaction: OpenTransaction<'_, '_>) -> Result<R, E> {
            match transaction {
                OpenTransaction::Postgres(tx, _) => self(tx),
                _ => Err(wrong_driver::<postgres::Client>().into()),
            }
        }
    }

    #[cfg(feature = "mariadb")]
    impl<F, R, E: From<Error>> TransactionBody<mysql::Conn, R, E> for F
    where
        F: for<'t, 'c> FnOnce(&'t mut mysql::Transaction<'c>) -> Result<R, E>,
    {
        #[allow(unreachable_patterns)] // as above
        fn run(self, transaction: OpenTransaction<'_, '_>) -> Result<R, E> {
            match transaction {
                OpenTransaction::Mariadb(tx) => self(tx),
                _ => Err(wrong_driver::<mysql::Conn>().into()),
            }
        }
    }

    #[cfg(feature = "sqlite")]
    impl<F, R, E: From<Error>> TransactionBody<rusqlite::Connection, R, E> for F
    where
        F: for<'t, 'c> FnOnce(&'t mut rusqlite::Transaction<'c>) -> Result<R, E>,
    {
        #[allow(unreachable_patterns)] // as above
        fn run(self, transaction: OpenTransaction<'_, '_>) -> Result<R, E> {
            match transaction {
                OpenTransaction::Sqlite(tx) => self(tx),
                _ => Err(wrong_driver::<rusqlite::Connection>().into()),
            }
        }
    }
}

fn wrong_driver<D: Driver>() -> Error {
    Error::unsupported(format!("a {} transaction was asked of a client of another database", D::DIALECT.name()))
}
