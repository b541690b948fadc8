//! An attempt whose time is up is settled as timed out whatever its handler does; and a handler that does not return
//! costs the worker no capacity, as long as its threads may be replaced.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::unbounded;
use drip::{CancelReason, Context, Dialect, Event, HandlerResult, RetryPolicy, Running, State, Worker, insert_many};
use serde_json::Value;

use crate::support::{
    Db, Gate, Watch,
    watch::{PATIENCE, eventually},
    work::{done, effect, job, transactional},
};

const SHORT: Duration = Duration::from_millis(50);
const HOUR: Duration = Duration::from_secs(3600);

/// A worker with one thread, whose `hang` jobs time out soon and return only when the gate opens.
fn hanging(db: &Db, gate: &Gate, replacements: usize) -> Running {
    let door = gate.door();
    Worker::new(&db.client)
        .retry(RetryPolicy::constant(HOUR))
        .concurrency(1)
        .stuck_after(SHORT)
        .max_replacements(replacements)
        .timeout_for("hang", SHORT)
        .handle_kind("hang", move |context: &Context, _: Value| -> HandlerResult {
            door.pass(context.job().id);
            Ok(())
        })
        .handle_kind("work", done)
        .start()
        .unwrap()
}

fn is_stuck(event: &Event) -> bool {
    matches!(event, Event::Stuck { .. })
}

