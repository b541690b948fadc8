//! What makes a job the same as another, and the keys that stand for it.
//!
//! When a key is held is in `unique_states`, who wins a race in `unique_races`.

use std::time::Duration;

use drip::{Dialect, NewJob, Unique, insert_job, insert_many};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);
const MICROSECOND: Duration = Duration::from_micros(1);

on_every_database_and_place! {
    fn jobs_are_the_same_in_what_counts(db: &Db) {
        for (n, case) in CASES.iter().enumerate() {
            let [first, second] = case.jobs(n);
            let first = db.on(|on| insert_job(on, first)).unwrap();
            assert!(!first.is_duplicate(), "{}", case.label);
            let second = db.on(|on| insert_job(on, second)).unwrap();
            assert_eq!(second.is_duplicate(), case.same, "{}", case.label);
            assert_eq!(second.job().id == first.job().id, case.same, "{}", case.label);
            assert_eq!(&db.job(first.job().id), first.job(), "{}: what was there stays as it was", case.label);
        }
    }

    fn a_batch_holds_its_jobs_against_each_other_and_against_those_there(db: &Db) {
        for (n, case) in CASES.iter().enumerate() {
            let [first, second] = case.jobs(n);
            let batch = [first.clone(), NewJob::new("plain", json!({})), second, first];
            let inserted = db.on(|on| insert_many(on, batch)).unwrap();
            let duplicates: Vec<bool> = inserted.iter().map(drip::Inserted::is_duplicate).collect();
            assert_eq!(duplicates, [false, false, case.same, true], "{}", case.label);
            assert_eq!(inserted[3].job(), inserted[0].job(), "{}", case.label);
        }
    }

    fn windows_are_aligned_to_1970_and_end_to_the_microsecond(db: &Db) {
        let job = || NewJob::new("k", json!({})).unique(Unique::new().by_period(HOUR));
        let is_duplicate = |job: NewJob| db.on(|on| insert_job(on, job)).unwrap().is_duplicate();
        // The test's clock starts on the hour.
        db.clock.advance(HOUR / 2);
        assert!(!is_duplicate(job()), "the first of its hour");
        db.clock.advance(HOUR / 2 - MICROSECOND);
        assert!(is_duplicate(job()), "a microsecond before the hour is over");
        assert!(!is_duplicate(job().delay(MICROSECOND)), "due in the next hour");
        assert!(is_duplicate(job().scheduled_at(db.clock.now() + HOUR)), "by then there is one of that hour");
        assert!(!is_duplicate(job().scheduled_at(db.clock.now() + HOUR + MICROSECOND)), "the hour after that");
        assert!(!is_duplicate(job().scheduled_at(db.clock.now() - HOUR)), "the hour before");
        db.clock.advance(MICROSECOND);
        assert!(is_duplicate(job()), "the hour is another, and that was taken by the delayed one");
        assert_eq!(db.jobs(), 4);
    }

    fn a_refused_option_is_no_duplicate(db: &Db) {
        let job = || NewJob::new("k", json!({})).unique(Unique::new());
        assert!(!db.on(|on| insert_job(on, job())).unwrap().is_duplicate());
        let error = db.on(|on| insert_job(on, job().priority(9))).unwrap_err();
        assert!(error.is_invalid_input() && !error.is_unique_conflict(), "{error}");
        assert!(error.to_string().starts_with("priority: "), "{error}");
        let error = db.on(|on| insert_many(on, [job(), job().max_attempts(0)])).unwrap_err();
        assert!(error.is_invalid_input() && error.to_string().contains("job 1 of the batch: max_attempts"), "{error}");
    }

    /// Another constraint of the table, one of the application's own. (MariaDB has no partial indexes.)
    fn what_the_database_refuses_is_no_duplicate(db: &Db) {
        db.execute("CREATE UNIQUE INDEX no_two_alike ON drip_job (queue, kind, priority)");
        let job = || NewJob::new("k", json!({}));
        db.on(|on| insert_job(on, job())).unwrap().into_job();
        for job in [job(), job().unique(Unique::new())] {
            let error = db.on(|on| insert_job(on, job)).unwrap_err();
            assert!(!error.is_unique_conflict() && !error.is_transient(), "{error}");
            let text = error.to_string();
            assert!(text.contains("no_two_alike") || text.contains("UNIQUE constraint failed"), "{text}");
        }
        assert_eq!(db.jobs(), 1);
    }

    /// These keys are stored in the tables of applications: they may never change. Computed by other means than ours:
    /// SHA-256 over 0x01 and the fields, each as a tag, its length in eight bytes and itself.
    fn golden_vectors(db: &Db) {
        for (job, key) in golden() {
            let found = db.on(|on| insert_job(on, job)).unwrap().into_job();
            assert_eq!(hex(&found.unique_key.unwrap()), key);
            let literal = if db.dialect == Dialect::Postgres { format!("decode('{key}', 'hex')") } else { format!("X'{key}'") };
            let stored = db.number(&format!("SELECT id FROM drip_job WHERE unique_key = {literal}"));
            assert_eq!(stored, found.id);
        }
    }

    fn a_period_by_the_databases_own_clock(db: &Db) {
        let client = drip::Client::connect(&db.url).unwrap();
        let ten_years = Duration::from_secs(10 * 365 * 24 * 3600);
        let job = || NewJob::new("k", json!({})).unique(Unique::new().by_period(ten_years));
        assert!(!insert_job(&client, job()).unwrap().is_duplicate());
        assert!(insert_job(&client, job().delay(HOUR)).unwrap().is_duplicate());
        assert!(db.committed(|tx| insert_job(tx.in_real_time(), job())).unwrap().is_duplicate());
    }
}

