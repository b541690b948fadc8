//! Everything that can be asked of the library, each once, on jobs, queues and schedules in a state where it does something.

use std::time::Duration;

use drip::{
    AnySession, Client, Dialect, Error, HandlerResult, Job, JobFilter, JobUpdate, NewJob, OnDuplicate, Page,
    RescueAfter, Result, Retention, Rule, Schedule, State, Unique, Worked, Worker, cancel_job, cancel_jobs,
    complete_job, count_jobs, delete_job, delete_jobs, delete_schedule, discard_job, discard_jobs, expire_jobs,
    fail_job, fetch_jobs, fire_schedules, get_job, get_queue, get_schedule, insert_job, insert_many, insert_many_fast,
    list_jobs, list_queues, list_schedules, list_tasks, list_workers, pause_all, pause_queue, pause_schedule,
    promote_jobs, record_output, release_job, rescue_jobs, rescue_overdue_jobs, resume_all, resume_queue,
    resume_schedule, retain_jobs, retry_completed_job, retry_job, retry_jobs, run_schedule_now, snooze_job, swap_job,
    update_job, upsert_queue, upsert_schedule, why_job,
};
use mysql::prelude::Queryable;
use serde_json::json;

use crate::support::{
    Db,
    jobs::failure,
    work::{effect, transactional},
};

/// One call, and its name.
pub type Operation = (&'static str, fn(&Scene<'_>, &Client) -> Result<()>);

/// What the operations find.
pub struct Scene<'d> {
    pub db: &'d Db,
    waiting: Job,
    held: Job,
    running: Job,
    completed: Job,
    cancelled: Job,
}

