//! Clients that do it wrong, one for each way that is known, and what the checker says of them. One that does the same right
//! has nothing said of it.

use std::time::Duration;

use drip::{Context, Event, HandlerResult, NewJob, RetryPolicy, Worker, insert_job};
use serde_json::{Value, json};

use super::{
    plot::{Plot, UID},
    worker::effect,
};
use crate::support::{Db, End, PATIENCE, Watch};

on_every_database! {
    fn nothing_is_said_of_a_client_that_does_it_right(db: &Db) {
        let plot = Plot::on(db);
        plot.insert("effect");
        let zombie = plot.claim("a");
        plot.rescue();
        let claim = plot.claim("b");
        plot.complete(&claim).unwrap();
        assert!(plot.complete(&zombie).unwrap_err().is_lost_claim());
        plot.assert_caught(&[]);
    }

    fn a_worker_without_a_fence_is_caught(db: &Db) {
        let plot = Plot::on(db);
        plot.insert("effect");
        let zombie = plot.claim("a");
        plot.rescue();
        let claim = plot.claim("b");
        plot.complete(&claim).unwrap();
        plot.complete_where(&zombie, "claim_seq > 0");
        plot.assert_caught(&[("C4", "under the claims [2, 1], completed under [2]"), ("C6", "changed after it had ended")]);
    }

    /// As found in another queue: it reads who is to be rescued, and then rescues without another look.
    fn a_rescue_without_a_guard_is_caught(db: &Db) {
        let plot = Plot::on(db);
        plot.insert("effect");
        let claim = plot.claim("a");
        let stale = db.number("SELECT id FROM drip_job WHERE state = 'running'");
        plot.complete(&claim).unwrap();
        db.execute(&format!("UPDATE drip_job SET state = 'available', finalized_at = NULL WHERE id = {stale}"));
        let claim = plot.claim("b");
        plot.complete(&claim).unwrap();
        plot.assert_caught(&[("C4", "under the claims [1, 2], completed under [2]"), ("C6", "from completed to \"available\"")]);
    }

    fn effects_outside_the_transaction_of_the_completion_are_caught(db: &Db) {
        let plot = Plot::on(db);
        let mut watch = Watch::new(&db.client);
        let url = db.url.clone();
        let handler = move |context: &Context| -> HandlerResult {
            Db::at(&url).execute(&effect(context)?);
            if context.attempt() == 1 { Err("after its effect".into()) } else { Ok(()) }
        };
        let worker = Worker::new(&db.client).retry(RetryPolicy::immediate());
        let worker = worker.handle_kind("effect", move |context: &Context, _: Value| handler(context));
        plot.insert("effect");
        let running = worker.start().unwrap();
        watch.until_completed(1);
        assert!(running.stop(PATIENCE).is_clean());
        plot.assert_caught(&[("C4", "under the claims [1, 2], completed under [2]")]);
    }

    fn an_acknowledgement_before_the_commit_is_caught(db: &Db) {
        let plot = Plot::on(db);
        plot.attempt();
        let id = db.ended(End::Rollback, |tx| {
            let id = insert_job(tx.on(), NewJob::new("effect", json!({"uid": UID}))).unwrap().job().id;
            plot.acknowledge(id);
            id
            // And here its process is killed.
        }).0;
        plot.assert_caught(&[("C1", &format!("acknowledged and lost: [{id}]"))]);
    }

    /// The attempt of a worker that died does not count, and so the next one has the same number.
    fn the_attempt_in_place_of_a_fence_is_caught(db: &Db) {
        let plot = Plot::on(db);
        plot.insert("effect");
        let zombie = plot.claim("a");
        plot.rescue();
        let claim = plot.claim("b");
        assert_eq!((zombie.attempt, claim.attempt), (1, 1));
        plot.complete_where(&zombie, "state = 'running' AND attempt = 1");
        assert!(plot.complete(&claim).unwrap_err().is_lost_claim());
        plot.assert_caught(&[("C4", "under the claims [1], completed under [2]")]);
    }

    /// It claims when it is told of a job, and only then; of one that is inserted in a caller's transaction nobody tells it.
    fn a_worker_that_does_not_poll_is_caught(db: &Db) {
        let plot = Plot::on(db);
        let hints = db.client.subscribe();
        plot.insert("effect");
        while let Some(Event::Inserted(_)) = hints.next_within(Duration::ZERO) {
            plot.complete(&plot.claim("a")).unwrap();
        }
        plot.assert_caught(&[("C10", "still available")]);
    }
}
