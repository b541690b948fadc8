//! However long and whatever a worker, the maintenance and a scheduler work at, they hold no more threads, files and
//! memory than at the beginning.

mod holdings;
mod long;

use std::time::Duration;

use drip::{
    Client, Context, HandlerResult, JobFilter, Maintenance, NewJob, Outcome, Page, Periodic, RetryPolicy, Rule,
    Schedule, Worker, count_jobs, insert_many, list_jobs,
};
use serde_json::{Value, json};

use holdings::Holdings;

use crate::support::{
    Db,
    alone::{alone, worker_threads},
    watch::{PATIENCE, eventually},
    work::{effect, job, transactional},
};

const HOUR: Duration = Duration::from_secs(3600);

/// Rounds in which all must stay the same, and how much memory may come and go meanwhile: a leak of 700 bytes a job
/// is more.
const STEADY: usize = 8;
const SLACK_KIB: usize = 2 * 1024;

/// How long that is waited for: buffers grow with the largest message that each thread has ever had.
const MOST_ROUNDS: usize = 80;

/// How many jobs of each kind a round has.
const JOBS: usize = 60;

/// What each of them does, again and again.
const KINDS: [&str; 7] = ["done", "fail", "panic", "hang", "snooze", "output", "effect"];

fn is_steady(held: &[Holdings]) -> bool {
    let Some(before) = held.len().checked_sub(STEADY + 1) else { return false };
    let (before, now) = (&held[before], &held[held.len() - 1]);
    now.threads == before.threads && now.files == before.files && now.resident_kib <= before.resident_kib + SLACK_KIB
}

/// Handlers that do all that handlers do; each job is final after its third attempt at the latest.
fn busy(db: &Db, client: &Client) -> Worker {
    let first = |context: &Context| context.job().attempt == 1 && context.job().snooze_count == 0;
    let worker = Worker::new(client)
        .concurrency(8)
        .retry(RetryPolicy::immediate())
        .timeout_for("hang", Duration::from_millis(20))
        .handle_kind("done", |_: &Context, _: Value| -> HandlerResult { Ok(()) })
        .handle_kind("fail", |_: &Context, _: Value| -> HandlerResult { Err("again".into()) })
        .handle_kind("panic", |_: &Context, _: Value| -> HandlerResult { panic!("again") })
        .handle_kind("hang", move |context: &Context, _: Value| -> HandlerResult {
            if first(context) {
                let _ = context.cancel().wait(HOUR);
            }
            Ok(())
        })
        .handle_kind("snooze", move |context: &Context, _: Value| -> HandlerResult<Outcome> {
            Ok(if first(context) { Outcome::Snooze(Duration::from_secs(1)) } else { Outcome::Complete })
        })
        .handle_kind("output", |_: &Context, args: Value| -> HandlerResult<Outcome> {
            Ok(Outcome::CompleteWith(args))
        });
    transactional(db, worker, "effect", |tx, context| tx.execute(&effect(context)))
}

/// Everything of a round is inserted, and waited for, while others look on.
fn round(db: &Db) {
    for kind in KINDS {
        let job = |n: usize| NewJob::new(kind, json!({"n": n, "text": "x".repeat(n * 50)})).max_attempts(3);
        insert_many(&db.client, (0..JOBS).map(job)).unwrap();
    }
    eventually("every job of the round has ended", || {
        db.clock.advance(Duration::from_secs(2));
        list_jobs(&db.client, &JobFilter::new(), Page::newest_first()).unwrap();
        count_jobs(&db.client, &JobFilter::new().kind("fail")).unwrap();
        db.number("SELECT count(*) FROM drip_job WHERE finalized_at IS NULL") == 0
    });
    db.execute("DELETE FROM drip_job");
}

on_every_database! {
    fn a_process_under_load_holds_no_more_than_at_the_beginning(db: &Db) {
        alone(db, module_path!(), "a_process_under_load_holds_no_more_than_at_the_beginning", || {
            db.create_effects();
            let running = busy(db, &db.client).start().unwrap();
            let maintenance = Maintenance::new(&db.client).start().unwrap();
            let every = Schedule::new("soak", Rule::every("1m"), job("done"));
            let periodic = Periodic::new(&db.client).schedule(every).start().unwrap();
            round(db);
            let mut held = vec![Holdings::now()];
            while !is_steady(&held) {
                assert!(held.len() < MOST_ROUNDS, "it only grows: {held:?}");
                round(db);
                held.push(Holdings::now());
            }
            assert_eq!(db.number("SELECT count(*) FROM effect"), (held.len() * JOBS) as i64);
            assert!(maintenance.stop(PATIENCE) && periodic.stop(PATIENCE) && running.stop(HOUR).is_clean());
            eventually("no thread is left", || worker_threads() == 0);
        });
    }
}
