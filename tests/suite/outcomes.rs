//! What a handler answers is what becomes of its job; and what it has settled itself stays as it is.

use std::time::Duration;

use drip::{
    Context, Event, HandlerResult, NewJob, Outcome, RetryPolicy, State, Worker, cancel_job, complete_job, discard_job,
    snooze_job,
};
use serde_json::{Value, json};

use crate::support::{
    Db, Watch,
    watch::eventually,
    work::{complete_in_own_transaction, done, job},
};

const HOUR: Duration = Duration::from_secs(3600);

/// What a handler that has settled its job itself may answer next.
const ANSWERS: [&str; 5] = ["settled", "ok", "output", "error", "panic"];

fn answer(next: &str) -> HandlerResult<Outcome> {
    match next {
        "settled" => Ok(Outcome::Settled),
        "ok" => Ok(Outcome::Complete),
        "output" => Ok(Outcome::CompleteWith(json!(1))),
        "error" => Err("boom".into()),
        _ => panic!("boom"),
    }
}

/// A worker whose handler first settles its job, as `settle` does, and then answers what the args say.
fn settling(db: &Db, settle: impl Fn(&Context) + Send + Sync + 'static) -> Worker {
    Worker::new(&db.client).retry(RetryPolicy::constant(HOUR)).handle_kind(
        "work",
        move |context: &Context, args: Value| -> HandlerResult<Outcome> {
            settle(context);
            answer(args["next"].as_str().ok_or("no answer")?)
        },
    )
}

/// Runs such a job for each answer, and shows that each is and stays in this state.
fn each_stays(db: &Db, worker: &Worker, state: State) {
    let running = worker.start().unwrap();
    let jobs = ANSWERS.map(|next| (next, db.insert(NewJob::new("work", json!({"next": next}))).id));
    eventually("all are settled", || {
        db.number("SELECT count(*) FROM drip_job WHERE state IN ('available', 'running')") == 0
    });
    // A stop waits for all handlers, and for what they have answered to be recorded.
    assert!(running.stop(HOUR).is_clean());
    for (next, id) in jobs {
        let job = db.job(id);
        assert_eq!(job.state, state, "then {next}");
        assert!(job.errors.is_empty() && job.output().is_none(), "then {next}: {job:?}");
    }
}

