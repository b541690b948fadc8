//! Connections of any driver behind one face: borrowed from the caller, taken from a pool, or kept by one thread.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use r2d2::{ManageConnection, NopErrorHandler, Pool, PooledConnection};

use super::{
    Dialect,
    connection::{Connection, Link, TransactionWork},
};
use crate::{Error, Result};

/// A driver's connection type: `postgres::Client`, `mysql::Conn` or `rusqlite::Connection`. Sealed.
pub trait Driver: sealed::Driver {
    /// The database that this driver speaks to.
    const DIALECT: Dialect;
}

pub(crate) mod sealed {
    use super::*;

    pub trait Driver: Send + Sized + 'static {
        /// What is remembered of a connection between two uses of it.
        type Memory: Default + Send + Sync + 'static;

        fn link<'a>(&'a mut self, memory: &'a mut Self::Memory) -> Box<dyn Link + 'a>;
        fn transact(&mut self, memory: &mut Self::Memory, work: &mut TransactionWork<'_>) -> Result<()>;
        fn in_transaction(&mut self) -> Result<bool>;
        fn limit_time(&mut self, _limit: Option<Duration>) -> Result<()> {
            Ok(())
        }
        /// Whether a transaction is known to be open on it, which could not be rolled back.
        fn is_left_open(&self) -> bool {
            false
        }
        /// Whether it answers: one round trip.
        fn is_alive(&mut self) -> bool;
        /// Settings for any connection of our own.
        fn adopt(&mut self) -> Result<()> {
            Ok(())
        }
        /// Settings for a connection of our own that runs nothing but our own statements.
        fn tune(&mut self) -> Result<()> {
            Ok(())
        }

        fn once(&mut self, memory: &mut Self::Memory, work: &mut dyn FnMut(&mut dyn Link) -> Result<()>) -> Result<()> {
            work(&mut *self.link(memory))
        }

        #[cfg(feature = "postgres")]
        fn as_postgres(&mut self) -> Option<&mut ::postgres::Client> {
            None
        }
    }
}

/// A connection with its memory: all that [`Connection`] needs.
trait Parts: Send {
    type Driver: Driver;
    fn parts(&mut self) -> (&mut Self::Driver, &mut <Self::Driver as sealed::Driver>::Memory);
    fn failed(&mut self) {}
    fn doubted(&mut self) {}
    fn is_tuned(&self) -> bool {
        false
    }
}

impl<P: Parts> Connection for P {
    fn dialect(&self) -> Dialect {
        P::Driver::DIALECT
    }

    fn link(&mut self) -> Box<dyn Link + '_> {
        let (driver, memory) = self.parts();
        sealed::Driver::link(driver, memory)
    }

    fn transact(&mut self, work: &mut TransactionWork<'_>) -> Result<()> {
        let (driver, memory) = self.parts();
        let done = sealed::Driver::transact(driver, memory, work);
        if done.is_err() {
            self.doubt();
        }
        done
    }

    fn once(&mut self, work: &mut dyn FnMut(&mut dyn Link) -> Result<()>) -> Result<()> {
        let (driver, memory) = self.parts();
        sealed::Driver::once(driver, memory, work)
    }

    fn in_transaction(&mut self) -> Result<bool> {
        sealed::Driver::in_transaction(self.parts().0)
    }

    fn limit_time(&mut self, limit: Option<Duration>) -> Result<()> {
        sealed::Driver::limit_time(self.parts().0, limit)
    }

    fn give_up(&mut self) {
        self.failed();
    }

    fn doubt(&mut self) {
        self.doubted();
    }

    fn is_tuned(&self) -> bool {
        Parts::is_tuned(self)
    }

    #[cfg(feature = "postgres")]
    fn as_postgres(&mut self) -> Option<&mut ::postgres::Client> {
        sealed::Driver::as_postgres(self.parts().0)
    }
}

/// A caller's connection, for the length of one verb.
pub(crate) struct Borrowed<'a, D: Driver> {
    driver: &'a mut D,
    memory: D::Memory,
}

impl<'a, D: Driver> Borrowed<'a, D> {
    pub(crate) fn new(driver: &'a mut D) -> Self {
        Borrowed { driver, memory: D::Memory::default() }
    }
}

