//! One job in the caller's thread: locked and not marked while its handler runs, settled in the same commit, and
//! free at once if the process dies.

use std::{thread, time::Duration};

use drip::{
    Context, Dialect, Event, HandlerResult, Outcome, RetryPolicy, State, Worked, Worker, complete_job, get_job,
    insert_job,
};
use serde_json::{Value, json};

use crate::support::{
    Db, Gate, Place, Watch,
    work::{done, effect, job, transactional},
};

const HOUR: Duration = Duration::from_secs(3600);

fn worker(db: &Db) -> Worker {
    Worker::new(&db.client).retry(RetryPolicy::constant(HOUR)).handle_kind("work", done)
}

/// The job that was run, which is as it is in the database.
fn ran(db: &Db, worked: Worked, failed: bool) -> drip::Job {
    let job = match worked {
        Worked::Done(job) if !failed => job,
        Worked::Failed(job) if failed => job,
        other => panic!("{other:?}"),
    };
    assert_eq!(db.job(job.id).state, job.state);
    job
}

on_every_database! {
    fn it_answers_whether_there_was_a_job_and_what_became_of_it(db: &Db) {
        let worker = worker(db)
            .handle_kind("fail", |_: &Context, _: Value| -> HandlerResult { Err("boom".into()) })
            .handle_kind("panic", |_: &Context, _: Value| -> HandlerResult { panic!("bang") });
        assert_eq!(worker.work_once().unwrap(), Worked::Nothing);
        let mut watch = Watch::new(&db.client);
        let id = db.insert(job("work")).id;
        let job = ran(db, worker.work_once().unwrap(), false);
        assert_eq!((job.id, job.state, job.attempt), (id, State::Completed, 1));
        assert_eq!(job, db.job(id));
        watch.until_state(id, State::Completed);
        for (kind, text) in [("fail", "boom"), ("panic", "bang")] {
            let id = db.insert(self::job(kind)).id;
            let job = ran(db, worker.work_once().unwrap(), true);
            assert_eq!((job.id, job.state, job.attempt), (id, State::Retryable, 1));
            assert!(job.errors.len() == 1 && job.errors[0].error.contains(text), "{job:?}");
            assert_eq!(job.errors[0].trace.is_empty(), kind == "fail");
            assert_eq!((job.scheduled_at, &job), (db.clock.now() + HOUR, &db.job(id)));
            assert_eq!(watch.until_state(id, State::Retryable).error, Some(job.errors[0].error.clone()));
        }
        assert_eq!(worker.work_once().unwrap(), Worked::Nothing);
    }

    fn a_job_that_is_due_again_is_run(db: &Db) {
        let worker = worker(db).handle_kind("fail", |_: &Context, _: Value| -> HandlerResult { Err("boom".into()) });
        let id = db.insert(job("fail").max_attempts(2)).id;
        assert_eq!(ran(db, worker.work_once().unwrap(), true).state, State::Retryable);
        assert_eq!(worker.work_once().unwrap(), Worked::Nothing);
        db.clock.advance(HOUR);
        let job = ran(db, worker.work_once().unwrap(), true);
        assert_eq!((job.id, job.state, job.attempt, job.errors.len()), (id, State::Discarded, 2, 2));
    }

    fn what_a_transactional_handler_writes_is_committed_with_the_completion_or_taken_back(db: &Db) {
        db.create_effects();
        let mut worker = worker(db);
        for kind in ["done", "fail", "panic", "sql"] {
            worker = transactional(db, worker, kind, move |tx, context| -> HandlerResult {
                tx.execute(&effect(context))?;
                let _ = insert_job(tx.on(), job("child").queue("later"))?;
                match kind {
                    "done" => Ok(()),
                    "fail" => Err("boom".into()),
                    "panic" => panic!("bang"),
                    _ => tx.execute("INSERT INTO boom VALUES (1)"),
                }
            });
        }
        for kind in ["done", "fail", "panic", "sql"] {
            let id = db.insert(job(kind)).id;
            let job = ran(db, worker.work_once().unwrap(), kind != "done");
            assert_eq!((job.id, job.attempt, job.errors.len()), (id, 1, usize::from(kind != "done")), "{kind}");
            assert_eq!(db.effects_of(id), i64::from(kind == "done"), "{kind}");
        }
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE kind = 'child'"), 1);
    }

    fn outcomes_are_settled_in_the_same_transaction(db: &Db) {
        db.create_effects();
        let outcome = |kind: &str| match kind {
            "output" => Outcome::CompleteWith(json!([1])),
            "snooze" => Outcome::Snooze(HOUR),
            "cancel" => Outcome::Cancel("no need".into()),
            "discard" => Outcome::Discard("no hope".into()),
            _ => Outcome::Settled,
        };
        let table = [
            ("output", State::Completed),
            ("snooze", State::Scheduled),
            ("cancel", State::Cancelled),
            ("discard", State::Discarded),
            ("settled", State::Completed),
        ];
        let mut worker = worker(db);
        for (kind, _) in table {
            worker = transactional(db, worker, kind, move |tx, context| {
                tx.execute(&effect(context))?;
                if kind == "settled" {
                    complete_job(tx.on(), context.job())?;
                }
                Ok(outcome(kind))
            });
        }
        for (kind, state) in table {
            let id = db.insert(job(kind)).id;
            let job = ran(db, worker.work_once().unwrap(), false);
            assert_eq!((job.id, job.state, db.effects_of(id)), (id, state, 1), "{kind}");
            assert_eq!(job.output(), (kind == "output").then(|| json!([1])), "{kind}");
        }
    }

    fn a_job_whose_row_goes_away_is_answered_as_one_that_has_ended(db: &Db) {
        let worker = worker(db).handle_kind("output", |_: &Context, _: Value| -> HandlerResult<Outcome> {
            Ok(Outcome::CompleteWith(json!(1)))
        });
        let worker = transactional(db, worker, "settled", |tx, context| {
            complete_job(tx.on(), context.job())?;
            Ok(Outcome::Settled)
        });
        for kind in ["work", "output", "settled"] {
            let id = db.insert(job(kind).ephemeral()).id;
            let Worked::Done(done) = worker.work_once().unwrap() else { panic!("{kind} is not done") };
            assert_eq!((done.id, done.state, done.finalized_at), (id, State::Completed, Some(db.clock.now())), "{kind}");
            assert_eq!(get_job(&db.client, id).unwrap(), None, "{kind}");
        }
    }

    fn an_outcome_that_cannot_be_settled_is_a_failure(db: &Db) {
        db.create_effects();
        let mut worker = worker(db);
        for kind in ["large", "unsettled"] {
            worker = transactional(db, worker, kind, move |tx, context| {
                tx.execute(&effect(context))?;
                Ok(if kind == "large" { Outcome::CompleteWith("x".repeat(2 << 20).into()) } else { Outcome::Settled })
            });
        }
        for kind in ["large", "unsettled"] {
            let id = db.insert(job(kind)).id;
            let job = ran(db, worker.work_once().unwrap(), true);
            assert_eq!((job.id, job.attempt, job.errors.len(), db.effects_of(id)), (id, 1, 1, 0), "{kind}");
        }
    }

    fn queues_are_tried_in_the_order_in_which_they_were_named(db: &Db) {
        let insert_in = |queues: [&'static str; 5]| queues.map(|queue| db.insert(job("work").queue(queue)).id);
        let queue_of_next = |worker: &Worker| ran(db, worker.work_once().unwrap(), false).queue;
        insert_in(["a", "b", "b", "c", "elsewhere"]);
        let named = worker(db).queue("b").queue("c").queue("a");
        assert_eq!([(); 4].map(|()| queue_of_next(&named)), ["b", "b", "c", "a"]);
        assert_eq!(named.work_once().unwrap(), Worked::Nothing);
        insert_in(["c", "a", "b", "b", "default"]);
        let any = worker(db).any_queue();
        assert_eq!([(); 6].map(|()| queue_of_next(&any)), ["a", "b", "b", "c", "default", "elsewhere"]);
        assert_eq!(any.work_once().unwrap(), Worked::Nothing);
    }

    fn nobody_sees_the_job_as_running(db: &Db) {
        let worker = worker(db).handle_kind("look", |context: &Context, _: Value| -> HandlerResult {
            assert_eq!((context.attempt(), context.job().state), (1, State::Running));
            let seen = get_job(context.client(), context.job().id)?.ok_or("it is gone")?;
            assert_eq!((seen.state, seen.attempt, seen.claim_seq), (State::Available, 0, 0));
            Ok(())
        });
        let id = db.insert(job("look")).id;
        let job = ran(db, worker.work_once().unwrap(), false);
        assert_eq!((job.id, job.state, job.claim_seq), (id, State::Completed, 1));
    }

    fn while_it_runs_nobody_else_runs_it(db: &Db) {
        let gate = Gate::new();
        let door = gate.door();
        let worker = worker(db).handle_kind("slow", move |context: &Context, _: Value| -> HandlerResult {
            door.pass(context.job().id);
            Ok(())
        });
        let id = db.insert(job("slow")).id;
        thread::scope(|scope| {
            let first = scope.spawn(|| worker.work_once().unwrap());
            assert_eq!(gate.arrival(), id);
            let second = scope.spawn(|| worker.work_once().unwrap());
            if db.dialect == Dialect::Sqlite {
                // The second waits for the one write lock; then there is nothing left.
                gate.open();
                assert_eq!(second.join().unwrap(), Worked::Nothing);
            } else {
                assert_eq!(second.join().unwrap(), Worked::Nothing);
                gate.open();
            }
            assert_eq!(ran(db, first.join().unwrap(), false).claim_seq, 1);
        });
    }

    fn a_started_worker_and_single_jobs_share_a_queue(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let running = worker(db).concurrency(2).start().unwrap();
        let (mut alone, worker) = (0, worker(db));
        drip::insert_many(&db.client, (0..100).map(|_| job("work"))).unwrap();
        while worker.work_once().unwrap() != Worked::Nothing {
            alone += 1;
        }
        watch.until_completed(100);
        assert!(running.stop(HOUR).is_clean());
        assert_eq!(watch.count(|event| matches!(event, Event::Started(_))), 100, "{alone} of them alone");
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'completed' AND attempt = 1"), 100);
    }
}

/// The handler's connection dies under it, as if its process had been killed.
fn a_job_whose_process_dies_is_free_at_once(db: &Db) {
    db.create_effects();
    let suicide = match db.dialect {
        Dialect::Postgres => "SELECT pg_terminate_backend(pg_backend_pid())",
        _ => "KILL CONNECTION_ID()",
    };
    let dying = transactional(db, worker(db), "work once", move |tx, context| -> HandlerResult {
        tx.execute(&effect(context))?;
        tx.execute(suicide)
    });
    let id = db.insert(job("work once")).id;
    assert!(dying.work_once().is_err());
    let job = db.job(id);
    assert_eq!((job.state, job.attempt, job.claim_seq, job.errors.len()), (State::Available, 0, 0, 0));
    let next = transactional(db, worker(db), "work once", |tx, context| tx.execute(&effect(context)));
    assert_eq!(ran(db, next.work_once().unwrap(), false).attempt, 1);
    assert_eq!(db.effects_of(id), 1);
}

#[test]
fn a_job_whose_process_dies_is_free_at_once_on_postgres() {
    Db::run(Dialect::Postgres, Place::Own, a_job_whose_process_dies_is_free_at_once);
}

#[test]
fn a_job_whose_process_dies_is_free_at_once_on_mariadb() {
    Db::run(Dialect::Mariadb, Place::Own, a_job_whose_process_dies_is_free_at_once);
}
