//! An idle worker learns of new jobs at once, by whatever signal its database has, and by asking again where it has none.
//!
//! The poll interval of these workers is an hour unless a test says otherwise, so that only a signal can explain a start.
//! What only PostgreSQL has is in `notifications.rs`.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use drip::{Client, Context, Dialect, Event, HandlerResult, NewJob, RetryPolicy, Running, Worker, insert_job};
use serde_json::{Value, json};

use crate::support::{Db, Ear, Place};

const HOUR: Duration = Duration::from_secs(3600);

/// Sooner than MariaDB is asked again, see [`fall_asleep`].
const AT_ONCE: Duration = Duration::from_secs(2);

const A_LOOK: &str = "a look that finds nothing";

/// The file that the second process writes to.
const FILE: &str = "DRIP_TEST_FILE";

fn worker(client: &Client) -> Worker {
    Worker::new(client).handle_kind("k", |_: &Context, _: Value| -> HandlerResult { Ok(()) }).poll_interval(HOUR)
}

fn job() -> NewJob {
    NewJob::new("k", json!({}))
}

/// A worker that sleeps, in the database's own time.
struct Sleeper {
    client: Client,
    running: Running,
    ear: Ear,
}

impl Sleeper {
    fn start(db: &Db) -> Sleeper {
        Sleeper::start_with(db, |worker| worker)
    }

    /// Starts a worker, and waits until it sleeps so deeply that for the next two seconds only a signal can wake it.
    fn start_with(db: &Db, settings: impl FnOnce(Worker) -> Worker) -> Sleeper {
        let client = Client::connect(&db.url).unwrap();
        let ear = Ear::of(&client);
        let running = settings(worker(&client)).start().unwrap();
        fall_asleep(db, &ear, &running);
        Sleeper { client, running, ear }
    }

    /// The job starts because of a signal that was given just now.
    fn assert_starts_at_once(&self, id: i64, since: Instant) {
        self.ear.hear_start(id);
        assert!(since.elapsed() < AT_ONCE, "started after {:?}", since.elapsed());
        self.ear.hear_completion(id);
    }

    fn stop(self) {
        assert!(self.running.stop(Duration::from_secs(10)).is_clean());
    }
}

/// Waits until a worker that has just been started sleeps.
fn fall_asleep(db: &Db, ear: &Ear, running: &Running) {
    let look = |event: &Event| matches!(event, Event::Idle { worker } if *worker == running.id()).then_some(());
    match db.dialect {
        // Asked adaptively: the pauses double from 20 ms to, after the eighth look, 2.56 s give or take a tenth.
        Dialect::Mariadb => return (0..8).for_each(|_| ear.hear(A_LOOK, look)),
        Dialect::Postgres => ear.hear("notifications", |event| {
            matches!(event, Event::Listening { worker } if *worker == running.id()).then_some(())
        }),
        _ => ear.hear(A_LOOK, look),
    }
    // The start of the listener and the first look at the file's version ring once more.
    ear.hear_silence(Duration::from_millis(300));
}

fn idle(event: &Event) -> Option<()> {
    matches!(event, Event::Idle { .. }).then_some(())
}

