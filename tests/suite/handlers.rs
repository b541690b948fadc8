//! Handlers that do what handlers should not: they cost their own job at most.

use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use drip::{Context, HandlerResult, Outcome, State, Worker, insert_job, insert_many};
use serde_json::{Value, json};

use crate::support::{
    Watch,
    watch::PATIENCE,
    work::{done, job},
};

/// How deep a value that overflows the stack of whoever copies it.
const TOO_DEEP: usize = 200_000;

on_every_database! {
    fn a_thread_that_outlives_its_handler_does_not_keep_the_worker_from_stopping(db: &Db) {
        let (release, held): (_, Receiver<()>) = bounded(1);
        let mut watch = Watch::new(&db.client);
        insert_job(&db.client, job("spawn")).unwrap();
        let spawn = move |_: &Context, _: Value| -> HandlerResult {
            let held = held.clone();
            std::thread::spawn(move || held.recv_timeout(PATIENCE));
            Ok(())
        };
        let running = Worker::new(&db.client).handle_kind("spawn", spawn).start().unwrap();
        watch.until_completed(1);
        assert!(running.stop(PATIENCE).is_clean());
        assert!(release.send(()).is_ok(), "it was still there");
    }

    fn a_hundred_thousand_children_are_all_inserted(db: &Db) {
        let mut watch = Watch::new(&db.client);
        insert_job(&db.client, job("parent")).unwrap();
        let parent = |context: &Context, _: Value| -> HandlerResult {
            insert_many(context.client(), (0..100_000).map(|_| job("child").queue("later")))?;
            Ok(())
        };
        let running = Worker::new(&db.client).handle_kind("parent", parent).start().unwrap();
        watch.until_completed(1);
        assert!(running.stop(PATIENCE).is_clean());
        assert_eq!(db.jobs(), 100_001);
    }

    fn an_answer_nested_too_deep_fails_its_attempt_and_nothing_else(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let deep_job = insert_job(&db.client, job("deep").max_attempts(1)).unwrap().into_job();
        insert_many(&db.client, (0..20).map(|_| job("work"))).unwrap();
        let deep = |_: &Context, _: Value| -> HandlerResult<Outcome> {
            let nested = (0..TOO_DEEP).fold(json!(0), |inner, _| Value::Array(vec![inner]));
            Ok(Outcome::CompleteWith(nested))
        };
        let _running =
            Worker::new(&db.client).handle_kind("deep", deep).handle_kind("work", done).start().unwrap();
        watch.until_state(deep_job.id, State::Discarded);
        watch.until_completed(20);
        let error = &db.job(deep_job.id).errors[0].error;
        assert!(error.contains("nested"), "{error}");
    }

    fn a_handler_may_cancel_its_own_job_and_go_on(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let cancelled = insert_job(&db.client, job("self_cancelling")).unwrap().into_job();
        let self_cancelling = |context: &Context, _: Value| -> HandlerResult {
            drip::cancel_job(context.client(), context.job().id)?;
            context.cancel().wait(Duration::from_millis(1));
            Ok(())
        };
        let _running = Worker::new(&db.client).handle_kind("self_cancelling", self_cancelling).start().unwrap();
        watch.until_claim_lost(cancelled.id);
        assert_eq!(db.job(cancelled.id).state, State::Cancelled);
    }
}
