//! Thousands of jobs at once: all or none, with answers or as fast as the database takes them.
//!
//! `cargo run --example batch` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use drip::{Client, JobArgs, JobFilter, NewJob, Page, State, Unique};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Greet {
    guest: u32,
}

impl JobArgs for Greet {
    const KIND: &'static str = "batch_greet";

    /// Held until somebody releases them, so that no worker takes them while you look.
    fn defaults(job: NewJob) -> NewJob {
        job.queue("batch").pending()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/guests.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    let ours = JobFilter::new().queue("batch");
    let count = || Ok::<_, drip::Error>(drip::count_jobs(&client, &ours)?.in_state(State::Pending));

    // The answers are in the order of the jobs. The options differ from job to job as you like.
    let guests = (0..1000).map(|guest| NewJob::from(Greet { guest }).priority(if guest == 7 { 1 } else { 2 }));
    let inserted = drip::insert_many(&client, guests)?;
    println!("insert_many: {} jobs, all new: {}", inserted.len(), !inserted.iter().any(|it| it.is_duplicate()));
    println!("guest 7 is greeted first: {}", inserted[7].job().priority == 1);

    // A unique job of a batch is inserted once; the answer for its duplicate is the job that is there.
    let once = || NewJob::from(Greet { guest: std::process::id() }).unique(Unique::new().by_args());
    let inserted = drip::insert_many(&client, [once(), once()])?;
    println!("a duplicate in the batch is the same job: {}", inserted[0].job().id == inserted[1].job().id);

    // One that cannot be spoils the whole batch, before anything is written.
    let guests = (0..1000).map(|guest| NewJob::from(Greet { guest }).priority(if guest == 7 { 9 } else { 1 }));
    match drip::insert_many(&client, guests) {
        Ok(_) => return Err("priority 9 was taken".into()),
        Err(error) => println!("none of them: {error}"),
    }
    println!("so far there are {} jobs", count()?);

    // With COPY on PostgreSQL, in bulk on MariaDB. It answers a number only, and takes no unique jobs.
    let number = drip::insert_many_fast(&client, (0..20_000).map(|guest| Greet { guest }))?;
    println!("insert_many_fast: {number} jobs");
    println!("now there are {} jobs", count()?);

    let newest = drip::list_jobs(&client, &ours, Page::newest_first().limit(1))?.jobs;
    println!("the newest greets guest {}", newest[0].args_as::<Greet>()?.guest);
    println!("{} removed", drip::delete_jobs(&client, &ours)?);
    Ok(())
}
