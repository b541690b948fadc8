//! How a worker shares its threads among queues: own limits, weights, strict order, any queue; and that no busy queue
//! keeps another waiting.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::unbounded;
use drip::{Client, Clock, Context, HandlerResult, Queue, State, Worker, insert_job, insert_many};
use serde_json::Value;

use crate::support::{
    Db, Gate, Watch,
    watch::PATIENCE,
    work::{done, job},
};

const BUSY: usize = 500;

/// Starts a worker that has many jobs in the queue `busy` and, when it knows that the others are empty, is given `late`
/// ones. Shows that those are run long before the busy queue is empty.
fn runs_late_jobs_soon(db: &Db, worker: Worker, late: impl Fn() -> i64) {
    let mut watch = Watch::new(&db.client);
    let gate = Gate::new();
    let (door, order) = (gate.door(), Arc::new(Mutex::new(Vec::new())));
    let (first, begun) = (AtomicUsize::new(0), order.clone());
    insert_many(&db.client, (0..BUSY).map(|_| job("work").queue("busy"))).unwrap();
    let running = worker
        .concurrency(2)
        .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
            begun.lock().unwrap().push(context.job().id);
            if first.fetch_add(1, Ordering::SeqCst) < 2 {
                door.pass(context.job().id);
            }
            Ok(())
        })
        .start()
        .unwrap();
    gate.arrivals(2);
    let late: Vec<i64> = (0..3).map(|_| late()).collect();
    gate.open();
    watch.until_completed(BUSY + 3);
    assert!(running.stop(PATIENCE).is_clean());
    let order = order.lock().unwrap();
    for id in late {
        let place = order.iter().position(|other| *other == id).unwrap();
        assert!(place < BUSY / 2, "job {id} was run as number {place}");
    }
}

/// A worker with one thread which notes the queue of each job that it runs.
fn noting_the_order(worker: Worker) -> (Worker, crossbeam_channel::Receiver<String>) {
    let (sent, received) = unbounded();
    let worker = worker.concurrency(1).handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
        Ok(sent.send(context.job().queue.clone())?)
    });
    (worker, received)
}

