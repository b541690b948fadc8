//! Behind very many jobs of a kind that a worker does not handle, its own are run as if those were not there; and whoever
//! comes to be claimable ahead of what it has seen has its turn.

use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use drip::{
    Client, Clock, Context, Dialect, HandlerResult, JobUpdate, NewJob, Running, State, Worker, insert_many,
    pause_queue, release_job, resume_queue, update_job,
};
use serde_json::Value;

use crate::support::{
    Db, End, Watch,
    watch::PATIENCE,
    work::{done, job},
};

/// So many make every claim from the head of the queue slow, on any machine.
const MANY: i64 = 100_000;

/// How often a walk from the head, which takes a twentieth of the time, may come at the wrong moment.
const TRIES: usize = 50;

/// Due long before everything else, but for what nobody handles.
fn old() -> jiff::Timestamp {
    "2021-01-01T00:00:00Z".parse().unwrap()
}

fn fill(db: &Db) {
    let numbers = match db.dialect {
        Dialect::Postgres => format!("SELECT '2020-01-01T00:00:00Z'::timestamptz FROM generate_series(1, {MANY})"),
        Dialect::Mariadb => format!("SELECT '2020-01-01' FROM seq_1_to_{MANY}"),
        _ => format!(
            "WITH RECURSIVE a(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM a WHERE n < {MANY})
             SELECT '2020-01-01T00:00:00.000000Z' FROM a"
        ),
    };
    db.execute(&format!("INSERT INTO drip_job (scheduled_at, kind) SELECT jobs.*, 'unknown' FROM ({numbers}) AS jobs"));
}

/// A worker in whose queue there are many jobs that it does not handle, and which steps over them.
struct Stage {
    /// Another process.
    other: Client,
    watch: Watch,
    order: Receiver<i64>,
    running: Running,
}

impl Stage {
    fn new(db: &Db) -> Stage {
        fill(db);
        let (sent, order) = unbounded();
        let running = Worker::new(&db.client)
            .concurrency(1)
            .poll_interval(Duration::from_millis(20))
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                Ok(sent.send(context.job().id)?)
            })
            .start()
            .unwrap();
        let other = Client::builder().clock(Clock::at(db.clock.now())).connect(&db.url).unwrap();
        let mut stage = Stage { other, watch: Watch::new(&db.client), order, running };
        stage.until_it_steps_over();
        stage
    }

    /// Inserts jobs in one transaction, as another process; answers their ids.
    fn insert(&self, jobs: impl IntoIterator<Item = NewJob>) -> Vec<i64> {
        insert_many(&self.other, jobs).unwrap().iter().map(|inserted| inserted.job().id).collect()
    }

    /// The order in which so many are run.
    fn order(&mut self, count: usize) -> Vec<i64> {
        (0..count).map(|_| self.order.recv_timeout(PATIENCE).expect("a job has its turn")).collect()
    }

    /// From the head of the queue the oldest job is the first.
    fn until_it_steps_over(&mut self) {
        for _ in 0..TRIES {
            let ids = self.insert([job("work").scheduled_at(old()), job("work").priority(2), job("work")]);
            let order = self.order(3);
            if order == [ids[2], ids[1], ids[0]] {
                return;
            }
        }
        panic!("the worker walks from the head of the queue at each claim");
    }

    fn has_its_turn(&mut self, id: i64) {
        self.watch.until_state(id, State::Completed);
    }
}

on_every_database! {
    fn whatever_is_claimable_ahead_of_what_a_worker_has_seen_has_its_turn(db: &Db) {
        let mut stage = Stage::new(db);

        let pending = db.insert(job("work").pending().scheduled_at(old())).id;
        release_job(&db.client, pending).unwrap();
        stage.has_its_turn(pending);

        let later = db.insert(job("work").delay(Duration::from_secs(3600))).id;
        update_job(&db.client, later, JobUpdate::new().scheduled_at(old())).unwrap();
        stage.has_its_turn(later);

        let forgotten = db.insert(job("work").delay(Duration::from_secs(3600))).id;
        let due = if db.dialect == Dialect::Sqlite { "2021-01-01T00:00:00.000000Z" } else { "2021-01-01" };
        db.execute(&format!("UPDATE drip_job SET scheduled_at = '{due}' WHERE id = {forgotten}"));
        stage.has_its_turn(forgotten);

        // Of another process, which tells nobody.
        let ids = stage.insert([job("work").scheduled_at(old())]);
        stage.has_its_turn(ids[0]);

        pause_queue(&db.client, "default").unwrap();
        let ids = stage.insert((1..=4).map(|priority| job("work").priority(priority)));
        resume_queue(&db.client, "default").unwrap();
        ids.into_iter().for_each(|id| stage.has_its_turn(id));

        stage.order.try_iter().for_each(drop);
        stage.until_it_steps_over();
        assert!(stage.running.stop(PATIENCE).is_clean());
    }

    fn a_transaction_that_commits_late_misses_nothing(db: &Db) {
        let mut stage = Stage::new(db);
        // SQLite has one writer: nobody can come in between.
        if db.dialect == Dialect::Sqlite {
            let late = db.clock.now() - Duration::from_secs(4);
            let ids = stage.insert([job("work").scheduled_at(late)]);
            return stage.has_its_turn(ids[0]);
        }
        let (late, ended) = db.ended(End::Commit, |tx| {
            let late = drip::insert_job(tx.on(), job("work")).unwrap().job().id;
            let ids = stage.insert([job("work")]);
            assert!(ids[0] > late);
            stage.has_its_turn(ids[0]);
            late
        });
        ended.unwrap();
        stage.has_its_turn(late);
    }

    fn several_workers_step_over_the_same_jobs(db: &Db) {
        let mut stage = Stage::new(db);
        let second = Worker::new(&db.client)
            .concurrency(3)
            .poll_interval(Duration::from_millis(20))
            .handle_kind("work", done)
            .start()
            .unwrap();
        let before = db.number("SELECT count(*) FROM drip_job WHERE state = 'completed'");
        for n in 0..40 {
            stage.insert((0..10).map(|i| job("work").priority(1 + (n + i) % 4)));
        }
        stage.watch.until_completed(before as usize + 400);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE kind = 'work' AND attempt <> 1"), 0);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'available'"), MANY);
        assert!(second.stop(PATIENCE).is_clean());
    }
}
