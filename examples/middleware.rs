//! What runs around inserts and around handlers: a hook that stamps every new job, and layers that log and hold back work.
//!
//! `cargo run --example middleware` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::time::{Duration, Instant};

use drip::{Client, Context, Error, Event, HandlerResult, JobArgs, NewJob, Next, Outcome, Worker};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize)]
struct Invoice {
    customer: String,
}

impl JobArgs for Invoice {
    const KIND: &'static str = "middleware_invoice";

    fn defaults(job: NewJob) -> NewJob {
        job.queue("middleware").max_attempts(1)
    }
}

fn send(_: &Context, Invoice { customer }: Invoice) -> HandlerResult {
    if customer == "Bob" {
        panic!("no printer");
    }
    println!("  an invoice for {customer}");
    Ok(())
}

/// Around every insert through the client: what all jobs should carry, and what no job may be.
fn stamp(job: NewJob) -> drip::Result<NewJob> {
    if job.args_text().is_some_and(|args| args.contains(r#""customer":"""#)) {
        return Err(Error::invalid("args", "name no customer"));
    }
    Ok(job.metadata_entry("request", "r-17".into()))
}

/// Around every handler, the outermost: sees what goes in, and what comes out, panics included.
fn log(context: &Context, next: Next) -> HandlerResult<Outcome> {
    let metadata = context.job().metadata()?;
    println!("begun for request {}", metadata.get("request").and_then(Value::as_str).unwrap_or("unknown"));
    let answer = next.run();
    match &answer {
        Ok(outcome) => println!("ended: {outcome:?}"),
        Err(error) => println!("ended: {error}"),
    }
    answer
}

/// Within that: a job of a suspended customer is called off, and its handler not run.
fn suspended(context: &Context, next: Next) -> HandlerResult<Outcome> {
    match context.job().args_as::<Invoice>()?.customer.as_str() {
        "Eve" => Ok(Outcome::Cancel("the customer is suspended".into())),
        _ => next.run(),
    }
}

fn main() -> HandlerResult {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/shop.db", directory.path().display());
    let client = Client::builder().on_insert(stamp).connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    let subscription = client.subscribe();

    // With a transaction of your own: `drip::insert_job(client.on(&mut tx), …)`. The bare `&mut tx` knows no hooks.
    for customer in ["Ada", "Bob", "Eve", ""] {
        if let Err(error) = drip::insert_job(&client, Invoice { customer: customer.to_owned() }) {
            println!("not inserted: {error}");
        }
    }

    std::panic::set_hook(Box::new(|_| {})); // the panic is logged by the layer, and recorded with its job
    let worker = Worker::new(&client).queue("middleware").concurrency(1).handle(send);
    let running = worker.middleware(log).middleware(suspended).start()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut open = 3;
    while open > 0 {
        let event = subscription.events().recv_deadline(deadline)?;
        open -= i32::from(matches!(event, Event::Completed(_) | Event::Discarded(_) | Event::Cancelled(_)));
    }
    running.stop(Duration::from_secs(5));

    println!("what Prometheus would read of it, among other things:");
    let metrics = client.metrics().to_string();
    metrics
        .lines()
        .filter(|line| line.contains("outcome=") && line.ends_with(" 1"))
        .for_each(|line| println!("{line}"));
    Ok(())
}