on_every_database! {
    fn each_queue_keeps_to_its_own_limit(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let door = gate.door();
        // Of each queue how many jobs are running, and how many ever were at a time.
        let load = Arc::new(Mutex::new(HashMap::<String, (usize, usize)>::new()));
        let counted = load.clone();
        for queue in ["one", "two", "free"] {
            insert_many(&db.client, (0..10).map(|_| job("work").queue(queue))).unwrap();
        }
        let _running = Worker::new(&db.client)
            .queue(Queue::new("one").limit(1))
            .queue(Queue::new("two").limit(2))
            .queue("free")
            .concurrency(8)
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                let queue = &context.job().queue;
                let count = |change: fn(&mut (usize, usize))| {
                    change(counted.lock().unwrap().entry(queue.clone()).or_default());
                };
                count(|(now, most)| {
                    *now += 1;
                    *most = (*most).max(*now);
                });
                door.pass(context.job().id);
                count(|(now, _)| *now -= 1);
                Ok(())
            })
            .start()
            .unwrap();
        // What `one` and `two` may not take, `free` has.
        gate.arrivals(8);
        let most = |queue: &str| load.lock().unwrap()[queue].1;
        assert_eq!((most("one"), most("two"), most("free")), (1, 2, 5));
        gate.open();
        watch.until_completed(30);
        assert_eq!((most("one"), most("two")), (1, 2));
    }

    fn a_queue_at_its_limit_does_not_keep_another_waiting(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let door = gate.door();
        let _running = Worker::new(&db.client)
            .queue(Queue::new("narrow").limit(1))
            .queue("other")
            .poll_interval(Duration::from_secs(3600))
            .handle_kind("work", done)
            .handle_kind("slow", move |context: &Context, _: Value| -> HandlerResult {
                door.pass(context.job().id);
                Ok(())
            })
            .start()
            .unwrap();
        insert_many(&db.client, (0..5).map(|_| job("slow").queue("narrow"))).unwrap();
        gate.arrival();
        let id = db.insert(job("work").queue("other")).id;
        watch.until_state(id, State::Completed);
        assert!(gate.others().is_empty());
        gate.open();
        watch.until_completed(6);
    }

    fn a_busy_queue_does_not_starve_one_that_was_empty(db: &Db) {
        let worker = Worker::new(&db.client).queue("busy").queue("quiet").poll_interval(Duration::from_secs(3600));
        runs_late_jobs_soon(db, worker, || db.insert(job("work").queue("quiet")).id);
    }

    fn a_busy_queue_does_not_starve_one_into_which_another_process_inserts(db: &Db) {
        let other = Client::builder().clock(Clock::at(db.clock.now())).connect(&db.url).unwrap();
        let worker = Worker::new(&db.client).queue("busy").queue("quiet").poll_interval(Duration::from_millis(1));
        runs_late_jobs_soon(db, worker, || insert_job(&other, job("work").queue("quiet")).unwrap().job().id);
    }

    fn a_worker_of_any_queue_finds_new_queues_beside_a_busy_one(db: &Db) {
        let late = AtomicUsize::new(0);
        let worker = Worker::new(&db.client).any_queue().poll_interval(Duration::from_secs(3600));
        runs_late_jobs_soon(db, worker, || {
            db.insert(job("work").queue(format!("new {}", late.fetch_add(1, Ordering::SeqCst)))).id
        });
    }

    fn a_worker_of_any_queue_runs_the_jobs_of_all(db: &Db) {
        let mut watch = Watch::new(&db.client);
        for queue in 0..40 {
            db.insert(job("work").queue(format!("queue {queue}")));
        }
        let _running = Worker::new(&db.client).any_queue().concurrency(3).handle_kind("work", done).start().unwrap();
        watch.until_completed(40);
        let id = db.insert(job("work").queue("made later")).id;
        watch.until_state(id, State::Completed);
        assert_eq!(db.number("SELECT count(DISTINCT queue) FROM drip_job WHERE state = 'completed'"), 41);
    }

    fn weights_decide_how_many_threads_a_busy_queue_has(db: &Db) {
        let gate = Gate::new();
        let door = gate.door();
        for queue in ["light", "heavy"] {
            insert_many(&db.client, (0..20).map(|_| job("work").queue(queue))).unwrap();
        }
        let running = Worker::new(&db.client)
            .queue("light")
            .queue(Queue::new("heavy").weight(3))
            .concurrency(8)
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                door.pass(i64::from(context.job().queue == "heavy"));
                Ok(())
            })
            .start()
            .unwrap();
        let heavy: i64 = gate.arrivals(8).iter().sum();
        assert_eq!(heavy, 6);
        gate.open();
        assert!(running.stop(PATIENCE).is_clean());
    }

    fn in_strict_order_the_second_queue_waits_until_the_first_is_empty(db: &Db) {
        let mut watch = Watch::new(&db.client);
        for queue in ["second", "first"] {
            insert_many(&db.client, (0..30).map(|_| job("work").queue(queue))).unwrap();
        }
        let (worker, order) = noting_the_order(Worker::new(&db.client).queue("first").queue("second").strict_order());
        let _running = worker.start().unwrap();
        watch.until_completed(60);
        let order: Vec<_> = order.try_iter().collect();
        assert_eq!(order, [vec!["first"; 30], vec!["second"; 30]].concat());
    }

    fn in_strict_order_what_comes_into_the_first_queue_goes_before_all_of_the_second(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let door = gate.door();
        db.insert(job("slow").queue("second"));
        insert_many(&db.client, (0..30).map(|_| job("work").queue("second"))).unwrap();
        let (worker, order) = noting_the_order(Worker::new(&db.client).queue("first").queue("second").strict_order());
        let worker = worker.poll_interval(Duration::from_secs(3600)).handle_kind(
            "slow",
            move |context: &Context, _: Value| -> HandlerResult {
                door.pass(context.job().id);
                Ok(())
            },
        );
        let _running = worker.start().unwrap();
        gate.arrival();
        // In this process nobody is told of it: it is the order of claims that counts.
        db.execute("INSERT INTO drip_job (kind, queue) VALUES ('work', 'first')");
        gate.open();
        watch.until_completed(32);
        assert_eq!(order.try_iter().next().as_deref(), Some("first"));
    }

    fn within_a_queue_priority_then_due_time_then_id_decide(db: &Db) {
        let mut watch = Watch::new(&db.client);
        // Priority, and after how many minutes it is due; in the order in which they are to run.
        let wanted = [(1, 0), (1, 1), (1, 1), (1, 2), (2, 1), (3, 0), (4, 0)];
        let mut ids = [0; 7];
        for index in [5, 1, 3, 6, 0, 4, 2] {
            let (priority, minutes) = wanted[index];
            ids[index] = db.insert(job("work").priority(priority).delay(Duration::from_secs(60 * minutes))).id;
        }
        db.clock.advance(Duration::from_secs(3600));
        let (sent, received) = unbounded();
        let _running = Worker::new(&db.client)
            .concurrency(1)
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                Ok(sent.send(context.job().id)?)
            })
            .start()
            .unwrap();
        watch.until_completed(wanted.len());
        assert_eq!(received.try_iter().collect::<Vec<_>>(), ids);
    }
}
