//! r2d2 pools as an application would have them: one manager a driver.

use drip::{Client, Clock, Dialect};
use r2d2::{ManageConnection, Pool};

use super::Db;

pub struct PostgresManager(pub String);
pub struct MariadbManager(pub String);
pub struct SqliteManager(pub String);

impl ManageConnection for PostgresManager {
    type Connection = postgres::Client;
    type Error = postgres::Error;

    fn connect(&self) -> Result<postgres::Client, postgres::Error> {
        postgres::Client::connect(&self.0, postgres::NoTls)
    }

    fn is_valid(&self, client: &mut postgres::Client) -> Result<(), postgres::Error> {
        client.batch_execute("")
    }

    fn has_broken(&self, client: &mut postgres::Client) -> bool {
        client.is_closed()
    }
}

impl ManageConnection for MariadbManager {
    type Connection = mysql::Conn;
    type Error = mysql::Error;

    fn connect(&self) -> Result<mysql::Conn, mysql::Error> {
        mysql::Conn::new(self.0.replace("mariadb://", "mysql://").as_str())
    }

    fn is_valid(&self, conn: &mut mysql::Conn) -> Result<(), mysql::Error> {
        conn.ping()
    }

    fn has_broken(&self, _: &mut mysql::Conn) -> bool {
        false
    }
}

impl ManageConnection for SqliteManager {
    type Connection = rusqlite::Connection;
    type Error = rusqlite::Error;

    fn connect(&self) -> Result<rusqlite::Connection, rusqlite::Error> {
        rusqlite::Connection::open(self.0.trim_start_matches("sqlite://"))
    }

    fn is_valid(&self, conn: &mut rusqlite::Connection) -> Result<(), rusqlite::Error> {
        conn.execute_batch("")
    }

    fn has_broken(&self, _: &mut rusqlite::Connection) -> bool {
        false
    }
}

/// A pool of at most `size` connections, none of which is opened before it is needed.
pub fn pool<M: ManageConnection>(manager: M, size: u32) -> Pool<M> {
    Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .connection_timeout(std::time::Duration::from_secs(3))
        .build(manager)
        .unwrap()
}

impl Db {
    /// Runs `work` while a transaction keeps one of the client's connections.
    pub fn while_connected<T>(&self, client: &Client, work: impl FnOnce() -> T) -> T {
        let answer: drip::Result<T> = match self.dialect {
            Dialect::Postgres => client.transaction(|_: &mut postgres::Transaction| Ok(work())),
            Dialect::Mariadb => client.transaction(|_: &mut mysql::Transaction| Ok(work())),
            _ => client.transaction(|_: &mut rusqlite::Transaction| Ok(work())),
        };
        answer.unwrap()
    }

    /// A client over a pool of the application's own.
    pub fn pooled(&self, size: u32, clock: Clock) -> Client {
        let (builder, url) = (Client::builder().clock(clock), self.url.clone());
        match self.dialect {
            Dialect::Postgres => builder.from_pool(pool(PostgresManager(url), size)),
            Dialect::Mariadb => builder.from_pool(pool(MariadbManager(url), size)),
            _ => builder.from_pool(pool(SqliteManager(url), size)),
        }
    }
}