on_every_database! {
    fn an_insert_through_the_workers_own_client_wakes_it_at_once(db: &Db) {
        let sleeper = Sleeper::start(db);
        let now = Instant::now();
        // Without a notification, so that on PostgreSQL it is the bell of the process which is heard.
        let inserted = insert_job(&sleeper.client, job().without_notification()).unwrap();
        sleeper.assert_starts_at_once(inserted.job().id, now);
        sleeper.stop();
    }

    fn the_commit_of_its_clients_transaction_wakes_a_worker_at_once(db: &Db) {
        let sleeper = Sleeper::start(db);
        let now = Instant::now();
        let client = &sleeper.client;
        let job = job().without_notification();
        let inserted = match db.dialect {
            Dialect::Postgres => client.transaction(|tx: &mut ::postgres::Transaction| insert_job(&mut *tx, job)),
            Dialect::Mariadb => client.transaction(|tx: &mut mysql::Transaction| insert_job(&mut *tx, job)),
            _ => client.transaction(|tx: &mut rusqlite::Transaction| insert_job(&mut *tx, job)),
        };
        sleeper.assert_starts_at_once(inserted.unwrap().job().id, now);
        sleeper.stop();
    }

    fn an_insert_wakes_every_worker_of_the_client(db: &Db) {
        let sleeper = Sleeper::start(db);
        let other = worker(&sleeper.client).queue("other").start().unwrap();
        fall_asleep(db, &sleeper.ear, &other);
        for queue in ["default", "other"] {
            let now = Instant::now();
            let inserted = insert_job(&sleeper.client, job().queue(queue).without_notification()).unwrap();
            sleeper.assert_starts_at_once(inserted.job().id, now);
        }
        assert!(other.stop(Duration::from_secs(10)).is_clean());
        sleeper.stop();
    }

    fn a_job_that_is_inserted_for_later_is_started_then(db: &Db) {
        let sleeper = Sleeper::start(db);
        let delay = Duration::from_millis(300);
        let now = Instant::now();
        let inserted = insert_job(&sleeper.client, job().delay(delay)).unwrap();
        sleeper.assert_starts_at_once(inserted.job().id, now);
        let started = db.job(inserted.job().id);
        assert!(started.attempted_at.unwrap() >= started.scheduled_at);
        sleeper.stop();
    }

    fn a_job_that_was_due_later_when_the_worker_came_is_started_then(db: &Db) {
        let client = Client::connect(&db.url).unwrap();
        let ear = Ear::of(&client);
        // MariaDB is asked after 1.26 s and after 2.54 s, give or take a tenth: in between nobody asks.
        let delay = Duration::from_millis(1500);
        let inserted = insert_job(&client, job().delay(delay)).unwrap();
        let now = Instant::now();
        let running = worker(&client).start().unwrap();
        ear.hear_start(inserted.job().id);
        assert!(now.elapsed() < Duration::from_millis(2200), "started after {:?}", now.elapsed());
        ear.hear_completion(inserted.job().id);
        assert!(running.stop(Duration::from_secs(10)).is_clean());
    }

    fn a_job_that_failed_is_started_again_when_it_is_due(db: &Db) {
        let again = |context: &Context, _: Value| match context.attempt() {
            1 => Err("not yet"),
            _ => Ok(()),
        };
        let retry = RetryPolicy::constant(Duration::from_millis(300)).jitter(0.0);
        let sleeper = Sleeper::start_with(db, |worker| worker.handle_kind("again", again).retry(retry));
        let now = Instant::now();
        let inserted = insert_job(&sleeper.client, NewJob::new("again", json!({}))).unwrap();
        sleeper.ear.hear_start(inserted.job().id);
        sleeper.assert_starts_at_once(inserted.job().id, now);
        assert_eq!(db.job(inserted.job().id).attempt, 2);
        sleeper.stop();
    }

    fn the_child_of_a_transactional_handler_is_started_at_once(db: &Db) {
        let child = || job().without_notification();
        let sleeper = Sleeper::start_with(db, |worker| match db.dialect {
            Dialect::Postgres => worker.handle_kind("parent", move |tx: &mut ::postgres::Transaction, _: &Context, _: Value| {
                insert_job(&mut *tx, child()).map(drop)
            }),
            Dialect::Mariadb => worker.handle_kind("parent", move |tx: &mut mysql::Transaction, _: &Context, _: Value| {
                insert_job(&mut *tx, child()).map(drop)
            }),
            _ => worker.handle_kind("parent", move |tx: &mut rusqlite::Transaction, _: &Context, _: Value| {
                insert_job(&mut *tx, child()).map(drop)
            }),
        });
        let now = Instant::now();
        let parent = insert_job(&sleeper.client, NewJob::new("parent", json!({})).without_notification());
        let parent = parent.unwrap().job().id;
        sleeper.ear.hear_start(parent);
        sleeper.assert_starts_at_once(parent + 1, now);
        sleeper.stop();
    }

    fn what_nobody_told_of_is_found_by_asking(db: &Db) {
        let client = Client::connect(&db.url).unwrap();
        let ear = Ear::of(&client);
        let running = worker(&client).poll_interval(Duration::from_millis(50)).start().unwrap();
        for n in 0..3 {
            ear.hear(A_LOOK, idle);
            db.execute(&format!("INSERT INTO drip_job (kind, args) VALUES ('k', '{{\"n\": {n}}}')"));
            let id = db.number("SELECT max(id) FROM drip_job");
            ear.hear_completion(id);
            assert_eq!(db.job(id).args().unwrap(), json!({"n": n}));
        }
        assert!(running.stop(Duration::from_secs(10)).is_clean());
    }
}

