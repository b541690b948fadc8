//! A client: where connections come from, and what the verbs and the workers of one process share.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use r2d2::{ManageConnection, Pool};

use crate::{
    AnySession, Error, NewJob, Result, Session,
    clock::Clock,
    dialect::{CallersPool, Connection, Database, Dialect, Driver, OwnPool, PoolSize, TransactionBody},
    event::{Events, Subscription},
    hooks::InsertHooks,
    lookout::Lookout,
    metrics::Metrics,
    wake::Wake,
};

/// The queue in one database. Cheap to clone; clones share connections, subscribers and the bell that wakes workers.
///
/// ```no_run
/// # fn main() -> drip::Result<()> {
/// let client = drip::Client::connect("sqlite://app.db")?; // or postgres://…, mariadb://…
/// client.migrate()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    database: Arc<dyn Database>,
    clock: Option<Clock>,
    wake: Wake,
    lookout: Lookout,
    events: Events,
    insert_hooks: InsertHooks,
    search_timeout: Duration,
    #[cfg(feature = "postgres")]
    notifier: crate::notify::Notifier,
}

/// How a client is made, where its defaults do not fit.
#[derive(Debug, Clone)]
#[must_use]
pub struct ClientBuilder {
    size: PoolSize,
    clock: Option<Clock>,
    insert_hooks: InsertHooks,
    search_timeout: Duration,
}

impl Client {
    /// A client of the database that `url` names, with a pool of its own: at most 10 connections, opened as needed.
    ///
    /// `postgres://user:password@host/database` (and all that the `postgres` crate reads),
    /// `mariadb://user:password@host/database` (also `mysql://`), `sqlite://relative/path` or `sqlite:///absolute/path`
    /// (also `sqlite:path`).
    /// User and password are percent-encoded: `@` is `%40`, `/` is `%2F`.
    ///
    /// A server that has not let us in after 10 s is given up, or after `?connect_timeout=` so many seconds, from 1 to 3600.
    ///
    /// The connections are not encrypted; for TLS see [`Client::from_connector`]. `sslmode=disable` and `sslmode=prefer` say
    /// that this is meant, and any other is refused.
    ///
    /// The client of a PostgreSQL database prepares its statements once a connection. A pooler in transaction mode must keep
    /// track of them (PgBouncer's `max_prepared_statements`), or has to be gone around.
    ///
    /// # Errors
    /// [`is_invalid_input`](Error::is_invalid_input) when the URL is none of these, or its database's feature is not
    /// compiled in; else why no connection can be made. No error repeats the URL.
    pub fn connect(url: &str) -> Result<Client> {
        Client::builder().connect(url)
    }

    /// A client over the application's own r2d2 pool, whose connections are `postgres::Client`, `mysql::Conn` or
    /// `rusqlite::Connection`. No setting of theirs is changed.
    ///
    /// Let the pool be large enough: a running worker keeps four of the pool's connections (five on PostgreSQL), and takes
    /// one for each transactional handler that is running. On PostgreSQL a client that inserts keeps one more to announce it.
    /// A started [`Periodic`](crate::Periodic) keeps one.
    pub fn from_pool<M: ManageConnection<Connection: Driver>>(pool: Pool<M>) -> Client {
        Client::builder().from_pool(pool)
    }

