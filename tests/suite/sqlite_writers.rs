//! SQLite has one writer at a time: others, in whatever process, are waited for, and nobody notices.

use std::{
    collections::HashSet,
    io::Read,
    process::{Command, Stdio},
    time::Duration,
};

use drip::{Client, Context, Dialect, Event, HandlerResult, NewJob, Running, State, Worker, insert_many};
use rusqlite::{Connection, hooks::Wal};
use serde_json::{Value, json};

use crate::support::{
    Db, Ear, Place,
    stage::{PLACES, Stage, insert},
    work::done,
};

/// The file that the second process works on.
const FILE: &str = "DRIP_TEST_FILE";

fn on_sqlite(test: fn(&Db)) {
    Db::run(Dialect::Sqlite, Place::Own, test);
}

#[test]
fn jobs_are_claimed_and_settled_when_a_foreign_writer_lets_go() {
    on_sqlite(|db| {
        let jobs = insert(&Client::connect(&db.url).unwrap(), PLACES);
        let writer = db.sqlite();
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        let stage = Stage::start(&db.url);
        // Nothing starts, and nothing is said of it.
        stage.ear.hear_silence(Duration::from_millis(300));
        assert_eq!(stage.ear.count(|_| true), 0);
        writer.execute_batch("COMMIT").unwrap();
        stage.begin(PLACES);
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        stage.let_go(PLACES);
        stage.ear.hear_silence(Duration::from_millis(300));
        assert_eq!(stage.ear.count(|event| matches!(event, Event::Completed(_))), 0);
        writer.execute_batch("COMMIT").unwrap();
        stage.ear.hear_completions(&jobs);
        assert_eq!(stage.losses(), (0, 0));
        assert!(stage.running.health().is_healthy());
        stage.assert_all_places_work(&Client::connect(&db.url).unwrap());
        assert!(stage.running.stop(Duration::from_secs(10)).is_clean());
    });
}

/// Longer than SQLite's own patience, which is ten seconds here.
#[test]
fn a_foreign_writer_that_holds_on_for_long_is_reported_once_and_waited_for() {
    on_sqlite(|db| {
        let stage = Stage::start(&db.url);
        let client = Client::connect(&db.url).unwrap();
        let jobs = insert(&client, 2 * PLACES);
        stage.begin(PLACES);
        let writer = db.sqlite();
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        stage.let_go(2 * PLACES);
        stage.hear_loss();
        // Reading goes on all the while, which is not worth a word.
        stage.ear.hear_silence(Duration::from_secs(1));
        writer.execute_batch("COMMIT").unwrap();
        stage.ear.hear_completions(&jobs);
        assert_eq!(stage.losses(), (1, 1));
        for id in jobs {
            let job = db.job(id);
            assert_eq!((job.attempt, job.errors.len()), (1, 0));
        }
        assert!(stage.running.stop(Duration::from_secs(10)).is_clean());
    });
}

/// A worker reads what it has claimed when it no longer has the write lock, which somebody else may take first.
#[test]
fn a_claim_that_is_ended_before_its_job_is_read_is_not_run() {
    on_sqlite(|db| {
        let path = db.url.trim_start_matches("sqlite://").to_owned();
        let ids = insert(&Client::connect(&db.url).unwrap(), 3);
        let connect = move || {
            let mut connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            let other = Connection::open(&path)?;
            // Called after each commit, when the lock is free.
            connection.wal_hook(Some(move |_: &mut Wal, _: i32| {
                other.execute_batch(
                    "UPDATE drip_job SET state = 'cancelled', finalized_at = attempted_at
                     WHERE state = 'running' AND NOT EXISTS (SELECT 1 FROM drip_job WHERE state = 'cancelled')
                       AND id = (SELECT min(id) FROM drip_job)",
                )
            }))?;
            Ok::<_, rusqlite::Error>(connection)
        };
        let client = Client::builder().from_connector(connect).unwrap();
        let ear = Ear::of(&client);
        let running = Worker::new(&client).handle_kind("k", done).concurrency(2).start().unwrap();
        ear.hear_completions(&ids[1..]);
        assert!(running.stop(Duration::from_secs(10)).is_clean());
        assert_eq!((db.job(ids[0]).state, db.job(ids[0]).attempt), (State::Cancelled, 1));
        assert_eq!(ear.count(|event| matches!(event, Event::Started(job) if job.id == ids[0])), 0);
    });
}

