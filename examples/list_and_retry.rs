//! After the outage: what failed is looked at page by page, and run again, all of it or a part.
//!
//! `cargo run --example list_and_retry` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use drip::{Client, Context, HandlerResult, JobArgs, JobFilter, NewJob, Page, State, Worked, Worker};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Charge {
    order: u32,
}

impl JobArgs for Charge {
    const KIND: &'static str = "list_and_retry_charge";

    /// One attempt only, so that the outage is not just waited for.
    fn defaults(job: NewJob) -> NewJob {
        job.queue("list_and_retry").max_attempts(1)
    }
}

static BANK_IS_DOWN: AtomicBool = AtomicBool::new(true);

fn charge(_: &Context, charge: Charge) -> HandlerResult {
    if BANK_IS_DOWN.load(SeqCst) {
        return Err("the bank does not answer".into());
    }
    println!("order {} is charged", charge.order);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/orders.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;

    let country = |order| if order % 2 == 1 { "de" } else { "fr" };
    let orders = (1..=5).map(|order| NewJob::from(Charge { order }).tags([country(order)]));
    drip::insert_many(&client, orders)?;
    let worker = Worker::new(&client).queue("list_and_retry").handle(charge);
    while worker.work_once()? != Worked::Nothing {}

    // The criteria are combined by AND, the values of one criterion by OR.
    let failed = JobFilter::new().kind(Charge::KIND).states([State::Discarded, State::Retryable]);
    let mut page = Page::oldest_first().limit(2);
    for number in 1.. {
        println!("page {number}:");
        let listed = drip::list_jobs(&client, &failed, page)?;
        for job in &listed.jobs {
            let error = job.errors.last().map_or("", |error| &error.error);
            println!("  order {} ({}): {} after {error:?}", job.args_as::<Charge>()?.order, job.tags[0], job.state);
        }
        // The cursor stays right, whatever comes and goes meanwhile; as text it can be part of a link.
        let Some(next) = listed.next else { break };
        page = page.at(next);
    }

    BANK_IS_DOWN.store(false, SeqCst);
    println!("The bank is back. First the French:");
    let retried = drip::retry_jobs(&client, &failed.clone().tag("fr"))?;
    println!("{} are retried", retried.changed);
    while worker.work_once()? != Worked::Nothing {}
    println!("And all the others:");
    println!("{} are retried", drip::retry_jobs(&client, &failed)?.changed);
    while worker.work_once()? != Worked::Nothing {}

    println!("still failed: {}", drip::count_jobs(&client, &failed)?.total());
    // A filter that names nothing would be everything, and is refused.
    println!("retry everything? {}", drip::retry_jobs(&client, &JobFilter::new()).unwrap_err());
    Ok(())
}
