//! A worker whose jobs begin and end when the test wants, and which counts how often each was begun.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use drip::{Client, Context, Dialect, Event, HandlerResult, NewJob, RetryPolicy, Running, Worker, insert_many};
use mysql::prelude::Queryable;
use serde_json::{Value, json};

use super::{Db, Ear, PATIENCE};

/// How many jobs run at a time.
pub const PLACES: usize = 4;

/// A worker of the queue `default`, in the database's own time.
pub struct Stage {
    pub ear: Ear,
    pub running: Running,
    begun: Receiver<i64>,
    go: Sender<()>,
    runs: Arc<Mutex<HashMap<i64, usize>>>,
}

/// What happens in a handler.
#[derive(Clone)]
struct Play {
    begin: Sender<i64>,
    may_go: Receiver<()>,
    runs: Arc<Mutex<HashMap<i64, usize>>>,
}

impl Play {
    fn run(&self, context: &Context) -> HandlerResult {
        let id = context.job().id;
        *self.runs.lock().unwrap().entry(id).or_default() += 1;
        self.begin.send(id)?;
        Ok(self.may_go.recv_timeout(PATIENCE)?)
    }

    /// A worker whose jobs are run in a transaction which first writes their ids into the table `effect`.
    fn transactional(self, worker: Worker, dialect: Dialect) -> Worker {
        const EFFECT: &str = "INSERT INTO effect (job) VALUES";
        match dialect {
            Dialect::Postgres => {
                worker.handle_kind("k", move |tx: &mut postgres::Transaction, context: &Context, _: Value| {
                    tx.execute(&format!("{EFFECT} ($1)"), &[&context.job().id])?;
                    self.run(context)
                })
            }
            Dialect::Mariadb => {
                worker.handle_kind("k", move |tx: &mut mysql::Transaction, context: &Context, _: Value| {
                    tx.exec_drop(format!("{EFFECT} (?)"), (context.job().id,))?;
                    self.run(context)
                })
            }
            _ => worker.handle_kind("k", move |tx: &mut rusqlite::Transaction, context: &Context, _: Value| {
                tx.execute(&format!("{EFFECT} (?)"), [context.job().id])?;
                self.run(context)
            }),
        }
    }
}

impl Stage {
    /// Starts the worker on a client of its own.
    pub fn start(url: &str) -> Stage {
        Stage::start_on(&Client::connect(url).unwrap())
    }

    pub fn start_on(client: &Client) -> Stage {
        Stage::set(client, |worker, play| worker.handle_kind("k", move |context: &Context, _: Value| play.run(context)))
    }

    /// Starts a worker whose jobs are run in transactions.
    pub fn start_transactional(db: &Db) -> Stage {
        db.execute("CREATE TABLE effect (job bigint NOT NULL)");
        Stage::set(&Client::connect(&db.url).unwrap(), |worker, play| play.transactional(worker, db.dialect))
    }

    fn set(client: &Client, handle: impl FnOnce(Worker, Play) -> Worker) -> Stage {
        let (begin, begun) = unbounded();
        let (go, may_go) = unbounded();
        let runs = Arc::default();
        let ear = Ear::of(client);
        let worker = handle(Worker::new(client), Play { begin, may_go, runs: Arc::clone(&runs) });
        let worker = worker.concurrency(PLACES).retry(RetryPolicy::immediate());
        let running = worker.poll_interval(Duration::from_millis(50)).start().unwrap();
        Stage { ear, running, begun, go, runs }
    }

    /// Waits until so many more jobs have begun.
    pub fn begin(&self, count: usize) -> Vec<i64> {
        let begun = |_| self.begun.recv_timeout(PATIENCE).expect("one more job begins");
        (0..count).map(begun).collect()
    }

    /// Lets so many handlers return.
    pub fn let_go(&self, count: usize) {
        (0..count).for_each(|_| self.go.send(()).unwrap());
    }

    /// Every place that the worker has can be taken at the same time. Nothing else may be running.
    pub fn assert_all_places_work(&self, inserting: &Client) -> Vec<i64> {
        while self.begun.try_recv().is_ok() {}
        let jobs = insert(inserting, PLACES);
        let mut begun = self.begin(PLACES);
        begun.sort_unstable();
        assert_eq!(begun, jobs);
        self.let_go(PLACES);
        self.ear.hear_completions(&jobs);
        jobs
    }

    /// Each of these jobs was begun once.
    pub fn assert_each_ran_once(&self, jobs: &[i64]) {
        let runs = self.runs.lock().unwrap();
        assert!(jobs.iter().all(|id| runs[id] == 1), "{runs:?}");
    }

    /// How often the database was said to be lost, and to be back.
    pub fn losses(&self) -> (usize, usize) {
        let lost = self.ear.count(|event| matches!(event, Event::DatabaseLost { .. }));
        (lost, self.ear.count(|event| matches!(event, Event::DatabaseBack { .. })))
    }

    pub fn hear_loss(&self) {
        self.ear.hear("the loss of the database", |event| matches!(event, Event::DatabaseLost { .. }).then_some(()));
    }
}

/// Inserts so many jobs for a [`Stage`].
pub fn insert(client: &Client, count: usize) -> Vec<i64> {
    let jobs = insert_many(client, (0..count).map(|n| NewJob::new("k", json!({"n": n})))).unwrap();
    jobs.iter().map(|inserted| inserted.job().id).collect()
}
