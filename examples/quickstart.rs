//! A shop saves its orders, each in one transaction with the job that sends its receipt; a worker runs the jobs.
//!
//! `cargo run --example quickstart` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::{collections::BTreeMap, time::Duration, time::Instant};

use drip::{AnySession, Client, Context, Dialect, Event, HandlerResult, JobArgs, NewJob, RetryPolicy, Worker};
use mysql::prelude::Queryable;
use serde::{Deserialize, Serialize};

/// What the job needs to know; stored as JSON.
#[derive(Serialize, Deserialize)]
struct SendReceipt {
    order: i64,
}

impl JobArgs for SendReceipt {
    const KIND: &'static str = "quickstart_send_receipt";
}

/// What a worker does for it.
fn send_receipt(context: &Context, receipt: SendReceipt) -> HandlerResult {
    match (receipt.order, context.attempt()) {
        (2, 1) => Err("the mail server is away for lunch".into()),
        _ => Ok(()),
    }
}

/// Saves an order and enqueues its receipt: both, or neither.
fn place_order(client: &Client, order: i64, jobs: &mut BTreeMap<i64, i64>) -> drip::Result<()> {
    transaction(client, &format!("INSERT INTO quickstart_orders (id) VALUES ({order})"), |tx| {
        let receipt = NewJob::from(SendReceipt { order }).queue("quickstart");
        jobs.insert(drip::insert_job(tx, receipt)?.job().id, order);
        if order == 3 { Err(drip::Error::other("the card was declined")) } else { Ok(()) }
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/shop.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    transaction(&client, "CREATE TABLE IF NOT EXISTS quickstart_orders (id BIGINT NOT NULL)", |_| Ok(()))?;

    let mut jobs = BTreeMap::new();
    for order in [1, 2, 3] {
        match place_order(&client, order, &mut jobs) {
            Ok(()) => println!("order {order}: committed, and its job with it"),
            Err(error) => println!("order {order}: rolled back ({error}), and its job with it"),
        }
    }

    println!("A worker starts.");
    let subscription = client.subscribe();
    let retry = RetryPolicy::constant(Duration::from_millis(300));
    let running = Worker::new(&client).queue("quickstart").handle(send_receipt).retry(retry).start()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut open = 2;
    while open > 0 {
        let (what, job) = match subscription.events().recv_deadline(deadline)? {
            Event::Started(job) => ("begins", job),
            Event::Failed(job) => ("fails, and will be made again", job),
            Event::Completed(job) => ("succeeds", job),
            _ => continue,
        };
        if let Some(order) = jobs.get(&job.id) {
            println!("order {order}: attempt {} {what}", job.attempt);
            open -= usize::from(job.state.is_final());
        }
    }
    println!("The worker has stopped, and nothing is half done: {}", running.stop(Duration::from_secs(5)).is_clean());

    for (id, order) in jobs {
        // By its kind as well: the id of a job that was rolled back may be another's by now.
        match drip::get_job(&client, id)?.filter(|job| job.kind == SendReceipt::KIND) {
            Some(job) => println!("order {order}: its job is {}, attempts: {}", job.state, job.attempt),
            None => println!("order {order}: its job was never there"),
        }
    }
    Ok(transaction(&client, "DROP TABLE quickstart_orders", |_| Ok(()))?)
}

/// Runs SQL of the shop's and then `then`, in one transaction. Your own program has one driver, and needs one of these.
fn transaction(client: &Client, sql: &str, then: impl FnOnce(AnySession) -> drip::Result<()>) -> drip::Result<()> {
    match client.dialect() {
        Dialect::Postgres => client.transaction(|tx: &mut postgres::Transaction| {
            tx.batch_execute(sql)?;
            then(AnySession::new(tx))
        }),
        Dialect::Mariadb => client.transaction(|tx: &mut mysql::Transaction| {
            tx.query_drop(sql)?;
            then(AnySession::new(tx))
        }),
        _ => client.transaction(|tx: &mut rusqlite::Transaction| {
            tx.execute_batch(sql)?;
            then(AnySession::new(tx))
        }),
    }
}
