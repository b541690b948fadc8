//! A transactional handler's effects, its child jobs and its job's settlement are one commit, or nothing at all.

use std::{panic::panic_any, thread, time::Duration};

use drip::{
    Client, Context, Dialect, Event, HandlerResult, Outcome, RetryPolicy, State, Worker, cancel_job, complete_job,
    insert_job, insert_many, snooze_job,
};
use serde_json::{Value, json};

use crate::support::{
    Db, Gate, Place, Watch,
    watch::eventually,
    work::{done, effect, job, transactional},
};

const HOUR: Duration = Duration::from_secs(3600);

fn worker(db: &Db) -> Worker {
    db.create_effects();
    Worker::new(&db.client).retry(RetryPolicy::constant(HOUR))
}

/// What a person at another connection sees: effects and jobs.
fn seen(db: &Db) -> (i64, i64) {
    (db.number("SELECT count(*) FROM effect"), db.jobs())
}

on_every_database! {
    fn effects_child_jobs_and_completion_are_one_commit(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let door = gate.door();
        let worker = worker(db).handle_kind("child", done);
        let _running = transactional(db, worker, "work", move |tx, context| -> HandlerResult {
            tx.execute(&effect(context))?;
            let _ = insert_job(tx.on(), job("child"))?;
            door.pass(context.job().id);
            Ok(())
        })
        .start()
        .unwrap();
        let id = db.insert(job("work")).id;
        gate.arrival();
        assert_eq!((seen(db), db.job(id).state), ((0, 1), State::Running));
        gate.open();
        watch.until_state(id, State::Completed);
        assert_eq!((seen(db), db.job(id).state), ((1, 2), State::Completed));
        // The child is found without anybody having been told of it; and runs.
        watch.until(|event| matches!(event, Event::Completed(job) if job.kind == "child"));
    }

    fn an_error_or_a_panic_takes_everything_back_and_is_recorded(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let mut worker = worker(db);
        for kind in ["error", "panic", "sql"] {
            worker = transactional(db, worker, kind, move |tx, context| -> HandlerResult {
                tx.execute(&effect(context))?;
                let _ = insert_job(tx.on(), job("child"))?;
                match kind {
                    "error" => Err("boom".into()),
                    "panic" => panic_any("boom"),
                    _ => tx.execute("INSERT INTO boom VALUES (1)"),
                }
            });
        }
        let _running = worker.start().unwrap();
        for (n, kind) in ["error", "panic", "sql"].into_iter().enumerate() {
            let id = db.insert(job(kind)).id;
            let event = watch.until_state(id, State::Retryable);
            assert!(event.error.is_some_and(|error| error.contains("boom") || kind == "sql"), "{kind}");
            let job = db.job(id);
            assert_eq!((job.attempt, job.errors.len(), job.scheduled_at), (1, 1, db.clock.now() + HOUR), "{kind}");
            assert_eq!(seen(db), (0, n as i64 + 1), "{kind}");
        }
    }

    fn every_other_outcome_commits_the_effects_too(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let outcome = |kind: &str| match kind {
            "output" => Outcome::CompleteWith(json!({"n": 1})),
            "snooze" => Outcome::Snooze(HOUR),
            "cancel" => Outcome::Cancel("no need".into()),
            "discard" => Outcome::Discard("no hope".into()),
            _ => Outcome::Complete,
        };
        let table = [
            ("output", State::Completed),
            ("snooze", State::Scheduled),
            ("cancel", State::Cancelled),
            ("discard", State::Discarded),
            ("done", State::Completed),
            ("ephemeral", State::Completed),
        ];
        let mut worker = worker(db);
        for (kind, _) in table {
            worker = transactional(db, worker, kind, move |tx, context| {
                tx.execute(&effect(context))?;
                Ok(outcome(kind))
            });
        }
        let _running = worker.start().unwrap();
        for (kind, state) in table {
            let id = db.insert(if kind == "ephemeral" { job(kind).ephemeral() } else { job(kind) }).id;
            watch.until_state(id, state);
            assert_eq!(db.effects_of(id), 1, "{kind}");
            let left = drip::get_job(&db.client, id).unwrap();
            assert_eq!(left.as_ref().map(|job| job.state), (kind != "ephemeral").then_some(state), "{kind}");
            assert_eq!(left.and_then(|job| job.output()), (kind == "output").then(|| json!({"n": 1})), "{kind}");
        }
    }

    fn a_handler_may_settle_its_job_in_the_transaction_itself(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let mut worker = worker(db);
        let now = db.clock.now();
        for kind in ["settled", "ok", "snoozed"] {
            worker = transactional(db, worker, kind, move |tx, context| {
                tx.execute(&effect(context))?;
                match kind {
                    "snoozed" => drop(snooze_job(tx.on().at(now), context.job(), HOUR)?),
                    _ => drop(complete_job(tx.on(), context.job())?),
                }
                Ok(if kind == "ok" { Outcome::Complete } else { Outcome::Settled })
            });
        }
        let _running = transactional(db, worker, "canary", |_, _| -> HandlerResult { Ok(()) }).start().unwrap();
        for (kind, state) in [("settled", State::Completed), ("ok", State::Completed), ("snoozed", State::Scheduled)] {
            let id = db.insert(job(kind)).id;
            eventually(kind, || db.job(id).state == state);
            assert_eq!(db.effects_of(id), 1, "{kind}");
        }
        watch.until_state(db.insert(job("canary")).id, State::Completed);
    }

    fn answers_that_contradict_what_the_handler_has_settled_take_everything_back_and_fail(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let worker = transactional(db, worker(db), "unsettled", |tx, context| {
            tx.execute(&effect(context))?;
            Ok(Outcome::Settled)
        });
        let _running = transactional(db, worker, "put off and done", |tx, context| -> HandlerResult {
            tx.execute(&effect(context))?;
            snooze_job(tx.on(), context.job(), HOUR)?;
            Ok(())
        })
        .start()
        .unwrap();
        for kind in ["unsettled", "put off and done"] {
            let id = db.insert(job(kind)).id;
            let event = watch.until_state(id, State::Retryable);
            assert!(event.error.as_ref().is_some_and(|error| error.contains("ettled")), "{kind}: {event:?}");
            assert_eq!(db.effects_of(id), 0, "{kind}");
        }
    }

    fn a_job_cancelled_while_its_handler_runs_leaves_nothing_behind(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let door = gate.door();
        let _running = transactional(db, worker(db), "work", move |tx, context| -> HandlerResult {
            tx.execute(&effect(context))?;
            door.pass(context.job().id);
            Ok(())
        })
        .start()
        .unwrap();
        let id = db.insert(job("work")).id;
        gate.arrival();
        if db.dialect == Dialect::Sqlite {
            // The handler holds the one write lock: whoever cancels waits for it, and comes too late.
            let client = db.client.clone();
            let cancelling = thread::spawn(move || cancel_job(&client, id));
            gate.open();
            assert!(cancelling.join().unwrap().unwrap_err().is_wrong_state());
            assert_eq!((db.job(id).state, db.effects_of(id)), (State::Completed, 1));
            return;
        }
        assert_eq!(cancel_job(&db.client, id).unwrap().state, State::Cancelled);
        gate.open();
        watch.until_claim_lost(id);
        let job = db.job(id);
        assert_eq!((job.state, job.errors.len(), db.effects_of(id)), (State::Cancelled, 0, 0));
    }

    fn an_effect_happens_exactly_once_however_often_its_job_fails(db: &Db) {
        const JOBS: i64 = 200;
        let mut watch = Watch::new(&db.client);
        let worker = worker(db).retry(RetryPolicy::immediate()).concurrency(4);
        let worker = transactional(db, worker, "work", |tx, context| -> HandlerResult {
            tx.execute(&effect(context))?;
            match (context.job().id % 5, context.attempt()) {
                (0, 1) => Err("not yet".into()),
                (1, 1 | 2) => panic!("not yet"),
                _ => Ok(()),
            }
        });
        let both = [worker.start().unwrap(), worker.start().unwrap()];
        insert_many(&db.client, (0..JOBS).map(|_| job("work"))).unwrap();
        watch.until_completed(JOBS as usize);
        assert!(both.iter().all(|running| running.stop(HOUR).is_clean()));
        assert_eq!(db.number("SELECT count(*) FROM effect"), JOBS);
        let once = "SELECT count(*) FROM drip_job WHERE state = 'completed' AND id IN (SELECT job_id FROM effect)";
        assert_eq!(db.number(once), JOBS);
        assert_eq!(watch.count(|event| matches!(event, Event::Failed(_))), 40 + 2 * 40);
    }

    fn a_handler_that_has_lost_its_transaction_fails(db: &Db) {
        if db.dialect == Dialect::Postgres {
            // There a transaction that has failed refuses everything until it is rolled back.
            return a_handler_that_swallows_an_error_fails_on_postgres(db);
        }
        let mut watch = Watch::new(&db.client);
        let _running = transactional(db, worker(db), "work", |tx, context| -> HandlerResult {
            tx.execute(&effect(context))?;
            // As the engine does it after a deadlock, or when the disk is full.
            tx.execute("ROLLBACK")
        })
        .start()
        .unwrap();
        let id = db.insert(job("work")).id;
        let event = watch.until_state(id, State::Retryable);
        assert!(event.error.is_some_and(|error| error.contains("transaction is no longer open")));
        assert_eq!(db.effects_of(id), 0);
    }

    fn a_handler_of_another_driver_is_refused_at_the_start(db: &Db) {
        let postgres = |_: &mut ::postgres::Transaction, _: &Context, _: Value| -> HandlerResult { Ok(()) };
        let mariadb = |_: &mut mysql::Transaction, _: &Context, _: Value| -> HandlerResult { Ok(()) };
        let sqlite = |_: &mut rusqlite::Transaction, _: &Context, _: Value| -> HandlerResult { Ok(()) };
        let worker = |client: &Client| Worker::new(client).handle_kind("fine", done);
        for (driver, started) in [
            (Dialect::Postgres, worker(&db.client).handle_kind("work", postgres).start()),
            (Dialect::Mariadb, worker(&db.client).handle_kind("work", mariadb).start()),
            (Dialect::Sqlite, worker(&db.client).handle_kind("work", sqlite).start()),
        ] {
            match started {
                Ok(_) => assert_eq!(driver, db.dialect),
                Err(error) => assert!(driver != db.dialect && error.is_invalid_input(), "{driver:?}: {error}"),
            }
        }
    }
}

