//! A worker in a process of its own, which notes each attempt before it begins.

use std::{path::Path, sync::Arc, thread, time::Duration};

use drip::{
    Background, Client, Context, Dialect, Event, HandlerResult, Maintenance, Missed, NewJob, Next, Outcome, Periodic,
    Retention, RetryPolicy, Rule, Schedule, Worker, complete_job, insert_job,
};
use serde_json::{Value, json};

use super::{
    crew::Orders,
    ledger::{Entry, Ledger},
    trap::Trap,
};
use crate::support::{
    Db, process,
    watch::PATIENCE,
    work::{HandlerTx, transactional},
};

/// Kinds whose handlers write one effect in their transaction, and complete in the end, unless they are `doomed`.
pub const TRANSACTIONAL: [&str; 6] = ["effect", "flaky", "parent", "settle", "doomed", "long"];

/// Kinds whose handlers note in the ledger that they have run.
pub const PLAIN: [&str; 3] = ["plain", "snooze", "slow"];

/// The schedule that all workers look after, and its kind.
pub const TICK: &str = "tick";

/// How long those take in which a worker is likely to be frozen.
const SLOW: Duration = Duration::from_millis(500);

/// How long a worker may be silent.
pub const LEASE: Duration = Duration::from_millis(700);

/// Works until it may go on; then it stops.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker_process() {
    let Some(orders) = Orders::of_environment() else { return };
    let ledger = Arc::new(Ledger::open(Path::new(&orders.ledger), &orders.who));
    let trap = Arc::new(Trap::of_environment());
    let client = Client::connect(&orders.url).unwrap();
    abort_at_events(&client, trap.clone());
    let running = worker(&Db::at(&orders.url), &client, &ledger, &trap).start().unwrap();
    let maintenance = Maintenance::new(&client).retention(Retention::forever()).start().unwrap();
    let declaring = thread::spawn(move || declared(&client));
    process::ready();
    drop(std::panic::take_hook()); // what follows is not to go wrong
    let periodic = declaring.join().unwrap();
    assert!(periodic.stop(PATIENCE) && maintenance.stop(PATIENCE));
    let report = running.stop(PATIENCE);
    assert!(report.is_clean(), "{report:?}");
}

/// The schedule is declared at the start; until the database is there to be told.
fn declared(client: &Client) -> Background {
    let tick = Schedule::new(TICK, Rule::every("1s"), NewJob::new(TICK, json!({}))).missed(Missed::All(100));
    loop {
        match Periodic::new(client).schedule(tick.clone()).start() {
            Ok(periodic) => return periodic,
            Err(_) => thread::park_timeout(Duration::from_millis(100)),
        }
    }
}

fn abort_at_events(client: &Client, trap: Arc<Trap>) {
    let subscription = client.subscribe();
    thread::spawn(move || {
        for event in subscription.events() {
            match event {
                Event::Claimed { .. } => trap.pass("after claim"),
                Event::Completed(_) => trap.pass("after completion"),
                _ => {}
            }
        }
    });
}

fn worker(db: &Db, client: &Client, ledger: &Arc<Ledger>, trap: &Arc<Trap>) -> Worker {
    let worker = Worker::new(client)
        .lease(LEASE)
        .concurrency(4)
        .poll_interval(Duration::from_millis(50))
        .retry(RetryPolicy::constant(Duration::from_millis(100)));
    let (notes, points) = (ledger.clone(), trap.clone());
    let worker = worker.middleware(move |context: &Context, next: Next| {
        let job = context.job();
        notes.note(Entry::Began { job: job.id, claim: job.claim_seq });
        points.pass("at start");
        let answer = next.run();
        points.pass("before completion");
        answer
    });
    transactional_handlers(db, plain_handlers(worker, ledger), trap)
}

fn plain_handlers(worker: Worker, ledger: &Arc<Ledger>) -> Worker {
    let worker = PLAIN.into_iter().fold(worker, |worker, kind| {
        let ledger = ledger.clone();
        worker.handle_kind(kind, move |context: &Context, _: Value| -> HandlerResult<Outcome> {
            let job = context.job();
            match kind {
                "snooze" if job.snooze_count < 2 => return Ok(Outcome::Snooze(Duration::from_millis(150))),
                "slow" => drop(context.cancel().wait(SLOW)),
                _ => {}
            }
            ledger.note(Entry::Ran { job: job.id, claim: job.claim_seq });
            Ok(Outcome::Complete)
        })
    });
    worker.handle_kind(TICK, |_: &Context, _: Value| -> HandlerResult { Ok(()) })
}

fn transactional_handlers(db: &Db, worker: Worker, trap: &Arc<Trap>) -> Worker {
    TRANSACTIONAL.into_iter().fold(worker, |worker, kind| {
        let trap = trap.clone();
        transactional(db, worker, kind, move |tx, context| {
            trap.pass("inside handler");
            tx.execute(&effect(context)?)?;
            let outcome = finish(kind, tx, context)?;
            trap.pass("at the end of a transaction");
            Ok(outcome)
        })
    })
}

fn finish(kind: &str, tx: &mut dyn HandlerTx, context: &Context) -> HandlerResult<Outcome> {
    let args = context.job().args()?;
    match kind {
        "flaky" if u64::from(context.attempt()) <= args["fails"].as_u64().unwrap_or_default() => {
            assert!(context.attempt().is_multiple_of(2), "not yet");
            return Err("not yet".into());
        }
        // On SQLite nobody else could write all the while.
        "long" if context.client().dialect() != Dialect::Sqlite => drop(context.cancel().wait(SLOW)),
        "doomed" => return Err("never".into()),
        "parent" => drop(insert_job(tx.on(), NewJob::new("effect", json!({"uid": child(&uid(&args))})))?),
        "settle" => {
            complete_job(tx.on(), context.job())?;
            return Ok(Outcome::Settled);
        }
        _ => {}
    }
    Ok(Outcome::Complete)
}

/// The statement that writes the one effect of a job.
pub fn effect(context: &Context) -> HandlerResult<String> {
    let job = context.job();
    Ok(effect_of(job.id, &uid(&job.args()?), job.claim_seq))
}

pub fn effect_of(id: i64, uid: &str, claim: i64) -> String {
    format!("INSERT INTO effect (job_id, uid, claim) VALUES ({id}, '{uid}', {claim})")
}

/// The name that a job was given before it was inserted.
pub fn uid(args: &Value) -> String {
    args["uid"].as_str().unwrap_or_default().to_owned()
}

/// The name of the child of a job.
pub fn child(uid: &str) -> String {
    format!("{uid}/child")
}
