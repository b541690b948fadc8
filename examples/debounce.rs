//! Many changes, one job: each change puts the waiting job off and gives it the latest content.
//!
//! `cargo run --example debounce` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::{thread, time::Duration};

use drip::{Client, Context, HandlerResult, Inserted, JobArgs, NewJob, OnDuplicate, State, Unique, Worked, Worker};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct IndexPage {
    page: String,
    text: String,
}

impl JobArgs for IndexPage {
    const KIND: &'static str = "debounce_index_page";

    /// A page is indexed when it has not been changed for 200 ms. There is one job a page, while that waits: a change that
    /// comes when it runs already, or later, is a new job.
    fn defaults(job: NewJob) -> NewJob {
        let waiting = [State::Scheduled, State::Available, State::Retryable];
        let one_a_page = Unique::new().by_keys(["page"]).by_states(waiting);
        job.queue("debounce").delay(Duration::from_millis(200)).unique(one_a_page.on_duplicate(OnDuplicate::Replace))
    }
}

fn index(_: &Context, page: IndexPage) -> HandlerResult {
    println!("worker: {} is now {:?}", page.page, page.text);
    Ok(())
}

fn change(client: &Client, page: &str, text: &str) -> drip::Result<()> {
    match drip::insert_job(client, IndexPage { page: page.to_owned(), text: text.to_owned() })? {
        Inserted::New(_) => println!("{page}: {text:?}, a new job"),
        Inserted::Duplicate(_) => println!("{page}: {text:?}, put into the job that waits"),
    }
    Ok(())
}

/// Runs so many jobs, each when it is due; on this thread, so that the order of what is printed is certain.
fn work(worker: &Worker, jobs: usize) -> drip::Result<()> {
    for _ in 0..jobs {
        while worker.work_once()? == Worked::Nothing {
            thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/pages.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    let worker = Worker::new(&client).queue("debounce").handle(index);

    change(&client, "home", "H")?;
    change(&client, "news", "War")?;
    change(&client, "home", "Hel")?;
    change(&client, "home", "Hello")?;
    change(&client, "news", "Peace")?;
    work(&worker, 2)?;
    println!("nothing more to do: {}", worker.work_once()? == Worked::Nothing);

    change(&client, "home", "Hello again")?;
    work(&worker, 1)?;
    Ok(())
}