/// A handler's connection dies under it: that costs the one attempt, and no other handler is given the dead connection.
fn a_dead_connection_costs_one_attempt(db: &Db) {
    let mut watch = Watch::new(&db.client);
    let suicide = match db.dialect {
        Dialect::Postgres => "SELECT pg_terminate_backend(pg_backend_pid())",
        _ => "KILL CONNECTION_ID()",
    };
    let worker = worker(db).concurrency(1);
    let worker = transactional(db, worker, "fine", |tx, context| tx.execute(&effect(context)));
    let _running = transactional(db, worker, "dies", move |tx, context| -> HandlerResult {
        tx.execute(&effect(context))?;
        tx.execute(suicide)
    })
    .start()
    .unwrap();
    for _ in 0..3 {
        let (dies, fine) = (db.insert(job("dies")).id, db.insert(job("fine")).id);
        watch.until_state(dies, State::Retryable);
        watch.until_state(fine, State::Completed);
        assert_eq!((db.effects_of(dies), db.effects_of(fine)), (0, 1));
    }
}

#[test]
fn a_dead_connection_costs_one_attempt_on_postgres() {
    Db::run(Dialect::Postgres, Place::Own, a_dead_connection_costs_one_attempt);
}

#[test]
fn a_dead_connection_costs_one_attempt_on_mariadb() {
    Db::run(Dialect::Mariadb, Place::Own, a_dead_connection_costs_one_attempt);
}

fn a_handler_that_swallows_an_error_fails_on_postgres(db: &Db) {
    let mut watch = Watch::new(&db.client);
    let _running = transactional(db, worker(db), "work", |tx, context| -> HandlerResult {
        tx.execute(&effect(context))?;
        assert!(tx.execute("INSERT INTO boom VALUES (1)").is_err());
        Ok(())
    })
    .start()
    .unwrap();
    let id = db.insert(job("work")).id;
    watch.until_state(id, State::Retryable);
    assert_eq!((db.effects_of(id), db.job(id).errors.len()), (0, 1));
}
