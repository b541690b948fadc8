//! Handlers that take too long, or are not wanted any more. A thread cannot be killed, but it can be asked to stop.
//!
//! `cargo run --example timeout_and_cancel` uses a temporary SQLite file, with `DRIP_URL` the database that it names.

use std::time::{Duration, Instant};

use drip::{CancelReason, Client, Context, Event, HandlerResult, JobArgs, JobEvent, NewJob, Subscription, Worker};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct CountSheep {
    name: String,
}

impl JobArgs for CountSheep {
    const KIND: &'static str = "timeout_count_sheep";
    fn defaults(job: NewJob) -> NewJob {
        job.queue("timeout").max_attempts(1)
    }
}

/// Does its work in small steps, and asks in between whether to go on.
fn count_sheep(context: &Context, CountSheep { name }: CountSheep) -> HandlerResult {
    for _sheep in 1..=100_000 {
        // Sleeps, but not a moment longer than until the token fires.
        if context.cancel().wait(Duration::from_millis(10)) {
            let why = match context.cancel().reason() {
                Some(CancelReason::TimedOut) => "my time is up",
                Some(CancelReason::ClaimEnded) => "somebody has cancelled the job",
                _ => "the worker is stopping",
            };
            println!("{name}: I stop counting, {why}");
            return Err(why.into());
        }
    }
    Ok(())
}

/// Waits for an event about this job.
fn wait_for(subscription: &Subscription, id: i64, wanted: fn(&Event) -> Option<&JobEvent>) -> HandlerResult<JobEvent> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let event = subscription.events().recv_deadline(deadline)?;
        if let Some(job) = wanted(&event).filter(|job| job.id == id) {
            return Ok(job.clone());
        }
    }
}

fn main() -> HandlerResult {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/sheep.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    let subscription = client.subscribe();
    // A limit can be set for the worker (`timeout`), a kind (`timeout_for`) or a job, as below. Default: none.
    let running = Worker::new(&client).queue("timeout").handle(count_sheep).start()?;

    let hurried = NewJob::from(CountSheep { name: "hurried".into() }).timeout(Duration::from_millis(200));
    let hurried = drip::insert_job(&client, hurried)?.into_job();
    let ended = wait_for(&subscription, hurried.id, |event| match event {
        Event::TimedOut(job) => Some(job),
        _ => None,
    })?;
    println!("hurried: has timed out and is {}, its only attempt is used up", ended.state);

    let unwanted = drip::insert_job(&client, CountSheep { name: "unwanted".into() })?.into_job();
    wait_for(&subscription, unwanted.id, |event| match event {
        Event::Started(job) => Some(job),
        _ => None,
    })?;
    // Any process may do this. The row is cancelled at once; the handler knows within a second, wherever it runs.
    let cancelled = drip::cancel_job(&client, unwanted.id)?;
    println!("unwanted: is {}", cancelled.state);
    wait_for(&subscription, unwanted.id, |event| match event {
        Event::ClaimLost(job) => Some(job),
        _ => None,
    })?;
    println!("unwanted: its handler has returned, and what it answered does not count");

    println!("all handlers have stopped: {}", running.stop(Duration::from_secs(5)).is_clean());
    Ok(())
}