/// There is no signal on MariaDB: another process's job waits for the poll.
#[test]
fn mariadb_a_commit_of_somebody_else_is_found_within_the_poll_interval() {
    Db::run(Dialect::Mariadb, Place::Own, |db| {
        let client = Client::connect(&db.url).unwrap();
        let ear = Ear::of(&client);
        let running = worker(&client).poll_interval(Duration::from_secs(1)).start().unwrap();
        // By then the pauses have grown to the poll interval.
        (0..8).for_each(|_| ear.hear(A_LOOK, idle));
        let mut conn = db.mariadb();
        let mut tx = conn.start_transaction(mysql::TxOpts::default()).unwrap();
        let id = insert_job(&mut tx, job()).unwrap().job().id;
        ear.hear(A_LOOK, idle);
        tx.commit().unwrap();
        let now = Instant::now();
        ear.hear_start(id);
        assert!(now.elapsed() < AT_ONCE, "started after {:?}", now.elapsed());
        ear.hear_completion(id);
        assert!(running.stop(Duration::from_secs(10)).is_clean());
    });
}

#[test]
fn sqlite_a_commit_of_another_connection_wakes_a_worker_at_once() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        let sleeper = Sleeper::start(db);
        let mut conn = db.sqlite();
        for end_of_transaction in ["ROLLBACK", "COMMIT"] {
            conn.execute_batch("BEGIN IMMEDIATE").unwrap();
            let id = insert_job(&mut conn, job()).unwrap().job().id;
            // Until it ends nothing is to be seen of it, nor after a rollback.
            sleeper.ear.hear_silence(Duration::from_millis(200));
            let now = Instant::now();
            conn.execute_batch(end_of_transaction).unwrap();
            match end_of_transaction {
                "COMMIT" => sleeper.assert_starts_at_once(id, now),
                _ => sleeper.ear.hear_silence(Duration::from_millis(200)),
            }
            assert_eq!(sleeper.ear.count(|event| matches!(event, Event::Started(_))) as i64, db.jobs());
        }
        sleeper.stop();
    });
}

/// One of them looks out for all.
#[test]
fn sqlite_a_commit_of_another_connection_wakes_whichever_worker_of_a_client_it_concerns() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        let sleeper = Sleeper::start(db);
        let others = ["second", "third"].map(|queue| {
            let other = worker(&sleeper.client).queue(queue).start().unwrap();
            fall_asleep(db, &sleeper.ear, &other);
            other
        });
        let insert = |job: NewJob| insert_job(&mut db.sqlite(), job).unwrap().job().id;
        for queue in ["default", "second", "third", "default", "third", "second"] {
            let now = Instant::now();
            sleeper.assert_starts_at_once(insert(job().queue(queue)), now);
            let later = job().queue(queue).delay(Duration::from_millis(100));
            sleeper.assert_starts_at_once(insert(later), now);
        }
        for other in others {
            assert!(other.stop(Duration::from_secs(10)).is_clean());
        }
        // Nor is the post lost with the one who held it.
        sleeper.assert_starts_at_once(insert(job()), Instant::now());
        sleeper.stop();
    });
}

#[test]
fn sqlite_a_commit_of_another_process_wakes_a_worker_at_once() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        let sleeper = Sleeper::start(db);
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "--ignored", "wake::second_process_inserts_a_job"]);
        assert!(process.env(FILE, &db.url).output().unwrap().status.success());
        let committed = Instant::now();
        sleeper.assert_starts_at_once(db.number("SELECT id FROM drip_job"), committed);
        sleeper.stop();
    });
}

#[test]
#[ignore = "the second process of another test"]
fn second_process_inserts_a_job() {
    let client = Client::connect(&std::env::var(FILE).unwrap()).unwrap();
    assert!(!insert_job(&client, job()).unwrap().is_duplicate());
}