on_every_database! {
    fn an_output_is_kept_in_place_of_the_former(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .handle_kind("work", |_: &Context, _: Value| -> HandlerResult<Outcome> {
                Ok(Outcome::output(json!({"new": [1, 2]}))?)
            })
            .start()
            .unwrap();
        let metadata = json!({"output": {"old": 1, "older": 2}, "by": "Ada"});
        let id = db.insert(job("work").metadata(metadata)).id;
        watch.until_state(id, State::Completed);
        let job = db.job(id);
        assert_eq!(job.output(), Some(json!({"new": [1, 2]})));
        assert_eq!(Value::Object(job.metadata().unwrap()), json!({"output": {"new": [1, 2]}, "by": "Ada"}));
    }

    fn an_output_that_cannot_be_stored_fails_the_attempt_and_none_beside_it(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .handle_kind("work", done)
            .handle_kind("large", |_: &Context, _: Value| -> HandlerResult<Outcome> {
                Ok(Outcome::CompleteWith("x".repeat(2 << 20).into()))
            })
            .handle_kind("strange", |_: &Context, _: Value| -> HandlerResult<Outcome> {
                Ok(Outcome::CompleteWith("a\0b".into()))
            })
            .start()
            .unwrap();
        let jobs = ["large", "work", "strange", "work"].map(|kind| (kind, db.insert(job(kind)).id));
        for (kind, id) in jobs {
            watch.until_state(id, if kind == "work" { State::Completed } else { State::Retryable });
            let errors = db.job(id).errors;
            assert_eq!(errors.len(), usize::from(kind != "work"), "{kind}");
            assert!(errors.iter().all(|error| error.error.contains("output")), "{kind}: {errors:?}");
        }
    }

    fn a_snooze_puts_a_job_off_for_as_long_as_it_says_and_costs_no_attempt(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .handle_kind("work", |context: &Context, _: Value| -> HandlerResult<Outcome> {
                Ok(if context.job().snooze_count < 5 { Outcome::Snooze(HOUR) } else { Outcome::Complete })
            })
            .start()
            .unwrap();
        let id = db.insert(job("work").max_attempts(1)).id;
        for snoozes in 1..=5 {
            let event = watch.until(|event| matches!(event, Event::Snoozed(_)));
            assert!(matches!(event, Event::Snoozed(job) if job.id == id && job.state == State::Scheduled));
            let job = db.job(id);
            assert_eq!((job.attempt, job.snooze_count, job.claim_seq), (0, snoozes, i64::from(snoozes)));
            assert_eq!((job.scheduled_at, job.finalized_at), (db.clock.now() + HOUR, None));
            db.clock.advance(HOUR);
        }
        watch.until_state(id, State::Completed);
        assert_eq!(db.job(id).attempt, 1);
    }

    fn a_snooze_is_never_shorter_than_a_tenth_of_a_second_nor_longer_than_ten_years(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .handle_kind("work", |_: &Context, args: Value| -> HandlerResult<Outcome> {
                let delay = if args["long"] == true { Duration::MAX } else { Duration::ZERO };
                Ok(Outcome::Snooze(delay))
            })
            .start()
            .unwrap();
        for (long, delay) in [(false, Duration::from_millis(100)), (true, RetryPolicy::MAX_DELAY)] {
            let id = db.insert(NewJob::new("work", json!({"long": long}))).id;
            watch.until_state(id, State::Scheduled);
            assert_eq!(db.job(id).scheduled_at, db.clock.now() + delay, "{long}");
        }
    }

    fn a_handler_can_cancel_and_discard_its_job(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .handle_kind("off", |_: &Context, _: Value| -> HandlerResult<Outcome> {
                Ok(Outcome::Cancel("no need".into()))
            })
            .handle_kind("up", |_: &Context, _: Value| -> HandlerResult<Outcome> {
                Ok(Outcome::Discard("no hope".into()))
            })
            .start()
            .unwrap();
        for (kind, state, reason) in [("off", State::Cancelled, "no need"), ("up", State::Discarded, "no hope")] {
            let id = db.insert(job(kind)).id;
            let event = watch.until_state(id, state);
            assert_eq!(event.error.as_deref(), Some(reason));
            let job = db.job(id);
            assert_eq!((job.state, job.finalized_at), (state, Some(db.clock.now())));
            assert_eq!((job.errors.len(), job.errors[0].error.as_str()), (1, reason));
        }
        assert_eq!(watch.count(|event| matches!(event, Event::Cancelled(_) | Event::Discarded(_))), 2);
    }

    fn a_job_that_its_handler_completed_stays_completed_whatever_it_answers_then(db: &Db) {
        let worker = settling(db, |context| drop(complete_job(context.client(), context.job()).unwrap()));
        each_stays(db, &worker, State::Completed);
    }

    fn a_job_that_its_handler_completed_in_its_own_transaction_stays_completed_whatever_it_answers_then(db: &Db) {
        each_stays(db, &settling(db, complete_in_own_transaction), State::Completed);
    }

    fn a_job_that_its_handler_put_off_or_ended_stays_so_whatever_it_answers_then(db: &Db) {
        let snoozing = settling(db, |context| drop(snooze_job(context.client(), context.job(), HOUR).unwrap()));
        each_stays(db, &snoozing, State::Scheduled);
        let cancelling = settling(db, |context| drop(cancel_job(context.client(), context.job()).unwrap()));
        each_stays(db, &cancelling, State::Cancelled);
        let discarding = settling(db, |context| drop(discard_job(context.client(), context.job()).unwrap()));
        each_stays(db, &discarding, State::Discarded);
    }

    fn what_the_database_refuses_is_recorded_as_a_failure_and_spoils_nothing_else(db: &Db) {
        let mut watch = Watch::new(&db.client);
        db.refuse("NEW.state = 'completed' AND OLD.kind = 'refused'");
        drip::insert_many(&db.client, (0..30).map(|n| job(if n % 10 == 0 { "refused" } else { "work" }))).unwrap();
        let _running = Worker::new(&db.client).handle_kind("work", done).handle_kind("refused", done).start().unwrap();
        watch.until_completed(27);
        for _ in 0..3 {
            let Event::Failed(event) = watch.until(|event| matches!(event, Event::Failed(_))) else { unreachable!() };
            assert_eq!((event.kind.as_str(), event.state), ("refused", State::Retryable));
            let errors = db.job(event.id).errors;
            assert!(errors.len() == 1 && errors[0].error.contains("not so"), "{errors:?}");
        }
    }

    fn a_handler_that_says_it_has_settled_its_job_and_has_not_fails(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = settling(db, |_| {}).start().unwrap();
        let id = db.insert(NewJob::new("work", json!({"next": "settled"}))).id;
        let event = watch.until_state(id, State::Retryable);
        assert!(event.error.is_some_and(|error| error.contains("Settled")));
    }
}
