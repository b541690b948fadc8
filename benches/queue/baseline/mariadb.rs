//! MariaDB without the queue: `mysql` alone, statements prepared once, READ COMMITTED as the library's own.

use std::{collections::HashMap, ops::Range};

use mysql::{Conn, Statement, TxOpts, params, prelude::Queryable};

use super::{Bare, COUNT_EFFECTS, EFFECTS, ROWS, Tally, WORKER, args, effect, list, pairs, unfinished, whole};
use crate::{Result, noop::Noop};

const INSERT: &str = "INSERT INTO drip_job (kind, args) VALUES (?, ?)";

pub struct Mariadb {
    conn: Conn,
    pick: Statement,
    mark: Statement,
    complete: Statement,
    complete_one: Statement,
    delete: Statement,
    insert: Statement,
    insert_rows: Statement,
}

impl Mariadb {
    pub fn connect(url: &str) -> Result<Mariadb> {
        let mut conn = open(url)?;
        conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")?;
        let rows = vec!["(?, ?)"; ROWS].join(", ");
        Ok(Mariadb {
            pick: conn.prep(whole(include_str!("../../../sql/mariadb/pick_jobs.sql")))?,
            mark: conn.prep(whole(include_str!("../../../sql/mariadb/mark_jobs.sql")))?,
            complete: conn.prep(whole(include_str!("../../../sql/mariadb/complete_jobs.sql")))?,
            complete_one: conn.prep(whole(include_str!("../../../sql/mariadb/complete_job.sql")))?,
            delete: conn.prep(whole(include_str!("../../../sql/mariadb/drop_claims.sql")))?,
            insert: conn.prep(INSERT)?,
            insert_rows: conn.prep(format!("INSERT INTO drip_job (kind, args) VALUES {rows}"))?,
            conn,
        })
    }
}

impl Bare for Mariadb {
    /// Picks and marks in one transaction; answers ids and the numbers of their claims.
    fn claim(&mut self, limit: i64, kinds: &str) -> Result<Vec<(i64, i64)>> {
        let mut tx = self.conn.start_transaction(TxOpts::default())?;
        let wanted = params! {
            "queue" => "default", "limit" => limit, "kinds" => kinds, "suspects" => 0, "now" => None::<String>,
        };
        let rows: Vec<mysql::Row> = tx.exec(&self.pick, wanted)?;
        let Some(at) = rows.last().and_then(|row| row.as_ref(row.len() - 1)).cloned() else { return Ok(Vec::new()) };
        let read = |row: &mysql::Row| Some((row.get::<i64, _>("id")?, row.get::<i64, _>("claim_seq")? + 1));
        let claimed: Vec<_> = rows.iter().filter_map(read).collect();
        let ids = list(claimed.iter().map(|(id, _)| id));
        tx.exec_drop(&self.mark, params! { "ids" => ids, "at" => at, "worker" => WORKER })?;
        tx.commit()?;
        Ok(claimed)
    }

    fn finish(&mut self, claims: &[(i64, i64)], deletes: bool) -> Result<u64> {
        let claims = pairs(claims);
        match deletes {
            true => self.conn.exec_drop(&self.delete, params! { "claims" => claims })?,
            false => self.conn.exec_drop(&self.complete, params! { "claims" => claims, "now" => None::<String> })?,
        }
        Ok(self.conn.affected_rows())
    }

    fn finish_with_effect(&mut self, (id, claim_seq): (i64, i64)) -> Result<u64> {
        let mut tx = self.conn.start_transaction(TxOpts::default())?;
        tx.query_drop(effect(id))?;
        tx.exec_drop(&self.complete_one, params! { "id" => id, "claim_seq" => claim_seq, "now" => None::<String> })?;
        let completed = tx.affected_rows();
        tx.commit()?;
        Ok(completed)
    }

    fn insert_singly(&mut self, jobs: Range<u32>) -> Result<()> {
        for n in jobs {
            self.conn.exec_drop(&self.insert, (Noop::KIND, args(n)))?;
        }
        Ok(())
    }

    fn insert_in_transaction(&mut self, jobs: Range<u32>) -> Result<()> {
        let mut tx = self.conn.start_transaction(TxOpts::default())?;
        for n in jobs {
            tx.exec_drop(&self.insert, (Noop::KIND, args(n)))?;
        }
        Ok(tx.commit()?)
    }

    fn insert_in_transaction_as_text(&mut self, jobs: Range<u32>) -> Result<()> {
        let mut tx = self.conn.start_transaction(TxOpts::default())?;
        for n in jobs {
            tx.exec_drop(INSERT, (Noop::KIND, args(n)))?;
        }
        Ok(tx.commit()?)
    }

