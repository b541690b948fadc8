//! A job is what was asked for, inserted alone or in a batch.
//!
//! When it comes to be is in `commit`, what is refused in `bad_input`, what is a duplicate in `unique`.

use std::time::Duration;

use drip::{
    Dialect, Inserted, Job, JobArgs, JobFilter, NewJob, Page, State, Unique, insert_job, insert_many, insert_many_fast,
    list_jobs,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Db, Place};

const HOUR: Duration = Duration::from_secs(3600);
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

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

    fn every_option_changes_what_it_names_and_nothing_else(db: &Db) {
        let plain = insert_both_ways(db, &NewJob::new("k", json!({})));
        for (label, set, expect) in OPTIONS {
            let mut expected = plain.clone();
            expect(&mut expected, db.clock.now());
            let mut found = insert_both_ways(db, &set(NewJob::new("k", json!({}))));
            found.id = expected.id;
            assert_eq!(found, expected, "{label}");
        }
    }

    /// What differs from row to row travels otherwise than what all have in common.
    fn jobs_of_a_batch_may_differ_in_any_option(db: &Db) {
        let plain = || NewJob::new("k", json!({}));
        for (label, set, expect) in OPTIONS {
            let jobs = [set(plain()), plain(), set(plain()), plain()];
            let found: Vec<Job> = db.on(|on| insert_many(on, jobs)).unwrap().into_iter().map(Inserted::into_job).collect();
            for (n, job) in found.iter().enumerate() {
                assert_eq!(&db.job(job.id), job, "{label}");
                let mut expected = found[1].clone();
                expected.id = job.id;
                if n % 2 == 0 {
                    expect(&mut expected, db.clock.now());
                }
                assert_eq!(job, &expected, "{label}, job {n}");
            }
            assert_eq!((found[1].state, found[1].timeout, found[1].expires_at), (State::Available, None, None));
        }
    }

    fn a_payload_brings_its_kind_and_its_options_and_those_of_the_insert_come_on_top(db: &Db) {
        let invoice = || Invoice { order: 7, lines: vec![0.5, -1.25] };
        let job = insert_both_ways(db, &invoice().into());
        assert_eq!((job.kind.as_str(), job.queue.as_str()), ("invoice", "billing"));
        assert_eq!((job.priority, job.max_attempts, job.timeout), (3, 4, Some(HOUR)));
        assert_eq!(job.args_as::<Invoice>().unwrap(), invoice());
        let job = insert_both_ways(db, &NewJob::from(invoice()).queue("later").max_attempts(9));
        assert_eq!((job.queue.as_str(), job.priority, job.max_attempts), ("later", 3, 9));
        let found = db.on(|on| insert_job(on, invoice())).unwrap().into_job();
        assert_eq!((found.queue.as_str(), found.priority), ("billing", 3));
    }

    fn a_due_time_is_cut_to_microseconds_and_never_put_off_by_that(db: &Db) {
        let now = db.clock.now().as_nanosecond();
        let after_now = |nanos: i128| Timestamp::from_nanosecond(now + nanos).unwrap();
        for (nanos, kept, state) in [
            (-1_000_000_001, -1_000_001_000, State::Available),
            (-1, -1_000, State::Available),
            (0, 0, State::Available),
            (999, 0, State::Available),
            (1_000, 1_000, State::Scheduled),
            (1_999, 1_000, State::Scheduled),
        ] {
            let job = insert_both_ways(db, &NewJob::new("k", json!({})).scheduled_at(after_now(nanos)));
            // Towards the past on both sides of now, which is long after 1970.
            assert_eq!((job.scheduled_at, job.state), (after_now(kept), state), "{nanos} ns from now");
        }
    }

    fn args_come_back_as_they_were_written(db: &Db) {
        for args in VERBATIM {
            let job = insert_both_ways(db, &NewJob::from_json("k", args));
            assert_eq!(job.args_text(), *args);
        }
        let deepest = format!(r#"{{"a":{}{}}}"#, "[".repeat(30), "]".repeat(30));
        let wide = format!("{{{}}}", (0..10_000).map(|n| format!(r#""k{n}":{n}"#)).collect::<Vec<_>>().join(","));
        for args in [deepest, wide] {
            assert_eq!(insert_both_ways(db, &NewJob::from_json("k", &args)).args_text(), args);
        }
    }

    fn numbers_and_texts_survive_in_args_and_in_metadata(db: &Db) {
        let value = json!({
            "floats": [0.1 + 0.2, -0.0, 1e-308, 5e-324, f64::MAX, 1.0, 1e21],
            "integers": [u64::MAX, i64::MIN, (1_u64 << 53) + 1, 0, -1],
            "texts": ["", "'; DROP TABLE drip_job;--", "\u{1b}[2J", "</script>\u{2028}", "e\u{301}é📮", "\\\"'%_?:n$1"],
            "nested": {"": {"__proto__": [null, true, [[[{}]]]]}},
        });
        let job = insert_both_ways(db, &NewJob::new("k", value.clone()).metadata(value.clone()));
        assert_eq!(job.args().unwrap(), value);
        assert_eq!(Value::Object(job.metadata().unwrap()), value);
        let bits = |value: &Value| {
            let floats = value["floats"].as_array().unwrap().iter();
            floats.map(|float| float.as_f64().unwrap().to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(bits(&job.args().unwrap()), bits(&value), "-0.0 equals 0.0, so the bits are compared too");
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

    fn one_bad_job_in_ten_thousand_is_named_and_none_is_inserted(db: &Db) {
        for bad in [0, 7_777, 9_999] {
            let priority = |n| if n == bad { 9 } else { 1 };
            let jobs = (0..10_000).map(|n| NewJob::new("count", json!({"n": n})).priority(priority(n)));
            let error = db.on(|on| insert_many(on, jobs)).unwrap_err();
            assert!(error.is_invalid_input(), "{error}");
            assert!(error.to_string().contains(&format!("job {bad} of the batch: priority")), "{error}");
            assert_eq!(db.jobs(), 0);
        }
    }

    fn one_job_that_the_database_refuses_takes_the_whole_batch_with_it(db: &Db) {
        refuse_kind(db, "refused");
        for unique in [false, true] {
            let job = |n| {
                let job = NewJob::new(if n == 2_400 { "refused" } else { "k" }, json!({"card": "4111-1111", "n": n}));
                if unique && n % 800 == 0 { job.unique(Unique::new().by_args()) } else { job }
            };
            let error = db.on(|on| insert_many(on, (0..2_500).map(job))).unwrap_err();
            assert!(!error.is_unique_conflict() && !error.is_transient() && !error.is_invalid_input(), "{error}");
            let text = error.to_string();
            assert!(text.contains("refuse") && !text.contains("4111"), "says who refused, and holds no args: {text}");
            assert_eq!(db.jobs(), 0);
        }
    }

    fn ordinary_and_unique_jobs_of_one_batch_are_answered_in_their_order(db: &Db) {
        let plan = ["-", "a", "-", "-", "a", "b", "b", "-", "a", "c", "-", "-", "-"];
        let jobs = plan.iter().enumerate().map(|(n, key)| {
            let job = NewJob::new("k", json!({"n": n, "key": key}));
            if *key == "-" { job } else { job.unique(Unique::new().by_keys(["key"])) }
        });
        let inserted = db.on(|on| insert_many(on, jobs)).unwrap();
        assert_eq!(inserted.len(), plan.len());
        for (n, (key, inserted)) in plan.iter().zip(&inserted).enumerate() {
            let first = plan.iter().position(|other| other == key).unwrap();
            assert_eq!(inserted.is_duplicate(), *key != "-" && first < n, "{n}");
            let from = if *key == "-" { n } else { first };
            assert_eq!(inserted.job().args().unwrap(), json!({"n": from, "key": key}));
            assert_eq!(&db.job(inserted.job().id), inserted.job());
        }
        let new: Vec<i64> = inserted.iter().filter(|one| !one.is_duplicate()).map(|one| one.job().id).collect();
        assert!(new.is_sorted_by(|a, b| a < b), "{new:?}");
        assert_eq!(db.jobs(), new.len() as i64);
    }
}

/// PostgreSQL takes nothing more in a transaction in which it has refused something.
#[test]
fn a_batch_that_is_refused_leaves_nothing_in_a_transaction_that_goes_on() {
    for dialect in [Dialect::Mariadb, Dialect::Sqlite] {
        Db::run(dialect, Place::Own, |db| {
            refuse_kind(db, "refused");
            let job = |kind: &'static str| NewJob::new(kind, json!({}));
            db.committed(|tx| {
                insert_job(tx.on(), job("before")).unwrap().into_job();
                for batch in [["k", "k", "refused"], ["k", "refused", "k"]] {
                    insert_many(tx.on(), batch.map(job)).unwrap_err();
                    insert_many_fast(tx.on(), batch.map(job)).unwrap_err();
                }
                let unique = job("k").unique(Unique::new());
                insert_many(tx.on(), [unique, job("refused")]).unwrap_err();
                insert_job(tx.on(), job("after")).unwrap().into_job();
            });
            assert_eq!(db.jobs(), 2);
            assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE kind IN ('before', 'after')"), 2);
        });
    }
}

type Setting = fn(NewJob) -> NewJob;
type Expectation = fn(&mut Job, Timestamp);

/// What each option does to the job that has none.
const OPTIONS: &[(&str, Setting, Expectation)] = &[
    ("queue", |new| new.queue("foo/bar.baz?x=1#y"), |job, _| job.queue = "foo/bar.baz?x=1#y".to_owned()),
    ("priority", |new| new.priority(4), |job, _| job.priority = 4),
    ("max_attempts 1", |new| new.max_attempts(1), |job, _| job.max_attempts = 1),
    ("max_attempts", |new| new.max_attempts(u32::MAX), |job, _| job.max_attempts = u32::MAX),
    (
        "tags",
        |new| new.tags(["a b", "\"\\'", "é📮"]),
        |job, _| job.tags = ["a b", "\"\\'", "é📮"].map(String::from).to_vec(),
    ),
    ("ephemeral", NewJob::ephemeral, |job, _| job.ephemeral = true),
    (
        "timeout",
        |new| new.timeout(Duration::from_millis(1500)),
        |job, _| job.timeout = Some(Duration::from_millis(1500)),
    ),
    (
        "least timeout",
        |new| new.timeout(Duration::from_millis(1)),
        |job, _| job.timeout = Some(Duration::from_millis(1)),
    ),
    ("longest timeout", |new| new.timeout(TEN_YEARS), |job, _| job.timeout = Some(TEN_YEARS)),
    (
        "ttl",
        |new| new.ttl(Duration::from_micros(1_234_567)),
        |job, now| {
            job.expires_at = Some(now + Duration::from_micros(1_234_567));
        },
    ),
    ("longest ttl", |new| new.ttl(TEN_YEARS), |job, now| job.expires_at = Some(now + TEN_YEARS)),
    ("pending", NewJob::pending, |job, _| job.state = State::Pending),
    (
        "pending, for later",
        |new| new.pending().delay(HOUR),
        |job, now| {
            (job.state, job.scheduled_at) = (State::Pending, now + HOUR);
        },
    ),
    ("delay", |new| new.delay(HOUR), |job, now| (job.state, job.scheduled_at) = (State::Scheduled, now + HOUR)),
    ("no delay", |new| new.delay(Duration::ZERO), |_, _| ()),
    (
        "longest delay",
        |new| new.delay(TEN_YEARS),
        |job, now| {
            (job.state, job.scheduled_at) = (State::Scheduled, now + TEN_YEARS);
        },
    ),
    (
        "scheduled in the past",
        |new| new.scheduled_at(Timestamp::UNIX_EPOCH),
        |job, _| {
            job.scheduled_at = Timestamp::UNIX_EPOCH;
        },
    ),
    (
        "scheduled at the end of time",
        |new| new.scheduled_at(Timestamp::MAX),
        |job, _| {
            job.state = State::Scheduled;
            job.scheduled_at = "9999-12-30T22:00:00.999999Z".parse().unwrap();
        },
    ),
    ("without notification", NewJob::without_notification, |_, _| ()),
];

/// Args whose text a JSON column would change.
const VERBATIM: &[&str] = &[
    "{}",
    r#"{"b":1,"a":2,"":3}"#,
    r#"{ "spaces" : [ 1 , 2 ] }"#,
    r#"{"n":[0.1,0.30000000000000004,-0.0,-0,1e-308,9007199254740993,18446744073709551615,-9223372036854775808,1.0,1E2]}"#,
    r#"{"escapes":"\u0041\/\b\f\n\r\t\u001b\ud83d\ude00\\\""}"#,
    "{\"raw\":\"é📮\u{7f}\u{202e}\u{2028}\"}",
    r#"{"constructor":{"__proto__":null},"<script>":"</script><!--"}"#,
];

#[derive(Debug, PartialEq, Clone, serde::Serialize, serde::Deserialize)]
struct Invoice {
    order: i64,
    lines: Vec<f64>,
}

impl JobArgs for Invoice {
    const KIND: &'static str = "invoice";

    fn defaults(job: NewJob) -> NewJob {
        job.queue("billing").priority(3).max_attempts(4).timeout(HOUR)
    }
}

/// Inserts the job alone and in a batch, which are different statements, and answers it as it stands in the database.
fn insert_both_ways(db: &Db, job: &NewJob) -> Job {
    let alone = db.on(|on| insert_job(on, job.clone())).unwrap().into_job();
    let batch = db.on(|on| insert_many(on, [job.clone(), job.clone()])).unwrap();
    assert_eq!(db.job(alone.id), alone);
    for inserted in batch {
        let mut other = inserted.into_job();
        assert_eq!(db.job(other.id), other);
        other.id = alone.id;
        assert_eq!(other, alone, "alone and in a batch");
    }
    if alone.unique_key.is_none() {
        assert_eq!(db.on(|on| insert_many_fast(on, [job.clone()])).unwrap(), 1);
        let mut other = list_jobs(&db.client, &JobFilter::new(), Page::newest_first()).unwrap().jobs.remove(0);
        assert_ne!(other.id, alone.id);
        other.id = alone.id;
        assert_eq!(other, alone, "alone and loaded");
    }
    alone
}

/// Makes the database refuse jobs of this kind, as a constraint of the application's own would.
fn refuse_kind(db: &Db, kind: &str) {
    db.execute(&match db.dialect {
        Dialect::Sqlite => format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON drip_job WHEN NEW.kind = '{kind}'
             BEGIN SELECT RAISE(ABORT, 'refused'); END"
        ),
        _ => format!("ALTER TABLE drip_job ADD CONSTRAINT refuse CHECK (kind <> '{kind}')"),
    });
}
