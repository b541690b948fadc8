//! A database of one test.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use drip::{AnySession, Client, Clock, Dialect, Job, Result};
use mysql::prelude::Queryable;

use super::{End, servers::servers};

/// Where the verbs of a test run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Through the client: the library opens and commits.
    Own,
    /// In a transaction that the test opens with the driver and commits.
    Callers,
}

/// An empty, migrated database, removed when the test ends.
pub struct Db {
    pub client: Client,
    /// Moves only when the test moves it.
    pub clock: Clock,
    pub url: String,
    pub dialect: Dialect,
    pub place: Place,
    _home: Home,
}

enum Home {
    /// Somebody else removes it.
    Elsewhere(String),
    Server {
        admin: String,
        database: String,
    },
    Directory(PathBuf),
}

/// When the clock of every test starts.
pub const START: &str = "2030-01-01T00:00:00Z";

impl Db {
    /// Runs a test, or says loudly that it is skipped.
    pub fn run(dialect: Dialect, place: Place, test: fn(&Db)) {
        if let Some(db) = Db::of(dialect, place) {
            test(&db);
        }
    }

    /// A migrated database; without a server it says loudly that there is none.
    pub fn of(dialect: Dialect, place: Place) -> Option<Db> {
        let Some(home) = Home::new(dialect) else {
            skip(dialect);
            return None;
        };
        let db = Db::empty(home, dialect, place);
        db.client.migrate().unwrap();
        Some(db)
    }

    fn empty(home: Home, dialect: Dialect, place: Place) -> Db {
        let url = home.url();
        let clock = Clock::at(START.parse().unwrap());
        let client = Client::builder().clock(clock.clone()).connect(&url).unwrap();
        Db { client, clock, url, dialect, place, _home: home }
    }

    /// The database of another process's test.
    pub fn at(url: &str) -> Db {
        let dialect = match url.split_once(':').expect("a URL has a scheme").0 {
            "postgres" | "postgresql" => Dialect::Postgres,
            "sqlite" => Dialect::Sqlite,
            _ => Dialect::Mariadb,
        };
        Db::empty(Home::Elsewhere(url.to_owned()), dialect, Place::Own)
    }

    /// Another database of the same kind, which nobody has migrated.
    pub fn unmigrated(&self) -> Db {
        Db::empty(Home::new(self.dialect).expect("was there a moment ago"), self.dialect, self.place)
    }

