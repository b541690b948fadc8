//! A job comes to be exactly if its transaction commits, and is what was asked for.

use drip::{Inserted, NewJob, State, insert_job, insert_many};
use serde_json::json;

on_every_database_and_place! {
    fn defaults(db: &Db) {
        let inserted = db.on(|on| insert_job(on, NewJob::new("greet", json!({"name": "Ada"})))).unwrap();
        assert!(matches!(inserted, Inserted::New(_)));
        let job = db.job(inserted.job().id);
        assert_eq!(&job, inserted.job());
        assert_eq!((job.kind.as_str(), job.queue.as_str()), ("greet", "default"));
        assert_eq!((job.priority, job.attempt, job.max_attempts, job.claim_seq), (1, 0, 25, 0));
        assert_eq!(job.state, State::Available);
        assert_eq!((job.created_at, job.scheduled_at), (db.clock.now(), db.clock.now()));
        assert_eq!(job.args().unwrap(), json!({"name": "Ada"}));
        assert!(job.metadata().unwrap().is_empty() && job.tags.is_empty() && job.errors.is_empty());
        assert!(job.finalized_at.is_none() && job.timeout.is_none() && job.unique_key.is_none());
    }

    fn many_are_answered_in_order(db: &Db) {
        let jobs = (0..2500).map(|n| NewJob::new("count", json!({"n": n})));
        let inserted = db.on(|on| insert_many(on, jobs)).unwrap();
        let stored: Vec<_> = inserted.iter().map(|inserted| db.job(inserted.job().id)).step_by(97).collect();
        for (n, job) in stored.iter().enumerate() {
            assert_eq!(job.args().unwrap(), json!({"n": n * 97}));
        }
        assert_eq!(db.jobs(), 2500);
    }
}
