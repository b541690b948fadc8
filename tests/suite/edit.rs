//! A job that waits, or has ended, is changed as was asked and no further; and removed.

use std::{sync::Barrier, thread, time::Duration};

use drip::{Job, JobUpdate, NewJob, State, Unique, delete_job, get_job, release_job, swap_job, update_job};
use jiff::Timestamp;
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

type Edit = (&'static str, fn(JobUpdate, Timestamp) -> JobUpdate, fn(&mut Job, Timestamp));

/// What is asked for, and what of the job that changes.
const EDITS: &[Edit] = &[
    ("nothing", |u, _| u, |_, _| {}),
    ("queue", |u, _| u.queue("it's \"100%\" 📮"), |job, _| job.queue = "it's \"100%\" 📮".to_owned()),
    ("priority", |u, _| u.priority(4), |job, _| job.priority = 4),
    ("max_attempts", |u, _| u.max_attempts(u32::MAX), |job, _| job.max_attempts = u32::MAX),
    ("tags", |u, _| u.tags(["x", "y' --"]), |job, _| job.tags = vec!["x".to_owned(), "y' --".to_owned()]),
    ("no tags", |u, _| u.tags([""; 0]), |job, _| job.tags.clear()),
    ("timeout", |u, _| u.timeout(HOUR), |job, _| job.timeout = Some(HOUR)),
    ("no timeout", |u, _| u.timeout(None), |job, _| job.timeout = None),
    ("ttl", |u, _| u.ttl(HOUR), |job, _| job.expires_at = Some(job.created_at + HOUR)),
    ("no ttl", |u, _| u.ttl(None), |job, _| job.expires_at = None),
    ("ephemeral", |u, _| u.ephemeral(true), |job, _| job.ephemeral = true),
    ("not ephemeral", |u, _| u.ephemeral(false), |job, _| job.ephemeral = false),
    (
        "due later",
        |u, now| u.scheduled_at(now + HOUR),
        |job, now| {
            job.scheduled_at = now + HOUR;
            job.state = if job.state == State::Pending { State::Pending } else { State::Scheduled };
        },
    ),
    (
        "due before",
        |u, now| u.scheduled_at(now - HOUR),
        |job, now| {
            job.scheduled_at = now - HOUR;
            job.state = if job.state == State::Pending { State::Pending } else { State::Available };
        },
    ),
];

fn waiting() -> [State; 4] {
    [State::Available, State::Scheduled, State::Retryable, State::Pending]
}

on_every_database_and_place! {
    fn an_update_changes_what_it_names_and_nothing_else(db: &Db) {
        for state in waiting() {
            for (label, edit, expect) in EDITS {
                let mut expected = db.prepared(state, |job| job.timeout(2 * HOUR).ttl(3 * HOUR));
                let now = db.clock.now();
                expect(&mut expected, now);
                let update = edit(JobUpdate::new(), now);
                let answer = db.on(|on| update_job(on, expected.id, update.clone())).unwrap();
                assert_eq!(answer, expected, "{label} of {state}");
                assert_eq!(db.job(expected.id), expected, "{label} of {state}");
                // A second time it changes nothing.
                assert_eq!(db.on(|on| update_job(on, expected.id, update)).unwrap(), expected, "{label} of {state}");
            }
        }
    }

    fn args_and_metadata_are_replaced_whole_or_merged_by_key(db: &Db) {
        let id = db.insert(NewJob::new("k", json!({"a": 1})).metadata(json!({"a": 1, "b": {"c": 1, "d": 2}, "n": null}))).id;
        let update = |update: JobUpdate| db.on(|on| update_job(on, id, update)).unwrap();
        assert_eq!(update(JobUpdate::new().args(json!({"b": [1.5, "é"]}))).args().unwrap(), json!({"b": [1.5, "é"]}));
        let merge = JobUpdate::new().merge_metadata(json!({"b": {"e": 3}, "a": null, "x": [null], "none": null}));
        let merged = Value::Object(update(merge).metadata().unwrap());
        assert_eq!(merged, json!({"b": {"e": 3}, "n": null, "x": [null]}));
        assert_eq!(Value::Object(db.job(id).metadata().unwrap()), merged);
        let replaced = update(JobUpdate::new().metadata(json!({"y": 1})));
        assert_eq!(Value::Object(replaced.metadata().unwrap()), json!({"y": 1}));
    }

    fn a_job_that_has_ended_is_changed_where_it_stands_and_takes_no_due_time(db: &Db) {
        for state in [State::Completed, State::Discarded, State::Cancelled] {
            let before = db.job_in(state);
            let updated = db.on(|on| update_job(on, before.id, JobUpdate::new().tags(["seen"]))).unwrap();
            assert_eq!((updated.state, updated.finalized_at, &updated.tags[0]), (state, before.finalized_at, &"seen".to_owned()));
            let due = JobUpdate::new().scheduled_at(db.clock.now()).tags(["again"]);
            for refused in [due, JobUpdate::new().args(json!({"n": 2})).tags(["again"])] {
                let error = db.on(|on| update_job(on, before.id, refused)).unwrap_err();
                assert_eq!(error.state(), Some(state), "{error}");
            }
            assert_eq!(db.job(before.id), updated);
        }
    }

    fn a_running_job_is_neither_changed_nor_removed(db: &Db) {
        let running = db.job_in(State::Running);
        for verb in ["update", "swap", "delete"] {
            let error = db.on(|on| match verb {
                "update" => update_job(on, running.id, JobUpdate::new().priority(2)),
                "swap" => swap_job(on, running.id, |_| Ok(JobUpdate::new())),
                _ => delete_job(on, running.id),
            });
            assert_eq!(error.unwrap_err().state(), Some(State::Running), "{verb}");
        }
        assert_eq!(db.job(running.id), running);
    }

    fn a_swap_sees_the_job_and_an_error_of_its_own_leaves_it_as_it_was(db: &Db) {
        let before = db.insert(NewJob::new("k", json!({"n": 1})));
        let error = db.on(|on| swap_job(on, before.id, |_| Err(drip::Error::other("not today")))).unwrap_err();
        assert_eq!((error.to_string().as_str(), db.job(before.id)), ("not today", before.clone()));
        let swapped = db.on(|on| {
            swap_job(on, before.id, |job| {
                assert_eq!(job, &before);
                Ok(JobUpdate::new().args(json!({"n": job.args()?["n"].as_i64().unwrap() + 1})))
            })
        });
        assert_eq!(swapped.unwrap().args().unwrap(), json!({"n": 2}));
        let refused = db.on(|on| swap_job(on, before.id, |_| Ok(JobUpdate::new().priority(9)))).unwrap_err();
        assert!(refused.is_invalid_input(), "{refused}");
        assert_eq!(db.job(before.id).args().unwrap(), json!({"n": 2}));
    }

    fn a_job_is_removed_whatever_it_has_come_to(db: &Db) {
        for state in State::ALL.into_iter().filter(|state| *state != State::Running) {
            let job = db.job_in(state);
            assert_eq!(db.on(|on| delete_job(on, job.id)).unwrap(), job);
            assert_eq!(get_job(&db.client, job.id).unwrap(), None, "{state}");
            assert!(db.on(|on| delete_job(on, job.id)).unwrap_err().is_not_found());
        }
        assert!(db.on(|on| update_job(on, 77, JobUpdate::new())).unwrap_err().is_not_found());
        assert!(db.on(|on| swap_job(on, 77, |_| Ok(JobUpdate::new()))).unwrap_err().is_not_found());
    }

    fn a_pending_job_is_released_to_its_time(db: &Db) {
        let now = db.insert(NewJob::new("k", json!({})).pending());
        let later = db.insert(NewJob::new("k", json!({})).pending().delay(HOUR));
        assert!(drip::fetch_jobs(&db.client, "default", "w", 9).unwrap().is_empty());
        assert_eq!(db.on(|on| release_job(on, now.id)).unwrap().state, State::Available);
        let released = db.on(|on| release_job(on, later.id)).unwrap();
        assert_eq!((released.state, released.scheduled_at), (State::Scheduled, later.scheduled_at));
        assert_eq!(db.claim("default").id, now.id);
    }

    fn a_change_into_a_key_that_another_holds_is_refused(db: &Db) {
        let only_waiting = || NewJob::new("k", json!({})).unique(Unique::new().by_states([State::Scheduled]));
        let waits = db.insert(only_waiting().delay(HOUR));
        let free = db.insert(only_waiting());
        let error = db.on(|on| update_job(on, free.id, JobUpdate::new().scheduled_at(db.clock.now() + HOUR))).unwrap_err();
        assert!(error.is_unique_conflict(), "{error}");
        assert_eq!((error.conflicting_job(), db.job(free.id)), (Some(waits.id), free));
    }

    fn what_cannot_be_is_refused_and_spoils_no_transaction(db: &Db) {
        let before = db.insert(NewJob::new("k", json!({})));
        let long = Duration::from_secs(11 * 365 * 24 * 3600);
        for (field, update) in [
            ("args", JobUpdate::new().args(json!([]))),
            ("args", JobUpdate::new().args(json!({"a": "\0"}))),
            ("metadata", JobUpdate::new().metadata(json!(1))),
            ("metadata", JobUpdate::new().merge_metadata(json!({"a": "x".repeat(2 << 20)}))),
            ("queue", JobUpdate::new().queue(" ")),
            ("priority", JobUpdate::new().priority(0)),
            ("max_attempts", JobUpdate::new().max_attempts(0)),
            ("tags", JobUpdate::new().tags(["a,b"])),
            ("timeout", JobUpdate::new().timeout(Duration::ZERO)),
            ("ttl", JobUpdate::new().ttl(long)),
            ("scheduled_at", JobUpdate::new().scheduled_at("1969-12-31T23:59:59Z".parse().unwrap())),
        ] {
            db.committed(|tx| {
                let error = update_job(tx.on(), before.id, update).unwrap_err();
                assert!(error.is_invalid_input() && error.to_string().starts_with(field), "{field}: {error}");
                update_job(tx.on(), before.id, JobUpdate::new().tags([field])).unwrap();
            });
            assert_eq!(db.job(before.id).tags, [field]);
        }
    }
}

on_every_database! {
    fn of_swaps_at_the_same_time_each_builds_on_the_one_before(db: &Db) {
        const THREADS: usize = 8;
        const EACH: usize = 10;
        let id = db.insert(NewJob::new("k", json!({"n": 0}))).id;
        let together = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    together.wait();
                    for _ in 0..EACH {
                        swap_job(&db.client, id, |job| {
                            Ok(JobUpdate::new().args(json!({"n": job.args()?["n"].as_u64().unwrap() + 1})))
                        })
                        .unwrap();
                    }
                });
            }
        });
        assert_eq!(db.job(id).args().unwrap(), json!({"n": THREADS * EACH}));
    }
}
