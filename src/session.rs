//! Where a verb runs: its first argument.
//!
//! A client, somebody's open transaction, or a plain connection: [`Session`] is the door, [`AnySession`] what is behind
//! it. Here it is decided who commits and who tries again: in a transaction that the caller opened, nobody but the
//! caller.

mod limited;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use r2d2::{ManageConnection, PooledConnection};

use self::limited::own_within;
use crate::{
    Client, Error, NewJob, Result,
    dialect::{Borrowed, Connection, Dialect, Driver, Link, Sql},
    new_job::Checked,
};

/// How often a transaction of our own is run before a transient error is given to the caller. With five, three threads
/// that did nothing but put the same unique key and take it away ran into deadlocks on MariaDB more often than that.
const TRIES: u32 = 10;

/// The longest pause in between, on average.
const LONGEST_PAUSE: Duration = Duration::from_millis(128);

/// For how long that goes on. What has waited for a lock until it was given up will hardly come by trying once more.
const RETRIED_FOR: Duration = Duration::from_secs(5);

/// Somewhere a verb can run: the first argument of every function of this crate.
///
/// - `&Client`: the verb opens a transaction of its own, commits it, and tries again after a deadlock or its like.
/// - `&mut postgres::Transaction`, `&mut mysql::Transaction`, `&mut rusqlite::Transaction`: the verb takes part in it.
///   Nothing is tried again, no setting is changed, and what was written counts when the caller commits.
/// - `&mut postgres::Client`, `&mut mysql::Conn`, `&mut rusqlite::Connection`, and r2d2's pooled connections of them: if
///   a transaction is open on it, the verb takes part in it; otherwise it opens its own.
///
/// - [`client.on(&mut tx)`](Client::on): the same places, with the client's insert hooks.
///
/// Pass `&mut *tx` to use a borrowed `tx` again afterwards. Sealed.
pub trait Session: sealed::Session {}

impl<S: sealed::Session> Session for S {}

/// A session of any kind: for code that does not want to be generic.
///
/// ```no_run
/// # fn main() -> drip::Result<()> {
/// # let client = drip::Client::connect("sqlite://app.db")?;
/// let session = drip::AnySession::new(&client);
/// # Ok(()) }
/// ```
pub struct AnySession<'a> {
    place: Place<'a>,
    now: Option<Timestamp>,
    /// How long a statement may take, on a connection of a client.
    limit: Option<Duration>,
    /// Whose hooks jobs pass on their way, where the place itself does not say.
    hooks: Option<&'a Client>,
}

