//! A unique key is held in the states that the job's insert named, and free in all others; a move into a key that is
//! taken fails nobody else.

use std::time::Duration;

use drip::{
    Failure, Job, NewJob, State, Unique, cancel_job, complete_job, discard_job, fail_job, fetch_jobs, get_job,
    insert_job, retry_completed_job, retry_job, snooze_job,
};
use serde_json::json;

use crate::support::Db;

/// How a job leaves the state that it is in.
type Leave = fn(&Db, &Job) -> Job;

const HOUR: Duration = Duration::from_secs(3600);

on_every_database_and_place! {
    fn a_key_is_held_in_the_states_named_and_free_in_the_others(db: &Db) {
        for (n, (label, at_insert, moves)) in LIVES.iter().enumerate() {
            for held in [true, false] {
                let queue = format!("{n} {held}");
                // The state that the life ends in is found out by a first one, unique by nothing.
                let end = moves(db, insert(db, at_insert(job(&queue)))).state;
                let others = State::ALL.into_iter().filter(|state| held || *state != end);
                let unique = Unique::new().by_args().by_states(others);
                let first = moves(db, insert(db, at_insert(job(&queue)).unique(unique.clone())));
                assert_eq!(first.state, end, "{label}");
                let second = db.on(|on| insert_job(on, job(&queue).unique(unique))).unwrap();
                assert_eq!(second.is_duplicate(), held, "{label}: {end} counts: {held}");
                assert_eq!(second.job().id == first.id, held, "{label}");
                assert_eq!(db.job(first.id), first, "{label}: it stays as it is");
            }
        }
    }

    fn by_default_only_a_cancelled_or_discarded_job_frees_its_key(db: &Db) {
        for (n, (label, at_insert, moves)) in LIVES.iter().enumerate() {
            let job = || job(&n.to_string()).unique(Unique::new().by_args());
            let first = moves(db, insert(db, at_insert(job())));
            let held = !matches!(first.state, State::Cancelled | State::Discarded);
            assert_eq!(db.on(|on| insert_job(on, job())).unwrap().is_duplicate(), held, "{label}");
        }
    }

    fn a_row_that_is_gone_holds_nothing(db: &Db) {
        let job = || job("q").unique(Unique::new().by_states(State::ALL));
        let first = insert(db, job().ephemeral());
        assert!(db.on(|on| insert_job(on, job())).unwrap().is_duplicate());
        let claimed = claim(db, first);
        db.on(|on| complete_job(on, &claimed)).unwrap();
        assert!(db.on(|on| get_job(on, claimed.id)).unwrap().is_none());
        assert!(!db.on(|on| insert_job(on, job())).unwrap().is_duplicate());
    }

    fn a_waiting_job_whose_key_is_taken_stays_where_it_is(db: &Db) {
        let unique = || Unique::new().by_args().by_states([State::Available, State::Running, State::Completed]);
        for (n, (label, at_insert, moves)) in LIVES.iter().enumerate() {
            let job = || job(&n.to_string()).unique(unique());
            let first = moves(db, insert(db, at_insert(job())));
            use State::{Cancelled, Discarded, Retryable, Scheduled};
            if !matches!(first.state, Scheduled | Retryable | Cancelled | Discarded) {
                continue;
            }
            let holder = insert(db, job());
            let error = db.on(|on| retry_job(on, first.id)).unwrap_err();
            assert!(error.is_unique_conflict(), "{label}: {error}");
            assert_eq!(error.conflicting_job(), Some(holder.id), "{label}");
            assert_eq!((db.job(first.id), db.job(holder.id)), (first.clone(), holder.clone()), "{label}");
            db.on(|on| cancel_job(on, holder.id)).unwrap();
            assert_eq!(db.on(|on| retry_job(on, first.id)).unwrap().state, State::Available, "{label}");
        }
    }

    fn a_completed_job_whose_key_is_taken_is_not_run_again(db: &Db) {
        let unique = Unique::new().by_states([State::Available]);
        let first = claim(db, insert(db, job("q").unique(unique.clone())));
        let first = db.on(|on| complete_job(on, &first)).unwrap();
        let holder = insert(db, job("q").unique(unique));
        let error = db.on(|on| retry_completed_job(on, first.id)).unwrap_err();
        assert_eq!((error.is_unique_conflict(), error.conflicting_job()), (true, Some(holder.id)), "{error}");
        assert_eq!(db.job(first.id), first);
    }

    fn a_job_that_must_leave_running_is_discarded_if_its_place_is_taken(db: &Db) {
        let leave: [(&str, State, Leave); 5] = [
            ("complete", State::Completed, |db, job| db.on(|on| complete_job(on, job)).unwrap()),
            ("fail", State::Retryable, |db, job| db.on(|on| fail_job(on, job, "it broke")).unwrap()),
            ("snooze", State::Scheduled, |db, job| db.on(|on| snooze_job(on, job, HOUR)).unwrap()),
            ("cancel", State::Cancelled, |db, job| db.on(|on| cancel_job(on, job)).unwrap()),
            ("discard", State::Discarded, |db, job| db.on(|on| discard_job(on, job)).unwrap()),
        ];
        for (verb, to, leave) in leave {
            let job = || job(verb).unique(Unique::new().by_args().by_states([State::Available, to]));
            let running = claim(db, insert(db, job()));
            let holder = insert(db, job());
            let left = leave(db, &running);
            assert_eq!(left.state, State::Discarded, "{verb}");
            assert_eq!(left.finalized_at, Some(db.clock.now()), "{verb}");
            assert!(left.errors.last().unwrap().error.starts_with("unique_conflict"), "{verb}: {:?}", left.errors);
            assert_eq!(left.errors.len(), if verb == "fail" { 2 } else { 1 }, "{verb}: what went wrong stays");
            assert_eq!((db.job(left.id), db.job(holder.id)), (left, holder), "{verb}");
        }
    }

    fn of_jobs_that_exclude_each_other_once_they_run_one_is_claimed_at_a_time(db: &Db) {
        let unique = || Unique::new().by_states([State::Running]);
        let job = |n: i64| NewJob::new("k", json!({"n": n})).queue("q").unique(unique());
        let waiting: Vec<i64> = (0..3).map(|n| insert(db, job(n)).id).collect();
        for id in waiting {
            let claimed = fetch(db, "q");
            assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
            assert_eq!(fetch(db, "q"), [], "the next has to wait until that one is done");
            db.on(|on| complete_job(on, &claimed[0])).unwrap();
        }
    }

    fn jobs_that_exclude_each_other_hold_up_no_other_job_of_their_queue(db: &Db) {
        let job = || job("q").unique(Unique::new().by_states([State::Running]));
        let first = insert(db, job());
        let second = insert(db, job());
        let plain: Vec<i64> = (0..3).map(|n| insert(db, NewJob::new("plain", json!({"n": n})).queue("q")).id).collect();
        let mut claimed = fetch(db, "q");
        claimed.extend(fetch(db, "q"));
        let ids: Vec<i64> = claimed.iter().map(|job| job.id).collect();
        assert_eq!(ids, [&[first.id], &plain[..]].concat());
        assert_eq!(db.job(second.id), second);
    }

    fn a_callers_transaction_goes_on_after_a_move_into_a_taken_key(db: &Db) {
        let unique = || Unique::new().by_states([State::Available, State::Completed]);
        let cancelled = db.on(|on| cancel_job(on, insert(db, job("q").unique(unique())).id)).unwrap();
        let running = claim(db, insert(db, job("q").unique(unique())));
        let holder = insert(db, job("q").unique(unique()));
        let after = db.committed(|tx| {
            assert!(retry_job(tx.on(), cancelled.id).unwrap_err().is_unique_conflict());
            assert_eq!(complete_job(tx.on(), &running).unwrap().state, State::Discarded);
            insert_job(tx.on(), job("q")).unwrap().into_job()
        });
        assert_eq!(db.job(after.id), after);
        assert_eq!(db.job(running.id).state, State::Discarded);
        assert_eq!(db.job(holder.id), holder);
    }
}

