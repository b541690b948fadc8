//! An outbox: what a handler writes, the jobs it enqueues and the end of its own job are one commit, or nothing.
//!
//! `cargo run --example outbox` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::{thread, time::Duration};

use drip::{Client, Context, Dialect, HandlerResult, JobArgs, NewJob, RetryPolicy, Session, Worked, Worker};
use mysql::prelude::Queryable;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const SHIP: &str = "INSERT INTO outbox_shipments (parcel) VALUES ('lamp')";
const MESSAGE: &str = "outbox_tell_customer";

#[derive(Serialize, Deserialize)]
struct ShipParcel {}

impl JobArgs for ShipParcel {
    const KIND: &'static str = "outbox_ship_parcel";
}

/// A transactional handler is given the open transaction of its driver, and does not commit: the library does, together
/// with the job's completion. A program of your own has one of these drivers.
fn handle_shipping(worker: Worker, dialect: Dialect) -> Worker {
    match dialect {
        Dialect::Postgres => worker.handle(|tx: &mut postgres::Transaction, context: &Context, _: ShipParcel| {
            tx.batch_execute(SHIP)?;
            finish(tx, context)
        }),
        Dialect::Mariadb => worker.handle(|tx: &mut mysql::Transaction, context: &Context, _: ShipParcel| {
            tx.query_drop(SHIP)?;
            finish(tx, context)
        }),
        _ => worker.handle(|tx: &mut rusqlite::Transaction, context: &Context, _: ShipParcel| {
            tx.execute_batch(SHIP)?;
            finish(tx, context)
        }),
    }
}

/// Enqueues the message in the same transaction. The first time, something goes wrong after that.
fn finish(tx: impl Session, context: &Context) -> HandlerResult {
    drip::insert_job(tx, NewJob::new(MESSAGE, json!({"text": "your lamp is on its way"})).queue("outbox"))?;
    println!("ship_parcel, attempt {}: shipment written, message enqueued", context.attempt());
    if context.attempt() == 1 { Err("the label printer is jammed".into()) } else { Ok(()) }
}

fn tell_customer(_: &Context, message: Value) -> HandlerResult {
    println!("tell_customer: {}", message["text"].as_str().ok_or("the message has no text")?);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/parcels.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    execute(&client, "DROP TABLE IF EXISTS outbox_shipments")?;
    execute(&client, "CREATE TABLE outbox_shipments (parcel VARCHAR(20) NOT NULL)")?;

    drip::insert_job(&client, NewJob::from(ShipParcel {}).queue("outbox"))?;
    let retry = RetryPolicy::constant(Duration::from_millis(100));
    let worker = Worker::new(&client).queue("outbox").handle_kind(MESSAGE, tell_customer).retry(retry);
    let worker = handle_shipping(worker, client.dialect());
    // One job at a time on this thread, to look at the table in between; `start()` runs them on threads, as usual.
    let mut told = false;
    while !told {
        match worker.work_once()? {
            Worked::Failed(_) => println!("  failed, so everything is taken back; shipments: {}", shipments(&client)?),
            Worked::Done(job) => {
                println!("  committed; shipments: {}", shipments(&client)?);
                told = job.kind == MESSAGE;
            }
            _ => thread::sleep(Duration::from_millis(20)), // not due yet
        }
    }
    Ok(execute(&client, "DROP TABLE outbox_shipments")?)
}

fn execute(client: &Client, sql: &str) -> drip::Result<()> {
    match client.dialect() {
        Dialect::Postgres => client.transaction(|tx: &mut postgres::Transaction| Ok(tx.batch_execute(sql)?)),
        Dialect::Mariadb => client.transaction(|tx: &mut mysql::Transaction| Ok(tx.query_drop(sql)?)),
        _ => client.transaction(|tx: &mut rusqlite::Transaction| Ok(tx.execute_batch(sql)?)),
    }
}

fn shipments(client: &Client) -> drip::Result<i64> {
    let sql = "SELECT count(*) FROM outbox_shipments";
    match client.dialect() {
        Dialect::Postgres => client.transaction(|tx: &mut postgres::Transaction| Ok(tx.query_one(sql, &[])?.get(0))),
        Dialect::Mariadb => client.transaction(|tx: &mut mysql::Transaction| Ok(tx.query_first(sql)?.unwrap_or(0))),
        _ => client.transaction(|tx: &mut rusqlite::Transaction| Ok(tx.query_row(sql, [], |row| row.get(0))?)),
    }
}
