//! A worker that stops when it is told to by SIGTERM or Ctrl-C, and leaves nothing half done.
//!
//! `cargo run --example graceful_stop` sends itself SIGTERM as soon as it is busy, with `-- --wait` you do. It uses a
//! temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::time::Duration;

use drip::{CancelReason, Client, Context, Event, HandlerResult, JobArgs, NewJob, Outcome, Worker};
use serde::{Deserialize, Serialize};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
    low_level::{raise, signal_name},
};

#[derive(Serialize, Deserialize)]
struct Develop {
    photo: String,
    millis: u64,
}

impl JobArgs for Develop {
    const KIND: &'static str = "stop_develop";
    fn defaults(job: NewJob) -> NewJob {
        job.queue("stop")
    }
}

fn develop(context: &Context, Develop { photo, millis }: Develop) -> HandlerResult<Outcome> {
    println!("{photo}: begins");
    context.cancel().wait(Duration::from_millis(millis)); // the work; ends early when it is asked to stop
    if context.cancel().reason() == Some(CancelReason::Stopping) {
        println!("{photo}: asked to stop, so it puts itself off; that uses up no attempt");
        return Ok(Outcome::Snooze(Duration::from_secs(1)));
    }
    println!("{photo}: done");
    Ok(Outcome::Complete)
}

fn main() -> HandlerResult {
    // The library installs no signal handlers: what a signal means is the program's business.
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/photos.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    let subscription = client.subscribe();

    let photos = [("short", 300), ("long", 3_600_000), ("third", 300), ("fourth", 300)];
    let jobs = photos.map(|(photo, millis)| Develop { photo: photo.to_owned(), millis });
    let jobs = drip::insert_many(&client, jobs)?;
    let running = Worker::new(&client).queue("stop").concurrency(2).handle(develop).start()?;

    if !std::env::args().any(|argument| argument == "--wait") {
        // Both threads are busy.
        subscription.events().iter().filter(|event| matches!(event, Event::Started(_))).nth(1);
        raise(SIGTERM)?;
    }
    let signal = signals.forever().next().and_then(signal_name).unwrap_or("told to stop");
    println!("{signal}: no more jobs are taken, those that run may finish");

    // After three quarters of the time, the handlers that still run are asked to stop. At the end of a process
    // `stop_to_exit` also gives back what does not listen.
    let report = running.stop_to_exit(Duration::from_secs(4));
    println!("stopped cleanly: {}", report.is_clean());
    for ((photo, _), job) in photos.into_iter().zip(jobs) {
        let job = drip::get_job(&client, job.job().id)?.ok_or("the job is gone")?;
        println!("{photo}: is {}, attempts used up: {}", job.state, job.attempt);
        if !job.state.is_final() {
            drip::cancel_job(&client, job.id)?; // the next worker would go on with it; an example tidies up
        }
    }
    Ok(())
}
