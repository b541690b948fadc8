//! A job that comes every second, looked after by two processes: each second has one, also when one of them goes away.
//!
//! `cargo run --example periodic` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::{
    sync::mpsc::{self, Sender},
    time::Duration,
};

use drip::{Background, Client, Context, HandlerResult, JobArgs, JobFilter, NewJob, Periodic, Rule, Schedule, Worker};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const QUEUE: &str = "periodic";
const NAME: &str = "periodic: heartbeat";

#[derive(Serialize, Deserialize)]
struct Beat {}

impl JobArgs for Beat {
    const KIND: &'static str = "periodic_beat";
    fn defaults(job: NewJob) -> NewJob {
        job.queue(QUEUE)
    }
}

/// Each job says in its metadata of which slot it is.
fn beat(context: &Context, slots: &Sender<Timestamp>) -> HandlerResult {
    let metadata = context.job().metadata()?;
    let slot = metadata.get("slot").and_then(|slot| slot.as_str()).ok_or("a job of no slot")?;
    Ok(slots.send(slot.parse()?)?)
}

/// What every process of the program does when it starts. The schedule is there once, however often it is declared.
fn look_after_schedules(url: &str) -> drip::Result<Background> {
    let client = Client::connect(url)?;
    Periodic::new(&client).schedule(Schedule::new(NAME, Rule::every("1s"), Beat {})).start()
}

fn main() -> HandlerResult {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/heart.db", directory.path().display());
    let url = std::env::var("DRIP_URL").unwrap_or(file);
    let client = Client::connect(&url)?;
    client.migrate()?;

    let (slots, beaten) = mpsc::channel();
    let beat = move |context: &Context, _: Beat| beat(context, &slots);
    let worker = Worker::new(&client).queue(QUEUE).concurrency(1).handle(beat).start()?;
    let (first, second) = (look_after_schedules(&url)?, look_after_schedules(&url)?);

    let mut seconds = Vec::new();
    for number in 1..=4 {
        seconds.push(beaten.recv_timeout(Duration::from_secs(30))?.as_second());
        println!("beat {number}");
        if number == 2 {
            println!("one scheduler stops: {}", first.stop(Duration::from_secs(10)));
        }
    }
    let follow_each_other = seconds.windows(2).all(|pair| pair[1] == pair[0] + 1);
    println!("each second had one: {follow_each_other}");

    // Schedules stay until they are removed, whether or not somebody is there to look after them.
    drip::delete_schedule(&client, NAME)?;
    second.stop(Duration::from_secs(10));
    worker.stop(Duration::from_secs(10));
    drip::delete_jobs(&client, &JobFilter::new().queue(QUEUE))?;
    Ok(())
}