impl<D: Driver> Parts for Borrowed<'_, D> {
    type Driver = D;
    fn parts(&mut self) -> (&mut D, &mut D::Memory) {
        (self.driver, &mut self.memory)
    }
}

/// A connection of our own: in our pool, or outside it for a thread that always needs one.
struct Kept<D: Driver> {
    driver: D,
    memory: D::Memory,
    failed: bool,
    tuned: bool,
    used: Instant,
    /// How many connections of the pool had failed when this one was last known to be there; `None`: it is in doubt.
    failures: Option<u64>,
}

impl<D: Driver> Kept<D> {
    fn new(driver: D, failures: u64) -> Self {
        let memory = D::Memory::default();
        Kept { driver, memory, failed: false, tuned: false, used: Instant::now(), failures: Some(failures) }
    }
}

impl<D: Driver> Parts for Kept<D> {
    type Driver = D;
    fn parts(&mut self) -> (&mut D, &mut D::Memory) {
        self.used = Instant::now();
        (&mut self.driver, &mut self.memory)
    }
    fn is_tuned(&self) -> bool {
        self.tuned
    }
}

/// A connection of our own pool.
struct Lent<D: Driver> {
    connection: PooledConnection<Manager<D>>,
    connector: Arc<Connector<D>>,
}

impl<D: Driver> Parts for Lent<D> {
    type Driver = D;
    fn parts(&mut self) -> (&mut D, &mut D::Memory) {
        self.connection.parts()
    }
    fn failed(&mut self) {
        self.connection.failed = true;
        // Where one was killed others were too: none is used again unasked, so that they cost one error, not one each.
        self.connector.failures.fetch_add(1, Ordering::AcqRel);
    }
    fn doubted(&mut self) {
        self.connection.failures = None;
    }
}

/// A connection of the application's pool; its memory stays with it when it goes back.
struct Pooled<M: ManageConnection<Connection: Driver>> {
    connection: PooledConnection<M>,
    memory: <M::Connection as sealed::Driver>::Memory,
}

impl<M: ManageConnection<Connection: Driver>> Pooled<M> {
    fn new(mut connection: PooledConnection<M>) -> Self {
        let memory = PooledConnection::extensions_mut(&mut connection).remove().unwrap_or_default();
        Pooled { connection, memory }
    }
}

impl<M: ManageConnection<Connection: Driver>> Parts for Pooled<M> {
    type Driver = M::Connection;
    fn parts(&mut self) -> (&mut M::Connection, &mut <M::Connection as sealed::Driver>::Memory) {
        (&mut self.connection, &mut self.memory)
    }
}

impl<M: ManageConnection<Connection: Driver>> Drop for Pooled<M> {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        PooledConnection::extensions_mut(&mut self.connection).insert(memory);
    }
}

/// Where a client gets its connections from.
pub(crate) trait Database: Send + Sync {
    fn dialect(&self) -> Dialect;
    /// A connection for the length of one verb.
    fn checkout(&self) -> Result<Box<dyn Connection>>;
    /// A connection for a thread that keeps it. Out of a caller's pool it takes one of the pool's.
    fn dedicated(&self) -> Result<Box<dyn Connection>>;
}

/// The application's own pool.
pub(crate) struct CallersPool<M: ManageConnection>(pub(crate) Pool<M>);

impl<M: ManageConnection<Connection: Driver>> Database for CallersPool<M> {
    fn dialect(&self) -> Dialect {
        M::Connection::DIALECT
    }

    fn checkout(&self) -> Result<Box<dyn Connection>> {
        let connection = self.0.get().map_err(|error| Error::unavailable(NO_CONNECTION).because(error))?;
        Ok(Box::new(Pooled::new(connection)))
    }

    fn dedicated(&self) -> Result<Box<dyn Connection>> {
        self.checkout()
    }
}

/// A pool of our own, filled by a connector.
pub(crate) struct OwnPool<D: Driver> {
    pool: Pool<Manager<D>>,
    connector: Arc<Connector<D>>,
}

type Connect<D> = dyn Fn() -> Result<D> + Send + Sync;

/// Opens connections, and keeps the driver's error of the last one that failed: the pool would only keep its text.
struct Connector<D> {
    connect: Box<Connect<D>>,
    last_error: Mutex<Option<Error>>,
    /// Whether the latest attempt to open one has failed: then it is not for want of places that there is none.
    failing: AtomicBool,
    /// How many connections of the pool have failed so far.
    failures: AtomicU64,
}

