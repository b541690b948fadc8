//! Why a job is not running: each answer there is, and which goes first.

use std::time::Duration;

use drip::{JobFilter, NewJob, State, Unique, Why, Worker, fetch_jobs, pause_all, pause_queue, resume_all, why_job};
use serde_json::json;

use crate::support::{Db, Watch, watch::PATIENCE, work::done};

const HOUR: Duration = Duration::from_secs(3600);

fn why(db: &Db, id: i64) -> Why {
    db.on(|on| why_job(on, id)).unwrap()
}

on_every_database_and_place! {
    fn each_state_has_its_reason(db: &Db) {
        for state in State::ALL {
            let job = db.job_in(state);
            let answer = why(db, job.id);
            match state {
                State::Completed | State::Discarded | State::Cancelled => {
                    assert_eq!(answer, Why::Finished { state, at: job.finalized_at });
                }
                State::Running => {
                    let (worker, since) = (job.attempted_by.clone(), job.attempted_at);
                    assert_eq!(answer, Why::Running { worker, since, alive: true });
                }
                State::Pending => assert_eq!(answer, Why::Pending),
                State::Scheduled => assert_eq!(answer, Why::NotDue { within: HOUR, failed: 0 }),
                State::Retryable => assert_eq!(answer, Why::NotDue { within: crate::support::jobs::RETRY_AFTER, failed: 1 }),
                // Jobs have been fetched by hand, by a worker of any queue and kind.
                State::Available => assert!(matches!(answer, Why::Next | Why::QueueNotServed), "{answer}"),
                other => panic!("{other}"),
            }
            assert!(!answer.to_string().is_empty());
        }
        assert!(db.on(|on| why_job(on, 77_777)).unwrap_err().is_not_found());
    }

    fn a_worker_that_was_not_heard_of_is_not_said_to_live(db: &Db) {
        let running = db.job_in(State::Running);
        db.clock.advance(Duration::from_secs(31));
        assert!(matches!(why(db, running.id), Why::Running { alive: false, .. }));
    }

    fn what_keeps_a_job_waiting_is_named_in_the_order_of_what_must_be_mended_first(db: &Db) {
        let job = db.insert(NewJob::new("k", json!({})).ttl(HOUR));
        assert_eq!(why(db, job.id), Why::QueueNotServed);
        pause_queue(&db.client, "default").unwrap();
        assert_eq!(why(db, job.id), Why::Paused { all: false });
        pause_all(&db.client).unwrap();
        assert_eq!(why(db, job.id), Why::Paused { all: true });
        resume_all(&db.client).unwrap();
        db.clock.advance(HOUR);
        assert_eq!(why(db, job.id), Why::Expired { at: job.expires_at.unwrap() });
        drip::delete_jobs(&db.client, &JobFilter::new().id(job.id)).unwrap();
    }

    fn a_job_that_waits_for_a_key_names_its_holder(db: &Db) {
        let unique = || NewJob::new("k", json!({})).unique(Unique::new().by_states([State::Available, State::Running]));
        let waits = db.insert(unique().delay(HOUR));
        db.clock.advance(HOUR);
        let holds = db.insert(unique());
        assert_eq!(why(db, waits.id), Why::KeyHeld { by: holds.id });
    }
}

on_every_database! {
    fn workers_that_serve_and_handle_are_told_from_those_that_do_not(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let running = Worker::new(&db.client).queue("default").handle_kind("other", done).start().unwrap();
        watch.until(|event| matches!(event, drip::Event::Idle { .. }));
        crate::support::watch::eventually("it has its row", || !drip::list_workers(&db.client).unwrap().is_empty());
        let (handled, elsewhere) = (db.insert(NewJob::new("k", json!({}))), db.insert(NewJob::new("other", json!({})).queue("q")));
        assert_eq!(why(db, handled.id), Why::KindNotHandled);
        assert_eq!(why(db, elsewhere.id), Why::QueueNotServed);
        assert!(running.stop(PATIENCE).is_clean());
        assert_eq!(why(db, handled.id), Why::QueueNotServed);
    }

    fn the_jobs_that_go_first_are_counted(db: &Db) {
        // Somebody who serves everything, and has no hands free.
        db.insert(NewJob::new("k", json!({})).queue("elsewhere"));
        fetch_jobs(&db.client, "elsewhere", "by hand", 1).unwrap();
        let jobs: Vec<_> = (0..4).map(|n| db.insert(NewJob::new("k", json!({})).priority(if n == 3 { 1 } else { 2 }))).collect();
        assert_eq!(why(db, jobs[3].id), Why::Next);
        for (place, job) in jobs[..3].iter().enumerate() {
            let Why::Behind { jobs } = why(db, job.id) else { panic!("job {place}") };
            assert_eq!((jobs.number, jobs.capped), (place as u64 + 1, false));
        }
    }
}
