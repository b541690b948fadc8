//! What runs around inserts and around handlers: it sees, changes and refuses, and can break nothing.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use drip::{
    Client, ClientBuilder, Context, Error, HandlerResult, Inserted, NewJob, Next, Outcome, Result, RetryPolicy, State,
    Worked, Worker, insert_job, insert_many,
};
use serde_json::{Value, json};

use crate::support::{
    Db, Watch,
    work::{done, effect, job, transactional},
};

/// The client of a test, with hooks.
fn hooked(db: &Db, hooks: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    hooks(Client::builder().clock(db.clock.clone())).connect(&db.url).unwrap()
}

/// The ways in which an insert knows the client; in a caller's transaction it is committed if the insert succeeds.
type Way = fn(&Db, &Client, Vec<NewJob>) -> Result<Vec<Inserted>>;

fn one_by_one(on: impl FnMut(NewJob) -> Result<Inserted>, jobs: Vec<NewJob>) -> Result<Vec<Inserted>> {
    jobs.into_iter().map(on).collect()
}

const WAYS: [(&str, Way); 4] = [
    ("alone", |_, client, jobs| one_by_one(|job| insert_job(client, job), jobs)),
    ("batch", |_, client, jobs| insert_many(client, jobs)),
    ("alone, in a transaction", |db, client, jobs| {
        db.transaction(|tx| one_by_one(|job| insert_job(client.on(tx.on()), job), jobs.clone()))
    }),
    ("batch, in a transaction", |db, client, jobs| db.transaction(|tx| insert_many(client.on(tx.on()), jobs.clone()))),
];

