//! PostgreSQL without the queue: `postgres` alone, statements prepared once, each committed by itself, on a connection
//! with the settings of a worker's.

use std::{ops::Range, time::SystemTime};

use postgres::{
    Client, NoTls, Statement, binary_copy::BinaryCopyInWriter, fallible_iterator::FallibleIterator, types::Type,
};

use super::{Bare, COUNT_EFFECTS, EFFECTS, EPOCH, Tally, WORKER, args, effect, pairs, unfinished, whole};
use crate::{Result, noop::Noop, rounds::PATIENCE};

/// The driver writes JSON only with a feature that the crate does without; so it is sent as text. The kinds are read for each
/// row, but once from their text.
const CLAIM: [(&str, &str); 5] = [
    (":wanted", "$1::text::json"),
    (":kinds", "(SELECT $2::text::json)"),
    (":worker", "$3::text"),
    (":now", "$4::timestamptz"),
    (":suspects", "$5::bigint"),
];
const COMPLETE_ONE: [(&str, &str); 3] =
    [(":id", "$1::bigint"), (":claim_seq", "$2::bigint"), (":now", "$3::timestamptz")];
const COMPLETE: [(&str, &str); 2] = [(":claims", "$1::text::json"), (":now", "$2::timestamptz")];

const INSERT: &str = "INSERT INTO drip_job (kind, args) VALUES ($1, $2::text::json)";

pub struct Postgres {
    client: Client,
    claim: Statement,
    complete: Statement,
    complete_one: Statement,
    delete: Statement,
    insert: Statement,
    insert_many: Statement,
}

impl Postgres {
    pub fn connect(url: &str) -> Result<Postgres> {
        let mut client = Client::connect(url, NoTls)?;
        // What spoils plans would spoil them for both.
        client.batch_execute(include_str!("../../../sql/postgres/own_connection.sql"))?;
        client.batch_execute(include_str!("../../../sql/postgres/kept_connection.sql"))?;
        let claim = spelled(include_str!("../../../sql/postgres/claim_jobs.sql"), &CLAIM);
        let complete = spelled(include_str!("../../../sql/postgres/complete_jobs.sql"), &COMPLETE);
        let complete_one = spelled(include_str!("../../../sql/postgres/complete_job.sql"), &COMPLETE_ONE);
        let delete = spelled(include_str!("../../../sql/postgres/drop_claims.sql"), &COMPLETE);
        Ok(Postgres {
            complete_one: client.prepare(&complete_one)?,
            delete: client.prepare(&delete)?,
            claim: client.prepare(&claim)?,
            complete: client.prepare(&complete)?,
            insert: client.prepare(INSERT)?,
            insert_many: client
                .prepare("INSERT INTO drip_job (kind, args) SELECT $1, args::json FROM unnest($2::text[]) AS args")?,
            client,
        })
    }
}

impl Postgres {
    fn number(&mut self, sql: &str) -> Result<f64> {
        Ok(self.client.query_one(sql, &[])?.get(0))
    }
}

impl Bare for Postgres {
    fn claim(&mut self, limit: i64, kinds: &str) -> Result<Vec<(i64, i64)>> {
        let wanted = format!(
            r#"[{{"queue":"default","limit":{limit},"stretches":[{{"from_priority":0,"from_at":"{EPOCH}","from_id":0,"to_priority":4}}]}}]"#
        );
        let rows = self.client.query(&self.claim, &[&wanted, &kinds, &WORKER, &None::<SystemTime>, &0_i64])?;
        Ok(rows.iter().map(|row| (row.get("id"), row.get("claim_seq"))).collect())
    }

    fn listen(&mut self) -> Result<bool> {
        self.client.batch_execute("LISTEN drip_wake")?;
        Ok(true)
    }

    fn await_insert(&mut self) -> Result<()> {
        let mut notifications = self.client.notifications();
        let told = notifications.timeout_iter(PATIENCE).next()?;
        Ok(told.map(drop).ok_or("nobody has told of an insert")?)
    }

    fn finish(&mut self, claims: &[(i64, i64)], deletes: bool) -> Result<u64> {
        let claims = pairs(claims);
        Ok(match deletes {
            true => self.client.execute(&self.delete, &[&claims])?,
            false => self.client.execute(&self.complete, &[&claims, &None::<SystemTime>])?,
        })
    }

    fn finish_with_effect(&mut self, (id, claim_seq): (i64, i64)) -> Result<u64> {
        let mut tx = self.client.transaction()?;
        tx.batch_execute(&effect(id))?;
        let completed = tx.execute(&self.complete_one, &[&id, &claim_seq, &None::<SystemTime>])?;
        tx.commit()?;
        Ok(completed)
    }

    fn insert_singly(&mut self, jobs: Range<u32>) -> Result<()> {
        for n in jobs {
            self.client.execute(&self.insert, &[&Noop::KIND, &args(n)])?;
        }
        Ok(())
    }

    fn insert_in_transaction(&mut self, jobs: Range<u32>) -> Result<()> {
        let mut tx = self.client.transaction()?;
        for n in jobs {
            tx.execute(&self.insert, &[&Noop::KIND, &args(n)])?;
        }
        Ok(tx.commit()?)
    }

