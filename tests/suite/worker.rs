//! A worker runs what is in its queue: once each, as many at a time as asked for, again when it failed, and without
//! waiting for a poll.

use std::{
    collections::HashMap,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::unbounded;
use drip::{
    Client, Context, Event, HandlerResult, JobArgs, NewJob, RetryPolicy, State, Worker, insert_job, insert_many,
};
use serde_json::{Value, json};

use crate::support::{
    Db, Watch,
    watch::{PATIENCE, eventually},
    work::{done, job},
};

#[derive(serde::Serialize, serde::Deserialize)]
struct Greet {
    name: String,
}

impl JobArgs for Greet {
    const KIND: &'static str = "greet";
}

const MINUTE: Duration = Duration::from_secs(60);

/// Runs a job that has nothing to do with the test: by then the worker has asked the database once more.
fn look_once_more(db: &Db, watch: &mut Watch) {
    let id = db.insert(job("canary")).id;
    watch.until_state(id, State::Completed);
}

on_every_database! {
    fn typed_and_untyped_handlers_run_what_was_inserted_before_the_start_and_after(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let (sent, received) = unbounded();
        let (typed, untyped) = (sent.clone(), sent);
        let before = db.insert(Greet { name: "Ada".into() }.into()).id;
        let running = Worker::new(&db.client)
            .handle(move |context: &Context, greet: Greet| -> HandlerResult {
                Ok(typed.send((context.job().id, greet.name, context.worker_id().to_owned()))?)
            })
            .handle_kind("shout", move |context: &Context, args: Value| -> HandlerResult {
                let name = args["name"].as_str().ok_or("no name")?.to_uppercase();
                Ok(untyped.send((context.job().id, name, context.worker_id().to_owned()))?)
            })
            .start()
            .unwrap();
        watch.until_state(before, State::Completed);
        let after = db.insert(NewJob::new("shout", json!({"name": "Bob"}))).id;
        let event = watch.until_state(after, State::Completed);
        assert!(event.duration.is_some() && event.error.is_none() && event.attempt == 1, "{event:?}");
        let me = running.id().to_owned();
        let run: Vec<_> = received.try_iter().collect();
        assert_eq!(run, [(before, "Ada".to_owned(), me.clone()), (after, "BOB".to_owned(), me.clone())]);
        for id in [before, after] {
            let job = db.job(id);
            assert_eq!((job.state, job.attempt, job.claim_seq), (State::Completed, 1, 1));
            assert_eq!(job.attempted_by.as_ref(), Some(&me));
            assert_eq!((job.attempted_at, job.finalized_at), (Some(db.clock.now()), Some(db.clock.now())));
            assert!(job.errors.is_empty());
        }
    }

    fn the_events_of_a_job_come_in_order(db: &Db) {
        let watch = db.client.subscribe();
        let id = db.insert(job("work")).id;
        let _running = Worker::new(&db.client).handle_kind("work", done).start().unwrap();
        let of_the_job = |event: &Event| match event {
            Event::Inserted(job) => Some(("inserted", job.id, job.state)),
            Event::Started(job) => Some(("started", job.id, job.state)),
            Event::Completed(job) => Some(("completed", job.id, job.state)),
            _ => None,
        };
        let mut told = Vec::new();
        while told.len() < 3 {
            told.extend(of_the_job(&watch.next_within(PATIENCE).expect("three events")));
        }
        let expected =
            [("inserted", id, State::Available), ("started", id, State::Running), ("completed", id, State::Completed)];
        assert_eq!(told, expected);
    }

    fn a_failed_job_runs_again_when_its_time_has_come_and_not_before(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let begin = db.clock.now();
        let _running = Worker::new(&db.client)
            .retry(RetryPolicy::constant(MINUTE))
            .handle_kind("canary", done)
            .handle_kind("work", |context: &Context, _: Value| -> HandlerResult {
                if context.attempt() == 1 { Err("boom".into()) } else { Ok(()) }
            })
            .start()
            .unwrap();
        let id = db.insert(job("work")).id;
        let event = watch.until_state(id, State::Retryable);
        assert_eq!(event.error.as_deref(), Some("boom"));
        let failed = db.job(id);
        assert_eq!((failed.attempt, failed.scheduled_at, failed.finalized_at), (1, begin + MINUTE, None));
        assert_eq!((failed.errors[0].attempt, failed.errors[0].at), (1, begin));
        db.clock.advance(MINUTE - Duration::from_micros(1));
        look_once_more(db, &mut watch);
        look_once_more(db, &mut watch);
        assert_eq!(db.job(id).state, State::Retryable);
        db.clock.advance(Duration::from_micros(1));
        watch.until_state(id, State::Completed);
        let job = db.job(id);
        assert_eq!((job.attempt, job.attempted_at, job.errors.len()), (2, Some(begin + MINUTE), 1));
    }

    fn a_scheduled_job_runs_when_it_is_due(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let begin = db.clock.now();
        let _running = Worker::new(&db.client).handle_kind("work", done).handle_kind("canary", done).start().unwrap();
        let id = db.insert(job("work").delay(MINUTE)).id;
        look_once_more(db, &mut watch);
        assert_eq!(db.job(id).state, State::Scheduled);
        db.clock.advance(MINUTE);
        watch.until_state(id, State::Completed);
        assert_eq!(db.job(id).attempted_at, Some(begin + MINUTE));
    }

    fn a_job_that_always_fails_is_discarded_after_its_last_attempt(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .retry(RetryPolicy::immediate())
            .handle_kind("work", |context: &Context, _: Value| -> HandlerResult {
                Err(format!("boom {}", context.attempt()).into())
            })
            .start()
            .unwrap();
        let id = db.insert(job("work").max_attempts(3)).id;
        let last = watch.until_state(id, State::Discarded);
        assert_eq!((last.attempt, last.error.as_deref()), (3, Some("boom 3")));
        assert_eq!(watch.count(|event| matches!(event, Event::Failed(_))), 2);
        assert_eq!(watch.count(|event| matches!(event, Event::Discarded(_))), 1);
        let job = db.job(id);
        assert_eq!((job.state, job.attempt, job.finalized_at), (State::Discarded, 3, Some(db.clock.now())));
        let errors: Vec<_> = job.errors.iter().map(|error| (error.attempt, error.error.as_str())).collect();
        assert_eq!(errors, [(1, "boom 1"), (2, "boom 2"), (3, "boom 3")]);
    }

    fn each_kind_has_its_own_retry_policy(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let fail = |_: &Context, _: Value| -> HandlerResult { Err("boom".into()) };
        let _running = Worker::new(&db.client)
            .retry(RetryPolicy::constant(MINUTE))
            .retry_for("patient", RetryPolicy::constant(MINUTE * 60))
            .handle_kind("patient", fail)
            .handle_kind("other", fail)
            .start()
            .unwrap();
        for (kind, delay) in [("patient", MINUTE * 60), ("other", MINUTE)] {
            let id = db.insert(job(kind)).id;
            watch.until_state(id, State::Retryable);
            assert_eq!(db.job(id).scheduled_at, db.clock.now() + delay, "{kind}");
        }
    }

    fn never_more_jobs_run_at_a_time_than_asked_for_and_never_fewer_while_there_are_enough(db: &Db) {
        const THREADS: usize = 4;
        let mut watch = Watch::new(&db.client);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // Nobody goes on before THREADS of them are there: with fewer at a time the test would not end.
        let barrier = Arc::new(Barrier::new(THREADS));
        let highest = most.clone();
        let _running = Worker::new(&db.client)
            .concurrency(THREADS)
            .poll_interval(Duration::from_secs(3600))
            .handle_kind("work", move |_: &Context, _: Value| -> HandlerResult {
                highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                barrier.wait();
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
            .start()
            .unwrap();
        // First one by one, then all at once.
        (0..THREADS).for_each(|_| drop(db.insert(job("work"))));
        watch.until_completed(THREADS);
        insert_many(&db.client, (0..THREADS * 9).map(|_| job("work"))).unwrap();
        watch.until_completed(THREADS * 10);
        assert_eq!(most.load(Ordering::SeqCst), THREADS);
    }

    fn after_claims_that_failed_all_threads_are_there(db: &Db) {
        const THREADS: usize = 3;
        let mut watch = Watch::new(&db.client);
        let barrier = Arc::new(Barrier::new(THREADS));
        let running = Worker::new(&db.client)
            .concurrency(THREADS)
            .poll_interval(Duration::from_millis(10))
            .handle_kind("canary", done)
            .handle_kind("work", move |_: &Context, _: Value| -> HandlerResult {
                barrier.wait();
                Ok(())
            })
            .start()
            .unwrap();
        db.refuse("NEW.state = 'running'");
        let refused = db.insert(job("canary")).id;
        watch.until(|event| matches!(event, Event::DatabaseLost { error, .. } if error.contains("not so")));
        eventually("the worker says that it cannot claim", || !running.health().claiming);
        db.allow();
        watch.until_state(refused, State::Completed);
        insert_many(&db.client, (0..THREADS * 2).map(|_| job("work"))).unwrap();
        watch.until_completed(THREADS * 2 + 1);
        assert!(running.health().is_healthy());
    }

    fn jobs_of_a_kind_without_a_handler_stay_available_and_are_told_of_once(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let unknown: Vec<i64> =
            ["default", "default", "other"].map(|queue| db.insert(job("unknown").queue(queue)).id).into();
        let running =
            Worker::new(&db.client).queue("default").queue("other").handle_kind("canary", done).start().unwrap();
        let told = watch.until(|event| matches!(event, Event::UnknownKind { .. }));
        let Event::UnknownKind { worker, kind, .. } = told else { unreachable!() };
        assert_eq!((worker.as_str(), kind.as_str()), (running.id(), "unknown"));
        look_once_more(db, &mut watch);
        assert!(running.stop(PATIENCE).is_clean());
        assert_eq!(watch.count(|event| matches!(event, Event::UnknownKind { .. })), 1);
        for id in unknown {
            let job = db.job(id);
            assert_eq!((job.state, job.attempt, job.claim_seq), (State::Available, 0, 0));
        }
    }

    fn args_that_do_not_fit_the_handler_fail_the_attempt(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .handle(|_: &Context, _: Greet| -> HandlerResult { panic!("nothing to greet") })
            .start()
            .unwrap();
        for args in [json!({}), json!({"name": 1}), json!({"nmae": "Ada"})] {
            let id = db.insert(NewJob::new("greet", args.clone())).id;
            let event = watch.until_state(id, State::Retryable);
            assert!(event.error.as_ref().is_some_and(|error| error.contains("args")), "{args}: {event:?}");
            assert_eq!(db.job(id).errors.len(), 1);
        }
    }

    fn five_hundred_jobs_need_no_clock_and_no_poll(db: &Db) {
        const JOBS: usize = 500;
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .concurrency(2)
            .poll_interval(Duration::from_secs(3600))
            .handle_kind("work", done)
            .start()
            .unwrap();
        watch.until(|event| matches!(event, Event::Idle { .. }));
        insert_many(&db.client, (0..JOBS).map(|_| job("work"))).unwrap();
        watch.until_completed(JOBS);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'completed'"), JOBS as i64);
    }

    fn a_job_that_another_process_inserts_is_found(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client).handle_kind("work", done).start().unwrap();
        watch.until(|event| matches!(event, Event::Idle { .. }));
        let other = Client::builder().clock(drip::Clock::at(db.clock.now())).connect(&db.url).unwrap();
        let id = insert_job(&other, job("work")).unwrap().job().id;
        watch.until_state(id, State::Completed);
        assert_eq!(db.job(id).attempt, 1);
    }

    fn two_workers_of_one_queue_run_every_job_once(db: &Db) {
        const JOBS: usize = 300;
        let mut watch = Watch::new(&db.client);
        let runs = Arc::new(Mutex::new(HashMap::<i64, u32>::new()));
        insert_many(&db.client, (0..JOBS).map(|_| job("work"))).unwrap();
        let count = runs.clone();
        let worker = Worker::new(&db.client).handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
            *count.lock().unwrap().entry(context.job().id).or_default() += 1;
            Ok(())
        });
        let both = [worker.start().unwrap(), worker.start().unwrap()];
        watch.until_completed(JOBS);
        assert!(both.iter().all(|running| running.stop(PATIENCE).is_clean()));
        let runs = runs.lock().unwrap();
        assert_eq!(runs.len(), JOBS);
        assert!(runs.values().all(|count| *count == 1), "{runs:?}");
    }

    fn an_ephemeral_job_is_gone_when_it_is_done(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let attempts = Arc::new(AtomicU32::new(0));
        let count = attempts.clone();
        let _running = Worker::new(&db.client)
            .retry(RetryPolicy::immediate())
            .handle_kind("work", move |_: &Context, _: Value| -> HandlerResult {
                if count.fetch_add(1, Ordering::SeqCst) == 0 { Err("not yet".into()) } else { Ok(()) }
            })
            .start()
            .unwrap();
        let id = db.insert(job("work").ephemeral()).id;
        watch.until_state(id, State::Retryable);
        watch.until_state(id, State::Completed);
        assert_eq!((attempts.load(Ordering::SeqCst), db.jobs()), (2, 0));
    }

    fn of_ephemeral_jobs_that_are_done_together_one_that_was_cancelled_stays(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let together = Arc::new(Barrier::new(3));
        let client = db.client.clone();
        let _running = Worker::new(&db.client)
            .handle_kind("work", move |context: &Context, args: Value| -> HandlerResult {
                if args["cancel"] == true {
                    drip::cancel_job(&client, context.job().id)?;
                }
                together.wait();
                Ok(())
            })
            .start()
            .unwrap();
        let [first, cancelled, last] =
            [false, true, false].map(|cancel| db.insert(job("work").args(json!({ "cancel": cancel })).ephemeral()).id);
        watch.until_claim_lost(cancelled);
        [first, last].into_iter().for_each(|id| drop(watch.until_state(id, State::Completed)));
        assert_eq!((db.job(cancelled).state, db.jobs()), (State::Cancelled, 1));
    }
}
