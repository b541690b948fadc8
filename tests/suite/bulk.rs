//! All jobs that a filter leaves are retried, cancelled, discarded or removed, and no other; batch by batch, and whole
//! in a caller's transaction.

use drip::{
    AnySession, Changed, JobFilter, NewJob, Result, State, Unique, cancel_jobs, delete_jobs, discard_jobs, insert_many,
    retry_jobs,
};
use serde_json::json;

use crate::support::End;

/// What becomes of a job in each state, by verb; `-`: it stays as it was.
const MOVES: &str = "
         available  running    completed  retryable  discarded  cancelled  scheduled  pending
retry    -          -          -          available  available  available  available  -
cancel   cancelled  cancelled  -          cancelled  -          -          cancelled  cancelled
discard  discarded  discarded  -          discarded  -          -          discarded  discarded
delete   gone       -          gone       gone       gone       gone       gone       gone
";

fn ask(verb: &str, on: AnySession<'_>, filter: &JobFilter) -> Result<Changed> {
    match verb {
        "retry" => retry_jobs(on, filter),
        "cancel" => cancel_jobs(on, filter),
        "discard" => discard_jobs(on, filter),
        _ => delete_jobs(on, filter).map(|changed| {
            let mut answer = Changed::default();
            answer.changed = changed;
            answer
        }),
    }
}

fn rows() -> impl Iterator<Item = (&'static str, Vec<(State, &'static str)>)> {
    let mut lines = MOVES.trim_matches('\n').lines();
    let states: Vec<State> = lines.next().unwrap().split_whitespace().map(|name| name.parse().unwrap()).collect();
    lines.map(move |line| {
        let mut words = line.split_whitespace();
        (words.next().unwrap(), states.iter().copied().zip(words).collect())
    })
}

on_every_database_and_place! {
    fn each_state_of_the_filtered_jobs_goes_where_the_verb_takes_it(db: &Db) {
        for (verb, cells) in rows() {
            db.execute("DELETE FROM drip_job");
            let jobs: Vec<_> = cells.iter().map(|(state, _)| db.prepared(*state, |job| job.priority(2))).collect();
            let others: Vec<_> = cells.iter().map(|(state, _)| db.job_in(*state)).collect();
            let changed = db.on(|on| ask(verb, on, &JobFilter::new().priority(2))).unwrap();
            assert_eq!(changed.changed, cells.iter().filter(|(_, to)| *to != "-").count(), "{verb}");
            assert_eq!(changed.skipped, 0, "{verb}");
            for (job, (state, to)) in jobs.iter().zip(&cells) {
                let now = drip::get_job(&db.client, job.id).unwrap();
                match *to {
                    "-" => assert_eq!(now.as_ref(), Some(job), "{verb} of {state}"),
                    "gone" => assert_eq!(now, None, "{verb} of {state}"),
                    to => assert_eq!(now.unwrap().state.name(), to, "{verb} of {state}"),
                }
            }
            others.iter().for_each(|job| assert_eq!(&db.job(job.id), job, "{verb}"));
        }
    }

    fn more_jobs_than_a_batch_holds_are_all_changed(db: &Db) {
        insert_many(&db.client, (0..2500).map(|n| NewJob::new("k", json!({})).priority(if n % 2 == 0 { 1 } else { 2 }))).unwrap();
        let even = JobFilter::new().priority(1);
        let count = |state: &str| db.number(&format!("SELECT count(*) FROM drip_job WHERE state = '{state}'"));
        assert_eq!(db.on(|on| cancel_jobs(on, &even)).unwrap().changed, 1250);
        assert_eq!((count("cancelled"), count("available")), (1250, 1250));
        assert_eq!(db.on(|on| retry_jobs(on, &even)).unwrap().changed, 1250);
        assert_eq!((count("cancelled"), count("available")), (0, 2500));
        assert_eq!(db.on(|on| delete_jobs(on, &JobFilter::new().state(State::Available))).unwrap(), 2500);
        assert_eq!(db.jobs(), 0);
    }

    fn jobs_whose_keys_others_hold_are_skipped_and_counted(db: &Db) {
        let unique = |n: i64| NewJob::new("k", json!({"n": n})).unique(Unique::new().by_args());
        for n in 0..4 {
            let job = db.insert(unique(n));
            drip::cancel_job(&db.client, job.id).unwrap();
        }
        let holders = [db.insert(unique(1)), db.insert(unique(3))];
        let changed = db.on(|on| retry_jobs(on, &JobFilter::new().state(State::Cancelled))).unwrap();
        assert_eq!((changed.changed, changed.skipped), (2, 2));
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'cancelled'"), 2);
        holders.iter().for_each(|job| assert_eq!(&db.job(job.id), job));
    }

    fn a_filter_without_criteria_is_refused_and_one_without_values_changes_nothing(db: &Db) {
        let job = db.insert(NewJob::new("k", json!({})));
        for verb in ["retry", "cancel", "discard", "delete"] {
            db.committed(|tx| {
                let error = ask(verb, tx.on(), &JobFilter::new()).unwrap_err();
                assert!(error.is_invalid_input() && error.to_string().contains("criteria"), "{verb}: {error}");
                assert_eq!(ask(verb, tx.on(), &JobFilter::new().ids([])).unwrap(), Changed::default());
                assert_eq!(ask(verb, tx.on(), &JobFilter::new().states([])).unwrap(), Changed::default());
                assert!(ask(verb, tx.on(), &JobFilter::new().kind("")).unwrap_err().is_invalid_input());
            });
        }
        assert_eq!(db.job(job.id), job);
    }
}

on_every_database! {
    fn in_a_callers_transaction_all_or_nothing_is_changed(db: &Db) {
        insert_many(&db.client, (0..1500).map(|_| NewJob::new("k", json!({})))).unwrap();
        for verb in ["cancel", "discard", "delete"] {
            let (changed, _) = db.ended(End::Rollback, |tx| ask(verb, tx.on(), &JobFilter::new().kind("k")).unwrap());
            assert_eq!(changed.changed, 1500, "{verb}");
            assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'available'"), 1500, "{verb}");
        }
    }

    fn retried_jobs_wake_the_workers_of_all_their_queues(db: &Db) {
        let queues = ["a", "b", "c"];
        let jobs = queues.map(|queue| db.insert(NewJob::new("work", json!({})).queue(queue)));
        jobs.iter().for_each(|job| drop(drip::cancel_job(&db.client, job.id).unwrap()));
        let mut watch = crate::support::Watch::new(&db.client);
        let mut worker = drip::Worker::new(&db.client).handle_kind("work", crate::support::work::done);
        for queue in queues {
            worker = worker.queue(queue);
        }
        let _running = worker.poll_interval(std::time::Duration::from_secs(3600)).start().unwrap();
        watch.until(|event| matches!(event, drip::Event::Idle { .. }));
        retry_jobs(&db.client, &JobFilter::new().kind("work")).unwrap();
        watch.until_completed(3);
    }
}