    fn insert_in_transaction_as_text(&mut self, jobs: Range<u32>) -> Result<()> {
        let mut tx = self.client.transaction()?;
        for n in jobs {
            tx.execute(INSERT, &[&Noop::KIND, &args(n)])?;
        }
        Ok(tx.commit()?)
    }

    fn insert_in_transaction_with_drip(&mut self, jobs: Range<u32>) -> Result<()> {
        let mut tx = self.client.transaction()?;
        for n in jobs {
            let _ = drip::insert_job(&mut tx, Noop { n })?;
        }
        Ok(tx.commit()?)
    }

    fn insert_many(&mut self, jobs: Range<u32>) -> Result<()> {
        let jobs: Vec<String> = jobs.map(args).collect();
        self.client.execute(&self.insert_many, &[&Noop::KIND, &jobs])?;
        Ok(())
    }

    fn insert_many_fast(&mut self, jobs: Range<u32>) -> Result<()> {
        let copy = self.client.copy_in("COPY drip_job (kind, args) FROM STDIN (FORMAT binary)")?;
        // JSON travels as its text; the driver writes it as JSON only with a feature that the crate does without.
        let mut writer = BinaryCopyInWriter::new(copy, &[Type::TEXT, Type::TEXT]);
        for n in jobs {
            writer.write(&[&Noop::KIND, &args(n)])?;
        }
        writer.finish()?;
        Ok(())
    }

    fn is_drained(&mut self, jobs: u32) -> Result<bool> {
        Ok(self.client.query_opt(&unfinished(jobs), &[])?.is_none())
    }

    fn count(&mut self) -> Result<u32> {
        let count: i64 = self.client.query_one("SELECT count(*) FROM drip_job", &[])?.get(0);
        Ok(u32::try_from(count)?)
    }

    fn prepare_effects(&mut self) -> Result<()> {
        Ok(self.client.batch_execute(EFFECTS)?)
    }

    fn count_effects(&mut self) -> Result<u32> {
        let count: i64 = self.client.query_one(COUNT_EFFECTS, &[])?.get(0);
        Ok(u32::try_from(count)?)
    }

    fn add_bulk(&mut self, rows: u32) -> Result<()> {
        self.client.batch_execute(&format!(
            "INSERT INTO drip_job (kind, state, scheduled_at)
             SELECT 'noop', 'scheduled', now() + interval '1 day' + n * interval '1 ms' FROM generate_series(1, {rows}) AS n;
             INSERT INTO drip_job (kind, state, attempt, claim_seq, attempted_by, attempted_at, finalized_at)
             SELECT 'noop', 'completed', 1, 1, 'bulk', now(), now() + n * interval '1 us' FROM generate_series(1, {rows}) AS n;"
        ))?;
        // Which would come by itself, in the middle of the measurement.
        self.client.batch_execute("VACUUM ANALYZE drip_job")?;
        Ok(self.client.batch_execute("CHECKPOINT")?)
    }

    fn pin(&mut self) -> Result<()> {
        self.client.batch_execute(
            "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM drip_job LIMIT 1",
        )?;
        Ok(())
    }

    fn tally(&mut self) -> Result<Tally> {
        let database =
            |column: &str| format!("SELECT {column}::float8 FROM pg_stat_database WHERE datname = current_database()");
        let table =
            |columns: &str| format!("SELECT ({columns})::float8 FROM pg_stat_user_tables WHERE relname = 'drip_job'");
        Ok(Tally {
            statements: None,
            commits: Some(self.number(&database("xact_commit"))?),
            log: Some(self.number("SELECT (pg_current_wal_insert_lsn() - '0/0')::float8")?),
            dead: Some(self.number(&table("n_tup_upd + n_tup_del"))?),
            hot: Some(self.number(&table("n_tup_hot_upd"))?),
            deadlocks: Some(self.number(&database("deadlocks"))?),
            lock_waits: None,
        })
    }

    fn waiting(&mut self) -> Result<u32> {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event <> 'extend'";
        let count: i64 = self.client.query_one(sql, &[])?.get(0);
        Ok(u32::try_from(count)?)
    }

    fn spare_connections(&mut self) -> Result<u32> {
        let sql = "SELECT current_setting('max_connections')::bigint - 10 - (SELECT count(*) FROM pg_stat_activity)";
        let spare: i64 = self.client.query_one(sql, &[])?.get(0);
        Ok(u32::try_from(spare.max(0))?)
    }

    fn is_durable(&mut self) -> Result<bool> {
        let sql = "SELECT current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off'";
        Ok(self.client.query_one(sql, &[])?.get(0))
    }
}

fn spelled(source: &str, parameters: &[(&str, &str)]) -> String {
    parameters.iter().fold(whole(source), |sql, (name, place)| sql.replace(name, place))
}

pub fn administer(url: &str, sql: &str) -> Result<()> {
    Ok(Client::connect(url, NoTls)?.batch_execute(sql)?)
}
