//! The schema: brought to a version, and back down.
//!
//! PostgreSQL and SQLite do each step in a transaction, behind a lock. MariaDB commits every DDL statement by itself, so
//! there each statement can be run again, and a step that was cut short is simply begun anew.

mod parts;

pub(crate) use self::parts::{Part, parts};
use crate::{
    AnySession, Client, Error, Result,
    dialect::{Connection, Sql, Statement, Value, statement},
    session::{Mode, own, retry},
};

static APPLIED: Statement = statement!("applied_migrations");
static RECORD: Statement = statement!("record_migration");
static FORGET: Statement = statement!("forget_migration");

/// One step between two versions of the schema.
struct Step {
    version: u32,
    name: &'static str,
    /// PostgreSQL, MariaDB, SQLite; up and down.
    up: [&'static str; 3],
    down: [&'static str; 3],
}

macro_rules! step {
    ($version:literal, $name:literal) => {
        Step {
            version: $version,
            name: $name,
            up: [
                include_str!(concat!("../sql/postgres/migrations/", $name, ".up.sql")),
                include_str!(concat!("../sql/mariadb/migrations/", $name, ".up.sql")),
                include_str!(concat!("../sql/sqlite/migrations/", $name, ".up.sql")),
            ],
            down: [
                include_str!(concat!("../sql/postgres/migrations/", $name, ".down.sql")),
                include_str!(concat!("../sql/mariadb/migrations/", $name, ".down.sql")),
                include_str!(concat!("../sql/sqlite/migrations/", $name, ".down.sql")),
            ],
        }
    };
}

/// All steps, in order.
const STEPS: &[Step] =
    &[step!(1, "001_jobs"), step!(2, "002_workers"), step!(3, "003_timetable"), step!(4, "004_schedules")];

/// What surrounds the steps of one dialect.
struct Frame {
    /// Run before the transaction.
    prepare: &'static str,
    /// Run first inside it: creates the table of versions, waits for others who migrate.
    open: &'static str,
    /// Run last, also after a failure.
    close: &'static str,
    /// Removes the table of versions.
    remove: &'static str,
    mode: Mode,
}

const FRAMES: [Frame; 3] = [
    Frame {
        prepare: "",
        open: include_str!("../sql/postgres/migrations/open.sql"),
        close: "",
        remove: include_str!("../sql/postgres/migrations/remove.sql"),
        mode: Mode::Transaction,
    },
    Frame {
        prepare: "",
        open: include_str!("../sql/mariadb/migrations/open.sql"),
        close: include_str!("../sql/mariadb/migrations/close.sql"),
        remove: include_str!("../sql/mariadb/migrations/remove.sql"),
        mode: Mode::Statement,
    },
    Frame {
        prepare: include_str!("../sql/sqlite/migrations/prepare.sql"),
        open: include_str!("../sql/sqlite/migrations/open.sql"),
        close: "",
        remove: include_str!("../sql/sqlite/migrations/remove.sql"),
        mode: Mode::Transaction,
    },
];

/// A step between two versions of the schema, as [`Client::pending_migrations`] answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// The version that it leads to.
    pub version: u32,
    /// What it is about, after its number: `001_jobs`.
    pub name: &'static str,
    /// The statements that are run.
    pub sql: &'static str,
}

impl Client {
    /// The newest version of the schema that this version of the crate knows.
    pub const SCHEMA_VERSION: u32 = STEPS.len() as u32;

    /// Brings the schema up to [`Client::SCHEMA_VERSION`]. May be called at every start, by many processes at once; a
    /// schema that is newer already stays as it is. On SQLite it also turns the write-ahead log on, for good.
    ///
    /// # Errors
    /// When the database refuses; after one, and after a crash, just call it again.
    pub fn migrate(&self) -> Result<()> {
        self.framed(|sql| steps_up(sql, Self::SCHEMA_VERSION))
    }

    /// Brings the schema to `version`, up or down. `0` removes everything, jobs included.
    ///
    /// # Errors
    /// [`is_invalid_input`](Error::is_invalid_input) for a version that this crate does not know, and a refusal where the
    /// schema has one, which it could not take back; else as [`migrate`](Client::migrate).
    pub fn migrate_to(&self, version: u32) -> Result<()> {
        if version > Self::SCHEMA_VERSION {
            return Err(Error::invalid("version", format!("is {version}; from 0 to {}", Self::SCHEMA_VERSION)));
        }
        self.framed(|sql| {
            refuse_newer(sql)?;
            steps_up(sql, version)?;
            steps_down(sql, version)
        })
    }

    /// The version of the schema that the database has; 0, if it has none.
    ///
    /// ```
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> drip::Result<()> {
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
    /// assert_eq!(client.schema_version()?, 0);
    /// client.migrate()?;
    /// assert_eq!(client.schema_version()?, drip::Client::SCHEMA_VERSION);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub fn schema_version(&self) -> Result<u32> {
        Ok(self.applied()?.into_iter().max().unwrap_or(0))
    }

