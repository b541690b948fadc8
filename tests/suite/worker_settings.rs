//! Settings that make no sense are refused at the start, before anything else happens.

use std::{fmt, time::Duration};

use drip::{Context, HandlerResult, JobArgs, Queue, State, Worker};

use crate::support::{
    Watch,
    alone::{alone, worker_threads},
    watch::PATIENCE,
    work::{done, job},
};

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Typed {}

impl JobArgs for Typed {
    const KIND: &'static str = "typed";
}

fn typed(_: &Context, _: Typed) -> HandlerResult {
    Ok(())
}

type Set = fn(Worker) -> Worker;

/// What is set, and which setting the error names.
fn refused() -> Vec<(&'static str, Set)> {
    vec![
        ("concurrency", |worker| worker.concurrency(0)),
        ("concurrency", |worker| worker.concurrency(10_001)),
        ("concurrency", |worker| worker.concurrency(1_000_000)),
        ("concurrency", |worker| worker.concurrency(usize::MAX)),
        ("poll_interval", |worker| worker.poll_interval(Duration::ZERO)),
        ("poll_interval", |worker| worker.poll_interval(Duration::from_micros(999))),
        ("poll_interval", |worker| worker.poll_interval(Duration::from_secs(3601))),
        ("poll_interval", |worker| worker.poll_interval(Duration::MAX)),
        ("lease", |worker| worker.lease(Duration::from_millis(99))),
        ("lease", |worker| worker.lease(Duration::from_secs(3601))),
        ("timeout", |worker| worker.timeout(Duration::ZERO)),
        ("timeout", |worker| worker.timeout(Duration::MAX)),
        ("timeout_for", |worker| worker.timeout_for("work", Duration::ZERO)),
        ("timeout_for", |worker| worker.timeout_for("another", Duration::from_secs(1))),
        ("retry_for", |worker| worker.retry_for("another", drip::RetryPolicy::immediate())),
        ("queue", |worker| worker.queue("")),
        ("queue", |worker| worker.queue(" a")),
        ("queue", |worker| worker.queue("a\0b")),
        ("queue", |worker| worker.queue("q".repeat(128))),
        ("queue", |worker| worker.queue("a").queue("b").queue("a")),
        ("queue", |worker| worker.any_queue().queue("a")),
        ("limit", |worker| worker.queue(Queue::new("a").limit(0))),
        ("weight", |worker| worker.queue(Queue::new("a").weight(0))),
        ("weight", |worker| worker.queue(Queue::new("a").weight(1001))),
        ("label", |worker| worker.label("")),
        ("label", |worker| worker.label("a\0b")),
        ("label", |worker| worker.label("l".repeat(128))),
        ("label", |worker| worker.label("l".repeat(10 * 1024))),
        ("handler", |worker| worker.handle_kind("work", done)),
        ("handler", |worker| worker.handle(typed).handle_kind("typed", done)),
        ("kind", |worker| worker.handle_kind("", done)),
        ("kind", |worker| worker.handle_kind("a\nb", done)),
    ]
}

fn assert_refused<T: fmt::Debug>(what: &str, answer: drip::Result<T>) {
    let error = answer.expect_err(what);
    assert!(error.is_invalid_input() && error.to_string().starts_with(what), "{what}: {error}");
}

on_every_database! {
    fn what_makes_no_sense_is_refused_by_name_and_nothing_is_started(db: &Db) {
        alone(db, module_path!(), "what_makes_no_sense_is_refused_by_name_and_nothing_is_started", || {
            for (name, set) in refused() {
                let worker = set(Worker::new(&db.client).handle_kind("work", done));
                assert_refused(name, worker.start());
                assert_refused(name, worker.work_once());
            }
            assert_refused("handler", Worker::new(&db.client).start());
            assert_refused("handler", Worker::new(&db.client).work_once());
            assert_eq!(worker_threads(), 0);
        });
    }

    fn the_largest_and_smallest_values_work(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let longest = "q".repeat(127);
        let running = Worker::new(&db.client)
            .label("l".repeat(127))
            .queue(Queue::new(longest.clone()).limit(usize::MAX).weight(1000))
            .poll_interval(Duration::from_millis(1))
            .timeout(Duration::from_secs(10 * 365 * 86_400))
            .stuck_after(Duration::MAX)
            .concurrency(1)
            .handle_kind("k".repeat(127), done)
            .start()
            .unwrap();
        let id = db.insert(drip::NewJob::new("k".repeat(127), serde_json::json!({})).queue(longest)).id;
        watch.until_state(id, State::Completed);
        assert_eq!(db.job(id).attempted_by.as_deref(), Some(running.id()));
        assert!(running.stop(PATIENCE).is_clean());
    }

    fn two_workers_of_one_label_both_live(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let worker = |queue: &'static str| Worker::new(&db.client).label("mail").queue(queue).handle_kind("work", done);
        let (one, two) = (worker("one").start().unwrap(), worker("two").start().unwrap());
        assert_ne!(one.id(), two.id());
        for (running, queue) in [(&one, "one"), (&two, "two")] {
            assert!(running.id().starts_with("mail"));
            let id = db.insert(job("work").queue(queue)).id;
            watch.until_state(id, State::Completed);
            assert_eq!(db.job(id).attempted_by.as_deref(), Some(running.id()));
        }
        assert!(one.health().is_healthy() && two.health().is_healthy());
    }
}
