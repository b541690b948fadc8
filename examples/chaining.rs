//! One job after the other: the end of each and the insert of the next are one commit, so no step is lost or done twice.
//!
//! `cargo run --example chaining` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::time::{Duration, Instant};

use drip::{Client, Context, Dialect, HandlerResult, JobArgs, JobFilter, NewJob, Outcome, Page, State, Worker};
use serde::{Deserialize, Serialize};

/// What is to be done with a film, one job each.
const STEPS: [&str; 3] = ["download", "cut", "publish"];

#[derive(Serialize, Deserialize)]
struct Step {
    film: String,
    number: usize,
}

impl JobArgs for Step {
    const KIND: &'static str = "chaining_step";

    fn defaults(job: NewJob) -> NewJob {
        job.queue("chaining")
    }
}

/// An ordinary handler: it may take minutes, and no transaction is open meanwhile.
fn run(context: &Context, step: Step) -> HandlerResult<Outcome> {
    let name = STEPS[step.number];
    println!("{name} {}", step.film);
    if (name, step.film.as_str()) == ("cut", "the secret film") {
        drip::cancel_job(context.client(), context.job().id)?; // somebody calls it off, at this very moment
    }
    let next = Step { number: step.number + 1, ..step };
    match finish(context, Some(next).filter(|next| next.number < STEPS.len())) {
        Err(error) if error.is_lost_claim() => println!("  no next step: its claim has ended"),
        finished => finished?,
    }
    Ok(Outcome::Settled)
}

/// Ends the job and enqueues what follows. Had the claim ended meanwhile, `complete_job` says so, and all of it is taken
/// back. Your own program has one driver, and needs one of these.
fn finish(context: &Context, next: Option<Step>) -> drip::Result<()> {
    let (client, job) = (context.client(), context.job());
    match client.dialect() {
        Dialect::Postgres => client.transaction(|tx: &mut postgres::Transaction| {
            drip::complete_job(&mut *tx, job)?;
            next.map_or(Ok(()), |next| drip::insert_job(&mut *tx, next).map(drop))
        }),
        Dialect::Mariadb => client.transaction(|tx: &mut mysql::Transaction| {
            drip::complete_job(&mut *tx, job)?;
            next.map_or(Ok(()), |next| drip::insert_job(&mut *tx, next).map(drop))
        }),
        _ => client.transaction(|tx: &mut rusqlite::Transaction| {
            drip::complete_job(&mut *tx, job)?;
            next.map_or(Ok(()), |next| drip::insert_job(&mut *tx, next).map(drop))
        }),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/films.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    let subscription = client.subscribe();

    let poll = Duration::from_millis(50);
    let running = Worker::new(&client).queue("chaining").handle(run).concurrency(1).poll_interval(poll).start()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    let ours = JobFilter::new().queue("chaining");
    let under_way = ours.clone().states([State::Available, State::Running]);
    for film in ["the holiday film", "the secret film"] {
        drip::insert_job(&client, Step { film: film.to_owned(), number: 0 })?;
        while !drip::list_jobs(&client, &under_way, Page::default())?.jobs.is_empty() {
            subscription.events().recv_deadline(deadline)?; // whatever it tells
        }
    }
    running.stop(Duration::from_secs(5));

    println!("what the database knows of them:");
    for job in drip::list_jobs(&client, &ours, Page::oldest_first())?.jobs {
        let Step { film, number } = job.args_as()?;
        println!("{} {film}: {}", STEPS[number], job.state);
    }
    drip::delete_jobs(&client, &ours)?;
    Ok(())
}
