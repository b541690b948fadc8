//! A queue that is paused while what its jobs need is away: they go on being enqueued, and wait.
//!
//! `cargo run --example pause_queue` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use drip::{Client, Context, HandlerResult, JobArgs, NewJob, Worked, Worker};
use serde::{Deserialize, Serialize};
use serde_json::json;

const QUEUE: &str = "pause_letters";

#[derive(Serialize, Deserialize)]
struct Letter {
    to: String,
}

impl JobArgs for Letter {
    const KIND: &'static str = "pause_letter";
    fn defaults(job: NewJob) -> NewJob {
        job.queue(QUEUE)
    }
}

fn send(_: &Context, letter: Letter) -> HandlerResult {
    println!("a letter to {}", letter.to);
    Ok(())
}

/// One line about the queue, as an operator might want it.
fn show(client: &Client) -> drip::Result<()> {
    let queues = drip::list_queues(client)?;
    let Some(queue) = queues.into_iter().find(|queue| queue.name == QUEUE) else { return Ok(()) };
    let metadata = queue.metadata()?;
    let note = metadata.get("note").and_then(|note| note.as_str()).unwrap_or("in order");
    println!("waiting: {}; paused: {}; {note}", queue.available, queue.is_paused());
    Ok(())
}

fn main() -> HandlerResult {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/letters.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    // One job at a time on this thread, to look at the queue in between; a worker that was started would do the same.
    let worker = Worker::new(&client).queue(QUEUE).handle(send);

    drip::pause_queue(&client, QUEUE)?; // from now on, in every process
    drip::upsert_queue(&client, QUEUE, json!({"note": "the printer is being repaired"}))?;
    for to in ["Ada", "Grace"] {
        drip::insert_job(&client, Letter { to: to.to_owned() })?;
    }
    println!("the worker finds nothing: {}", worker.work_once()? == Worked::Nothing);
    show(&client)?;

    drip::upsert_queue(&client, QUEUE, json!({}))?;
    drip::resume_queue(&client, QUEUE)?;
    while worker.work_once()? != Worked::Nothing {}
    show(&client)?;
    Ok(())
}
