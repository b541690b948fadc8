//! A job that becomes many: its handler enqueues them in its own transaction, so all of them are there, or none is.
//!
//! `cargo run --example fan_out` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::{thread, time::Duration};

use drip::{Client, Context, Dialect, HandlerResult, JobArgs, JobFilter, NewJob, RetryPolicy, Session, Worked, Worker};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct SendNewsletter {
    readers: Vec<String>,
}

impl JobArgs for SendNewsletter {
    const KIND: &'static str = "fan_out_newsletter";
}

#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

impl JobArgs for SendMail {
    const KIND: &'static str = "fan_out_mail";

    /// Each mail is tried again by itself, and after the newsletters that are still to be split up.
    fn defaults(job: NewJob) -> NewJob {
        job.queue("fan_out").priority(2)
    }
}

/// A transactional handler: one commit takes the mails and the end of the newsletter's own job.
fn handle_newsletter(worker: Worker, dialect: Dialect) -> Worker {
    match dialect {
        Dialect::Postgres => worker
            .handle(|tx: &mut postgres::Transaction, context: &Context, job: SendNewsletter| split(tx, context, job)),
        Dialect::Mariadb => {
            worker.handle(|tx: &mut mysql::Transaction, context: &Context, job: SendNewsletter| split(tx, context, job))
        }
        _ => worker
            .handle(|tx: &mut rusqlite::Transaction, context: &Context, job: SendNewsletter| split(tx, context, job)),
    }
}

fn split(tx: impl Session, context: &Context, newsletter: SendNewsletter) -> HandlerResult {
    let mails = drip::insert_many(tx, newsletter.readers.into_iter().map(|to| SendMail { to }))?;
    println!("newsletter, attempt {}: {} mails enqueued", context.attempt(), mails.len());
    // The first time something goes wrong. Without the transaction the readers would get two mails each.
    if context.attempt() == 1 { Err("the editor has changed his mind".into()) } else { Ok(()) }
}

fn send_mail(_: &Context, mail: SendMail) -> HandlerResult {
    println!("a mail to {}", mail.to);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/letters.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;

    let readers = ["Ada", "Bob", "Eve"].map(String::from).to_vec();
    drip::insert_job(&client, NewJob::from(SendNewsletter { readers }).queue("fan_out"))?;
    let waiting = JobFilter::new().kind(SendMail::KIND).state(drip::State::Available);

    let retry = RetryPolicy::constant(Duration::from_millis(100));
    let worker = Worker::new(&client).queue("fan_out").handle(send_mail).retry(retry);
    let worker = handle_newsletter(worker, client.dialect());
    // One job at a time on this thread, to look in between; `start()` runs them on threads, as usual.
    let mut sent = 0;
    while sent < 3 {
        match worker.work_once()? {
            Worked::Done(job) if job.kind == SendMail::KIND => sent += 1,
            Worked::Done(_) => println!("committed: {} mails wait", drip::count_jobs(&client, &waiting)?.total()),
            Worked::Failed(_) => println!("taken back: {} mails wait", drip::count_jobs(&client, &waiting)?.total()),
            _ => thread::sleep(Duration::from_millis(20)), // not due yet
        }
    }
    Ok(())
}
