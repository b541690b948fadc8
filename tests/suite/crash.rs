//! Worker processes that are killed, abort, freeze, or end without an answer: others run their jobs, and each counts once.
//!
//! Real processes, in the database's own time; what becomes of jobs whose worker is silent is in `liveness.rs`.

mod child;
mod stalled;

use std::time::{Duration, Instant};

use drip::{Client, Dialect, Event, NewJob, State, Worker, complete_job, insert_many, list_workers};
use serde_json::json;

use crate::support::{
    Db, Place, Watch,
    process::Process,
    watch::{PATIENCE, eventually},
    work::{done, effect, transactional},
};

/// Longer than a loaded machine leaves a heart without its turn.
const SECOND: Duration = Duration::from_secs(1);

fn worker(client: &Client, lease: Duration) -> Worker {
    Worker::new(client).lease(lease).concurrency(8).poll_interval(Duration::from_millis(20))
}

/// Creates what both sides write to; a client in the database's own time.
fn prepare(db: &Db) -> Client {
    db.create_effects();
    db.execute("CREATE TABLE begun (job_id BIGINT NOT NULL)");
    Client::connect(&db.url).unwrap()
}

/// Inserts a job of each of these kinds, each with one attempt only; their ids.
fn insert(client: &Client, kinds: &[&'static str]) -> Vec<i64> {
    let job = |kind: &&'static str| NewJob::new(*kind, json!({})).max_attempts(1);
    insert_many(client, kinds.iter().map(job)).unwrap().iter().map(|inserted| inserted.job().id).collect()
}

fn until_begun(db: &Db, count: usize) {
    eventually("the handlers have begun", || db.number("SELECT count(*) FROM begun WHERE job_id > 0") == count as i64);
}

/// The id of the one worker that there is.
fn only_worker(client: &Client) -> String {
    eventually("there is one worker", || list_workers(client).unwrap().len() == 1);
    list_workers(client).unwrap().remove(0).id
}

/// How often the heart of a worker has beaten; -1, if there is none.
fn beats(db: &Db, worker: &str) -> i64 {
    db.number(&format!("SELECT COALESCE(max(beats), -1) FROM drip_worker WHERE id = '{worker}'"))
}

/// Waits until a heart has beaten so many times more; in between its worker has looked at all others.
fn until_beaten(db: &Db, worker: &str, times: i64) {
    let before = beats(db, worker);
    eventually("the heart beats", || beats(db, worker) >= before + times);
}

fn died(watch: &mut Watch, worker: &str) -> usize {
    let died = |event: &Event| matches!(event, Event::WorkerDied { worker: who, .. } if who == worker);
    let Event::WorkerDied { rescued, .. } = watch.until(died) else { unreachable!("asked for nothing else") };
    rescued
}

fn ended_well(process: Process) -> String {
    let (said, status) = process.wait();
    assert!(status.success(), "{said}");
    said
}

/// Freezes it at a moment in which it does not hold SQLite's write lock, as it does at each beat of its heart.
fn freeze_between_writes(db: &Db, process: &Process) {
    loop {
        process.freeze();
        if db.dialect != Dialect::Sqlite {
            return;
        }
        let conn = db.sqlite();
        conn.busy_timeout(Duration::ZERO).unwrap();
        if conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
            return;
        }
        process.thaw();
    }
}

