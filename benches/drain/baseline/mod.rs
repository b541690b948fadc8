//! The drivers without the queue: the work that a figure is about, done the way somebody would who has only a driver.
//!
//! Draining runs the very statements of `sql/`, one connection claiming and completing in turn. Inserting runs what the
//! documentation promises to be a complete job: `INSERT INTO drip_job (kind, args) VALUES (…)`.

use std::ops::Range;

use drip::Dialect;

use crate::Result;

mod mariadb;
mod postgres;
mod sqlite;

/// How many jobs one statement claims, and how many it completes.
const BATCH: i64 = 1000;

/// How many rows one statement inserts, where somebody inserts many.
const ROWS: usize = 1000;

/// Who claims.
const WORKER: &str = "bare";

/// The kinds that are claimed, as the library names them too.
const KINDS: &str = r#"["noop"]"#;

/// Before all jobs: claims look from there on.
const EPOCH: &str = "1970-01-01T00:00:00.000000Z";

/// The last job that is not completed. While there is one, it is found at the end of the table, without reading it all.
const UNFINISHED: &str = "SELECT id FROM drip_job WHERE state <> 'completed' ORDER BY id DESC LIMIT 1";

/// A connection of a driver's, and its statements, prepared.
pub trait Bare {
    /// Claims and completes all jobs, a batch at a time, each statement committed by itself; answers how many.
    fn drain(&mut self) -> Result<u32>;
    /// Inserts jobs one by one, each committed by itself.
    fn insert_singly(&mut self, jobs: Range<u32>) -> Result<()>;
    /// Inserts jobs one by one in a transaction.
    fn insert_in_transaction(&mut self, jobs: Range<u32>) -> Result<()>;
    /// The same with the library: the caller's transaction is this driver's.
    fn insert_in_transaction_with_drip(&mut self, jobs: Range<u32>) -> Result<()>;
    /// Inserts jobs, a multiple of [`ROWS`], in one transaction: the fastest way that the driver has for rows.
    fn insert_many(&mut self, jobs: Range<u32>) -> Result<()>;
    /// Inserts jobs in one transaction with what the driver has for bulk: `COPY`, bulk packets, a prepared statement.
    fn insert_many_fast(&mut self, jobs: Range<u32>) -> Result<()>;
    /// Whether every job is completed.
    fn is_drained(&mut self) -> Result<bool>;
    /// How many jobs there are.
    fn count(&mut self) -> Result<u32>;
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
fn claims(rows: impl Iterator<Item = (i64, i64)>) -> String {
    let pairs: Vec<_> = rows.map(|(id, claim_seq)| format!("[{id},{claim_seq}]")).collect();
    format!("[{}]", pairs.join(","))
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