impl<'d> Scene<'d> {
    pub fn set(db: &'d Db) -> Scene<'d> {
        db.create_effects();
        let running = db.job_in(State::Running);
        let scene = Scene {
            db,
            waiting: db.insert(unique()),
            held: db.job_in(State::Pending),
            running,
            completed: db.job_in(State::Completed),
            cancelled: db.job_in(State::Cancelled),
        };
        // In a moment these will be due, or too late.
        db.insert(plain().queue("later").delay(Duration::from_secs(60)));
        db.insert(plain().queue("expiring").ttl(Duration::from_secs(60)));
        db.insert(NewJob::new("once", json!({})).queue("once"));
        upsert_queue(&db.client, "known", json!({})).unwrap();
        pause_queue(&db.client, "paused").unwrap();
        upsert_schedule(&db.client, schedule("hourly")).unwrap();
        upsert_schedule(&db.client, schedule("paused").paused()).unwrap();
        db.clock.advance(Duration::from_secs(3600));
        scene
    }
}

fn plain() -> NewJob {
    NewJob::new("plain", json!({"n": 1}))
}

fn unique() -> NewJob {
    NewJob::new("unique", json!({"n": 2})).unique(Unique::new())
}

fn schedule(name: &str) -> Schedule {
    Schedule::new(name, Rule::every("1h"), plain().queue("scheduled"))
}

fn all() -> JobFilter {
    JobFilter::new().states(State::ALL)
}

/// What reads, and writes nothing.
pub const READS: &[Operation] = &[
    ("get_job", |scene, on| get_job(on, scene.waiting.id).map(drop)),
    ("list_jobs", |_, on| list_jobs(on, &all(), Page::newest_first()).map(drop)),
    ("count_jobs", |_, on| count_jobs(on, &all()).map(drop)),
    ("why_job", |scene, on| why_job(on, scene.waiting.id).map(drop)),
    ("list_workers", |_, on| list_workers(on).map(drop)),
    ("list_tasks", |_, on| list_tasks(on).map(drop)),
    ("list_queues", |_, on| list_queues(on).map(drop)),
    ("get_queue", |_, on| get_queue(on, "known").map(drop)),
    ("list_schedules", |_, on| list_schedules(on).map(drop)),
    ("get_schedule", |_, on| get_schedule(on, "hourly").map(drop)),
    ("insert_job, of a duplicate", |_, on| insert_job(on, unique()).map(drop)),
];

/// What writes, all of it or nothing.
pub const WRITES: &[Operation] = &[
    ("insert_job", |_, on| insert_job(on, plain()).map(drop)),
    ("insert_job, unique", |_, on| insert_job(on, plain().unique(Unique::new())).map(drop)),
    ("insert_job, to replace", |_, on| {
        let replacing = unique().priority(2).unique(Unique::new().on_duplicate(OnDuplicate::Replace));
        insert_job(on, replacing).map(drop)
    }),
    ("insert_many", |_, on| insert_many(on, (0..3).map(|_| plain())).map(drop)),
    ("insert_many, unique", |_, on| insert_many(on, [unique(), plain(), plain().unique(Unique::new())]).map(drop)),
    ("insert_many_fast", |_, on| insert_many_fast(on, (0..3).map(|_| plain())).map(drop)),
    ("update_job", |scene, on| update_job(on, scene.waiting.id, JobUpdate::new().priority(4)).map(drop)),
    ("swap_job", |scene, on| swap_job(on, scene.waiting.id, |_| Ok(JobUpdate::new().priority(4))).map(drop)),
    ("record_output", |scene, on| record_output(on, &scene.running, json!(1)).map(drop)),
    ("release_job", |scene, on| release_job(on, scene.held.id).map(drop)),
    ("delete_job", |scene, on| delete_job(on, scene.waiting.id).map(drop)),
    ("delete_jobs", |_, on| delete_jobs(on, &all()).map(drop)),
    ("cancel_jobs", |_, on| cancel_jobs(on, &all()).map(drop)),
    ("discard_jobs", |_, on| discard_jobs(on, &all()).map(drop)),
    ("retry_jobs", |_, on| retry_jobs(on, &all()).map(drop)),
    ("rescue_jobs", |_, on| rescue_jobs(on, &all()).map(drop)),
    ("fetch_jobs", |_, on| fetch_jobs(on, "once", "worker", 10).map(drop)),
    ("complete_job", |scene, on| complete_job(on, &scene.running).map(drop)),
    ("fail_job", |scene, on| fail_job(on, &scene.running, failure("no")).map(drop)),
    ("snooze_job", |scene, on| snooze_job(on, &scene.running, Duration::from_secs(60)).map(drop)),
    ("cancel_job", |scene, on| cancel_job(on, scene.waiting.id).map(drop)),
    ("discard_job", |scene, on| discard_job(on, scene.waiting.id).map(drop)),
    ("retry_job", |scene, on| retry_job(on, scene.cancelled.id).map(drop)),
    ("retry_completed_job", |scene, on| retry_completed_job(on, scene.completed.id).map(drop)),
    ("promote_jobs", |_, on| promote_jobs(on).map(drop)),
    ("expire_jobs", |_, on| expire_jobs(on).map(drop)),
    ("rescue_overdue_jobs", |_, on| rescue_overdue_jobs(on, &RescueAfter::new(Duration::from_secs(1))).map(drop)),
    ("upsert_queue", |_, on| upsert_queue(on, "new", json!({"by": 1})).map(drop)),
    ("pause_queue", |_, on| pause_queue(on, "known").map(drop)),
    ("resume_queue", |_, on| resume_queue(on, "paused").map(drop)),
    ("pause_all", |_, on| pause_all(on)),
    ("resume_all", |_, on| resume_all(on)),
    ("upsert_schedule", |_, on| upsert_schedule(on, schedule("new")).map(drop)),
    ("pause_schedule", |_, on| pause_schedule(on, "hourly").map(drop)),
    ("resume_schedule", |_, on| resume_schedule(on, "paused").map(drop)),
    ("run_schedule_now", |_, on| run_schedule_now(on, "hourly").map(drop)),
    ("delete_schedule", |_, on| delete_schedule(on, "hourly").map(drop)),
    ("Client::transaction", transaction),
];

/// What writes in several transactions, of which each is whole, and goes on where it ended when it is called again.
pub const IN_PARTS: &[Operation] = &[
    ("retain_jobs", |scene, on| {
        let on = AnySession::new(on).at(scene.db.clock.now() + Duration::from_secs(400 * 86_400));
        retain_jobs(on, &Retention::default()).map(drop)
    }),
    ("fire_schedules", |_, on| fire_schedules(on)?.into_iter().try_for_each(|fired| fired.error.map_or(Ok(()), Err))),
    ("Worker::work_once", work_once),
];

/// A row of the application's own, and a job.
fn transaction(scene: &Scene<'_>, on: &Client) -> Result<()> {
    let insert = |on: AnySession<'_>| insert_job(on.at(scene.db.clock.now()), plain()).map(drop);
    const EFFECT: &str = "INSERT INTO effect (job_id) VALUES (0)";
    match on.dialect() {
        Dialect::Postgres => on.transaction(|tx: &mut postgres::Transaction| {
            tx.batch_execute(EFFECT)?;
            insert(AnySession::new(tx))
        }),
        Dialect::Mariadb => on.transaction(|tx: &mut mysql::Transaction| {
            tx.query_drop(EFFECT)?;
            insert(AnySession::new(tx))
        }),
        _ => on.transaction(|tx: &mut rusqlite::Transaction| {
            tx.execute_batch(EFFECT)?;
            insert(AnySession::new(tx))
        }),
    }
}

fn work_once(scene: &Scene<'_>, on: &Client) -> Result<()> {
    let now = scene.db.clock.now();
    let worker = transactional(scene.db, Worker::new(on).queue("once"), "once", move |tx, context| -> HandlerResult {
        tx.execute(&effect(context))?;
        Ok(insert_job(tx.on().at(now), plain()).map(drop)?)
    });
    match worker.work_once()? {
        Worked::Failed(job) => Err(Error::other(format!("{:?}", job.errors.last()))),
        _ => Ok(()),
    }
}
