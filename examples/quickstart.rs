//! Jobs that live and die with your own transactions, in a SQLite file of a moment.
//!
//! `cargo run --example quickstart`

use std::time::Duration;

use drip::{Client, Context, Event, HandlerResult, JobArgs, RetryPolicy, Worker};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct SendReceipt {
    order_id: i64,
    flaky: bool,
}

impl JobArgs for SendReceipt {
    const KIND: &'static str = "send_receipt";
}

fn send_receipt(context: &Context, receipt: SendReceipt) -> HandlerResult {
    if receipt.flaky && context.attempt() == 1 {
        return Err("the mail server is away for lunch".into());
    }
    Ok(())
}

/// Saves an order and enqueues its receipt: both, or neither.
fn place_order(client: &Client, order_id: i64, flaky: bool, commit: bool) -> drip::Result<()> {
    client.transaction(|tx: &mut rusqlite::Transaction| {
        tx.execute("INSERT INTO orders (id) VALUES (?1)", [order_id])?;
        let inserted = drip::insert_job(&mut *tx, SendReceipt { order_id, flaky })?;
        println!("order {order_id}: saved, receipt enqueued as job {}", inserted.job().id);
        if commit { Ok(()) } else { Err(drip::Error::other("the card was declined")) }
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::temp_dir().join(format!("drip-quickstart-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let client = Client::connect(&format!("sqlite://{}/shop.db", directory.display()))?;
    client.migrate()?;
    client.transaction(|tx: &mut rusqlite::Transaction| {
        tx.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY)")?;
        Ok::<_, drip::Error>(())
    })?;

    place_order(&client, 1, false, true)?;
    place_order(&client, 2, true, true)?;
    if let Err(reason) = place_order(&client, 3, false, false) {
        println!("order 3: rolled back ({reason}); its job was never there");
    }

    let subscription = client.subscribe();
    let running =
        Worker::new(&client).handle(send_receipt).retry(RetryPolicy::constant(Duration::from_millis(300))).start()?;
    let mut completed = 0;
    for event in subscription.events() {
        match event {
            Event::Started(job) => println!("job {}: attempt {} begins", job.id, job.attempt),
            Event::Failed(job) => {
                println!("job {}: failed ({}), will be retried", job.id, job.error.unwrap_or_default())
            }
            Event::Completed(job) => {
                println!("job {}: {}", job.id, job.state);
                completed += 1;
            }
            _ => {}
        }
        if completed == 2 {
            break;
        }
    }
    let report = running.stop(Duration::from_secs(5));
    println!("worker stopped in {:?}, clean: {}", report.took, report.is_clean());
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
