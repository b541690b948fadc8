//! What cannot be is refused before anything is sent, with an error that names the field and its limit; the caller's
//! transaction goes on as if nothing had been asked of it.

use std::time::Duration;

use drip::{Error, JobArgs, NewJob, Unique, fetch_jobs, insert_job, insert_many, snooze_job};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Db, Place};

const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A job with this name somewhere.
type Named = fn(String) -> NewJob;

on_every_database_and_place! {
    fn names(db: &Db) {
        let of_fields: [(&str, Named); 3] = [
            ("kind", |name| NewJob::new(name, json!({}))),
            ("queue", |name| NewJob::new("k", json!({})).queue(name)),
            ("tags", |name| NewJob::new("k", json!({})).tags(["good".to_owned(), name])),
        ];
        for (field, job) in of_fields {
            let case = |(name, why): &(&str, &'static str)| (format!("{field} {name:?}"), job(name.to_string()), field, *why);
            let long = ["q".repeat(128), "é".repeat(64), "q".repeat(10 * 1024)];
            let too_long = |name: String| (format!("{field} of {} bytes", name.len()), job(name), field, "the limit is 127");
            refused(db, BAD_NAMES.iter().map(case).chain(long.map(too_long)));
        }
        let of_all = NewJob::new("*", json!({})).queue("*").tags(["*"]);
        refused(db, [("queue *".to_owned(), of_all, "queue", "stands for all queues")]);
    }

    fn args(db: &Db) {
        let deep = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        let long = |bytes: usize| format!(r#"{{"s":"{}"}}"#, "x".repeat(bytes - r#"{"s":""}"#.len()));
        let table = BAD_JSON.iter().map(|(text, why)| (text.as_bytes().to_vec(), *why));
        let made = [
            (deep(32).into_bytes(), "is nested deeper than 31 levels"),
            (deep(129).into_bytes(), "is nested deeper than 31 levels"),
            ("[".repeat(100_000).into_bytes(), "is nested deeper than 31 levels"),
            (long((1 << 20) + 1).into_bytes(), "the limit is 1048576"),
            (long(64 << 20).into_bytes(), "the limit is 1048576"),
            (b"{\"a\":\"\xff\"}".to_vec(), "is not valid UTF-8 at byte 6"),
            (b"\xef\xbb\xbf{}".to_vec(), "byte order mark"),
        ];
        let job = |(text, why): (Vec<u8>, &'static str)| {
            let label = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
            (label, NewJob::from_json("k", text), "args", why)
        };
        refused(db, table.chain(made).map(job));
        for text in [deep(31), long(1 << 20)] {
            assert_eq!(db.on(|on| insert_job(on, NewJob::from_json("k", &text))).unwrap().job().args_text(), text);
        }
    }

    fn values_in_args_and_in_metadata(db: &Db) {
        for (field, job) in [("args", args_of as fn(Value) -> NewJob), ("metadata", metadata_of)] {
            let case = |(value, why): (Value, &'static str)| (format!("{field} {why}"), job(value), field, why);
            refused(db, bad_values().into_iter().map(case));
        }
    }

    fn a_payload_that_json_cannot_hold(db: &Db) {
        for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let job = NewJob::from(Reading { of: vec![Some(1.0), None, Some(float)] });
            refused(db, [(float.to_string(), job, "args", "at $.of[2]: is NaN or infinite")]);
        }
    }

    fn options(db: &Db) {
        let job = || NewJob::new("k", json!({}));
        let unique = |unique: Unique| job().unique(unique);
        let before_1970 = "1969-12-31T23:59:59.999999Z".parse().unwrap();
        let over = TEN_YEARS + Duration::from_nanos(1);
        let (instant, short) = (Duration::ZERO, Duration::from_micros(999));
        refused(db, [
            ("0", job().priority(0), "priority", "from 1 (served first) to 4"),
            ("5", job().priority(5), "priority", "from 1 (served first) to 4"),
            ("255", job().priority(255), "priority", "from 1 (served first) to 4"),
            ("0", job().max_attempts(0), "max_attempts", "at least 1"),
            ("1969", job().scheduled_at(before_1970), "scheduled_at", "not before 1970"),
            ("the beginning", job().scheduled_at(Timestamp::MIN), "scheduled_at", "not before 1970"),
            ("more", job().delay(over), "delay", "to 10 years"),
            ("for ever", job().delay(Duration::MAX), "delay", "to 10 years"),
            ("0", job().timeout(instant), "timeout", "from 1ms to 10 years"),
            ("less", job().timeout(short), "timeout", "from 1ms to 10 years"),
            ("more", job().timeout(over), "timeout", "from 1ms to 10 years"),
            ("for ever", job().timeout(Duration::MAX), "timeout", "from 1ms to 10 years"),
            ("0", job().ttl(instant), "ttl", "from 1ms to 10 years"),
            ("less", job().ttl(short), "ttl", "from 1ms to 10 years"),
            ("more", job().ttl(over), "ttl", "from 1ms to 10 years"),
            ("too many", job().tags((0..1001).map(|n| n.to_string())), "tags", "are 1001; the limit is 1000"),
            ("two in one", job().tags(["a,b"]), "tags", "holds a comma"),
            ("no state", unique(Unique::new().by_states([])), "unique.by_states", "names no state"),
            ("no key", unique(Unique::new().by_keys([""; 0])), "unique.by_keys", "names no key"),
            ("0", unique(Unique::new().by_period(instant)), "unique.by_period", "from 1 ms to 10 years"),
            ("less", unique(Unique::new().by_period(short)), "unique.by_period", "from 1 ms to 10 years"),
            ("too long", unique(Unique::new().by_period(TEN_YEARS * 100)), "unique.by_period", "from 1 ms to 10 years"),
        ].map(|(label, job, field, why)| (format!("{field} {label}"), job, field, why)));
        let most = job().tags((0..1000).map(|n| n.to_string()));
        assert_eq!(db.on(|on| insert_job(on, most)).unwrap().job().tags.len(), 1000);
    }

    /// So that the job need not be inserted to be dropped: its own destructor would overflow the stack.
    fn of_several_faults_one_is_told(db: &Db) {
        let job = NewJob::new("", deeply_nested()).metadata(deeply_nested()).priority(0);
        drop(job.clone());
        refused(db, [("all".to_owned(), job, "kind", "may not be empty")]);
    }

    fn a_claim_by_hand(db: &Db) {
        insert_job(&db.client, NewJob::new("k", json!({}))).unwrap().into_job();
        let long = "w".repeat(10 * 1024);
        for (queue, worker, limit, field, why) in [
            ("default", "worker", 0, "limit", "from 1 to 10000"),
            ("default", "worker", 10_001, "limit", "from 1 to 10000"),
            ("default", "worker", usize::MAX, "limit", "from 1 to 10000"),
            ("", "worker", 1, "queue", "may not be empty"),
            ("a\0", "worker", 1, "queue", "control character"),
            ("*", "worker", 1, "queue", "stands for all queues"),
            (&long, "worker", 1, "queue", "the limit is 127"),
            ("default", "", 1, "worker_id", "may not be empty"),
            ("default", "a\0", 1, "worker_id", "control character"),
            ("default", " a", 1, "worker_id", "begin or end with a space"),
            ("default", &long, 1, "worker_id", "the limit is 127"),
        ] {
            let error = db.on(|on| fetch_jobs(on, queue, worker, limit)).unwrap_err();
            told(&error, field, why, queue);
        }
        assert_eq!(db.on(|on| fetch_jobs(on, "'; DROP TABLE drip_job;--", "'; --", 10_000)).unwrap(), []);
        let claimed = db.on(|on| fetch_jobs(on, "default", "worker", 10_000)).unwrap();
        for delay in [TEN_YEARS + Duration::from_nanos(1), Duration::MAX] {
            told(&db.on(|on| snooze_job(on, &claimed[0], delay)).unwrap_err(), "delay", "to 10 years", "snooze");
        }
        assert_eq!(db.job(claimed[0].id), claimed[0], "it still runs");
        db.on(|on| snooze_job(on, &claimed[0], TEN_YEARS)).unwrap();
    }

    fn names_that_look_odd_are_names_and_different_ones(db: &Db) {
        for name in ODD_NAMES {
            let job = NewJob::new(*name, json!({})).queue(*name).tags([*name]);
            db.on(|on| insert_job(on, job)).unwrap().into_job();
        }
        for name in ODD_NAMES {
            let claimed = db.on(|on| fetch_jobs(on, name, name, 10)).unwrap();
            assert_eq!(claimed.len(), 1, "{name:?}");
            let job = db.job(claimed[0].id);
            assert_eq!([&job.kind, &job.queue, &job.tags[0], job.attempted_by.as_ref().unwrap()], [name; 4]);
        }
    }
}

/// A job, what it is called in a message of the test, the field that its refusal names, and why.
type Case = (String, NewJob, &'static str, &'static str);

/// Each is refused, alone and in a batch, writes nothing, and leaves the caller's transaction as it was.
fn refused(db: &Db, cases: impl IntoIterator<Item = Case>) {
    let good = || NewJob::new("good", json!({}));
    let before = db.jobs();
    let mut count = 0;
    let refuse = |(label, job, field, why): Case, verb: &mut dyn FnMut(Vec<NewJob>) -> Error| {
        told(&verb(vec![job.clone()]), field, why, &label);
        told(&verb(vec![good(), job]), &format!("job 1 of the batch: {field}"), why, &label);
    };
    if db.place == Place::Own {
        for case in cases {
            refuse(case, &mut |jobs| insert(drip::AnySession::new(&db.client), jobs));
            count += 1;
        }
        assert_eq!(db.jobs(), before);
    } else {
        db.committed(|tx| {
            for case in cases {
                refuse(case, &mut |jobs| insert(tx.on(), jobs));
                assert!(!insert_job(tx.on(), good()).unwrap().is_duplicate());
                count += 1;
            }
        });
        assert_eq!(db.jobs(), before + count);
    }
    assert!(count > 0);
}

/// Why these jobs are refused.
fn insert(on: drip::AnySession<'_>, mut jobs: Vec<NewJob>) -> Error {
    match jobs.len() {
        1 => insert_job(on, jobs.remove(0)).unwrap_err(),
        _ => insert_many(on, jobs).unwrap_err(),
    }
}

fn told(error: &Error, field: &str, why: &str, label: &str) {
    let text = error.to_string();
    assert!(error.is_invalid_input() && !error.is_transient(), "{label}: {text}");
    assert!(text.starts_with(&format!("{field}: ")) && text.contains(why), "{label}: {text}");
    assert!(text.len() < 400 && !text.chars().any(char::is_control), "{label}: {text:?}");
}

const BAD_NAMES: &[(&str, &str)] = &[
    ("", "may not be empty"),
    (" ", "may not begin or end with a space"),
    (" a", "may not begin or end with a space"),
    ("a ", "may not begin or end with a space"),
    ("\u{a0}a", "may not begin or end with a space"),
    ("a\u{3000}", "may not begin or end with a space"),
    ("a\0b", r"the control character '\0'"),
    ("a\nb", r"the control character '\n'"),
    ("a\u{1b}[2Jb", r"the control character '\u{1b}'"),
    ("a\u{7f}b", r"the control character '\u{7f}'"),
    ("a\u{9b}b", r"the control character '\u{9b}'"),
    ("a\u{202e}b", r"the control character '\u{202e}'"),
    ("a\u{2066}b", r"the control character '\u{2066}'"),
];

const ODD_NAMES: &[&str] = &[
    "Email",
    "email",
    "EMAIL",
    "'; DROP TABLE drip_job;--",
    "foo/bar.baz?x=1#y",
    "\u{e9}",
    "e\u{301}",
    "📮",
    "ß",
    "ss",
    "%",
    "_",
    "a b",
    "null",
    "**",
    "0",
    "{}",
    "\"",
    "\\",
    // 127 bytes.
    concat!(
        "a-name-as-long-as-a-name-may-be-a-name-as-long-as-a-name-may-be-",
        "a-name-as-long-as-a-name-may-be-a-name-as-long-as-a-name-may-be"
    ),
];

/// Texts that are no args.
const BAD_JSON: &[(&str, &str)] = &[
    (r#"{"a":[1,{"b":"x\u0000"}]}"#, "at $.a[1].b: holds a NUL character"),
    (r#"{"a":{"\u0000":1}}"#, "at $.a: has a key that holds a NUL character"),
    (r#"{"a":"\ud800"}"#, "at $.a: holds a lone surrogate"),
    (r#"{"a":"\udc00\ud800"}"#, "at $.a: holds a lone surrogate"),
    (r#"{"a":1e400}"#, "at $.a: is beyond the range of a 64-bit float"),
    (r#"{"a":18446744073709551616}"#, "at $.a: is an integer beyond 64 bits"),
    (r#"{"a":-9223372036854775809}"#, "at $.a: is an integer beyond 64 bits"),
    (r#"{"a":NaN}"#, "at $.a: is not valid JSON"),
    (r#"{"a":Infinity}"#, "at $.a: is not valid JSON"),
    (r#"{"a":1,"b":{},"a":1}"#, "at $.a: is given twice"),
    (r#"{"a":1,"\u0061":2}"#, "at $.a: is given twice"),
    ("[]", "must be a JSON object"),
    ("1", "must be a JSON object"),
    ("null", "must be a JSON object"),
    (r#""{}""#, "must be a JSON object"),
    ("", "is not valid JSON"),
    ("{} x", "is not valid JSON"),
    ("{}{}", "is not valid JSON"),
    (r#"{"a":1,}"#, "is not valid JSON"),
    (r#"{'a':1}"#, "is not valid JSON"),
    ("{\"a\":\"\n\"}", "is not valid JSON"),
    ("\u{c}{}", "is not valid JSON"),
];

fn bad_values() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"a": [1, {"b": "x\0"}]}), "at $.a[1].b: holds a NUL character"),
        (json!({"a": {"\0": 1}}), "at $.a: has a key that holds a NUL character"),
        (json!([]), "must be a JSON object"),
        (json!(1.5), "must be a JSON object"),
        (json!(null), "must be a JSON object"),
        (json!("{}"), "must be a JSON object"),
        (json!({"s": "x".repeat(1 << 20)}), "is longer than the limit of 1048576 bytes"),
        (deeply_nested(), "is nested deeper than 31 levels"),
    ]
}

/// Deeper than a thread's stack can be unwound.
fn deeply_nested() -> Value {
    let deep = (0..100_000).fold(json!(0), |inner, _| Value::Array(vec![inner]));
    Value::Object([("a".to_owned(), deep)].into_iter().collect())
}

fn args_of(value: Value) -> NewJob {
    NewJob::new("k", value)
}

fn metadata_of(value: Value) -> NewJob {
    NewJob::new("k", json!({})).metadata(value)
}

#[derive(serde::Serialize)]
struct Reading {
    of: Vec<Option<f64>>,
}

impl JobArgs for Reading {
    const KIND: &'static str = "reading";
}