/// Two jobs, and whether they are the same.
struct Case {
    label: &'static str,
    unique: fn(Unique) -> Unique,
    first: Side,
    second: Side,
    same: bool,
}

/// Kind, queue and args of a job.
type Side = (&'static str, &'static str, &'static str);

impl Case {
    /// The jobs of the `n`th case, which are others than those of the cases before.
    fn jobs(&self, n: usize) -> [NewJob; 2] {
        [self.first, self.second].map(|(kind, queue, args)| {
            let mut args: Value = serde_json::from_str(args).unwrap();
            args["case"] = n.into();
            let unique = (self.unique)(Unique::new());
            // Those that are unique by less than all args would meet the cases before.
            NewJob::new(format!("{kind}{n}"), args).queue(format!("{queue}{n}")).unique(unique)
        })
    }
}

const fn same(label: &'static str, unique: fn(Unique) -> Unique, first: Side, second: Side) -> Case {
    Case { label, unique, first, second, same: true }
}

const fn other(label: &'static str, unique: fn(Unique) -> Unique, first: Side, second: Side) -> Case {
    Case { label, unique, first, second, same: false }
}

const CASES: &[Case] = &[
    same("the kind alone", |u| u, ("k", "q", r#"{"a":1}"#), ("k", "r", r#"{"a":2}"#)),
    other("another kind", |u| u, ("k", "q", "{}"), ("l", "q", "{}")),
    other("another case of letters", |u| u, ("k", "q", "{}"), ("K", "q", "{}")),
    other("another way to write é", |u| u, ("\u{e9}", "q", "{}"), ("e\u{301}", "q", "{}")),
    same("args", Unique::by_args, ("k", "q", r#"{"a":1}"#), ("k", "r", r#"{"a":1}"#)),
    other("other args", Unique::by_args, ("k", "q", r#"{"a":1}"#), ("k", "q", r#"{"a":2}"#)),
    same("the order of keys", Unique::by_args, ("k", "q", r#"{"a":1,"b":2}"#), ("k", "q", r#"{"b":2,"a":1}"#)),
    same(
        "the order of nested keys",
        Unique::by_args,
        ("k", "q", r#"{"o":[{"x":1,"y":{"p":[],"q":null}}]}"#),
        ("k", "q", r#"{"o":[{"y":{"q":null,"p":[]},"x":1}]}"#),
    ),
    other("the order of items", Unique::by_args, ("k", "q", r#"{"a":[1,2]}"#), ("k", "q", r#"{"a":[2,1]}"#)),
    other("one and 1.0", Unique::by_args, ("k", "q", r#"{"a":1}"#), ("k", "q", r#"{"a":1.0}"#)),
    same("1.0 and 10e-1", Unique::by_args, ("k", "q", r#"{"a":1.0}"#), ("k", "q", r#"{"a":10e-1}"#)),
    other("a number and its text", Unique::by_args, ("k", "q", r#"{"a":1}"#), ("k", "q", r#"{"a":"1"}"#)),
    other(
        "integers that are one float",
        Unique::by_args,
        ("k", "q", r#"{"a":9007199254740992}"#),
        ("k", "q", r#"{"a":9007199254740993}"#),
    ),
    other("a missing key and null", Unique::by_args, ("k", "q", r#"{"a":null}"#), ("k", "q", "{}")),
    other("where one key ends", Unique::by_args, ("k", "q", r#"{"ab":"c"}"#), ("k", "q", r#"{"a":"bc"}"#)),
    same(
        "the keys named",
        |u| u.by_keys(["a", "b"]),
        ("k", "q", r#"{"b":{"x":1,"y":2},"a":1,"c":3}"#),
        ("k", "q", r#"{"a":1,"b":{"y":2,"x":1},"c":4}"#),
    ),
    other(
        "one of the keys named",
        |u| u.by_keys(["a", "b"]),
        ("k", "q", r#"{"a":1,"b":2}"#),
        ("k", "q", r#"{"a":1,"b":3}"#),
    ),
    same("a key that neither has", |u| u.by_keys(["z"]), ("k", "q", r#"{"a":1}"#), ("k", "q", r#"{"a":2}"#)),
    other("a key that one has as null", |u| u.by_keys(["a"]), ("k", "q", r#"{"a":null}"#), ("k", "q", "{}")),
    same("a queue", Unique::by_queue, ("k", "q", r#"{"a":1}"#), ("k", "q", r#"{"a":2}"#)),
    other("another queue", Unique::by_queue, ("k", "q", "{}"), ("k", "r", "{}")),
    same("whatever the kind", |u| u.by_args().exclude_kind(), ("k", "q", r#"{"a":1}"#), ("l", "r", r#"{"a":1}"#)),
    other(
        "other args of whatever kind",
        |u| u.by_args().exclude_kind(),
        ("k", "q", r#"{"a":1}"#),
        ("l", "q", r#"{"a":2}"#),
    ),
    same("a queue's only job", |u| u.by_queue().exclude_kind(), ("k", "q", r#"{"a":1}"#), ("l", "q", r#"{"a":2}"#)),
    same("a window", |u| u.by_period(HOUR), ("k", "q", r#"{"a":1}"#), ("k", "q", r#"{"a":2}"#)),
    other("all of it at once", |u| u.by_args().by_queue().by_period(HOUR), ("k", "q", "{}"), ("k", "r", "{}")),
];

/// Jobs, and their keys.
fn golden() -> [(NewJob, &'static str); 6] {
    let greet = |args: &str, unique| NewJob::from_json("greet", args).queue("mail").unique(unique);
    let day = Duration::from_secs(86_400);
    [
        (greet("{}", Unique::new()), "35262b698ad8085b98446accf0a838dd80377a323e4f4c03b9216995b3cd55f6"),
        (
            greet(r#"{"é":true,"a":{"y":"\u000a","x":[1,10e-1,null]}}"#, Unique::new().by_args()),
            "06384793370aa78db3b0c4e61801c6297a261fd1f0b12559783f4bf2098525b0",
        ),
        (
            greet(r#"{"format":"pdf","customer":7}"#, Unique::new().by_keys(["customer"])),
            "c25ece6469bfead945414e05c18d4584d5f4b7bfd2fff9f949a467b0480845a4",
        ),
        (
            greet("{}", Unique::new().by_args().by_queue()),
            "1c1691ed3da5a15b21ef771bd3478ae8599885470a9f631695070e699b5d0184",
        ),
        (
            greet(r#"{"a":1}"#, Unique::new().by_queue().exclude_kind()),
            "7d928cf166b4a375fa968bb9285eec03076f89aa19fd6abfded0ff0c4c260b77",
        ),
        (
            greet(r#"{"n":18446744073709551615}"#, Unique::new().by_args().by_period(day)).delay(HOUR + HOUR / 2),
            "376e6977b8328d7daeada43d82b3a13f19090d4aa98ec29640e058137f20c679",
        ),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