    /// What [`migrate`](Client::migrate) would do: the steps that are still to be taken, in order.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub fn pending_migrations(&self) -> Result<Vec<Migration>> {
        let applied = self.applied()?;
        let pending = STEPS.iter().filter(|step| !applied.contains(&step.version));
        let dialect = self.dialect() as usize;
        Ok(pending.map(|step| Migration { version: step.version, name: step.name, sql: step.up[dialect] }).collect())
    }

    /// The steps that have been taken; without a table of them, none.
    fn applied(&self) -> Result<Vec<u32>> {
        match AnySession::new(self).read(applied) {
            Err(error) if error.is_not_migrated() => Ok(Vec::new()),
            answer => answer,
        }
    }

    /// Runs `work` alone: everybody else who migrates waits until it is done.
    fn framed(&self, mut work: impl FnMut(&mut Sql<'_>) -> Result<()>) -> Result<()> {
        let frame = &FRAMES[self.dialect() as usize];
        let mut connection = self.dedicated()?;
        let mut framed = |sql: &mut Sql<'_>| {
            control_each(sql, frame.open)?;
            work(sql)
        };
        // SQLite does not let two connections turn the write-ahead log on at once, nor does it let one wait for the other.
        retry(|| {
            control(&mut *connection, frame.prepare)?;
            let done = own(&mut *connection, self.now(), frame.mode, &mut framed);
            let closed = control(&mut *connection, frame.close);
            done.and(closed)
        })
    }
}

fn steps_up(sql: &mut Sql<'_>, version: u32) -> Result<()> {
    let applied = applied(sql)?;
    for step in STEPS.iter().filter(|step| step.version <= version && !applied.contains(&step.version)) {
        control_each(sql, step.up[sql.dialect() as usize])?;
        sql.change(&RECORD, &[("version", Value::Int(Some(step.version.into())))])?;
    }
    Ok(())
}

/// A step is forgotten before it is taken back, so that one that is cut short is not taken for a whole one. Where that can
/// happen, one that is not on record may be there in part.
fn steps_down(sql: &mut Sql<'_>, version: u32) -> Result<()> {
    let frame = &FRAMES[sql.dialect() as usize];
    let applied = applied(sql)?;
    let may_be_there = |step: &Step| frame.mode != Mode::Transaction || applied.contains(&step.version);
    for step in STEPS.iter().rev().filter(|step| step.version > version && may_be_there(step)) {
        sql.change(&FORGET, &[("version", Value::Int(Some(step.version.into())))])?;
        control_each(sql, step.down[sql.dialect() as usize])?;
    }
    if version == 0 { control_each(sql, frame.remove) } else { Ok(()) }
}

fn refuse_newer(sql: &mut Sql<'_>) -> Result<()> {
    match applied(sql)?.into_iter().max() {
        Some(newest) if newest > Client::SCHEMA_VERSION => Err(Error::unsupported(format!(
            "the schema has version {newest}; only a version of this crate that knows it can take it back"
        ))),
        _ => Ok(()),
    }
}

fn applied(sql: &mut Sql<'_>) -> Result<Vec<u32>> {
    sql.rows(&APPLIED, &[], |row| Ok(u32::try_from(row.int()?).unwrap_or(u32::MAX)))
}

fn control(connection: &mut (dyn Connection + '_), text: &str) -> Result<()> {
    let mut link = connection.link();
    statements(text).try_for_each(|statement| link.control(statement))
}

/// One at a time, which is how MariaDB takes them.
fn control_each(sql: &mut Sql<'_>, text: &str) -> Result<()> {
    statements(text).try_for_each(|statement| sql.control(statement))
}

/// The statements of a migration: each ends with a semicolon at the end of a line.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim_end();
    text.split_inclusive(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    #[test]
    fn steps_are_numbered_without_gaps() {
        for (index, step) in STEPS.iter().enumerate() {
            assert_eq!(step.version as usize, index + 1);
        }
    }

    #[test]
    fn every_mariadb_statement_can_be_run_again() {
        for step in STEPS {
            for text in [step.up, step.down].map(|texts| texts[Dialect::Mariadb as usize]) {
                for statement in statements(text) {
                    assert!(statement.contains("IF NOT EXISTS") || statement.contains("IF EXISTS"), "{statement}");
                }
            }
        }
    }

    #[test]
    fn statements_end_where_they_should() {
        let text = "-- a; b\nCREATE t (x DEFAULT ';');\n\nDROP y;\n";
        assert_eq!(statements(text).collect::<Vec<_>>(), ["-- a; b\nCREATE t (x DEFAULT ';');", "DROP y;"]);
    }
}