    /// Runs a verb where this test wants it to run; in a caller's transaction it is committed if the verb succeeds.
    ///
    /// ```ignore
    /// let job = db.on(|on| insert_job(on, job))?;
    /// ```
    pub fn on<T>(&self, verb: impl FnOnce(AnySession<'_>) -> Result<T>) -> Result<T> {
        if self.place == Place::Own {
            return verb(AnySession::new(&self.client));
        }
        let end = |answer: &Result<T>| if answer.is_ok() { End::Commit } else { End::Rollback };
        let (answer, ended) = self.ended_by(end, |tx| verb(tx.on()));
        ended.and(answer)
    }

    /// A connection of the application's own, as the driver opens it.
    pub fn postgres(&self) -> postgres::Client {
        self.try_postgres().unwrap()
    }

    /// A connection of the application's own, as the driver opens it.
    pub fn mariadb(&self) -> mysql::Conn {
        self.try_mariadb().unwrap()
    }

    /// A connection of the application's own, as the driver opens it.
    pub fn sqlite(&self) -> rusqlite::Connection {
        self.try_sqlite().unwrap()
    }

    /// As [`postgres`](Db::postgres), where the server may be away.
    pub fn try_postgres(&self) -> Result<postgres::Client> {
        Ok(postgres::Client::connect(&self.url, postgres::NoTls)?)
    }

    /// As [`mariadb`](Db::mariadb), where the server may be away.
    pub fn try_mariadb(&self) -> Result<mysql::Conn> {
        Ok(mysql::Conn::new(self.url.replace("mariadb://", "mysql://").as_str())?)
    }

    /// As [`sqlite`](Db::sqlite), where the file may be away.
    pub fn try_sqlite(&self) -> Result<rusqlite::Connection> {
        let conn = rusqlite::Connection::open(self.url.trim_start_matches("sqlite://"))?;
        conn.busy_timeout(std::time::Duration::from_secs(10))?;
        Ok(conn)
    }

    /// Runs plain SQL, as somebody with a console would, whatever the server's defaults.
    pub fn execute(&self, sql: &str) {
        match self.dialect {
            Dialect::Postgres => {
                let mut client = self.postgres();
                client
                    .batch_execute(
                        "SET default_transaction_isolation = 'read committed'; SET standard_conforming_strings = on",
                    )
                    .unwrap();
                client.batch_execute(sql).unwrap();
            }
            Dialect::Mariadb => {
                self.console().query_drop(sql).unwrap();
            }
            _ => self.sqlite().execute_batch(sql).unwrap(),
        }
    }

    /// A connection that sees what is committed and nothing else, and reads a backslash as what it is by default,
    /// whatever the server's defaults.
    fn console(&self) -> mysql::Conn {
        self.try_console().unwrap()
    }

    /// As [`console`](Db::console), where the server may be away.
    pub fn try_console(&self) -> Result<mysql::Conn> {
        let mut conn = self.try_mariadb()?;
        conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")?;
        conn.query_drop("SET SESSION sql_mode = REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', '')")?;
        Ok(conn)
    }

    /// The number in the first column of the first row.
    pub fn number(&self, sql: &str) -> i64 {
        match self.dialect {
            Dialect::Postgres => self.postgres().query_one(sql, &[]).unwrap().get(0),
            Dialect::Mariadb => self.console().query_first(sql).unwrap().unwrap(),
            _ => self.sqlite().query_row(sql, [], |row| row.get(0)).unwrap(),
        }
    }

    /// The text in the first column of each row.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        match self.dialect {
            Dialect::Postgres => self.postgres().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect(),
            Dialect::Mariadb => self.console().query(sql).unwrap(),
            _ => {
                let conn = self.sqlite();
                let mut statement = conn.prepare(sql).unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().map(|text| text.unwrap()).collect()
            }
        }
    }

    /// Whether this is PostgreSQL, of this major version or a newer one.
    pub fn is_postgres_since(&self, major: i64) -> bool {
        let version = "SELECT current_setting('server_version_num')::bigint / 10000";
        self.dialect == Dialect::Postgres && self.number(version) >= major
    }

    /// How many jobs there are.
    pub fn jobs(&self) -> i64 {
        self.number("SELECT count(*) FROM drip_job")
    }

    /// The job as it now stands.
    pub fn job(&self, id: i64) -> Job {
        drip::get_job(&self.client, id).unwrap().unwrap_or_else(|| panic!("job {id} is gone"))
    }
}

impl Home {
    fn new(dialect: Dialect) -> Option<Home> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("drip_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = match dialect {
            Dialect::Postgres => servers().postgres.clone()?,
            Dialect::Mariadb => servers().mariadb.clone()?,
            _ => {
                let directory = std::env::temp_dir().join(name);
                std::fs::create_dir_all(&directory).unwrap();
                return Some(Home::Directory(directory));
            }
        };
        administer(&admin, &format!("CREATE DATABASE {name}"));
        Some(Home::Server { admin, database: name })
    }

    fn url(&self) -> String {
        match self {
            Home::Elsewhere(url) => url.clone(),
            Home::Directory(directory) => format!("sqlite://{}/jobs.db", directory.display()),
            Home::Server { admin, database } => {
                let (server, _) = admin.rsplit_once('/').expect("a URL names a database");
                let query = admin.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
                format!("{server}/{database}{query}")
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        match self {
            Home::Elsewhere(_) => {}
            Home::Directory(directory) => drop(std::fs::remove_dir_all(directory)),
            Home::Server { admin, database } if admin.starts_with("postgres") => {
                // Before version 13 without WITH (FORCE): whoever is still connected has to go by hand.
                administer(admin, &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false"));
                administer(
                    admin,
                    &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"),
                );
                administer(admin, &format!("DROP DATABASE {database}"));
            }
            Home::Server { admin, database } => administer(admin, &format!("DROP DATABASE {database}")),
        }
    }
}

fn administer(admin: &str, sql: &str) {
    if admin.starts_with("postgres") {
        postgres::Client::connect(admin, postgres::NoTls).unwrap().batch_execute(sql).unwrap();
    } else {
        mysql::Conn::new(admin.replace("mariadb://", "mysql://").as_str()).unwrap().query_drop(sql).unwrap();
    }
}

/// Says once a database that its tests are skipped; where that must not be, fails.
fn skip(dialect: Dialect) {
    static SAID: Mutex<Option<HashSet<Dialect>>> = Mutex::new(None);
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{dialect:?} cannot be had, and CI=true");
    if SAID.lock().unwrap().get_or_insert_default().insert(dialect) {
        eprintln!("*** {dialect:?} NOT FOUND: its tests are SKIPPED ***");
    }
}
