//! A program that does with a queue all that programs do, until it is told to stop or something goes wrong.
//!
//! It names the library's public interface and nothing of this suite, so that it can be built with any version of the
//! library: `tests/upgrade` builds it with an older one.

use std::{
    io::BufRead,
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use drip::{
    Client, Context, Dialect, Event, HandlerResult, JobFilter, JobUpdate, Maintenance, NewJob, Outcome, Page, Periodic,
    Retention, RetryPolicy, Rule, Schedule, Subscription, Unique, Worker,
};
use mysql::prelude::Queryable;
use serde_json::{Value, json};

/// The database, and what the crew is called.
pub const URL: &str = "DRIP_TEST_UPGRADE_URL";
pub const NAME: &str = "DRIP_TEST_UPGRADE_NAME";

const HOUR: Duration = Duration::from_secs(3600);

/// A sixth of it is the time between two beats of a worker's heart.
pub const LEASE: Duration = Duration::from_secs(12);

/// How long the last jobs may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The whole program. Panics when something goes wrong that should not in an upgrade.
pub fn work() {
    let (Ok(url), Ok(name)) = (std::env::var(URL), std::env::var(NAME)) else { return };
    let client = Client::connect(&url).unwrap();
    client.migrate().unwrap();
    let told = client.subscribe();
    let worker = worker(&client, name.clone()).queue("default").queue("passing").start().unwrap();
    let retention = Retention::forever().completed_in("passing", Duration::from_millis(300));
    let maintenance = Maintenance::new(&client)
        .retention(retention)
        .retention_interval(Duration::from_millis(200))
        .expiry_interval(Duration::from_millis(200))
        .start()
        .unwrap();
    let periodic = Periodic::new(&client).schedule(every_second(&name)).owner(name.clone()).start().unwrap();
    eprintln!("\nready");
    let inserted = produce(&client, &told, &name);
    finish(&client, &told, inserted);
    assert!(periodic.stop(PATIENCE) && maintenance.stop(PATIENCE) && worker.stop(PATIENCE).is_clean());
    drip::delete_schedule(&client, &name).unwrap();
}

fn every_second(name: &str) -> Schedule {
    Schedule::new(name.to_owned(), Rule::every("1s"), NewJob::new("done", json!({})).queue("passing"))
}

/// Each effect names who has brought it about.
fn worker(client: &Client, name: String) -> Worker {
    let first = |context: &Context| context.job().attempt == 1 && context.job().snooze_count == 0;
    let insert =
        move |context: &Context| format!("INSERT INTO effect (job_id, crew) VALUES ({}, '{name}')", context.job().id);
    let worker = Worker::new(client)
        .concurrency(4)
        .lease(LEASE)
        .retry(RetryPolicy::immediate())
        .handle_kind("done", |_: &Context, _: Value| -> HandlerResult { Ok(()) })
        .handle_kind("fail", move |context: &Context, _: Value| -> HandlerResult {
            if first(context) { Err("again".into()) } else { Ok(()) }
        })
        .handle_kind("snooze", move |context: &Context, _: Value| -> HandlerResult<Outcome> {
            Ok(if first(context) { Outcome::Snooze(Duration::from_millis(50)) } else { Outcome::Complete })
        })
        .handle_kind("output", |_: &Context, args: Value| -> HandlerResult<Outcome> {
            Ok(Outcome::CompleteWith(args))
        });
    match client.dialect() {
        Dialect::Postgres => worker.handle_kind(
            "effect",
            move |tx: &mut postgres::Transaction, context: &Context, _: Value| -> HandlerResult {
                Ok(tx.batch_execute(&insert(context))?)
            },
        ),
        Dialect::Mariadb => worker.handle_kind(
            "effect",
            move |tx: &mut mysql::Transaction, context: &Context, _: Value| -> HandlerResult {
                Ok(tx.query_drop(insert(context))?)
            },
        ),
        _ => worker.handle_kind(
            "effect",
            move |tx: &mut rusqlite::Transaction, context: &Context, _: Value| -> HandlerResult {
                Ok(tx.execute_batch(&insert(context))?)
            },
        ),
    }
}

/// A round every 50 ms, until somebody says so; the ids of what was inserted.
fn produce(client: &Client, told: &Subscription, name: &str) -> Vec<i64> {
    let (say, stop) = mpsc::channel();
    std::thread::spawn(move || say.send(std::io::stdin().lock().read_line(&mut String::new()).is_ok()));
    let mut inserted = Vec::new();
    while stop.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
        inserted.extend(round(client, name, inserted.len()));
        assert_quiet(told);
    }
    inserted
}

fn round(client: &Client, name: &str, n: usize) -> Vec<i64> {
    let new = |kind: &'static str| NewJob::new(kind, json!({"n": n, "of": name})).tags(["upgrade"]).ttl(HOUR);
    let mut ids = Vec::new();
    let kinds = ["effect", "done", "fail", "snooze", "output", "effect"];
    ids.extend(drip::insert_many(client, kinds.map(new)).unwrap().iter().map(|it| it.job().id));
    let one = |job: NewJob| drip::insert_job(client, job).unwrap().job().id;
    ids.push(one(new("effect").unique(Unique::new().by_args().by_period(HOUR))));
    ids.push(one(new("effect").delay(Duration::from_millis(100)).priority(2)));
    one(new("done").queue("passing"));
    let doomed = one(new("effect").delay(HOUR));
    drip::update_job(client, doomed, JobUpdate::new().priority(4)).unwrap();
    drip::cancel_job(client, doomed).unwrap();
    ids.push(doomed);
    drip::pause_queue(client, "other").unwrap();
    drip::resume_queue(client, "other").unwrap();
    let filter = JobFilter::new().kind("effect").tags(["upgrade"]);
    drip::list_jobs(client, &filter, Page::newest_first()).unwrap();
    drip::count_jobs(client, &filter).unwrap();
    drip::why_job(client, doomed).unwrap();
    drip::list_queues(client).unwrap();
    drip::list_schedules(client).unwrap();
    drip::list_workers(client).unwrap();
    ids
}

/// Waits until all has ended, whoever runs it.
fn finish(client: &Client, told: &Subscription, mut open: Vec<i64>) {
    let until = Instant::now() + PATIENCE;
    while let Some(id) = open.last() {
        let job = drip::get_job(client, *id).unwrap().expect("what has ended stays");
        if job.state.is_final() {
            open.pop();
        }
        assert!(Instant::now() < until, "{} jobs have not ended, as {job:?}", open.len());
    }
    assert_quiet(told);
}

/// An upgrade is no outage: nobody dies, and what is done is done.
fn assert_quiet(told: &Subscription) {
    for event in told.events().try_iter() {
        let is_fault = matches!(
            event,
            Event::DatabaseLost { .. }
                | Event::Unrecorded(_)
                | Event::WorkerDied { .. }
                | Event::TakenForDead { .. }
                | Event::ScheduleFailed { .. }
                | Event::MaintenanceFailed { .. }
                | Event::ClaimLost(_)
                | Event::Discarded(_)
        );
        assert!(!is_fault, "{event:?}");
        if let Event::Failed(job) = &event {
            assert_eq!(job.kind, "fail", "{event:?}");
        }
    }
}
