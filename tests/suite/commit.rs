//! A job comes to be exactly if its transaction commits, when the database's clock says; batches are all or nothing.

use std::time::Duration;

use drip::{NewJob, State, Unique, insert_job, insert_many};
use jiff::Timestamp;
use serde_json::json;

use crate::support::End;

const HOUR: Duration = Duration::from_secs(3600);

on_every_database! {
    fn a_job_is_there_once_its_transaction_commits_and_never_if_that_is_rolled_back(db: &Db) {
        for (end, jobs) in [(End::Rollback, 0), (End::Commit, 5)] {
            let (seen_outside, ended) = db.ended(end, |tx| {
                insert_job(tx.on(), NewJob::new("k", json!({}))).unwrap();
                insert_job(tx.on(), NewJob::new("k", json!({})).unique(Unique::new())).unwrap();
                insert_many(tx.on(), (0..3).map(|n| NewJob::new("k", json!({"n": n})))).unwrap();
                assert_eq!(tx.number("SELECT count(*) FROM drip_job"), 5);
                db.jobs()
            });
            ended.unwrap();
            assert_eq!((seen_outside, db.jobs()), (0, jobs), "{end:?}");
        }
    }

    fn no_jobs_are_no_statement(db: &Db) {
        // The one connection of the pool is in use, so whatever needs one fails.
        let client = db.pooled(1, db.clock.clone());
        let tried = client.clone();
        let try_both = move || {
            let none = insert_many(&tried, Vec::<NewJob>::new());
            (none, insert_job(&tried, NewJob::new("k", json!({}))))
        };
        let (none, one) = db.while_connected(&client, try_both);
        assert_eq!(none.unwrap(), []);
        assert!(one.unwrap_err().is_unavailable());
        assert_eq!(db.jobs(), 0);
    }

    fn seventy_thousand_jobs_are_one_batch(db: &Db) {
        let inserted = insert_many(&db.client, (0..70_000).map(|n| NewJob::new("count", json!({"n": n})))).unwrap();
        assert_eq!(db.jobs(), 70_000);
        assert!(inserted.is_sorted_by(|a, b| a.job().id < b.job().id));
        for n in [0, 32_766, 65_535, 69_999] {
            assert_eq!(db.job(inserted[n].job().id).args().unwrap(), json!({"n": n}));
        }
    }

    /// MariaDB refuses packets over 16 MiB; and text that is all quotes doubles on its way.
    fn twenty_jobs_of_nearly_a_mebibyte_are_one_batch(db: &Db) {
        let payloads = ["x".repeat(1_048_000), "\\\"".repeat(524_000), "é😀".repeat(174_000)];
        let text = |n: usize| format!(r#"{{"n":{n},"s":"{}"}}"#, payloads[n % payloads.len()]);
        let metadata = json!({"s": "\"".repeat(500_000)});
        let jobs = (0..20).map(|n| match n {
            19 => NewJob::from_json("big", text(n)).metadata(metadata.clone()),
            _ => NewJob::from_json("big", text(n)),
        });
        let inserted = db.committed(|tx| insert_many(tx.on(), jobs)).unwrap();
        for (n, inserted) in inserted.iter().enumerate() {
            assert!(db.job(inserted.job().id).args_text() == text(n), "job {n}");
        }
        assert!(serde_json::Value::from(db.job(inserted[19].job().id).metadata().unwrap()) == metadata);
        assert_eq!(db.jobs(), 20);
    }

    fn by_the_databases_own_clock_a_job_is_due_when_it_should_be(db: &Db) {
        let client = drip::Client::connect(&db.url).unwrap();
        let before = real_time();
        let job = insert_job(&client, NewJob::new("k", json!({})).ttl(HOUR)).unwrap().into_job();
        let plain = || NewJob::new("k", json!({}));
        let later = insert_many(&client, [plain().delay(HOUR), plain()]).unwrap();
        // The server runs on this machine, and so by its clock.
        assert!(before <= job.created_at && job.created_at <= Timestamp::now());
        assert_eq!((job.state, job.scheduled_at), (State::Available, job.created_at));
        assert_eq!(job.expires_at.unwrap().duration_since(job.created_at).unsigned_abs(), HOUR);
        let (later, now) = (later[0].job(), later[1].job());
        assert_eq!((later.state, now.state), (State::Scheduled, State::Available));
        assert_eq!(later.scheduled_at.duration_since(later.created_at).unsigned_abs(), HOUR);
        assert_eq!((&db.job(job.id), &db.job(later.id)), (&job, later));
    }

    /// PostgreSQL's `now()` is when the transaction began.
    fn in_a_long_transaction_a_job_is_as_old_as_its_insert(db: &Db) {
        let (before, job) = db.committed(|tx| {
            tx.execute("SELECT 1").unwrap();
            (real_time(), insert_job(tx.in_real_time(), NewJob::new("k", json!({}))).unwrap().into_job())
        });
        assert!(before <= job.created_at && before <= job.scheduled_at, "{before}: {job:?}");
        let (before, jobs) = db.committed(|tx| {
            tx.execute("SELECT 1").unwrap();
            let jobs = [NewJob::new("k", json!({})), NewJob::new("k", json!({}))];
            (real_time(), insert_many(tx.in_real_time(), jobs).unwrap())
        });
        assert!(jobs.iter().all(|inserted| before <= inserted.job().created_at), "{before}: {jobs:?}");
    }
}

/// To the microsecond, as the databases have it.
fn real_time() -> Timestamp {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap()
}
