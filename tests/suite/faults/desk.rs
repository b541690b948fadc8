//! A connection that no fault concerns: it sees what is there, puts it back, and asks whether anything is locked.

use drip::Dialect;
use mysql::prelude::Queryable;
use rusqlite::types::ValueRef;

use crate::support::Db;

/// A connection of the test's own, and what it found first.
pub struct Desk {
    connection: Connection,
    first: Picture,
    newest: i64,
}

enum Connection {
    Postgres(postgres::Client),
    Mariadb(mysql::Conn),
    Sqlite(rusqlite::Connection),
}

/// All rows of all tables that the operations write to, as text. Ids that have been given since are told by their order.
pub type Picture = Vec<Vec<Option<String>>>;

/// What they are sorted by, and in which column they name a job.
const TABLES: [(&str, &str, Option<usize>); 4] = [
    ("drip_job", "id", Some(0)),
    ("drip_queue", "name", None),
    ("drip_schedule", "name", Some(15)),
    ("effect", "job_id", Some(0)),
];

impl Desk {
    pub fn at(db: &Db) -> Desk {
        let mut connection = Connection::open(db);
        for (table, ..) in TABLES {
            connection.run(&format!("CREATE TABLE saved_{table} AS SELECT * FROM {table}"));
        }
        let newest = connection.rows("SELECT max(id) FROM drip_job")[0][0].as_ref().unwrap().parse().unwrap();
        let mut desk = Desk { connection, first: Picture::new(), newest };
        desk.first = desk.picture();
        desk
    }

    pub fn first(&self) -> &Picture {
        &self.first
    }

    pub fn picture(&mut self) -> Picture {
        let ids = self.connection.rows(&format!("SELECT id FROM drip_job WHERE id > {} ORDER BY id", self.newest));
        let ids: Vec<_> = ids.into_iter().flatten().collect();
        let mut picture = Vec::new();
        for (table, order, job) in TABLES {
            let mut rows = self.connection.rows(&format!("SELECT * FROM {table} ORDER BY {order}"));
            for cell in rows.iter_mut().filter_map(|row| row.get_mut(job?)) {
                if let Some(order) = ids.iter().position(|id| id == cell) {
                    *cell = Some(format!("new job {order}"));
                }
            }
            picture.push(vec![Some(table.to_owned())]);
            picture.append(&mut rows);
        }
        picture
    }

    /// Puts everything back.
    pub fn restore(&mut self) {
        self.connection.run("BEGIN");
        for (table, ..) in TABLES {
            self.connection.run(&format!("DELETE FROM {table}"));
            self.connection.run(&format!("INSERT INTO {table} SELECT * FROM saved_{table}"));
        }
        self.connection.run("COMMIT");
    }

    /// Waits for every row there is, but not for long.
    pub fn lock_everything(&mut self) {
        match &self.connection {
            Connection::Sqlite(_) => self.connection.run("BEGIN IMMEDIATE"),
            _ => {
                self.connection.run("BEGIN");
                for (table, ..) in TABLES {
                    self.connection.run(&format!("SELECT * FROM {table} FOR UPDATE"));
                }
            }
        }
        self.connection.run("ROLLBACK");
    }
}

impl Connection {
    fn open(db: &Db) -> Connection {
        let (mut connection, settings) = match db.dialect {
            Dialect::Postgres => (Connection::Postgres(db.postgres()), "SET lock_timeout = '10s'"),
            // A virtual column takes no value, nor does it mind being given one.
            Dialect::Mariadb => {
                (Connection::Mariadb(db.mariadb()), "SET SESSION sql_mode = '', innodb_lock_wait_timeout = 10")
            }
            _ => (Connection::Sqlite(db.sqlite()), "PRAGMA busy_timeout = 10000"),
        };
        connection.run(settings);
        connection
    }

    fn run(&mut self, sql: &str) {
        match self {
            Connection::Postgres(client) => client.batch_execute(sql).unwrap(),
            Connection::Mariadb(conn) => conn.query_drop(sql).unwrap(),
            Connection::Sqlite(conn) => conn.execute_batch(sql).unwrap(),
        }
    }

    fn rows(&mut self, sql: &str) -> Picture {
        match self {
            Connection::Postgres(client) => {
                let found = client.simple_query(sql).unwrap();
                let rows = found.iter().filter_map(|message| match message {
                    postgres::SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                });
                rows.map(|row| (0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect()).collect()
            }
            Connection::Mariadb(conn) => {
                let text = |value| match value {
                    mysql::Value::NULL => None,
                    mysql::Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
                    other => Some(other.as_sql(true)),
                };
                let rows: Vec<mysql::Row> = conn.query(sql).unwrap();
                rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect()
            }
            Connection::Sqlite(conn) => {
                let mut statement = conn.prepare(sql).unwrap();
                let columns = statement.column_count();
                let cell = |value: ValueRef<'_>| match value {
                    ValueRef::Null => None,
                    ValueRef::Integer(number) => Some(number.to_string()),
                    ValueRef::Real(number) => Some(number.to_string()),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
                };
                let row = |row: &rusqlite::Row<'_>| (0..columns).map(|index| row.get_ref(index).map(cell)).collect();
                statement.query_map([], row).unwrap().map(Result::unwrap).collect()
            }
        }
    }
}