enum Place<'a> {
    Client(&'a Client),
    Connection(Box<dyn Connection + 'a>),
    Transaction(Box<dyn Link + 'a>, Dialect),
}

impl<'a> AnySession<'a> {
    /// Any session, its kind forgotten.
    pub fn new(session: impl Session + 'a) -> Self {
        session.any()
    }

    /// For tests: the same place, at another time. Every question about time that the verb would put to the database is
    /// answered with `now`, cut to whole microseconds.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = Some(crate::dialect::truncated(now));
        self
    }

    /// With the hooks of this client, and its clock if a test gave it one.
    pub(crate) fn of(mut self, client: &'a Client) -> Self {
        self.now = self.now.or(client.now());
        self.hooks = Some(client);
        self
    }

    fn transaction(link: impl Link + 'a, dialect: Dialect) -> Self {
        AnySession { place: Place::Transaction(Box::new(link), dialect), now: None, limit: None, hooks: None }
    }

    fn connection(connection: impl Connection + 'a) -> Self {
        AnySession { place: Place::Connection(Box::new(connection)), now: None, limit: None, hooks: None }
    }

    /// For as long as the client lets a search take: what runs through it ends then. Connections and transactions of a
    /// caller's have the limits that the caller gave them.
    pub(crate) fn searching(self) -> Self {
        let limit = self.client().map(Client::search_timeout);
        AnySession { limit, ..self }
    }

    /// The client, if this session is one.
    pub(crate) fn client(&self) -> Option<&'a Client> {
        match self.place {
            Place::Client(client) => Some(client),
            _ => None,
        }
    }

    /// The job as the hooks of the client leave it, checked.
    pub(crate) fn check(&self, job: NewJob) -> Result<Checked> {
        checked(self.hooks, job)
    }

    /// Whose hooks jobs pass on their way.
    pub(crate) fn hooks(&self) -> Option<&'a Client> {
        self.hooks
    }

    /// Runs `work` in a transaction: the caller's, or one of its own which is tried again after a transient error.
    pub(crate) fn write<T>(self, work: impl FnMut(&mut Sql<'_>) -> Result<T>) -> Result<T> {
        self.run(work, Mode::Transaction)
    }

    /// Runs `work`, which is a single statement, without opening a transaction for it.
    pub(crate) fn once<T>(self, work: impl FnMut(&mut Sql<'_>) -> Result<T>) -> Result<T> {
        self.run(work, Mode::Statement)
    }

    /// Runs `work`, which only reads.
    pub(crate) fn read<T>(self, work: impl FnMut(&mut Sql<'_>) -> Result<T>) -> Result<T> {
        self.run(work, Mode::Read)
    }

    fn run<T>(self, mut work: impl FnMut(&mut Sql<'_>) -> Result<T>, mode: Mode) -> Result<T> {
        let now = self.now;
        match self.place {
            Place::Client(client) => {
                let now = now.or(client.now());
                retry(|| {
                    let mut connection = client.checkout()?;
                    match self.limit {
                        Some(limit) => own_within(&mut *connection, now, mode, limit, &mut work),
                        None => own(&mut *connection, now, mode, &mut work),
                    }
                })
            }
            Place::Connection(mut connection) => match connection.in_transaction()? {
                true => {
                    let dialect = connection.dialect();
                    work(&mut Sql::callers(&mut *connection.link(), dialect, now))
                }
                false => retry(|| own(&mut *connection, now, mode, &mut |sql| work(sql.notifying()))),
            },
            Place::Transaction(mut link, dialect) => work(&mut Sql::callers(&mut *link, dialect, now)),
        }
    }
}

/// A job as the hooks of a client leave it, checked.
pub(crate) fn checked(hooks: Option<&Client>, job: NewJob) -> Result<Checked> {
    match hooks {
        Some(client) => client.insert_hooks().apply(job)?.check(),
        None => job.check(),
    }
}

/// Where work can be done batch by batch.
pub(crate) trait Repeat {
    /// Does `work` again and again, from `first` on, as long as it names something next; what it has answered is `done` once
    /// that will not be done again.
    fn repeat<S: Clone, T>(
        self,
        first: S,
        work: impl FnMut(&mut Sql<'_>, &S) -> Result<(T, Option<S>)>,
        done: impl FnMut(T),
    ) -> Result<()>;
}

impl Repeat for AnySession<'_> {
    /// Through a client each time in a transaction of its own, else all of it in one. What it has answered is `done` once
    /// that is committed, or, in a caller's transaction, once all of it is written: a transaction that is tried again counts
    /// nothing twice.
    fn repeat<S: Clone, T>(
        self,
        first: S,
        mut work: impl FnMut(&mut Sql<'_>, &S) -> Result<(T, Option<S>)>,
        mut done: impl FnMut(T),
    ) -> Result<()> {
        let Place::Client(client) = self.place else {
            let answers = self.write(|sql| {
                let (mut answers, mut next) = (Vec::new(), Some(first.clone()));
                while let Some(this) = next {
                    let (answer, after) = work(sql, &this)?;
                    answers.push(answer);
                    next = after;
                }
                Ok(answers)
            })?;
            answers.into_iter().for_each(done);
            return Ok(());
        };
        let mut next = Some(first);
        while let Some(this) = next {
            let session = AnySession { now: self.now, limit: self.limit, ..sealed::Session::any(client) };
            let (answer, after) = session.write(|sql| work(sql, &this))?;
            done(answer);
            next = after;
        }
        Ok(())
    }
}

/// How much of a transaction some work on a connection of our own needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// None, and no lock either.
    Read,
    /// One statement, which commits by itself.
    Statement,
    Transaction,
}

/// Runs `work` on a connection of our own.
pub(crate) fn own<T>(
    connection: &mut (dyn Connection + '_),
    now: Option<Timestamp>,
    mode: Mode,
    work: &mut dyn FnMut(&mut Sql<'_>) -> Result<T>,
) -> Result<T> {
    let dialect = connection.dialect();
    let mut answer = None;
    let mut run = |link: &mut dyn Link| {
        answer = Some(work(&mut Sql::own(link, dialect, now))?);
        Ok(())
    };
    let ran = match mode {
        Mode::Read => run(&mut *connection.link()),
        Mode::Statement => connection.once(&mut run),
        Mode::Transaction => connection.transact(&mut |mut tx| run(&mut *tx.link())),
    };
    if ran.as_ref().is_err_and(Error::is_unavailable) {
        connection.give_up();
    }
    ran?;
    answer.ok_or_else(|| Error::corrupt("a transaction was committed without having run"))
}

/// Tries again, after a pause of growing length, what failed for a reason that passes.
///
/// Not after a lost connection: whether a commit that was under way took effect is then unknown, and the caller's to
/// find out.
pub(crate) fn retry<T>(mut run: impl FnMut() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(2);
    for _ in 1..TRIES {
        match run() {
            Err(error) if error.is_transient() && !error.is_unavailable() && began.elapsed() < RETRIED_FOR => {
                std::thread::sleep(pause.mul_f64(0.5 + fastrand::f64()));
                pause = (pause * 4).min(LONGEST_PAUSE);
            }
            other => return other,
        }
    }
    run()
}

pub(crate) mod sealed {
    pub trait Session {
        fn any<'a>(self) -> super::AnySession<'a>
        where
            Self: 'a;
    }
}

impl sealed::Session for AnySession<'_> {
    fn any<'a>(self) -> AnySession<'a>
    where
        Self: 'a,
    {
        self
    }
}

impl sealed::Session for &Client {
    fn any<'a>(self) -> AnySession<'a>
    where
        Self: 'a,
    {
        AnySession { place: Place::Client(self), now: None, limit: None, hooks: Some(self) }
    }
}

impl<D: Driver> sealed::Session for &mut D {
    fn any<'a>(self) -> AnySession<'a>
    where
        Self: 'a,
    {
        AnySession::connection(Borrowed::new(self))
    }
}

impl<M: ManageConnection<Connection: Driver>> sealed::Session for &mut PooledConnection<M> {
    fn any<'a>(self) -> AnySession<'a>
    where
        Self: 'a,
    {
        AnySession::connection(Borrowed::new(&mut **self))
    }
}

#[cfg(feature = "postgres")]
impl sealed::Session for &mut postgres::Transaction<'_> {
    fn any<'a>(self) -> AnySession<'a>
    where
        Self: 'a,
    {
        AnySession::transaction(crate::dialect::postgres::PostgresLink::new(self), Dialect::Postgres)
    }
}

#[cfg(feature = "mariadb")]
impl sealed::Session for &mut mysql::Transaction<'_> {
    fn any<'a>(self) -> AnySession<'a>
    where
        Self: 'a,
    {
        AnySession::transaction(crate::dialect::mariadb::MariadbLink(self), Dialect::Mariadb)
    }
}

#[cfg(feature = "sqlite")]
impl sealed::Session for &mut rusqlite::Transaction<'_> {
    fn any<'a>(self) -> AnySession<'a>
    where
        Self: 'a,
    {
        AnySession::transaction(crate::dialect::sqlite::SqliteLink(self), Dialect::Sqlite)
    }
}