on_every_database! {
    fn the_jobs_own_timeout_goes_before_that_of_its_kind_and_that_before_the_workers(db: &Db) {
        let (sent, received) = unbounded();
        let report = move |context: &Context, _: Value| -> HandlerResult {
            let consistent = context.deadline().is_some() == context.time_left().is_some();
            Ok(sent.send((consistent, context.time_left()))?)
        };
        let worker = |worker: Worker| worker.handle_kind("work", report.clone()).handle_kind("other", report.clone());
        let limited = worker(Worker::new(&db.client)).timeout(HOUR * 3).timeout_for("work", HOUR * 2);
        for (worker, new, expected) in [
            (&limited, job("work").timeout(HOUR), Some(HOUR)),
            (&limited, job("work").timeout(HOUR * 9), Some(HOUR * 9)),
            (&limited, job("work"), Some(HOUR * 2)),
            (&limited, job("other"), Some(HOUR * 3)),
            (&worker(Worker::new(&db.client)), job("work"), None),
        ] {
            let running = worker.start().unwrap();
            db.insert(new);
            let (consistent, left) = received.recv_timeout(PATIENCE).unwrap();
            assert!(consistent);
            assert_eq!(left.is_some(), expected.is_some());
            if let (Some(left), Some(expected)) = (left, expected) {
                assert!(left <= expected && left > expected - PATIENCE, "{left:?} of {expected:?}");
            }
            assert!(running.stop(PATIENCE).is_clean());
        }
    }

    fn at_the_deadline_the_token_fires_and_the_attempt_has_failed(db: &Db) {
        let (sent, received) = unbounded();
        let wait = move |context: &Context, _: Value| -> HandlerResult {
            let fired = context.cancel().wait(PATIENCE);
            Ok(sent.send((fired, context.cancel().reason(), context.is_cancelled()))?)
        };
        let worker = || Worker::new(&db.client).retry(RetryPolicy::constant(HOUR)).handle_kind("work", wait.clone());
        for (whose, worker, new) in [
            ("the job's", worker(), job("work").timeout(SHORT)),
            ("the kind's", worker().timeout_for("work", SHORT), job("work")),
            ("the worker's", worker().timeout(SHORT), job("work")),
        ] {
            let mut watch = Watch::new(&db.client);
            let running = worker.start().unwrap();
            let id = db.insert(new).id;
            let event = watch.until(|event| matches!(event, Event::TimedOut(_)));
            let Event::TimedOut(event) = event else { unreachable!() };
            assert_eq!((event.id, event.state), (id, State::Retryable), "{whose}");
            assert!(event.error.is_some_and(|error| error.contains("timed out")), "{whose}");
            let fired = received.recv_timeout(PATIENCE).unwrap();
            assert_eq!(fired, (true, Some(CancelReason::TimedOut), true), "{whose}");
            // The handler has answered `Ok`, which does not count any more.
            watch.until_claim_lost(id);
            assert!(running.stop(PATIENCE).is_clean());
            let job = db.job(id);
            assert_eq!((job.state, job.attempt, job.errors.len()), (State::Retryable, 1, 1), "{whose}");
            assert!(job.errors[0].error.contains("timed out"), "{whose}");
            assert_eq!(job.scheduled_at, db.clock.now() + HOUR, "{whose}");
        }
    }

    fn after_the_last_attempt_a_job_that_timed_out_is_discarded(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .timeout(SHORT)
            .handle_kind("work", |context: &Context, _: Value| -> HandlerResult {
                context.cancel().wait(PATIENCE);
                Err("too late".into())
            })
            .start()
            .unwrap();
        let id = db.insert(job("work").max_attempts(1)).id;
        watch.until(|event| matches!(event, Event::TimedOut(job) if job.state == State::Discarded));
        watch.until_claim_lost(id);
        let errors = db.job(id).errors;
        assert!(errors.len() == 1 && errors[0].error.contains("timed out"), "{errors:?}");
    }

    fn a_handler_can_prolong_and_shorten_its_time(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .retry(RetryPolicy::constant(HOUR))
            .timeout_for("long", Duration::from_millis(500))
            .handle_kind("long", |context: &Context, _: Value| -> HandlerResult {
                context.extend(HOUR);
                assert!(context.time_left().is_some_and(|left| left > HOUR / 2));
                if context.cancel().wait(Duration::from_secs(1)) { Err("timed out early".into()) } else { Ok(()) }
            })
            .handle_kind("short", |context: &Context, _: Value| -> HandlerResult {
                assert_eq!(context.time_left(), None);
                context.extend(SHORT);
                assert!(context.cancel().wait(PATIENCE));
                Ok(())
            })
            .start()
            .unwrap();
        let (long, short) = (db.insert(job("long")).id, db.insert(job("short")).id);
        watch.until_state(long, State::Completed);
        watch.until(|event| matches!(event, Event::TimedOut(job) if job.id == short));
    }

    fn a_thread_whose_handler_does_not_return_is_replaced(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let running = hanging(db, &gate, 5);
        let stuck = db.insert(job("hang")).id;
        gate.arrival();
        let told = watch.until(is_stuck);
        assert!(matches!(told, Event::Stuck { job, healthy: true } if job.id == stuck));
        let beside = db.insert(job("work")).id;
        watch.until_state(beside, State::Completed);
        let health = running.health();
        assert_eq!((health.replaced_threads, health.stuck_threads, health.is_healthy()), (1, 0, true));
        gate.open();
        watch.until_claim_lost(stuck);
        eventually("nobody is stuck", || running.health().replaced_threads == 0);
        assert_eq!(watch.count(is_stuck), 1);
        assert_eq!(db.job(stuck).state, State::Retryable);
    }

    fn when_a_replaced_thread_returns_there_are_no_more_threads_than_before(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let door = gate.door();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let highest = most.clone();
        let running = Worker::new(&db.client)
            .concurrency(2)
            .stuck_after(SHORT)
            .timeout_for("hang", SHORT)
            .handle_kind("hang", move |context: &Context, _: Value| -> HandlerResult {
                door.pass(context.job().id);
                Ok(())
            })
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Long enough for a third to come, if there were one.
                context.cancel().wait(Duration::from_millis(5));
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
            .start()
            .unwrap();
        let stuck = db.insert(job("hang")).id;
        watch.until(is_stuck);
        gate.open();
        watch.until_claim_lost(stuck);
        eventually("nobody is stuck", || running.health().replaced_threads == 0);
        insert_many(&db.client, (0..40).map(|_| job("work"))).unwrap();
        watch.until_completed(40);
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    fn beyond_the_bound_the_worker_says_that_it_lacks_threads_until_they_return(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let running = hanging(db, &gate, 0);
        let stuck = db.insert(job("hang")).id;
        let told = watch.until(is_stuck);
        assert!(matches!(told, Event::Stuck { job, healthy: false } if job.id == stuck));
        let health = running.health();
        assert_eq!((health.replaced_threads, health.stuck_threads, health.is_healthy()), (0, 1, false));
        let waiting = db.insert(job("work")).id;
        gate.open();
        watch.until_state(waiting, State::Completed);
        let health = running.health();
        assert_eq!((health.replaced_threads, health.stuck_threads, health.is_healthy()), (0, 0, true));
    }

    fn what_a_transactional_handler_does_after_its_time_is_taken_back(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let door = gate.door();
        db.create_effects();
        let worker = Worker::new(&db.client).retry(RetryPolicy::constant(HOUR)).timeout(SHORT);
        let _running = transactional(db, worker, "work", move |tx, context| -> HandlerResult {
            tx.execute(&effect(context))?;
            assert!(context.cancel().wait(PATIENCE));
            door.pass(context.job().id);
            Ok(())
        })
        .start()
        .unwrap();
        let id = db.insert(job("work")).id;
        gate.arrival();
        if db.dialect == Dialect::Sqlite {
            // The handler holds the one write lock, so its end is recorded first, and counts.
            gate.open();
            watch.until_state(id, State::Completed);
            watch.until_claim_lost(id);
            assert_eq!((db.job(id).state, db.job(id).errors.len(), db.effects_of(id)), (State::Completed, 0, 1));
            return;
        }
        watch.until(|event| matches!(event, Event::TimedOut(_)));
        gate.open();
        watch.until_claim_lost(id);
        assert_eq!((db.job(id).state, db.job(id).errors.len(), db.effects_of(id)), (State::Retryable, 1, 0));
    }
}
