//! One job, of which a test says who does what and when, and what the checker is to find.

use drip::{Job, JobFilter, NewJob, State, complete_job, fetch_jobs, insert_job, rescue_jobs};
use serde_json::json;

use super::{
    checker::{Complaint, examine, report},
    evidence::Evidence,
    field,
    ledger::{Entry, Ledger, Told},
    worker::effect_of,
};
use crate::support::{Db, End};

/// The one job of each of these tests, and who brings it.
pub const BATCH: &str = "producer-1";
pub const UID: &str = "producer-1.0";

/// A field on which nothing goes wrong by itself.
pub struct Plot<'a> {
    pub db: &'a Db,
    pub ledger: Ledger,
    directory: tempfile::TempDir,
}

impl Plot<'_> {
    pub fn on(db: &Db) -> Plot<'_> {
        field::prepare(db);
        let directory = tempfile::tempdir().unwrap();
        Plot { db, ledger: Ledger::open(directory.path(), "plot"), directory }
    }

    /// Inserts the job, as a producer does.
    pub fn insert(&self, kind: &'static str) {
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

    pub fn attempt(&self) {
        let jobs = vec![UID.to_owned()];
        self.ledger.note(Entry::Attempt { batch: BATCH.to_owned(), jobs, beside_order: true, unique: false });
    }

    pub fn acknowledge(&self, id: i64) {
        let jobs = vec![Told { uid: UID.to_owned(), id, duplicate: false }];
        self.ledger.note(Entry::Acknowledged { batch: BATCH.to_owned(), jobs });
    }

    /// Somebody claims the job.
    pub fn claim(&self, worker: &str) -> Job {
        let mut claimed = fetch_jobs(&self.db.client, "default", worker, 2).unwrap();
        assert_eq!(claimed.len(), 1);
        let job = claimed.remove(0);
        self.ledger.note(Entry::Began { job: job.id, claim: job.claim_seq });
        job
    }

    /// The claim has ended: its worker is taken for dead.
    pub fn rescue(&self) {
        assert_eq!(rescue_jobs(&self.db.client, &JobFilter::new().state(State::Running)).unwrap().changed, 1);
    }

    /// The right way: effect and completion in one transaction, which is rolled back where the claim has been lost.
    pub fn complete(&self, claim: &Job) -> drip::Result<()> {
        self.db.transaction(|tx| {
            tx.execute(&effect_of(claim.id, UID, claim.claim_seq))?;
            complete_job(tx.on(), claim).map(drop)
        })
    }

    /// A wrong way: whatever this condition is.
    pub fn complete_where(&self, claim: &Job, condition: &str) {
        self.db.committed(|tx| {
            tx.execute(&effect_of(claim.id, UID, claim.claim_seq)).unwrap();
            let id = claim.id;
            let settle = "UPDATE drip_job SET state = 'completed', finalized_at = attempted_at";
            tx.execute(&format!("{settle} WHERE id = {id} AND {condition}")).unwrap();
        });
    }

    /// What the checker finds.
    pub fn examine(&self) -> Vec<Complaint> {
        examine(self.db, &Evidence::gather(self.db, self.directory.path()))
    }

    /// Exactly these rules are broken, in the checker's order, and the checker says so in these words.
    pub fn assert_caught(&self, expected: &[(&str, &str)]) {
        // Workers that were made by hand have rows until somebody misses them.
        self.db.execute("DELETE FROM drip_worker");
        let complaints = self.examine();
        let matches = complaints.len() == expected.len()
            && complaints
                .iter()
                .zip(expected)
                .all(|(found, (rule, words))| found.rule == *rule && found.text.contains(words));
        assert!(matches, "instead of {expected:?}:{}", report(&complaints));
    }
}
