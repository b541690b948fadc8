//! Jobs that are the same as another: inserted once, however often they are asked for, or put off each time.
//!
//! `cargo run --example unique` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::time::Duration;

use drip::{Client, Context, HandlerResult, Inserted, JobArgs, NewJob, OnDuplicate, State, Unique, Worked, Worker};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Serialize, Deserialize)]
struct Report {
    customer: u32,
    format: String,
}

impl JobArgs for Report {
    const KIND: &'static str = "unique_report";

    /// One report a customer at a time, whatever its format: while it waits, runs, or is to be tried again. (By default
    /// a completed job counts as well: once done, it stays done.)
    fn defaults(job: NewJob) -> NewJob {
        let under_way = [State::Pending, State::Scheduled, State::Available, State::Running, State::Retryable];
        job.queue("unique").unique(Unique::new().by_keys(["customer"]).by_states(under_way))
    }
}

fn make_report(_: &Context, report: Report) -> HandlerResult {
    println!("worker: a report as {}", report.format);
    Ok(())
}

fn ask(client: &Client, format: &str) -> drip::Result<()> {
    let customer = std::process::id(); // another one each time that this program runs
    match drip::insert_job(client, Report { customer, format: format.to_owned() })? {
        Inserted::New(_) => println!("{format}: enqueued"),
        Inserted::Duplicate(job) => println!("{format}: not enqueued, one is {} already", job.state),
    }
    Ok(())
}

/// A search index that is rebuilt an hour after the *last* change: each change puts the job off.
fn reindex(change: u32) -> NewJob {
    NewJob::new("unique_reindex", json!({"change": change}))
        .queue("unique")
        .delay(Duration::from_secs(3600))
        .unique(Unique::new().on_duplicate(OnDuplicate::Replace))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/reports.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;

    println!("One at a time:");
    ask(&client, "pdf")?;
    ask(&client, "html")?;
    let worker = Worker::new(&client).queue("unique").handle(make_report);
    while worker.work_once()? != Worked::Nothing {}
    ask(&client, "text")?;
    while worker.work_once()? != Worked::Nothing {}

    println!("Put off by each change:");
    let first = drip::insert_job(&client, reindex(1))?.into_job();
    let second = drip::insert_job(&client, reindex(2))?.into_job();
    println!("still one job: {}", first.id == second.id);
    println!("it has the later change: {}", second.args()? == json!({"change": 2}));
    println!("and is due later: {}", second.scheduled_at > first.scheduled_at);
    drip::cancel_job(&client, second.id)?; // a cancelled job does not count: the next run begins anew
    Ok(())
}
