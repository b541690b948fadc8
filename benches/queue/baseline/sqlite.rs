//! SQLite without the queue: `rusqlite` alone, statements prepared once, every claim and every completion a transaction.

use std::{ops::Range, time::Duration};

use rusqlite::{Connection, TransactionBehavior, named_params};

use super::{Bare, COUNT_EFFECTS, EFFECTS, EPOCH, Tally, WORKER, args, effect, list, unfinished, whole};
use crate::{Result, counting, noop::Noop};

const INSERT: &str = "INSERT INTO drip_job (kind, args) VALUES (?1, ?2)";

/// Where these stand among the columns of a job. Asked for by its name, a column is searched for.
const ID: usize = 0;
const CLAIM_SEQ: usize = 10;

pub struct Sqlite {
    connection: Connection,
    pick: String,
    mark: String,
    complete: String,
    complete_one: String,
    delete: String,
}

impl Sqlite {
    pub fn connect(url: &str) -> Result<Sqlite> {
        let connection = counting::open(url)?;
        // All of a job, for whoever claims it must know it: here there is no second thread that could read it afterwards.
        let pick = include_str!("../../../sql/sqlite/pick_jobs.sql").replace("SELECT id, claim_seq", "SELECT {job}");
        Ok(Sqlite {
            connection,
            pick: whole(&pick),
            mark: whole(include_str!("../../../sql/sqlite/mark_jobs.sql")),
            complete: whole(include_str!("../../../sql/sqlite/complete_jobs.sql")),
            complete_one: whole(include_str!("../../../sql/sqlite/complete_job.sql")),
            delete: whole(include_str!("../../../sql/sqlite/drop_claims.sql")),
        })
    }

    fn complete(&mut self, claims: &str) -> Result<u64> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let completed =
            tx.prepare_cached(&self.complete)?.execute(named_params! { ":claims": claims, ":now": now() })?;
        tx.commit()?;
        Ok(completed as u64)
    }

    fn delete(&mut self, claims: &str) -> Result<u64> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let deleted = tx.prepare_cached(&self.delete)?.execute(named_params! { ":claims": claims })?;
        tx.commit()?;
        Ok(deleted as u64)
    }
}

impl Bare for Sqlite {
    fn claim(&mut self, limit: i64, kinds: &str) -> Result<Vec<(i64, i64)>> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = now();
        let picked = tx
            .prepare_cached(&self.pick)?
            .query_map(
                named_params! { ":queue": "default", ":limit": limit, ":kinds": kinds, ":suspects": 0, ":now": now,
                ":from_priority": 0, ":from_at": EPOCH, ":from_id": 0, ":to_priority": 4 },
                |row| Ok((row.get(ID)?, row.get(CLAIM_SEQ)?)),
            )?
            .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
        let ids = list(picked.iter().map(|(id, _)| id));
        tx.prepare_cached(&self.mark)?.execute(named_params! { ":ids": ids, ":at": now, ":worker": WORKER })?;
        tx.commit()?;
        Ok(picked.into_iter().map(|(id, claim_seq)| (id, claim_seq + 1)).collect())
    }

    fn finish(&mut self, claims: &[(i64, i64)], deletes: bool) -> Result<u64> {
        let by_id: Vec<_> = claims.iter().map(|(id, claim_seq)| format!("\"{id}\":{claim_seq}")).collect();
        let claims = format!("{{{}}}", by_id.join(","));
        if deletes { self.delete(&claims) } else { self.complete(&claims) }
    }

    fn finish_with_effect(&mut self, (id, claim_seq): (i64, i64)) -> Result<u64> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(&effect(id))?;
        let one = named_params! { ":id": id, ":claim_seq": claim_seq, ":now": now() };
        let completed = tx.prepare_cached(&self.complete_one)?.execute(one)?;
        tx.commit()?;
        Ok(completed as u64)
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

    fn insert_in_transaction_as_text(&mut self, jobs: Range<u32>) -> Result<()> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for n in jobs {
            tx.execute(INSERT, (Noop::KIND, args(n)))?;
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

    fn is_drained(&mut self, jobs: u32) -> Result<bool> {
        Ok(!self.connection.prepare_cached(&unfinished(jobs))?.exists(())?)
    }

    fn count(&mut self) -> Result<u32> {
        Ok(self.connection.query_row("SELECT count(*) FROM drip_job", (), |row| row.get(0))?)
    }

    fn prepare_effects(&mut self) -> Result<()> {
        Ok(self.connection.execute_batch(EFFECTS)?)
    }

    fn count_effects(&mut self) -> Result<u32> {
        Ok(self.connection.query_row(COUNT_EFFECTS, (), |row| row.get(0))?)
    }

    fn add_bulk(&mut self, rows: u32) -> Result<()> {
        let (now, later) = (now(), format!("{:.6}", jiff::Timestamp::now() + Duration::from_secs(86_400)));
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute(
            "INSERT INTO drip_job (kind, state, scheduled_at)
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             SELECT 'noop', 'scheduled', ?2 FROM n",
            (rows, &later),
        )?;
        tx.execute(
            "INSERT INTO drip_job (kind, state, attempt, claim_seq, attempted_by, attempted_at, finalized_at)
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             SELECT 'noop', 'completed', 1, 1, 'bulk', ?2, ?2 FROM n",
            (rows, &now),
        )?;
        tx.commit()?;
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?)
    }

    fn pin(&mut self) -> Result<()> {
        Ok(self.connection.execute_batch("BEGIN; SELECT count(*) FROM (SELECT 1 FROM drip_job LIMIT 1)")?)
    }

    /// There is no server that counts.
    fn tally(&mut self) -> Result<Tally> {
        Ok(Tally::default())
    }

    fn waiting(&mut self) -> Result<u32> {
        Ok(0)
    }

    fn spare_connections(&mut self) -> Result<u32> {
        Ok(u32::MAX)
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
