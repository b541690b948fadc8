//! Each rule that no planted client breaks is seen broken here, by hand.

use std::time::Duration;

use drip::{Dialect, NewJob, Unique, cancel_job, complete_job, insert_job, renew_lease};
use serde_json::json;

use super::{
    ledger::Entry,
    plot::{BATCH, Plot, UID},
    worker::TICK,
};
use crate::support::{End, watch::eventually};

on_every_database! {
    fn a_job_whose_transaction_was_rolled_back_is_a_ghost(db: &Db) {
        let plot = Plot::on(db);
        plot.attempt();
        db.committed(|tx| drop(insert_job(tx.on(), NewJob::new("effect", json!({"uid": UID})).pending()).unwrap()));
        cancel_job(&db.client, 1).unwrap();
        plot.assert_caught(&[("C2", "a ghost"), ("C3", "there [1] times, and its order 0 times")]);
    }

    fn a_job_that_nobody_has_inserted_is_a_ghost(db: &Db) {
        let plot = Plot::on(db);
        db.insert(NewJob::new("effect", json!({"uid": UID})));
        cancel_job(&db.client, 1).unwrap();
        plot.assert_caught(&[("C2", "a ghost")]);
    }

    fn an_order_without_its_job_is_seen(db: &Db) {
        let plot = Plot::on(db);
        plot.attempt();
        plot.ledger.note(Entry::Committing { batch: BATCH.to_owned() });
        db.execute(&format!("INSERT INTO purchase (uid) VALUES ('{BATCH}')"));
        plot.assert_caught(&[("C3", "there [0] times, and its order 1 times")]);
    }

    fn a_plain_job_that_was_completed_without_a_run_is_seen(db: &Db) {
        let plot = Plot::on(db);
        plot.insert("plain");
        let claim = plot.claim("a");
        complete_job(&db.client, &claim).unwrap();
        plot.assert_caught(&[("C5", "completed under claim 1, and has not run under it")]);
    }

    fn one_claim_for_two_runs_is_seen(db: &Db) {
        let plot = Plot::on(db);
        plot.insert("effect");
        let claim = plot.claim("a");
        plot.ledger.note(Entry::Began { job: claim.id, claim: claim.claim_seq });
        plot.complete(&claim).unwrap();
        plot.assert_caught(&[("C5", "more than once under the claims [1]")]);
    }

    fn a_fence_that_goes_back_is_seen(db: &Db) {
        let plot = Plot::on(db);
        plot.insert("effect");
        plot.claim("a");
        db.execute("UPDATE drip_job SET state = 'available', claim_seq = 0");
        let again = plot.claim("b");
        plot.complete(&again).unwrap();
        plot.assert_caught(&[("C5", "more than once"), ("C7", "claim 0 after 1")]);
    }

    fn a_job_that_was_given_up_too_soon_is_seen(db: &Db) {
        let plot = Plot::on(db);
        plot.insert("effect");
        db.execute("UPDATE drip_job SET state = 'discarded', finalized_at = scheduled_at");
        plot.assert_caught(&[("C7", "something left of its budgets")]);
    }

    fn a_key_of_two_active_jobs_is_seen(db: &Db) {
        let plot = Plot::on(db);
        db.insert(NewJob::new(TICK, json!({})).unique(Unique::new()));
        db.execute(match db.dialect {
            Dialect::Mariadb => "DROP INDEX drip_job_unique ON drip_job",
            _ => "DROP INDEX drip_job_unique",
        });
        let same = "SELECT kind, metadata, unique_key, unique_states FROM drip_job";
        db.execute(&format!("INSERT INTO drip_job (kind, metadata, unique_key, unique_states) {same}"));
        let left = [("C9", "has the jobs [1, 2]"), ("C10", "still available"), ("C10", "still available")];
        plot.assert_caught(&[&left[..], &[("C8", "one key for the active jobs 1 and 2")]].concat());
    }

    fn a_slot_with_two_jobs_and_one_with_none_are_seen(db: &Db) {
        let plot = Plot::on(db);
        for second in ["00", "00", "02"] {
            db.insert(NewJob::new(TICK, json!({})).metadata(json!({"slot": format!("2030-01-01T00:00:{second}Z")})));
        }
        db.execute("UPDATE drip_job SET state = 'completed', finalized_at = scheduled_at");
        plot.assert_caught(&[("C9", "has the jobs [1, 2]"), ("C9", "no slot between")]);
    }

    fn a_worker_that_nobody_has_missed_is_seen(db: &Db) {
        let plot = Plot::on(db);
        renew_lease(&db.client, "gone", Duration::from_secs(1)).unwrap();
        let complaints = plot.examine();
        assert!(matches!(&complaints[..], [it] if it.text.contains("gone")), "{complaints:?}");
    }

    fn a_row_that_came_from_nowhere_is_seen(db: &Db) {
        let plot = Plot::on(db);
        let on = if db.dialect == Dialect::Postgres { "ON drip_job" } else { "" };
        db.execute(&format!("DROP TRIGGER after_insert {on}"));
        db.insert(NewJob::new(TICK, json!({})));
        plot.assert_caught(&[("C10", "still available"), ("C11", "does not follow")]);
    }

    fn an_open_transaction_or_an_unsound_file_is_seen(db: &Db) {
        let plot = Plot::on(db);
        if db.dialect == Dialect::Sqlite {
            db.insert(NewJob::new(TICK, json!({})));
            db.execute("PRAGMA ignore_check_constraints = ON; UPDATE drip_job SET priority = 9");
            return plot.assert_caught(&[("C10", "still available"), ("C12", "CHECK constraint failed")]);
        }
        let (_, ended) = db.ended(End::Rollback, |tx| {
            tx.execute("INSERT INTO purchase (uid) VALUES ('open')").unwrap();
            eventually("it is seen", || matches!(&plot.examine()[..], [it] if it.text == "1 open transactions"));
        });
        ended.unwrap();
    }
}