type AtInsert = fn(NewJob) -> NewJob;
type Moves = fn(&Db, Job) -> Job;

/// How a job comes to each of the states.
const LIVES: &[(&str, AtInsert, Moves)] = &[
    ("inserted", |job| job, |_, job| job),
    ("inserted for later", |job| job.delay(HOUR), |_, job| job),
    ("held", NewJob::pending, |_, job| job),
    ("claimed", |job| job, claim),
    ("cancelled", |job| job, |db, job| db.on(|on| cancel_job(on, job.id)).unwrap()),
    ("cancelled while running", |job| job, |db, job| db.on(|on| cancel_job(on, claim(db, job).id)).unwrap()),
    ("cancelled while held", NewJob::pending, |db, job| db.on(|on| cancel_job(on, job.id)).unwrap()),
    ("discarded", |job| job, |db, job| db.on(|on| discard_job(on, job.id)).unwrap()),
    ("discarded by its handler", |job| job, |db, job| db.on(|on| discard_job(on, &claim(db, job))).unwrap()),
    ("completed", |job| job, |db, job| db.on(|on| complete_job(on, &claim(db, job))).unwrap()),
    ("failed", |job| job, |db, job| db.on(|on| fail_job(on, &claim(db, job), Failure::new("no"))).unwrap()),
    (
        "exhausted",
        |job| job.max_attempts(1),
        |db, job| db.on(|on| fail_job(on, &claim(db, job), Failure::new("no"))).unwrap(),
    ),
    ("snoozed", |job| job, |db, job| db.on(|on| snooze_job(on, &claim(db, job), HOUR)).unwrap()),
];

/// A job of that queue; two of them are the same by their args.
fn job(queue: &str) -> NewJob {
    NewJob::new("k", json!({"queue": queue})).queue(queue.to_owned())
}

fn insert(db: &Db, job: NewJob) -> Job {
    let inserted = db.on(|on| insert_job(on, job)).unwrap();
    assert!(!inserted.is_duplicate(), "{inserted:?}");
    inserted.into_job()
}

fn fetch(db: &Db, queue: &str) -> Vec<Job> {
    db.on(|on| fetch_jobs(on, queue, "worker", 10)).unwrap()
}

/// The job, claimed; it is the only one of its queue that can be.
fn claim(db: &Db, job: Job) -> Job {
    let claimed = fetch(db, &job.queue);
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [job.id]);
    claimed.into_iter().next().unwrap()
}
