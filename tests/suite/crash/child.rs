//! The worker in a process of its own.

use std::time::Duration;

use drip::{Client, Context, Event, HandlerResult, Outcome, Worker, complete_job};
use serde_json::Value;

use super::{SECOND, worker};
use crate::support::{
    Db, Ear,
    process::{self, Process},
    watch::{PATIENCE, eventually},
    work::{done, effect, transactional},
};

/// Says to a child which database to work on, with which lease, and how long it may take to stop; in milliseconds.
const URL: &str = "DRIP_TEST_CRASH_URL";
const LEASE: &str = "DRIP_TEST_CRASH_LEASE";
const STOP: &str = "DRIP_TEST_CRASH_STOP";

pub fn start(db: &Db, lease: Duration, stop_within: Duration) -> Process {
    let millis = |span: Duration| span.as_millis().to_string();
    let orders = [(URL, db.url.clone()), (LEASE, millis(lease)), (STOP, millis(stop_within))];
    Process::start("crash::child::worker_process", &orders)
}

/// Works until it may go on; then it stops, and says what it leaves running and what it has heard of itself.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker_process() {
    let Ok(url) = std::env::var(URL) else { return };
    let millis = |name: &str| Duration::from_millis(std::env::var(name).unwrap().parse().unwrap());
    let client = Client::connect(&url).unwrap();
    let ear = Ear::of(&client);
    let running = handlers(&Db::at(&url), worker(&client, millis(LEASE))).start().unwrap();
    process::ready();
    let mut report = running.stop(millis(STOP));
    report.still_running.sort_unstable();
    eprintln!("left running: {:?}", report.still_running);
    ear.count(|event| {
        match event {
            Event::TakenForDead { .. } | Event::WorkerDied { .. } => eprintln!("{event:?}"),
            Event::ClaimLost(job) => eprintln!("claim lost: {};", job.id),
            _ => {}
        }
        false
    });
}

/// Says that a handler has begun, whatever becomes of its job's transaction.
fn begun(url: &str, context: &Context) {
    Db::at(url).execute(&format!("INSERT INTO begun (job_id) VALUES ({})", context.job().id));
}

fn handlers(db: &Db, worker: Worker) -> Worker {
    let urls = || db.url.clone();
    let (deaf, hold) = (urls(), urls());
    let worker = worker
        .handle_kind("work", done)
        .handle_kind("deadly", |_: &Context, _: Value| -> HandlerResult { std::process::abort() })
        .handle_kind("deaf", move |context: &Context, _: Value| -> HandlerResult {
            begun(&deaf, context);
            loop {
                std::thread::park();
            }
        })
        .handle_kind("hold", move |context: &Context, _: Value| -> HandlerResult {
            begun(&hold, context);
            context.cancel().wait(PATIENCE);
            Ok(())
        });
    transactional_handlers(db, worker)
}

fn transactional_handlers(db: &Db, worker: Worker) -> Worker {
    let urls = || db.url.clone();
    let (write, settle) = (urls(), urls());
    let worker = transactional(db, worker, "write", move |tx, context| -> HandlerResult {
        tx.execute(&effect(context))?;
        begun(&write, context);
        context.cancel().wait(PATIENCE);
        Ok(())
    });
    // Its job's row is locked until job 0 has begun.
    let worker = transactional(db, worker, "settle", move |tx, context| -> HandlerResult<Outcome> {
        tx.execute(&effect(context))?;
        complete_job(tx.on(), context.job())?;
        begun(&settle, context);
        let db = Db::at(&settle);
        eventually("it may go on", || db.number("SELECT count(*) FROM begun WHERE job_id = 0") > 0);
        Ok(Outcome::Settled)
    });
    transactional(db, worker, "lock", |tx, context| -> HandlerResult {
        tx.execute(&effect(context))?;
        context.cancel().wait(3 * SECOND);
        Ok(())
    })
}
