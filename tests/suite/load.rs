//! Any number of jobs, loaded the fastest way: all or none, each as it was asked for (see also `insert`), and workers
//! hear of them.

use std::time::Duration;

use drip::{NewJob, State, Unique, Worker, insert_many_fast};
use serde_json::json;

use crate::support::{End, Watch, work::done};

fn jobs(count: usize) -> impl Iterator<Item = NewJob> {
    (0..count).map(|n| NewJob::new("work", json!({"n": n, "text": "it's \\ \t \"é📮\" \u{1}"})))
}

on_every_database_and_place! {
    fn loaded_jobs_are_what_they_were_asked_to_be_in_order(db: &Db) {
        assert_eq!(db.on(|on| insert_many_fast(on, jobs(2500))).unwrap(), 2500);
        assert_eq!(db.on(|on| insert_many_fast(on, jobs(0))).unwrap(), 0);
        let claimed = drip::fetch_jobs(&db.client, "default", "w", 2500).unwrap();
        assert_eq!(claimed.len(), 2500);
        for (job, asked) in claimed.iter().zip(0..) {
            assert_eq!(job.args().unwrap()["n"], asked);
        }
        assert_eq!(claimed[7].args().unwrap()["text"], "it's \\ \t \"é📮\" \u{1}");
    }

    fn one_that_is_refused_keeps_all_out_and_is_named(db: &Db) {
        let later = Duration::from_secs(60);
        for (bad, field) in [
            (NewJob::new("work", json!({})).unique(Unique::new()), "unique"),
            (NewJob::new("", json!({})), "kind"),
            (NewJob::new("work", json!([])), "args"),
        ] {
            db.committed(|tx| {
                let batch = jobs(3).chain([bad]).chain(jobs(1));
                let error = insert_many_fast(tx.on(), batch).unwrap_err();
                let text = error.to_string();
                assert!(error.is_invalid_input() && text.starts_with(&format!("job 3 of the batch: {field}")), "{text}");
                insert_many_fast(tx.on(), jobs(1).map(|job| job.delay(later))).unwrap();
            });
        }
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'scheduled'"), 3);
        assert_eq!(db.jobs(), 3);
    }
}

on_every_database! {
    fn what_is_loaded_in_a_transaction_goes_with_it(db: &Db) {
        let (loaded, _) = db.ended(End::Rollback, |tx| insert_many_fast(tx.on(), jobs(10)).unwrap());
        assert_eq!((loaded, db.jobs()), (10, 0));
    }

    fn what_the_database_refuses_is_refused_whole(db: &Db) {
        db.refuse_inserts("NEW.priority = 4");
        let batch = jobs(20).chain(jobs(1).map(|job| job.priority(4))).chain(jobs(20));
        assert!(insert_many_fast(&db.client, batch).is_err());
        assert_eq!(db.jobs(), 0);
        assert_eq!(insert_many_fast(&db.client, jobs(2)).unwrap(), 2);
    }

    fn an_idle_worker_runs_loaded_jobs_at_once(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .handle_kind("work", done)
            .poll_interval(Duration::from_secs(3600))
            .start()
            .unwrap();
        watch.until(|event| matches!(event, drip::Event::Idle { .. }));
        insert_many_fast(&db.client, jobs(300)).unwrap();
        watch.until_completed(300);
        assert_eq!(db.job(1).state, State::Completed);
    }
}
