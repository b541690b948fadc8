//! SQLite without the queue: `rusqlite` alone, statements prepared once, every claim and every completion a transaction.

use std::{ops::Range, time::Duration};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, named_params};

use super::{BATCH, Bare, EPOCH, KINDS, UNFINISHED, WORKER, all_of, args, claims, whole};
use crate::{Result, noop::Noop};

const INSERT: &str = "INSERT INTO drip_job (kind, args) VALUES (?1, ?2)";

pub struct Sqlite {
    connection: Connection,
    claim: String,
    complete: String,
}

impl Sqlite {
    pub fn connect(url: &str) -> Result<Sqlite> {
        let connection = Connection::open(url.trim_start_matches("sqlite://"))?;
        connection.busy_timeout(Duration::from_secs(10))?;
        Ok(Sqlite {
            connection,
            claim: whole(include_str!("../../../sql/sqlite/claim_jobs.sql")),
            complete: whole(include_str!("../../../sql/sqlite/complete_jobs.sql")),
        })
    }

    fn claim(&mut self) -> Result<Vec<(i64, i64)>> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let claimed = tx
            .prepare_cached(&self.claim)?
            .query_map(
                named_params! { ":queue": "default", ":limit": BATCH, ":kinds": KINDS, ":suspects": 0, ":worker": WORKER, ":now": now(),
                    ":from_priority": 0, ":from_at": EPOCH, ":from_id": 0, ":to_priority": 4 },
                |row| Ok((row.get("id")?, row.get("claim_seq")?)),
            )?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        tx.commit()?;
        Ok(claimed)
    }

    fn complete(&mut self, claims: &str) -> Result<u64> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let completed =
            tx.prepare_cached(&self.complete)?.execute(named_params! { ":claims": claims, ":now": now() })?;
        tx.commit()?;
        Ok(completed as u64)
    }
}

impl Bare for Sqlite {
    fn drain(&mut self) -> Result<u32> {
        let mut drained = 0;
        loop {
            let claimed = self.claim()?;
            if claimed.is_empty() {
                return Ok(drained);
            }
            let completed = self.complete(&claims(claimed.iter().copied()))?;
            drained += all_of(completed, claimed.len())?;
        }
    }

    fn insert_singly(&mut self, jobs: Range<u32>) -> Result<()> {
        let mut insert = self.connection.prepare_cached(INSERT)?;
        for n in jobs {
            insert.execute((Noop::KIND, args(n)))?;
        }
        Ok(())
    }

    fn insert_in_transaction(&mut self, jobs: Range<u32>) -> Result<()> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for n in jobs {
            tx.prepare_cached(INSERT)?.execute((Noop::KIND, args(n)))?;
        }
        Ok(tx.commit()?)
    }

    fn insert_in_transaction_with_drip(&mut self, jobs: Range<u32>) -> Result<()> {
        let mut tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for n in jobs {
            let _ = drip::insert_job(&mut tx, Noop { n })?;
        }
        Ok(tx.commit()?)
    }

    /// A statement a row: there is nothing between it and the table.
    fn insert_many(&mut self, jobs: Range<u32>) -> Result<()> {
        self.insert_in_transaction(jobs)
    }

    fn insert_many_fast(&mut self, jobs: Range<u32>) -> Result<()> {
        self.insert_in_transaction(jobs)
    }

    fn is_drained(&mut self) -> Result<bool> {
        let unfinished =
            self.connection.prepare_cached(UNFINISHED)?.query_row((), |row| row.get::<_, i64>(0)).optional();
        Ok(unfinished?.is_none())
    }

    fn count(&mut self) -> Result<u32> {
        Ok(self.connection.query_row("SELECT count(*) FROM drip_job", (), |row| row.get(0))?)
    }

    /// `synchronous = FULL`: the log is synced at each commit. It is the default.
    fn is_durable(&mut self) -> Result<bool> {
        let level: i64 = self.connection.query_row("PRAGMA synchronous", (), |row| row.get(0))?;
        Ok(level >= 2)
    }
}

/// Times are text of fixed width.
fn now() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}