/// A worker which notes in the database who has run what, and waits with its first jobs until the other has some too.
fn start_noting(url: &str, client: &Client, name: &'static str) -> Running {
    let path = url.trim_start_matches("sqlite://").to_owned();
    let note = move |context: &Context, _: Value| -> HandlerResult {
        context.client().transaction(|tx: &mut rusqlite::Transaction| {
            tx.execute("INSERT INTO run (job, worker) VALUES (?1, ?2)", (context.job().id, name))?;
            Ok::<_, drip::Error>(())
        })?;
        let file = rusqlite::Connection::open(&path)?;
        let workers = || file.query_row("SELECT count(DISTINCT worker) FROM run", [], |row| row.get::<_, u32>(0));
        while workers()? < 2 {
            context.cancel().wait(Duration::from_millis(5));
        }
        Ok(())
    };
    Worker::new(client).handle_kind("k", note).concurrency(2).start().unwrap()
}

const JOBS: usize = 300;

fn create_runs(db: &Db) {
    db.execute("CREATE TABLE run (job integer NOT NULL, worker text NOT NULL)");
}

/// Inserts the jobs, and waits until each of them is completed by one of two workers.
fn assert_two_workers_share(db: &Db, client: &Client, ear: &Ear) {
    insert_many(client, (0..JOBS).map(|_| NewJob::new("k", json!({})))).unwrap();
    while db.number("SELECT count(*) FROM drip_job WHERE state = 'completed'") < JOBS as i64 {
        // Nobody hears of what the other process does; so it is looked for now and then.
        ear.hear_silence(Duration::from_millis(100));
    }
    assert_eq!(db.number("SELECT count(*) FROM run"), JOBS as i64);
    assert_eq!(db.number("SELECT count(DISTINCT job) FROM run"), JOBS as i64);
    assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE attempt <> 1 OR errors <> '[]'"), 0);
    let workers: HashSet<String> = db.texts("SELECT worker FROM run").into_iter().collect();
    assert_eq!(workers.len(), 2, "both have worked");
    let lost = |event: &Event| matches!(event, Event::DatabaseLost { .. } | Event::ClaimLost(_) | Event::Failed(_));
    assert_eq!(ear.count(lost), 0);
}

#[test]
fn two_workers_with_clients_of_their_own_run_every_job_once() {
    on_sqlite(|db| {
        create_runs(db);
        let clients = ["one", "two"].map(|name| (Client::connect(&db.url).unwrap(), name));
        let ear = Ear::of(&clients[0].0);
        let running = clients.each_ref().map(|(client, name)| start_noting(&db.url, client, name));
        assert_two_workers_share(db, &clients[0].0, &ear);
        assert!(running.iter().all(|worker| worker.stop(Duration::from_secs(10)).is_clean()));
    });
}

#[test]
fn two_workers_in_two_processes_run_every_job_once() {
    on_sqlite(|db| {
        create_runs(db);
        let mut second = Command::new(std::env::current_exe().unwrap());
        second.args(["--exact", "--ignored", "--nocapture", "sqlite_writers::second_process_works"]);
        second.env(FILE, &db.url).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut second = second.spawn().unwrap();
        let mut ready = [0; 6];
        second.stderr.as_mut().unwrap().read_exact(&mut ready).unwrap();
        assert_eq!(&ready, b"ready\n");
        let client = Client::connect(&db.url).unwrap();
        let ear = Ear::of(&client);
        let first = start_noting(&db.url, &client, "first");
        assert_two_workers_share(db, &client, &ear);
        assert!(first.stop(Duration::from_secs(10)).is_clean());
        assert!(second.wait_with_output().unwrap().status.success(), "it stops when its standard input is closed");
    });
}

#[test]
#[ignore = "the second process of another test"]
fn second_process_works() {
    let url = std::env::var(FILE).unwrap();
    let running = start_noting(&url, &Client::connect(&url).unwrap(), "second");
    eprintln!("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    assert!(running.stop(Duration::from_secs(10)).is_clean());
}