on_every_database! {
    fn jobs_of_a_process_that_is_killed_are_run_by_another_within_a_lease_and_a_sweep(db: &Db) {
        let client = prepare(db);
        let jobs = insert(&client, &["hold"; 4]);
        let process = child::start(db, SECOND, PATIENCE);
        until_begun(db, 4);
        let gone = only_worker(&client);
        let claims: Vec<_> = jobs.iter().map(|id| db.job(*id)).collect();
        let mut watch = Watch::new(&client);
        let rescuer = worker(&client, SECOND).handle_kind("hold", done).start().unwrap();
        process.kill();
        let killed = Instant::now();
        assert_eq!(died(&mut watch, &gone), 4);
        watch.until_completed(4);
        assert!(killed.elapsed() < 15 * SECOND, "{:?}", killed.elapsed());
        for claim in claims {
            let job = db.job(claim.id);
            assert_eq!((job.state, job.attempt, job.claim_seq), (State::Completed, 1, 2));
            assert!(job.errors.len() == 1 && job.errors[0].error.contains(&gone), "{:?}", job.errors);
            assert!(complete_job(&client, &claim).unwrap_err().is_lost_claim());
        }
        assert_eq!(only_worker(&client), rescuer.id());
        assert!(rescuer.stop(PATIENCE).is_clean());
    }

    fn a_job_that_aborts_its_process_is_given_up_and_the_harmless_beside_it_are_not(db: &Db) {
        let client = prepare(db);
        let harmless = insert(&client, &["work"; 150]);
        let deadly = insert(&client, &["deadly"])[0];
        let harmless = [harmless, insert(&client, &["work"; 150])].concat();
        let (mut process, mut deaths) = (None, 0);
        eventually("all jobs have ended", || {
            let running = process.get_or_insert_with(|| child::start(db, Duration::from_millis(500), PATIENCE));
            if let Some(status) = running.ended() {
                assert!(!status.success());
                (process, deaths) = (None, deaths + 1);
            }
            db.number("SELECT count(*) FROM drip_job WHERE finalized_at IS NULL") == 0
        });
        let mut process = process.expect("the last process goes on");
        process.go();
        ended_well(process);
        let given_up = db.job(deadly);
        // Once in company, and three times as the only suspect.
        assert_eq!((given_up.state, given_up.crash_count, given_up.errors.len(), deaths), (State::Discarded, 4, 5, 4));
        assert!(given_up.errors[..4].iter().all(|error| error.error.contains("died")), "{:?}", given_up.errors);
        assert!(given_up.errors[4].error.contains("given up"), "{:?}", given_up.errors[4]);
        for id in harmless {
            let job = db.job(id);
            // Nobody is charged for what a suspect beside it has done.
            assert_eq!((job.state, job.attempt), (State::Completed, 1));
            assert!(job.errors.len() <= 1, "{:?}", job.errors);
        }
    }

    fn a_process_that_was_frozen_finds_its_jobs_done_by_others_and_goes_on(db: &Db) {
        let client = prepare(db);
        // On SQLite a transaction that is frozen stops all who write.
        let kinds = if db.dialect == Dialect::Sqlite { ["hold"; 4] } else { ["hold", "hold", "write", "write"] };
        let jobs = insert(&client, &kinds);
        let mut process = child::start(db, SECOND, PATIENCE);
        until_begun(db, 4);
        let frozen = only_worker(&client);
        let mut watch = Watch::new(&client);
        let rescuer = worker(&client, SECOND).handle_kind("hold", done);
        let rescuer = transactional(db, rescuer, "write", |tx, context| tx.execute(&effect(context))).start().unwrap();
        freeze_between_writes(db, &process);
        assert_eq!(died(&mut watch, &frozen), 4);
        watch.until_completed(4);
        assert!(rescuer.stop(PATIENCE).is_clean());
        process.thaw();
        assert_eq!(only_worker(&client), frozen);
        let later = insert(&client, &["work"])[0];
        eventually("the thawed process works", || db.job(later).state == State::Completed);
        assert_eq!(db.job(later).attempted_by, Some(frozen));
        process.go();
        let said = ended_well(process);
        assert_eq!(said.matches("TakenForDead").count(), 1, "{said}");
        for (id, kind) in jobs.iter().zip(kinds) {
            assert!(said.contains(&format!("claim lost: {id};")), "{said}");
            let job = db.job(*id);
            assert_eq!((job.state, job.attempt, job.claim_seq), (State::Completed, 1, 2));
            assert_eq!(db.effects_of(*id), i64::from(kind == "write"));
        }
    }

    fn processes_that_were_frozen_together_do_not_bury_each_other(db: &Db) {
        let client = prepare(db);
        let first = child::start(db, 2 * SECOND, PATIENCE);
        let one = only_worker(&client);
        let second = child::start(db, 2 * SECOND, PATIENCE);
        eventually("there are two workers", || list_workers(&client).unwrap().len() == 2);
        let other = list_workers(&client).unwrap().into_iter().find(|worker| worker.id != one).unwrap().id;
        // They have seen each other.
        [&one, &other].into_iter().for_each(|worker| until_beaten(db, worker, 2));
        freeze_between_writes(db, &first);
        freeze_between_writes(db, &second);
        let frozen = Instant::now();
        eventually("their leases are over", || frozen.elapsed() > 3 * SECOND);
        first.thaw();
        until_beaten(db, &one, 2);
        second.thaw();
        until_beaten(db, &other, 2);
        for mut process in [first, second] {
            process.go();
            let said = ended_well(process);
            assert!(!said.contains("TakenForDead") && !said.contains("WorkerDied"), "{said}");
        }
    }

    fn handlers_that_a_stop_left_running_are_left_to_others_once_their_process_is_gone(db: &Db) {
        let client = prepare(db);
        let jobs = insert(&client, &["deaf"; 2]);
        let mut process = child::start(db, SECOND, Duration::from_millis(100));
        until_begun(db, 2);
        let gone = only_worker(&client);
        process.go();
        let said = ended_well(process);
        assert!(said.contains(&format!("left running: {jobs:?}")), "{said}");
        assert_eq!(only_worker(&client), gone, "for its handlers it lived on");
        assert!(jobs.iter().all(|id| db.job(*id).state == State::Running));
        let mut watch = Watch::new(&client);
        let rescuer = worker(&client, SECOND).handle_kind("deaf", done).start().unwrap();
        assert_eq!(died(&mut watch, &gone), 2);
        watch.until_completed(2);
        assert!(jobs.iter().all(|id| (db.job(*id).attempt, db.job(*id).claim_seq) == (1, 2)));
        assert!(rescuer.stop(PATIENCE).is_clean());
    }
}

/// As long as it lasts nobody's heart can beat.
#[test]
fn sqlite_a_transaction_longer_than_a_lease_kills_nobody() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        let client = prepare(db);
        let mut process = child::start(db, SECOND, PATIENCE);
        let holder = only_worker(&client);
        let mut watch = Watch::new(&client);
        let watching = worker(&client, SECOND).handle_kind("other", done).start().unwrap();
        eventually("the other one has come", || list_workers(&client).unwrap().len() == 2);
        for id in insert(&client, &["lock"; 2]) {
            eventually("the job is done", || db.job(id).state == State::Completed);
            assert_eq!((db.job(id).attempt, db.job(id).claim_seq, db.effects_of(id)), (1, 1, 1));
        }
        [&*holder, watching.id()].into_iter().for_each(|worker| until_beaten(db, worker, 7));
        process.go();
        let said = ended_well(process);
        assert!(!said.contains("TakenForDead") && !said.contains("WorkerDied"), "{said}");
        assert_eq!(watch.count(|event| matches!(event, Event::WorkerDied { .. } | Event::TakenForDead { .. })), 0);
        assert!(watching.stop(PATIENCE).is_clean());
    });
}
