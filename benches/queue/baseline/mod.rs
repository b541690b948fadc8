//! The drivers without the queue: the work that a figure is about, done the way somebody would who has only a driver.
//!
//! Draining runs the very statements of `sql/`, one connection claiming and completing in turn. Inserting runs what the
//! documentation promises to be a complete job: `INSERT INTO drip_job (kind, args) VALUES (…)`.
//!
//! Beside that each driver makes ready what is measured, and reads what its server counts.

use std::ops::Range;

use drip::Dialect;

use crate::Result;

pub mod drain;
mod mariadb;
mod postgres;
mod sqlite;

/// How many jobs one statement claims, and how many it completes.
pub const BATCH: i64 = 1000;

/// How many jobs a connection claims at a time of which each is completed in a transaction of its own.
const FEW: i64 = 100;

/// How many rows one statement inserts, where somebody inserts many.
const ROWS: usize = 1000;

/// Who claims.
const WORKER: &str = "bare";

/// The kinds that are claimed, as the library names them too.
pub const KINDS: &str = r#"["noop"]"#;

/// Before all jobs: claims look from there on.
const EPOCH: &str = "1970-01-01T00:00:00.000000Z";

/// The last of so many jobs, inserted after all others, that is not completed. It is found at the end of the table,
/// without reading what was there before. (There are gaps between the ids that MariaDB gives.)
fn unfinished(jobs: u32) -> String {
    format!(
        "SELECT id FROM drip_job
         WHERE id > (SELECT max(id) FROM drip_job) - 2 * {jobs} AND state IN ('available', 'running')
         ORDER BY id DESC LIMIT 1"
    )
}

/// What the handlers of transactional jobs write.
const EFFECTS: &str = "CREATE TABLE bench_effect (job bigint NOT NULL)";
const COUNT_EFFECTS: &str = "SELECT count(*) FROM bench_effect";

/// One effect.
pub fn effect(job: i64) -> String {
    format!("INSERT INTO bench_effect (job) VALUES ({job})")
}

/// What a server has counted so far, of everybody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub statements: Option<f64>,
    pub commits: Option<f64>,
    /// Bytes of the write-ahead log.
    pub log: Option<f64>,
    /// Versions of rows of the job table that nobody needs any more, and how many of these entered no index.
    pub dead: Option<f64>,
    pub hot: Option<f64>,
    pub deadlocks: Option<f64>,
    pub lock_waits: Option<f64>,
}

impl Tally {
    /// What has been counted since `before`.
    pub fn since(&self, before: &Tally) -> Tally {
        let since = |now: Option<f64>, then: Option<f64>| Some(now? - then?);
        Tally {
            statements: since(self.statements, before.statements),
            commits: since(self.commits, before.commits),
            log: since(self.log, before.log),
            dead: since(self.dead, before.dead),
            hot: since(self.hot, before.hot),
            deadlocks: since(self.deadlocks, before.deadlocks),
            lock_waits: since(self.lock_waits, before.lock_waits),
        }
    }
}

/// A connection of a driver's, and its statements, prepared.
pub trait Bare: Send {
    /// Claims so many jobs, committed by itself; answers their ids and the numbers of their claims.
    fn claim(&mut self, limit: i64, kinds: &str) -> Result<Vec<(i64, i64)>>;
    /// Listens for inserts from now on; answers whether the server tells of them.
    fn listen(&mut self) -> Result<bool> {
        Ok(false)
    }
    /// Waits until one is told of, if it listens; not for ever.
    fn await_insert(&mut self) -> Result<()> {
        Ok(())
    }
    /// Completes claims or deletes them, committed by itself; answers how many.
    fn finish(&mut self, claims: &[(i64, i64)], deletes: bool) -> Result<u64>;
    /// Completes a claim in a transaction with its effect; answers how many that were.
    fn finish_with_effect(&mut self, claim: (i64, i64)) -> Result<u64>;
    /// Inserts jobs one by one, each committed by itself.
    fn insert_singly(&mut self, jobs: Range<u32>) -> Result<()>;
    /// Inserts jobs one by one in a transaction.
    fn insert_in_transaction(&mut self, jobs: Range<u32>) -> Result<()>;
    /// The same with the statement as text each time, as it is mostly written.
    fn insert_in_transaction_as_text(&mut self, jobs: Range<u32>) -> Result<()>;
    /// The same with the library: the caller's transaction is this driver's.
    fn insert_in_transaction_with_drip(&mut self, jobs: Range<u32>) -> Result<()>;
    /// Inserts jobs, a multiple of [`ROWS`], in one transaction: the fastest way that the driver has for rows.
    fn insert_many(&mut self, jobs: Range<u32>) -> Result<()>;
    /// Inserts jobs in one transaction with what the driver has for bulk: `COPY`, bulk packets, a prepared statement.
    fn insert_many_fast(&mut self, jobs: Range<u32>) -> Result<()>;
    /// Whether these jobs, inserted after all others, are done.
    fn is_drained(&mut self, jobs: u32) -> Result<bool>;
    /// How many jobs there are.
    fn count(&mut self) -> Result<u32>;
    /// A table for the effects of transactional jobs, and how many of them there are.
    fn prepare_effects(&mut self) -> Result<()>;
    fn count_effects(&mut self) -> Result<u32>;
    /// So many jobs that are scheduled for tomorrow, and as many that are completed; then what a server does after that.
    fn add_bulk(&mut self, rows: u32) -> Result<()>;
    /// Opens a snapshot, which keeps this connection from now on.
    fn pin(&mut self) -> Result<()>;
    fn tally(&mut self) -> Result<Tally>;
    /// How many sessions wait for a lock at this moment, where nobody counts them.
    fn waiting(&mut self) -> Result<u32>;
    /// How many more connections the server takes.
    fn spare_connections(&mut self) -> Result<u32>;
    /// Whether a commit survives a crash of the machine.
    fn is_durable(&mut self) -> Result<bool>;
}

pub fn connect(dialect: Dialect, url: &str) -> Result<Box<dyn Bare>> {
    Ok(match dialect {
        Dialect::Postgres => Box::new(postgres::Postgres::connect(url)?),
        Dialect::Mariadb => Box::new(mariadb::Mariadb::connect(url)?),
        _ => Box::new(sqlite::Sqlite::connect(url)?),
    })
}

/// Runs a statement on a server, outside of any database of ours.
pub fn administer(dialect: Dialect, url: &str, sql: &str) -> Result<()> {
    match dialect {
        Dialect::Postgres => postgres::administer(url, sql),
        _ => mariadb::administer(url, sql),
    }
}

/// A statement of the library's with its fragments put in.
fn whole(source: &str) -> String {
    source
        .replace("{job}", include_str!("../../../sql/job_columns.sql"))
        .replace("{active}", include_str!("../../../sql/active.sql"))
}

/// `[[id, claim_seq], …]`
fn pairs(claims: &[(i64, i64)]) -> String {
    list(claims.iter().map(|(id, claim_seq)| format!("[{id},{claim_seq}]")))
}

/// A JSON array.
fn list(items: impl Iterator<Item = impl ToString>) -> String {
    format!("[{}]", items.map(|item| item.to_string()).collect::<Vec<_>>().join(","))
}

fn args(n: u32) -> String {
    format!(r#"{{"n":{n}}}"#)
}

/// A baseline that did less than it should would flatter nobody.
fn all_of(completed: u64, claimed: usize) -> Result<u32> {
    match completed == claimed as u64 {
        true => Ok(u32::try_from(claimed)?),
        false => Err(format!("{completed} of {claimed} claimed jobs were completed").into()),
    }
}
