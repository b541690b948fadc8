//! A worker whose jobs begin and end when the test wants, and which counts how often each was begun.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use drip::{Client, Context, Event, HandlerResult, NewJob, Running, Worker, insert_many};
use serde_json::{Value, json};

use super::{Ear, PATIENCE};

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

impl Stage {
    /// Starts the worker on a client of its own.
    pub fn start(url: &str) -> Stage {
        Stage::start_on(Client::connect(url).unwrap())
    }

    pub fn start_on(client: Client) -> Stage {
        let (begin, begun) = unbounded();
        let (go, may_go) = unbounded();
        let runs = Arc::<Mutex<HashMap<i64, usize>>>::default();
        let counts = runs.clone();
        let handler = move |context: &Context, _: Value| -> HandlerResult {
            *counts.lock().unwrap().entry(context.job().id).or_default() += 1;
            begin.send(context.job().id)?;
            Ok(may_go.recv_timeout(PATIENCE)?)
        };
        let ear = Ear::of(&client);
        let worker = Worker::new(&client).handle_kind("k", handler).concurrency(PLACES);
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
    pub fn assert_all_places_work(&self, inserting: &Client) {
        while self.begun.try_recv().is_ok() {}
        let jobs = insert(inserting, PLACES);
        let mut begun = self.begin(PLACES);
        begun.sort_unstable();
        assert_eq!(begun, jobs);
        self.let_go(PLACES);
        self.ear.hear_completions(&jobs);
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
