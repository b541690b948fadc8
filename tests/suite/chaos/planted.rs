//! Clients that do it wrong, one for each way that is known, and what the checker says of them. One that does the same right
//! has nothing said of it.

use std::time::Duration;

use drip::{
    Context, Event, HandlerResult, Job, JobFilter, NewJob, RetryPolicy, State, Worker, complete_job, fetch_jobs,
    insert_job, rescue_jobs,
};
use serde_json::{Value, json};

use super::{
    checker::{Complaint, examine, report},
    evidence::Evidence,
    field,
    ledger::{Entry, Ledger, Told},
    worker::{effect, effect_of},
};
use crate::support::{Db, End, PATIENCE, Watch};

/// The one job of each of these tests, and who brings it.
const BATCH: &str = "producer-1";
const UID: &str = "producer-1.0";

/// A field on which nothing goes wrong by itself.
struct Plot<'a> {
    db: &'a Db,
    ledger: Ledger,
    directory: tempfile::TempDir,
}

impl Plot<'_> {
    fn on(db: &Db) -> Plot<'_> {
        field::prepare(db);
        let directory = tempfile::tempdir().unwrap();
        Plot { db, ledger: Ledger::open(directory.path(), "plot"), directory }
    }

    /// Inserts the job, as a producer does.
    fn insert(&self, kind: &'static str) {
        self.attempt();
        let (answer, ended) = self.db.ended(End::Commit, |tx| {
            tx.execute(&format!("INSERT INTO purchase (uid) VALUES ('{BATCH}')")).unwrap();
            let inserted = insert_job(tx.on(), NewJob::new(kind, json!({"uid": UID}))).unwrap();
            self.ledger.note(Entry::Committing { batch: BATCH.to_owned() });
            inserted.job().id
        });
        ended.unwrap();
        self.acknowledge(answer);
    }

    fn attempt(&self) {
        let jobs = vec![UID.to_owned()];
        self.ledger.note(Entry::Attempt { batch: BATCH.to_owned(), jobs, beside_order: true, unique: false });
    }

    fn acknowledge(&self, id: i64) {
        let jobs = vec![Told { uid: UID.to_owned(), id, duplicate: false }];
        self.ledger.note(Entry::Acknowledged { batch: BATCH.to_owned(), jobs });
    }

    /// Somebody claims the job.
    fn claim(&self, worker: &str) -> Job {
        let mut claimed = fetch_jobs(&self.db.client, "default", worker, 2).unwrap();
        assert_eq!(claimed.len(), 1);
        let job = claimed.remove(0);
        self.ledger.note(Entry::Began { job: job.id, claim: job.claim_seq });
        job
    }

    /// The claim has ended: its worker is taken for dead.
    fn rescue(&self) {
        assert_eq!(rescue_jobs(&self.db.client, &JobFilter::new().state(State::Running)).unwrap().changed, 1);
    }

    /// The right way: effect and completion in one transaction, which is rolled back where the claim has been lost.
    fn complete(&self, claim: &Job) -> drip::Result<()> {
        self.db.transaction(|tx| {
            tx.execute(&effect_of(claim.id, UID, claim.claim_seq))?;
            complete_job(tx.on(), claim).map(drop)
        })
    }

    /// A wrong way: whatever this condition is.
    fn complete_where(&self, claim: &Job, condition: &str) {
        self.db.committed(|tx| {
            tx.execute(&effect_of(claim.id, UID, claim.claim_seq)).unwrap();
            let id = claim.id;
            let settle = "UPDATE drip_job SET state = 'completed', finalized_at = attempted_at";
            tx.execute(&format!("{settle} WHERE id = {id} AND {condition}")).unwrap();
        });
    }

    fn complaints(&self) -> Vec<Complaint> {
        // Those that were made by hand have rows until somebody misses them.
        self.db.execute("DELETE FROM drip_worker");
        examine(self.db, &Evidence::gather(self.db, self.directory.path()))
    }

    /// Exactly these rules are broken, and the checker says so in these words.
    fn assert_caught(&self, expected: &[(&str, &str)]) {
        let complaints = self.complaints();
        let matches = complaints.len() == expected.len()
            && complaints
                .iter()
                .zip(expected)
                .all(|(found, (rule, words))| found.rule == *rule && found.text.contains(words));
        assert!(matches, "instead of {expected:?}:{}", report(&complaints));
    }
}

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