    /// A client whose connections are opened by `connect`, whenever one is needed: for TLS, or passwords that change.
    ///
    /// ```no_run
    /// # #[cfg(feature = "postgres")]
    /// # fn client() -> Result<drip::Client, Box<dyn std::error::Error>> {
    /// let config: postgres::Config = "host=db.example.com dbname=shop user=shop".parse()?;
    /// let tls = postgres::NoTls; // or one that encrypts, such as postgres_native_tls::MakeTlsConnector
    /// let client = drip::Client::from_connector(move || config.connect(tls.clone()))?;
    /// # Ok(client) }
    /// ```
    ///
    /// They are used as they come, but that PostgreSQL is told not to compile statements just in time. Give those of SQLite
    /// a busy timeout (that of `rusqlite` is 5 s); those of [`Client::connect`] wait for 10 s.
    ///
    /// # Errors
    /// When `connect` fails at the first, immediate try.
    pub fn from_connector<D, E>(connect: impl Fn() -> Result<D, E> + Send + Sync + 'static) -> Result<Client>
    where
        D: Driver,
        E: Into<Error>,
    {
        Client::builder().from_connector(connect)
    }

    /// To choose the size of the pool, or what every job passes before it is inserted.
    pub fn builder() -> ClientBuilder {
        let size = PoolSize { connections: 10, timeout: Duration::from_secs(10) };
        let search_timeout = Duration::from_secs(30);
        ClientBuilder { size, clock: None, insert_hooks: InsertHooks::default(), search_timeout }
    }

    /// Runs `body` in a transaction that this client opens: commits it if the closure answers `Ok`, and rolls it back
    /// if it answers an error or panics.
    ///
    /// ```
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> drip::Result<()> {
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
    /// # client.migrate()?;
    /// client.transaction(|tx: &mut rusqlite::Transaction| {
    ///     tx.execute("CREATE TABLE customer (name TEXT)", [])?;
    ///     drip::insert_job(&mut *tx, drip::NewJob::new("greet", serde_json::json!({"name": "Ada"})))?;
    ///     Ok::<_, drip::Error>(())
    /// })?;
    /// # Ok(()) }
    /// ```
    ///
    /// The closure's argument says which driver it wants. PostgreSQL and MariaDB: READ COMMITTED. SQLite: IMMEDIATE.
    ///
    /// # Errors
    /// The closure's own; or ours, when there is no connection, the driver is another database's, or the commit fails.
    /// Nothing is tried again.
    pub fn transaction<D, R, E: From<Error>>(&self, body: impl TransactionBody<D, R, E>) -> Result<R, E> {
        let mut body = Some(body);
        let mut answer = None;
        let mut connection = self.checkout()?;
        let committed = connection.transact(&mut |tx| {
            let body = body.take().ok_or_else(|| Error::corrupt("a transaction's body is run once"))?;
            let result = body.run(tx);
            let failed = result.is_err();
            answer = Some(result);
            // Any error rolls back; the caller is given the closure's own.
            if failed { Err(Error::corrupt("rolled back")) } else { Ok(()) }
        });
        match &committed {
            Err(error) if error.is_unavailable() => connection.give_up(),
            // Of the closure's own error nobody knows whether it was the connection's.
            Err(_) => connection.doubt(),
            Ok(()) => {}
        }
        match (answer, committed) {
            (Some(Ok(value)), Ok(())) => {
                self.0.wake.wake_all();
                Ok(value)
            }
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(Error::corrupt("a transaction was committed without having run").into()),
        }
    }

    /// Watches what happens through this client and its workers, from now on.
    ///
    /// ```
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> drip::Result<()> {
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
    /// # client.migrate()?;
    /// let subscription = client.subscribe();
    /// drip::insert_job(&client, drip::NewJob::new("greet", serde_json::json!({})))?;
    /// assert!(matches!(subscription.events().recv(), Ok(drip::Event::Inserted(job)) if job.kind == "greet"));
    /// # Ok(()) }
    /// ```
    pub fn subscribe(&self) -> Subscription {
        self.0.events.subscribe()
    }

    /// What has been counted so far of what happens through this client and its workers: as text, what Prometheus reads.
    ///
    /// ```
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> drip::Result<()> {
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
    /// # client.migrate()?;
    /// drip::insert_job(&client, drip::NewJob::new("greet", serde_json::json!({})))?;
    /// let text = client.metrics().to_string();
    /// assert!(text.contains("drip_jobs_inserted_total{queue=\"default\",kind=\"greet\"} 1"));
    /// # Ok(()) }
    /// ```
    pub fn metrics(&self) -> Metrics {
        self.0.events.counters().read()
    }

    /// The place `session`, with the [insert hooks](ClientBuilder::on_insert) of this client. A transaction of the
    /// application's own does not know the client, and inserts through it alone pass no hooks.
    ///
    /// ```
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> drip::Result<()> {
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("app.db");
    /// # let client = drip::Client::connect(&format!("sqlite://{}", path.display()))?;
    /// # client.migrate()?;
    /// # let mut connection = rusqlite::Connection::open(&path)?;
    /// let mut tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    /// drip::insert_job(client.on(&mut tx), drip::NewJob::new("greet", serde_json::json!({})))?;
    /// tx.commit()?;
    /// # Ok(()) }
    /// ```
    ///
    /// Everything else is as if the verb were given `session` itself.
    pub fn on<'a>(&'a self, session: impl Session + 'a) -> AnySession<'a> {
        session.any().of(self)
    }

    /// Which kind of database it is.
    pub fn dialect(&self) -> Dialect {
        self.0.database.dialect()
    }

    pub(crate) fn checkout(&self) -> Result<Box<dyn Connection>> {
        self.0.database.checkout()
    }

    /// A connection for a thread that keeps it.
    pub(crate) fn dedicated(&self) -> Result<Box<dyn Connection>> {
        self.0.database.dedicated()
    }

    pub(crate) fn events(&self) -> &Events {
        &self.0.events
    }

    pub(crate) fn search_timeout(&self) -> Duration {
        self.0.search_timeout
    }

    pub(crate) fn insert_hooks(&self) -> &InsertHooks {
        &self.0.insert_hooks
    }

    pub(crate) fn wake(&self) -> &Wake {
        &self.0.wake
    }

    pub(crate) fn lookout(&self) -> &Lookout {
        &self.0.lookout
    }

    /// The time of the clock that a test gave this client.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        self.0.clock.as_ref().map(Clock::now)
    }

    /// Jobs that can be claimed have been committed in these queues: wakes the workers of this process, and, where there
    /// are notifications, those of others.
    pub(crate) fn announce<'q>(&self, queues: impl Iterator<Item = &'q str>) {
        self.0.wake.wake_all();
        #[cfg(feature = "postgres")]
        if self.dialect() == Dialect::Postgres {
            self.0.notifier.announce(queues);
        }
        #[cfg(not(feature = "postgres"))]
        drop(queues);
    }
}

impl ClientBuilder {
    /// The most connections that the pool holds, at least 1. Default: 10. The threads of a worker have connections of
    /// their own beside it.
    pub fn pool_size(mut self, connections: u32) -> Self {
        self.size.connections = connections.max(1);
        self
    }

    /// How long a verb waits for a connection. Default: 10 s; at least 1 ms.
    pub fn pool_timeout(mut self, timeout: Duration) -> Self {
        self.size.timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// How long a list, a count, or the search of a bulk verb may take through this client: a filter of tags or metadata
    /// reads every job that its other criteria leave. After it the verb answers an error that
    /// [`is_timed_out`](Error::is_timed_out). Default: 30 s; from 1 ms to 1 day.
    ///
    /// In a transaction or on a connection of the application's own nothing limits a search but what the application has
    /// set there.
    pub fn search_timeout(mut self, timeout: Duration) -> Self {
        self.search_timeout = timeout.clamp(Duration::from_millis(1), Duration::from_secs(86_400));
        self
    }

    /// For tests: the clock to ask instead of the database's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Passes every job through `hook` before it is checked and inserted: to change it, or to refuse it by an error, which
    /// then is what the insert answers, with nothing inserted. Several hooks are run in the order in which they were added.
    ///
    /// ```
    /// # fn main() -> drip::Result<()> {
    /// let builder = drip::Client::builder().on_insert(|job| match job.kind().starts_with("legacy_") {
    ///     true => Err(drip::Error::invalid("kind", "is no longer in use")),
    ///     false => Ok(job.metadata_entry("release", "2.4".into())),
    /// });
    /// # Ok(()) }
    /// ```
    ///
    /// **Only where the insert knows the client**: `insert_job(&client, …)` and `insert_job(client.on(&mut tx), …)`. The
    /// bare `&mut tx` of an application's own transaction, or of a handler's, does not, and its inserts pass no hooks; nor
    /// does what is inserted by SQL. So write [`client.on(&mut tx)`](Client::on) (in a handler
    /// `context.client().on(tx)`) wherever a client has hooks that matter.
    ///
    /// A hook runs once for each job, in the thread of the insert and before anything is sent. A panic is the caller's.
    pub fn on_insert(mut self, hook: impl Fn(NewJob) -> Result<NewJob> + Send + Sync + 'static) -> Self {
        self.insert_hooks.add(hook);
        self
    }

    /// As [`Client::connect`].
    ///
    /// # Errors
    /// As there.
    pub fn connect(self, url: &str) -> Result<Client> {
        match url.split_once(':').map_or("", |(scheme, _)| scheme) {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => self.from_connector(crate::dialect::postgres::connector(url)?),
            #[cfg(feature = "mariadb")]
            "mariadb" | "mysql" => self.from_connector(crate::dialect::mariadb::connector(url)?),
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                let url = url.to_owned();
                self.from_connector(move || crate::dialect::sqlite::connect(&url))
            }
            _ => Err(Error::invalid(
                "url",
                "begins with none of postgres://, mariadb:// and sqlite://, or that database's feature is not compiled in",
            )),
        }
    }

    /// As [`Client::from_pool`]; the size is the pool's own.
    pub fn from_pool<M: ManageConnection<Connection: Driver>>(self, pool: Pool<M>) -> Client {
        self.over(Arc::new(CallersPool(pool)))
    }

    /// As [`Client::from_connector`].
    ///
    /// # Errors
    /// As there.
    pub fn from_connector<D, E>(self, connect: impl Fn() -> Result<D, E> + Send + Sync + 'static) -> Result<Client>
    where
        D: Driver,
        E: Into<Error>,
    {
        let pool = OwnPool::new(Box::new(move || connect().map_err(Into::into)), self.size)?;
        Ok(self.over(Arc::new(pool)))
    }

    fn over(self, database: Arc<dyn Database>) -> Client {
        Client(Arc::new(Shared {
            #[cfg(feature = "postgres")]
            notifier: crate::notify::Notifier::new(database.clone()),
            database,
            wake: self.clock.as_ref().map(|clock| clock.wake().clone()).unwrap_or_default(),
            clock: self.clock,
            lookout: Lookout::default(),
            events: Events::default(),
            insert_hooks: self.insert_hooks,
            search_timeout: self.search_timeout,
        }))
    }
}

impl fmt::Debug for Client {
    /// Says which kind of database it is; never its address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("dialect", &self.dialect()).finish_non_exhaustive()
    }
}
