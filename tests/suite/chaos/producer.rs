//! A producer in a process of its own, which notes what it is about to insert, and what it was told.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use drip::{Client, Inserted, NewJob, Result, State, Unique, insert_job, insert_many};
use serde_json::json;

use super::{
    crew::Orders,
    ledger::{Entry, Ledger, Told},
    trap::Trap,
};
use crate::support::{Db, End, process};

/// Of how many keys there can be one active job each.
const KEYS: u32 = 5;

/// Produces until it may go on.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn producer_process() {
    let Some(orders) = Orders::of_environment() else { return };
    let mut producer = Producer {
        client: Client::connect(&orders.url).unwrap(),
        db: Db::at(&orders.url),
        ledger: Ledger::open(Path::new(&orders.ledger), &orders.who),
        who: orders.who,
        trap: Trap::of_environment(),
        rng: fastrand::Rng::with_seed(orders.seed),
        batches: 0,
    };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                producer.produce();
                thread::park_timeout(Duration::from_millis(producer.rng.u64(20..80)));
            }
        });
        process::ready();
        stop.store(true, Ordering::SeqCst);
    });
}

struct Producer {
    client: Client,
    db: Db,
    ledger: Ledger,
    who: String,
    trap: Trap,
    rng: fastrand::Rng,
    batches: u32,
}

/// What is inserted in one go.
struct Batch {
    name: String,
    uids: Vec<String>,
    jobs: Vec<NewJob>,
}

impl Producer {
    fn produce(&mut self) {
        let unique = self.rng.u8(0..5) == 0;
        let batch = self.batch(unique);
        // Through the client, in a transaction beside an order, or in one that is rolled back.
        let end = [None, None, Some(End::Commit), Some(End::Commit), Some(End::Rollback)][self.rng.usize(0..5)];
        let (jobs, name) = (batch.uids.clone(), || batch.name.clone());
        self.ledger.note(Entry::Attempt { batch: name(), jobs, beside_order: end.is_some(), unique });
        self.trap.pass("attempted");
        let answer = match end {
            None => insert(&self.client, batch.jobs.clone()),
            Some(end) => self.beside_order(&batch, end),
        };
        self.trap.pass("after commit");
        match answer {
            Ok(inserted) if end != Some(End::Rollback) => {
                let told = |(uid, inserted): (&String, &Inserted)| Told {
                    uid: uid.clone(),
                    id: inserted.job().id,
                    duplicate: inserted.is_duplicate(),
                };
                let jobs = batch.uids.iter().zip(&inserted).map(told).collect();
                self.ledger.note(Entry::Acknowledged { batch: name(), jobs });
            }
            Ok(_) => self.ledger.note(Entry::Failed { batch: name(), error: "rolled back, as was meant".to_owned() }),
            Err(error) => self.ledger.note(Entry::Failed { batch: name(), error: error.to_string() }),
        }
    }

    fn beside_order(&self, batch: &Batch, end: End) -> Result<Vec<Inserted>> {
        let end = |answer: &Result<_>| {
            self.trap.pass("inserted");
            if answer.is_err() || end == End::Rollback {
                return End::Rollback;
            }
            self.ledger.note(Entry::Committing { batch: batch.name.clone() });
            self.trap.pass("before commit");
            End::Commit
        };
        let (answer, ended) = self.db.tried(end, |tx| {
            tx.execute(&format!("INSERT INTO purchase (uid) VALUES ('{}')", batch.name))?;
            insert(tx.in_real_time(), batch.jobs.clone())
        })?;
        ended.and(answer)
    }

    fn batch(&mut self, unique: bool) -> Batch {
        self.batches += 1;
        let name = format!("{}-{}", self.who, self.batches);
        let count = if unique || self.rng.u8(0..4) > 0 { 1 } else { self.rng.usize(2..8) };
        let uids: Vec<_> = (0..count).map(|n| format!("{name}.{n}")).collect();
        let jobs = uids.iter().map(|uid| self.job(uid, unique)).collect();
        Batch { name, uids, jobs }
    }

    fn job(&mut self, uid: &str, unique: bool) -> NewJob {
        let rng = &mut self.rng;
        let kinds = ["effect", "effect", "flaky", "parent", "settle", "doomed", "long", "plain", "snooze", "slow"];
        let kind = if unique { "effect" } else { kinds[rng.usize(0..kinds.len())] };
        let job = NewJob::new(kind, json!({"uid": uid, "fails": rng.u8(1..4), "key": rng.u32(0..KEYS)}));
        let job = job.max_attempts(if kind == "doomed" { 2 } else { 25 }).priority(rng.u8(1..5));
        match rng.u8(0..5) {
            _ if unique => job.unique(
                Unique::new().by_keys(["key"]).by_states(State::ALL.into_iter().filter(|state| !state.is_final())),
            ),
            0 => job.delay(Duration::from_millis(rng.u64(100..2000))),
            1 => job.ephemeral(),
            _ => job,
        }
    }
}

/// One alone, or several as a batch.
fn insert(on: impl drip::Session, mut jobs: Vec<NewJob>) -> Result<Vec<Inserted>> {
    match jobs.len() {
        1 => Ok(vec![insert_job(on, jobs.remove(0))?]),
        _ => insert_many(on, jobs),
    }
}
