//! A duplicate's content goes into the job that waits, and into no other.

use std::{sync::Barrier, thread, time::Duration};

use drip::{
    Inserted, Job, NewJob, OnDuplicate, State, Unique, cancel_job, complete_job, discard_job, fail_job, fetch_jobs,
    insert_job, insert_many, snooze_job,
};
use serde_json::json;

use crate::support::{Db, patiently};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

on_every_database_and_place! {
    fn a_waiting_job_takes_the_content_of_its_duplicate_and_stands_where_that_is_due(db: &Db) {
        for (life, (label, at_insert, moves)) in WAITING.iter().enumerate() {
            for (turn, due) in [None, Some(HOUR)].into_iter().enumerate() {
                let n = life * 2 + turn;
                let first = moves(db, insert(db, at_insert(old(n))));
                db.clock.advance(Duration::from_secs(1));
                let replaced = replace(db, new(n, due));
                let now = db.clock.now();
                assert_eq!((replaced.id, replaced.created_at), (first.id, first.created_at), "{label}");
                assert_eq!((replaced.attempt, &replaced.errors), (first.attempt, &first.errors), "{label}");
                assert_eq!((replaced.claim_seq, &replaced.unique_key), (first.claim_seq, &first.unique_key), "{label}");
                assert_eq!(replaced.args().unwrap(), json!({"key": n, "v": 2, "due": format!("{due:?}")}), "{label}");
                assert_eq!(serde_json::Value::from(replaced.metadata().unwrap()), json!({"m": 2}), "{label}");
                assert_eq!((replaced.priority, replaced.max_attempts), (4, 7), "{label}");
                assert_eq!((&replaced.tags, replaced.timeout), (&vec!["two".to_owned()], Some(MINUTE)), "{label}");
                assert_eq!(replaced.expires_at, Some(now + HOUR), "{label}");
                assert_eq!(replaced.scheduled_at, now + due.unwrap_or_default(), "{label}");
                let waits = if due.is_some() { State::Scheduled } else { State::Available };
                let state = if first.state == State::Pending { State::Pending } else { waits };
                assert_eq!(replaced.state, state, "{label}, due in {due:?}");
                assert_eq!(db.job(first.id), replaced, "{label}");
            }
        }
    }

    fn a_job_that_has_begun_or_ended_stays_as_it_is(db: &Db) {
        for (n, (label, moves)) in BEGUN.iter().enumerate() {
            let first = moves(db, insert(db, old(n)));
            let answered = replace(db, new(n, None));
            assert_eq!((&answered, &db.job(first.id)), (&first, &first), "{label}");
        }
    }

    fn keep_is_the_default(db: &Db) {
        let first = insert(db, old(0).delay(HOUR));
        for unique in [key(), key().on_duplicate(OnDuplicate::Keep)] {
            let second = new(0, Some(HOUR)).unique(unique);
            assert_eq!(db.on(|on| insert_job(on, second)).unwrap(), Inserted::Duplicate(first.clone()));
        }
    }

    fn each_call_puts_a_debounced_job_off_and_it_runs_once(db: &Db) {
        let call = |n: i64| {
            let unique = Unique::new().on_duplicate(OnDuplicate::Replace);
            NewJob::new("debounced", json!({"call": n})).delay(MINUTE).unique(unique)
        };
        let first = db.on(|on| insert_job(on, call(0))).unwrap().into_job();
        for n in 1..5 {
            db.clock.advance(MINUTE - Duration::from_secs(1));
            let job = db.on(|on| insert_job(on, call(n))).unwrap();
            assert!(job.is_duplicate());
            assert_eq!((job.job().id, job.job().scheduled_at), (first.id, db.clock.now() + MINUTE));
        }
        assert_eq!((db.jobs(), db.job(first.id).args().unwrap()), (1, json!({"call": 4})));
    }

    fn a_batch_replaces_what_it_has_inserted_itself(db: &Db) {
        let jobs = [old(1), new(1, None), NewJob::new("plain", json!({})), new(1, Some(HOUR)), new(2, None)];
        let inserted = db.on(|on| insert_many(on, jobs)).unwrap();
        let duplicates: Vec<bool> = inserted.iter().map(Inserted::is_duplicate).collect();
        // With `due` in the args they would differ; the key is that of `key` alone.
        assert_eq!(duplicates, [false, true, false, true, false]);
        let job = db.job(inserted[0].job().id);
        assert_eq!((&job, job.state), (inserted[3].job(), State::Scheduled));
        assert_eq!(db.jobs(), 3);
    }

    fn threads_that_replace_the_same_job_all_succeed(db: &Db) {
        insert(db, old(0));
        let start = Barrier::new(8);
        let content = |n: u8| new(0, None).priority(1 + n % 4).metadata(json!({"thread": n}));
        thread::scope(|scope| {
            for n in 0..8 {
                let (start, job) = (&start, content(n));
                scope.spawn(move || {
                    start.wait();
                    let replaced = patiently(|| db.on(|on| insert_job(on, job.clone())));
                    assert!(replaced.is_duplicate());
                });
            }
        });
        let metadata = db.job(1).metadata().unwrap();
        let thread = metadata["thread"].as_u64().unwrap() as u8;
        assert_eq!((db.jobs(), db.job(1).priority), (1, 1 + thread % 4), "the content of one of them, whole");
    }
}