on_every_database! {
    fn hooks_change_each_job_once_in_their_order_wherever_the_insert_knows_the_client(db: &Db) {
        let client = hooked(db, |builder| {
            let calls = AtomicUsize::new(0);
            builder.on_insert(|job| Ok(job.queue("first").args(json!({"n": 2})))).on_insert(move |job| {
                let seen = json!([job.kind(), job.queue_name(), job.args_text(), job.metadata_text()]);
                let call = calls.fetch_add(1, Ordering::Relaxed);
                Ok(job.metadata_entry("seen", seen).metadata_entry("call", call.into()))
            })
        });
        for (nth, (way, insert)) in WAYS.into_iter().enumerate() {
            let jobs = ["a", "b"].map(|kind| NewJob::new(kind, json!({"n": 1})).metadata(json!({"mine": 1})).priority(3));
            let inserted = insert(db, &client, jobs.to_vec()).unwrap();
            for (place, (inserted, kind)) in inserted.iter().zip(["a", "b"]).enumerate() {
                let job = db.job(inserted.job().id);
                assert_eq!(&job, inserted.job(), "{way}");
                assert_eq!((&*job.kind, &*job.queue, job.priority, job.args_text()), (kind, "first", 3, r#"{"n":2}"#));
                let metadata = json!({
                    "mine": 1,
                    "seen": [kind, "first", r#"{"n":2}"#, r#"{"mine":1}"#],
                    "call": 2 * nth + place,
                });
                assert_eq!(Value::Object(job.metadata().unwrap()), metadata, "{way}");
            }
        }
    }

    fn what_a_hook_refuses_or_makes_impossible_is_not_inserted_nor_what_came_with_it(db: &Db) {
        let client = hooked(db, |builder| {
            builder.on_insert(|job| match job.kind() {
                "refused" => Err(Error::invalid("kind", "is no longer in use")),
                "failed" => Err(Error::other("the oracle is asleep")),
                "spoilt" => Ok(job.priority(9)),
                "too deep" => {
                    let deep = (0..40).fold(json!(0), |inner, _| json!([inner]));
                    Ok(job.metadata_entry("deep", deep).metadata_entry("more", json!(1)))
                }
                _ => Ok(job),
            })
        });
        for (way, insert) in WAYS {
            for (kind, is_invalid, text) in [
                ("refused", true, "kind: is no longer in use"),
                ("failed", false, "the oracle is asleep"),
                ("spoilt", true, "priority: is 9"),
                ("too deep", true, "metadata: "),
            ] {
                let error = insert(db, &client, vec![job(kind)]).unwrap_err();
                assert_eq!(error.is_invalid_input(), is_invalid, "{way}: {error}");
                assert!(error.to_string().contains(text), "{way}: {error}");
            }
            assert_eq!(db.jobs(), 0, "{way}");
        }
        let error = insert_many(&client, [job("fine"), job("refused")]).unwrap_err();
        assert_eq!(error.to_string(), "job 1 of the batch: kind: is no longer in use");
        let both = db.transaction(|tx| {
            let error = insert_job(client.on(tx.on()), job("refused")).unwrap_err();
            assert!(error.is_invalid_input());
            insert_job(client.on(tx.on()), job("fine")) // the transaction is as it was
        });
        assert_eq!((both.unwrap().job().kind.as_str(), db.jobs()), ("fine", 1));
    }

    /// As the documentation of `on_insert` says aloud.
    fn a_bare_transaction_knows_no_hooks(db: &Db) {
        let _client = hooked(db, |builder| builder.on_insert(|_| Err(Error::invalid("kind", "is refused"))));
        let inserted = db.transaction(|tx| insert_job(tx.on(), job("work"))).unwrap();
        assert_eq!(db.job(inserted.job().id).kind, "work");
    }

    fn layers_run_from_the_outermost_to_the_handler_and_back_around_handlers_of_all_sorts(db: &Db) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let layer = |name: &'static str| {
            let said = said.clone();
            move |context: &Context, next: Next| {
                said.lock().unwrap().push(format!("{name} {} {}", context.job().kind, context.attempt()));
                let answer = next.run();
                said.lock().unwrap().push(format!("{name} {answer:?}"));
                answer
            }
        };
        let output = || Ok(Outcome::CompleteWith(json!("out")));
        let worker = Worker::new(&db.client)
            .middleware(layer("outer"))
            .middleware(layer("inner"))
            .handle_kind("plain", move |_: &Context, _: Value| -> HandlerResult<Outcome> { output() })
            .handle_kind("typed", |_: &Context, _: (i64, i64)| -> HandlerResult { Ok(()) })
            .retry(RetryPolicy::constant(std::time::Duration::from_secs(3600)));
        let worker = transactional(db, worker, "transactional", move |_, _| output());
        let unreadable = "invalid type, expected a tuple of size 2";
        let complete = r#"Ok(CompleteWith(String("out")))"#.to_owned();
        for (kind, state, answer) in [
            ("plain", State::Completed, &complete),
            ("transactional", State::Completed, &complete),
            ("typed", State::Retryable, &unreadable.to_owned()),
        ] {
            for once in [false, true] {
                let id = db.insert(job(kind)).id;
                run(db, &worker, id, state, once);
                let said = std::mem::take(&mut *said.lock().unwrap());
                assert_eq!(said[..2], [format!("outer {kind} 1"), format!("inner {kind} 1")]);
                assert!(said[2].starts_with("inner ") && said[2].contains(answer), "{said:?}");
                assert_eq!((said.len(), said[3].replace("outer ", "inner ")), (4, said[2].clone()));
            }
        }
    }

    fn what_the_outermost_answers_counts_and_a_failed_handlers_writes_never_do(db: &Db) {
        db.create_effects();
        let failing = |kind: &str| matches!(kind, "saved" | "rescued" | "settled");
        let middleware = move |context: &Context, next: Next| -> HandlerResult<Outcome> {
            match context.job().kind.as_str() {
                "spoilt" => next.run().and(Err("not good enough".into())),
                "put off" => next.run().map(|_| Outcome::Snooze(std::time::Duration::from_secs(60))),
                "called off" => Ok(Outcome::Cancel("not today".into())), // without running it
                "saved" => {
                    let error = next.run().unwrap_err();
                    Ok(Outcome::Discard(error.to_string()))
                }
                "rescued" => Ok(next.run().unwrap_or(Outcome::Complete)),
                "settled" => Ok(next.run().unwrap_or(Outcome::Settled)),
                _ => next.run(),
            }
        };
        let table = [
            ("spoilt", State::Discarded, Some("not good enough"), 0),
            ("put off", State::Scheduled, None, 1),
            ("called off", State::Cancelled, Some("not today"), 0),
            ("saved", State::Discarded, Some("panicked: bang"), 0),
            ("rescued", State::Completed, None, 0),
            ("settled", State::Discarded, Some("has not settled its job"), 0),
            ("let be", State::Completed, None, 1),
        ];
        let mut worker = Worker::new(&db.client).middleware(middleware);
        for (kind, ..) in table {
            worker = transactional(db, worker, kind, move |tx, context| -> HandlerResult {
                tx.execute(&effect(context))?;
                insert_job(tx.on(), job("child").queue("later"))?;
                match kind {
                    "saved" => panic!("bang"),
                    kind if failing(kind) => Err("boom".into()),
                    _ => Ok(()),
                }
            });
        }
        for once in [false, true] {
            for (kind, state, text, effects) in table {
                let id = db.insert(job(kind).max_attempts(1)).id;
                run(db, &worker, id, state, once);
                let errors: Vec<String> = db.job(id).errors.into_iter().map(|error| error.error).collect();
                assert_eq!(errors.len(), usize::from(text.is_some()), "{kind}: {errors:?}");
                assert!(errors.iter().all(|error| error.contains(text.unwrap())), "{kind}: {errors:?}");
                assert_eq!(db.effects_of(id), effects, "{kind}");
            }
        }
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE kind = 'child'"), 4);
    }

    fn a_panic_of_a_handler_or_of_middleware_is_an_error_that_keeps_its_backtrace(db: &Db) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let outer = {
            let seen = seen.clone();
            move |_: &Context, next: Next| {
                let answer = next.run();
                seen.lock().unwrap().extend(answer.as_ref().err().map(ToString::to_string));
                answer
            }
        };
        let inner = |context: &Context, next: Next| match context.job().kind.as_str() {
            "before" => panic!("before it"),
            "after" => panic!("after {:?}", next.run().unwrap()),
            _ => next.run(),
        };
        let worker = Worker::new(&db.client)
            .concurrency(1)
            .middleware(outer)
            .middleware(inner)
            .handle_kind("before", done)
            .handle_kind("after", done)
            .handle_kind("within", |_: &Context, _: Value| -> HandlerResult { panic!("within") })
            .handle_kind("work", done);
        let table = [("before", "panicked: before it"), ("after", "panicked: after Complete"), ("within", "panicked: within")];
        for once in [false, true] {
            for (kind, text) in table {
                let id = db.insert(job(kind).max_attempts(1)).id;
                run(db, &worker, id, State::Discarded, once);
                let error = &db.job(id).errors[0];
                assert_eq!((error.error.as_str(), seen.lock().unwrap().pop()), (text, Some(text.to_owned())));
                assert!(error.trace.contains("middleware.rs"), "{}", error.trace);
            }
        }
        // The thread has survived all of that.
        let id = db.insert(job("work")).id;
        run(db, &worker, id, State::Completed, false);
    }

    fn an_outermost_panic_is_caught_as_well(db: &Db) {
        let worker = Worker::new(&db.client)
            .middleware(|_: &Context, _: Next| -> HandlerResult<Outcome> { panic!("at once") })
            .handle_kind("work", done);
        for once in [false, true] {
            let id = db.insert(job("work").max_attempts(1)).id;
            run(db, &worker, id, State::Discarded, once);
            assert_eq!(db.job(id).errors[0].error, "panicked: at once");
        }
    }
}

/// Runs the job, on a thread of the worker's or on this one, and waits until it is in this state.
fn run(db: &Db, worker: &Worker, id: i64, state: State, once: bool) {
    let mut watch = Watch::new(&db.client);
    if once {
        assert_ne!(worker.work_once().unwrap(), Worked::Nothing);
        assert_eq!(db.job(id).state, state, "{:?}", db.job(id));
    } else {
        let running = worker.start().unwrap();
        watch.until_state(id, state);
        assert!(running.stop(crate::support::PATIENCE).is_clean());
    }
}