    fn insert_in_transaction_with_drip(&mut self, jobs: Range<u32>) -> Result<()> {
        let mut tx = self.conn.start_transaction(TxOpts::default())?;
        for n in jobs {
            let _ = drip::insert_job(&mut tx, Noop { n })?;
        }
        Ok(tx.commit()?)
    }

    fn insert_many(&mut self, jobs: Range<u32>) -> Result<()> {
        let jobs: Vec<u32> = jobs.collect();
        let mut tx = self.conn.start_transaction(TxOpts::default())?;
        for rows in jobs.chunks(ROWS) {
            let values: Vec<mysql::Value> = rows.iter().flat_map(|&n| [Noop::KIND.into(), args(n).into()]).collect();
            tx.exec_drop(&self.insert_rows, values)?;
        }
        Ok(tx.commit()?)
    }

    fn insert_many_fast(&mut self, jobs: Range<u32>) -> Result<()> {
        let mut tx = self.conn.start_transaction(TxOpts::default())?;
        tx.exec_batch(&self.insert, jobs.map(|n| (Noop::KIND, args(n))))?;
        Ok(tx.commit()?)
    }

    fn is_drained(&mut self, jobs: u32) -> Result<bool> {
        Ok(self.conn.query_first::<i64, _>(unfinished(jobs))?.is_none())
    }

    fn count(&mut self) -> Result<u32> {
        self.conn.query_first("SELECT count(*) FROM drip_job")?.ok_or_else(|| "there is no count".into())
    }

    fn prepare_effects(&mut self) -> Result<()> {
        Ok(self.conn.query_drop(EFFECTS)?)
    }

    fn count_effects(&mut self) -> Result<u32> {
        self.conn.query_first(COUNT_EFFECTS)?.ok_or_else(|| "there is no count".into())
    }

    fn add_bulk(&mut self, rows: u32) -> Result<()> {
        self.conn.query_drop(format!(
            "INSERT INTO drip_job (kind, state, scheduled_at)
             SELECT 'noop', 'scheduled', UTC_TIMESTAMP(6) + INTERVAL 1 DAY + INTERVAL seq * 1000 MICROSECOND FROM seq_1_to_{rows}"
        ))?;
        self.conn.query_drop(format!(
            "INSERT INTO drip_job (kind, state, attempt, claim_seq, attempted_by, attempted_at, finalized_at)
             SELECT 'noop', 'completed', 1, 1, 'bulk', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL seq MICROSECOND
             FROM seq_1_to_{rows}"
        ))?;
        Ok(self.conn.query_drop("ANALYZE TABLE drip_job")?)
    }

    fn pin(&mut self) -> Result<()> {
        self.conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        self.conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT")?;
        Ok(self.conn.query_drop("SELECT 1 FROM drip_job LIMIT 1")?)
    }

    fn tally(&mut self) -> Result<Tally> {
        let rows: Vec<(String, String)> = self.conn.query("SHOW GLOBAL STATUS")?;
        let status: HashMap<String, f64> =
            rows.into_iter().filter_map(|(name, value)| Some((name, value.parse().ok()?))).collect();
        let sum = |names: &[&str]| names.iter().map(|name| status.get(*name).copied()).sum::<Option<f64>>();
        Ok(Tally {
            statements: sum(&["Questions"]),
            commits: sum(&["Handler_commit"]),
            log: sum(&["Innodb_os_log_written"]),
            dead: sum(&["Handler_update", "Handler_delete"]),
            hot: None,
            deadlocks: sum(&["Innodb_deadlocks"]),
            lock_waits: sum(&["Innodb_row_lock_waits"]),
        })
    }

    fn waiting(&mut self) -> Result<u32> {
        Ok(0)
    }

    fn spare_connections(&mut self) -> Result<u32> {
        let most: Option<u32> = self.conn.query_first("SELECT @@max_connections")?;
        Ok(most.unwrap_or_default().saturating_sub(10))
    }

    fn is_durable(&mut self) -> Result<bool> {
        Ok(self.conn.query_first("SELECT @@innodb_flush_log_at_trx_commit = 1")? == Some(true))
    }
}

fn open(url: &str) -> Result<Conn> {
    Ok(Conn::new(url.replace("mariadb://", "mysql://").as_str())?)
}

pub fn administer(url: &str, sql: &str) -> Result<()> {
    Ok(open(url)?.query_drop(sql)?)
}