type AtInsert = fn(NewJob) -> NewJob;
type Moves = fn(&Db, Job) -> Job;

const WAITING: &[(&str, AtInsert, Moves)] = &[
    ("available", |job| job, |_, job| job),
    ("scheduled", |job| job.delay(HOUR), |_, job| job),
    ("pending", NewJob::pending, |_, job| job),
    ("retryable", |job| job, |db, job| db.on(|on| fail_job(on, &claim(db, &job), "it broke")).unwrap()),
    ("snoozed", |job| job, |db, job| db.on(|on| snooze_job(on, &claim(db, &job), HOUR)).unwrap()),
];

const BEGUN: &[(&str, Moves)] = &[
    ("running", |db, job| claim(db, &job)),
    ("completed", |db, job| db.on(|on| complete_job(on, &claim(db, &job))).unwrap()),
    ("cancelled", |db, job| db.on(|on| cancel_job(on, job.id)).unwrap()),
    ("discarded", |db, job| db.on(|on| discard_job(on, job.id)).unwrap()),
];

/// Unique by `key` in the args, and held in all states, so that there is a duplicate of any job.
fn key() -> Unique {
    Unique::new().by_keys(["key"]).by_states(State::ALL)
}

fn content(n: usize, v: i64, due: Option<Duration>) -> NewJob {
    let job = NewJob::new("k", json!({"key": n, "v": v, "due": format!("{due:?}")}));
    job.queue(format!("q{n}")).unique(key().on_duplicate(OnDuplicate::Replace))
}

fn old(n: usize) -> NewJob {
    content(n, 1, None).tags(["one"]).metadata(json!({"m": 1, "x": 1}))
}

/// Its duplicate, different in all that may differ.
fn new(n: usize, due: Option<Duration>) -> NewJob {
    let job = content(n, 2, due).tags(["two"]).metadata(json!({"m": 2})).priority(4).max_attempts(7);
    let job = job.timeout(MINUTE).ttl(HOUR);
    if let Some(due) = due { job.delay(due) } else { job }
}

fn insert(db: &Db, job: NewJob) -> Job {
    let inserted = db.on(|on| insert_job(on, job)).unwrap();
    assert!(!inserted.is_duplicate(), "{inserted:?}");
    inserted.into_job()
}

fn replace(db: &Db, job: NewJob) -> Job {
    let inserted = db.on(|on| insert_job(on, job)).unwrap();
    assert!(inserted.is_duplicate(), "{inserted:?}");
    inserted.into_job()
}

fn claim(db: &Db, job: &Job) -> Job {
    let claimed = db.on(|on| fetch_jobs(on, &job.queue, "worker", 10)).unwrap();
    claimed.into_iter().find(|claimed| claimed.id == job.id).expect("it can be claimed")
}