impl<D: Driver> Connector<D> {
    fn open(&self) -> Result<Kept<D>> {
        let failures = self.failures.load(Ordering::Acquire);
        Ok(Kept::new((self.connect)()?, failures))
    }
}

/// How large a pool of our own is, and how long a verb waits for one of its connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolSize {
    pub(crate) connections: u32,
    pub(crate) timeout: Duration,
}

impl<D: Driver> OwnPool<D> {
    /// Opens one connection first, so that a wrong address fails at once and with the driver's own words.
    pub(crate) fn new(connect: Box<Connect<D>>, size: PoolSize) -> Result<Self> {
        let connect = Box::new(move || {
            let mut driver = connect()?;
            driver.adopt()?;
            Ok(driver)
        });
        drop(connect()?);
        let connector = Arc::new(Connector {
            connect,
            last_error: Mutex::new(None),
            failing: AtomicBool::new(false),
            failures: AtomicU64::new(0),
        });
        let pool = Pool::builder()
            .max_size(size.connections)
            .min_idle(Some(0))
            .connection_timeout(size.timeout)
            .test_on_check_out(false) // costs a round trip a verb; a dead connection shows itself, see `has_broken`
            .error_handler(Box::new(NopErrorHandler))
            .build_unchecked(Manager(connector.clone()));
        Ok(OwnPool { pool, connector })
    }

    fn no_connection(&self, error: r2d2::Error) -> Error {
        let last = self.connector.last_error.lock().unwrap_or_else(PoisonError::into_inner).take();
        let hint = if self.connector.failing.load(Ordering::Acquire) { NOT_REACHED } else { NO_CONNECTION };
        match last {
            Some(last) => Error::unavailable(hint).because(last),
            None => Error::unavailable(hint).because(error),
        }
    }
}

impl<D: Driver> Database for OwnPool<D> {
    fn dialect(&self) -> Dialect {
        D::DIALECT
    }

    fn checkout(&self) -> Result<Box<dyn Connection>> {
        loop {
            let mut connection = self.pool.get().map_err(|error| self.no_connection(error))?;
            let failures = Some(self.connector.failures.load(Ordering::Acquire));
            let trusted = connection.failures == failures && connection.used.elapsed() < TRUSTED;
            if trusted || connection.driver.is_alive() {
                connection.failures = failures;
                return Ok(Box::new(Lent { connection, connector: self.connector.clone() }));
            }
            // Back in the pool it is thrown away; there are only so many of them.
            connection.failed = true;
        }
    }

    fn dedicated(&self) -> Result<Box<dyn Connection>> {
        let open = || {
            let mut kept = self.connector.open()?;
            kept.driver.tune()?;
            kept.tuned = true;
            Ok(Box::new(kept))
        };
        // Whatever the server's words are (a wrong password, a database that allows no connections): it is not to be had.
        let unavailable = |error: Error| match error.is_unavailable() {
            true => error,
            false => Error::unavailable(NOT_REACHED).because(error),
        };
        Ok(open().map_err(unavailable)?)
    }
}

/// How long a connection may have been idle and is still believed to be there. Servers and firewalls hang up on idle
/// ones; asking every time would cost each verb a round trip.
const TRUSTED: Duration = Duration::from_secs(5);

const NOT_REACHED: &str = "no connection to the database";
const NO_CONNECTION: &str =
    "no connection to the database: it cannot be reached, or all connections of the pool are in use";

/// The pool's view of a connector.
struct Manager<D>(Arc<Connector<D>>);

impl<D: Driver> ManageConnection for Manager<D> {
    type Connection = Kept<D>;
    type Error = Error;

    fn connect(&self) -> Result<Kept<D>> {
        let opened = self.0.open();
        self.0.failing.store(opened.is_err(), Ordering::Release);
        opened.map_err(|error| {
            let copy = Error::unavailable(NOT_REACHED).because(error.to_string());
            *self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            copy
        })
    }

    fn is_valid(&self, _: &mut Kept<D>) -> Result<()> {
        Ok(())
    }

    fn has_broken(&self, connection: &mut Kept<D>) -> bool {
        // Closed, it lets go of what an open transaction has locked.
        connection.failed || connection.driver.is_left_open()
    }
}
