//! PostgreSQL without the queue: `postgres` alone, statements prepared once, each committed by itself, on a connection
//! with the settings of a worker's.

use std::{ops::Range, time::SystemTime};

use postgres::{Client, NoTls, Statement, binary_copy::BinaryCopyInWriter, types::Type};

use super::{BATCH, Bare, EPOCH, KINDS, UNFINISHED, WORKER, all_of, args, claims, whole};
use crate::{Result, noop::Noop};

/// The driver writes JSON only with a feature that the crate does without; so it is sent as text.
const CLAIM: [(&str, &str); 5] = [
    (":wanted", "$1::text::json"),
    (":kinds", "$2::text::json"),
    (":worker", "$3::text"),
    (":now", "$4::timestamptz"),
    (":suspects", "$5::bigint"),
];
const COMPLETE: [(&str, &str); 2] = [(":claims", "$1::text::json"), (":now", "$2::timestamptz")];

pub struct Postgres {
    client: Client,
    claim: Statement,
    complete: Statement,
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
        Ok(Postgres {
            claim: client.prepare(&claim)?,
            complete: client.prepare(&complete)?,
            insert: client.prepare("INSERT INTO drip_job (kind, args) VALUES ($1, $2::text::json)")?,
            insert_many: client
                .prepare("INSERT INTO drip_job (kind, args) SELECT $1, args::json FROM unnest($2::text[]) AS args")?,
            client,
        })
    }
}

impl Bare for Postgres {
    fn drain(&mut self) -> Result<u32> {
        let wanted = format!(
            r#"[{{"queue":"default","limit":{BATCH},"stretches":[{{"from_priority":0,"from_at":"{EPOCH}","from_id":0,"to_priority":4}}]}}]"#
        );
        let now = None::<SystemTime>;
        let mut drained = 0;
        loop {
            let rows = self.client.query(&self.claim, &[&wanted, &KINDS, &WORKER, &now, &0_i64])?;
            if rows.is_empty() {
                return Ok(drained);
            }
            let claims = claims(rows.iter().map(|row| (row.get("id"), row.get("claim_seq"))));
            let completed = self.client.execute(&self.complete, &[&claims, &now])?;
            drained += all_of(completed, rows.len())?;
        }
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

    fn is_drained(&mut self) -> Result<bool> {
        Ok(self.client.query_opt(UNFINISHED, &[])?.is_none())
    }

    fn count(&mut self) -> Result<u32> {
        let count: i64 = self.client.query_one("SELECT count(*) FROM drip_job", &[])?.get(0);
        Ok(u32::try_from(count)?)
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
