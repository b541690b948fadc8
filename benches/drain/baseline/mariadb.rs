//! MariaDB without the queue: `mysql` alone, statements prepared once, READ COMMITTED as the library's own.

use std::ops::Range;

use mysql::{Conn, Statement, TxOpts, params, prelude::Queryable};

use super::{BATCH, Bare, KINDS, ROWS, UNFINISHED, WORKER, all_of, args, claims, whole};
use crate::{Result, noop::Noop};

pub struct Mariadb {
    conn: Conn,
    pick: Statement,
    mark: Statement,
    complete: Statement,
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
            insert: conn.prep("INSERT INTO drip_job (kind, args) VALUES (?, ?)")?,
            insert_rows: conn.prep(format!("INSERT INTO drip_job (kind, args) VALUES {rows}"))?,
            conn,
        })
    }

    /// Picks and marks in one transaction; answers ids and the numbers of their claims.
    fn claim(&mut self) -> Result<Vec<(i64, i64)>> {
        let mut tx = self.conn.start_transaction(TxOpts::default())?;
        let wanted = params! {
            "queue" => "default", "limit" => BATCH, "kinds" => KINDS, "suspects" => 0, "now" => None::<String>,
            "from_priority" => 0, "from_at" => mysql::Value::Date(1970, 1, 1, 0, 0, 0, 0), "from_id" => 0,
        };
        let rows: Vec<mysql::Row> = tx.exec(&self.pick, wanted)?;
        let Some(at) = rows.last().and_then(|row| row.as_ref(row.len() - 1)).cloned() else { return Ok(Vec::new()) };
        let read = |row: &mysql::Row| Some((row.get::<i64, _>("id")?, row.get::<i64, _>("claim_seq")? + 1));
        let claimed: Vec<_> = rows.iter().filter_map(read).collect();
        let ids: Vec<_> = claimed.iter().map(|(id, _)| id.to_string()).collect();
        let ids = format!("[{}]", ids.join(","));
        tx.exec_drop(&self.mark, params! { "ids" => ids, "at" => at, "worker" => WORKER })?;
        tx.commit()?;
        Ok(claimed)
    }
}

impl Bare for Mariadb {
    fn drain(&mut self) -> Result<u32> {
        let mut drained = 0;
        loop {
            let claimed = self.claim()?;
            if claimed.is_empty() {
                return Ok(drained);
            }
            let claims = claims(claimed.iter().copied());
            self.conn.exec_drop(&self.complete, params! { "claims" => claims, "now" => None::<String> })?;
            drained += all_of(self.conn.affected_rows(), claimed.len())?;
        }
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

    fn is_drained(&mut self) -> Result<bool> {
        Ok(self.conn.query_first::<i64, _>(UNFINISHED)?.is_none())
    }

    fn count(&mut self) -> Result<u32> {
        self.conn.query_first("SELECT count(*) FROM drip_job")?.ok_or_else(|| "there is no count".into())
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
