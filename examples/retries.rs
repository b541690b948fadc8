//! What becomes of jobs that fail: tried again after a growing delay, given up after their last attempt, or at once.
//!
//! `cargo run --example retries` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use drip::{Client, Context, Event, HandlerResult, JobArgs, NewJob, Outcome, RetryPolicy, Worker};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Deliver {
    letter: String,
}

impl JobArgs for Deliver {
    const KIND: &'static str = "retries_deliver";

    /// Two failed attempts are enough for most letters. Without this it would be 25.
    fn defaults(job: NewJob) -> NewJob {
        job.queue("retries").max_attempts(2)
    }
}

fn deliver(context: &Context, Deliver { letter }: Deliver) -> HandlerResult<Outcome> {
    match (letter.as_str(), context.attempt()) {
        // An error: there is another attempt, if there is one left.
        ("the patient letter", 1..=2) => Err("nobody is at home".into()),
        ("the hopeless letter", _) => Err("no such street".into()),
        // A panic fails the attempt as an error does, and costs no thread.
        ("the clumsy letter", 1) => panic!("the postman has stumbled"),
        // No further attempt would help.
        ("the blank letter", _) => Ok(Outcome::Discard("it has no address".into())),
        _ => Ok(Outcome::Complete),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/letters.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    let subscription = client.subscribe();

    let deliver_job = |letter: &str| NewJob::from(Deliver { letter: letter.to_owned() });
    let jobs = [
        deliver_job("the patient letter").max_attempts(5),
        deliver_job("the hopeless letter"),
        deliver_job("the clumsy letter"),
        deliver_job("the blank letter"),
    ];
    let mut letters = BTreeMap::new();
    for inserted in drip::insert_many(&client, jobs)? {
        letters.insert(inserted.job().id, inserted.job().args_as::<Deliver>()?.letter);
    }

    // A panic is recorded with its job; here it need not be printed as well.
    std::panic::set_hook(Box::new(|_| {}));
    // 100 ms after the first failure, then 200 ms, 400 ms … up to 5 s, each ±10 %. The default begins with a second.
    let retry = RetryPolicy::exponential(Duration::from_millis(100)).max(Duration::from_secs(5));
    let running = Worker::new(&client).queue("retries").handle(deliver).retry(retry).start()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut open = letters.len();
    while open > 0 {
        let (what, job) = match subscription.events().recv_deadline(deadline)? {
            Event::Completed(job) => ("delivered", job),
            Event::Failed(job) => ("failed, will be tried again", job),
            Event::Discarded(job) => ("given up", job),
            _ => continue,
        };
        let Some(letter) = letters.get(&job.id) else { continue };
        println!("attempt {} at {letter}: {what} ({})", job.attempt, job.error.as_deref().unwrap_or("no error"));
        open -= usize::from(job.state.is_final());
    }
    running.stop(Duration::from_secs(5));

    println!("what the database knows of them:");
    for (id, letter) in letters {
        let job = drip::get_job(&client, id)?.ok_or("the job is gone")?;
        let errors: Vec<String> = job.errors.iter().map(|e| format!("{}: {}", e.attempt, e.error)).collect();
        println!("{letter} is {} {errors:?}", job.state);
    }
    Ok(())
}
