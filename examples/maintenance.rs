//! Upkeep: jobs that have ended go away by themselves, each kind of ending after a time of its own.
//!
//! `cargo run --example maintenance` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::time::Duration;

use drip::{
    Client, Context, Event, HandlerResult, JobArgs, JobFilter, Maintenance, NewJob, Retention, State, Worked, Worker,
};
use serde::{Deserialize, Serialize};

const QUEUE: &str = "maintenance_receipts";

#[derive(Serialize, Deserialize)]
struct Receipt {
    order: u32,
}

impl JobArgs for Receipt {
    const KIND: &'static str = "maintenance_receipt";
    fn defaults(job: NewJob) -> NewJob {
        job.queue(QUEUE)
    }
}

fn send(_: &Context, _: Receipt) -> HandlerResult {
    Ok(())
}

/// How many receipts are in this state.
fn count(client: &Client, state: State) -> drip::Result<u64> {
    let filter = JobFilter::new().queue(QUEUE).state(state);
    Ok(drip::count_jobs(client, &filter)?.total().number)
}

fn main() -> HandlerResult {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/receipts.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;

    for order in 1..=3 {
        drip::insert_job(&client, Receipt { order })?;
    }
    let unwanted = drip::insert_job(&client, Receipt { order: 4 })?.into_job();
    drip::cancel_job(&client, unwanted.id)?;
    let worker = Worker::new(&client).queue(QUEUE).handle(send);
    while worker.work_once()? != Worked::Nothing {}
    println!("completed: {}", count(&client, State::Completed)?);

    // Everything that is not said here is as always: nothing is removed from other queues but what has ended long ago.
    let retention = Retention::default().completed_in(QUEUE, Duration::from_millis(300)).cancelled_in(QUEUE, None);
    let events = client.subscribe();
    let maintenance = Maintenance::new(&client)
        .retention(retention)
        .retention_interval(Duration::from_millis(100)) // a minute, if nothing is said
        .rescue_after_in(QUEUE, Duration::from_secs(3600)) // no receipt takes an hour: then its thread hangs
        .start()?;

    let mut removed = 0;
    while removed < 3 {
        if let Event::Maintained { task, changed, .. } = events.events().recv()? {
            removed += if task == "retain" { changed } else { 0 };
        }
    }
    println!("removed: {removed}");
    println!("completed: {}", count(&client, State::Completed)?);
    println!("the cancelled one stays: {}", drip::get_job(&client, unwanted.id)?.is_some());

    println!("stopped: {}", maintenance.stop(Duration::from_secs(10)));
    for info in drip::list_tasks(&client)?.iter().filter(|info| info.task != "tidy") {
        println!("{}: at it is {:?}, and went wrong has {:?}", info.task, info.runner, info.error);
    }
    Ok(())
}
