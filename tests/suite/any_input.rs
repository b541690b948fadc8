//! Input of any kind is taken and comes back as it was, or is refused by name; nothing in between.

use drip::{Client, Cursor, Error, JobFilter, NewJob, Page, Rule, get_job, insert_job, list_jobs};
use jiff::Timestamp;
use proptest::{collection, prelude::*, test_runner::TestRunner};
use serde_json::{Map, Number, Value, json};

/// Each is a statement or two on a database.
const CASES: u32 = 150;

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() })
}

/// The two ends of what is taken: as it was, or a refusal that names one of these fields.
fn refused(error: &Error, fields: &[&str]) -> Result<(), TestCaseError> {
    prop_assert!(error.is_invalid_input(), "{error:?}");
    prop_assert!(fields.iter().any(|field| error.to_string().starts_with(field)), "{error}");
    Ok(())
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("is finite", Number::from_f64),
    ]
}

/// JSON with all that databases stumble over: NUL, keys of one letter in several cases, numbers of every size, depth.
fn value() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![any::<String>(), "[\u{0}a'\\\\\"%é📮\u{7f}\u{2028}]{0,6}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(40, 200, 4, move |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::vec((text(), inner), 0..4).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

on_every_database! {
    fn args_and_metadata_come_back_as_they_were_or_are_refused(db: &Db) {
        let whole = |args: Value, metadata: Value| {
            let job = NewJob::new("any", json!({"it": args.clone()})).metadata(json!({"it": metadata.clone()}));
            match insert_job(&db.client, job) {
                Ok(inserted) => {
                    let stored = get_job(&db.client, inserted.job().id).unwrap().unwrap();
                    prop_assert_eq!(&stored, inserted.job());
                    prop_assert_eq!(&stored.args().unwrap()["it"], &args);
                    prop_assert_eq!(&stored.metadata().unwrap()["it"], &metadata);
                    Ok(())
                }
                Err(error) => refused(&error, &["args", "metadata"]),
            }
        };
        runner(CASES).run(&(value(), value()), |(args, metadata)| whole(args, metadata)).unwrap();
    }

    fn names_come_back_as_they_were_or_are_refused(db: &Db) {
        let name = || prop_oneof![any::<String>(), "[ -~]{0,130}", "[\u{0}-\u{ff}\u{202a}-\u{202f}]{1,3}"];
        let test = |kind: String, queue: String, tag: String| {
            let job = NewJob::new(kind.clone(), json!({})).queue(queue.clone()).tags([tag.clone()]);
            match insert_job(&db.client, job) {
                Ok(inserted) => {
                    let job = inserted.into_job();
                    prop_assert_eq!((&job.kind, &job.queue, &job.tags), (&kind, &queue, &vec![tag.clone()]));
                    let filter = JobFilter::new().kind(kind).queue(queue).tags([tag]).id(job.id);
                    prop_assert_eq!(list_jobs(&db.client, &filter, Page::newest_first()).unwrap().jobs, vec![job]);
                    Ok(())
                }
                Err(error) => refused(&error, &["kind", "queue", "tags"]),
            }
        };
        runner(CASES).run(&(name(), name(), name()), |(kind, queue, tag)| test(kind, queue, tag)).unwrap();
    }
}

#[test]
fn a_cursor_is_what_it_prints_or_is_refused() {
    let text = prop_oneof![any::<String>(), "(after|before|After)?:?[-+0-9 ]{0,22}"];
    let test = |text: String| match text.parse::<Cursor>() {
        Ok(cursor) => {
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
            Ok(())
        }
        Err(error) => refused(&error, &["cursor"]),
    };
    runner(20_000).run(&text, test).unwrap();
}

#[test]
fn a_rule_has_a_next_slot_or_none_or_is_refused() {
    let field = "[0-9*/,\\-LW#?a-z]{1,8}";
    let pattern = prop_oneof![
        any::<String>(),
        [field, field, field, field, field].prop_map(|fields| fields.join(" ")),
        "(@(yearly|daily|hourly|reboot))|([0-5]?[0-9] [0-2]?[0-9] [1-3]?[0-9] [1-9] [0-7])",
    ];
    let zone =
        prop_oneof![Just("UTC".to_owned()), Just("Europe/Paris".to_owned()), any::<String>(), "[A-Z/a-z+-]{0,12}"];
    let time = -377_705_116_800_i64..253_402_207_200;
    let test = |pattern: String, zone: String, second: i64| {
        let after = Timestamp::from_second(second).unwrap();
        match Rule::cron(pattern, zone).next_after(after) {
            Ok(next) => prop_assert!(next.is_none_or(|next| next > after)),
            Err(error) => refused(&error, &["cron", "time_zone"])?,
        }
        Ok(())
    };
    runner(5_000).run(&(pattern, zone, time), |(pattern, zone, second)| test(pattern, zone, second)).unwrap();
}

/// Without connecting anywhere: what would name a host, or a file, is left out.
#[test]
fn what_is_no_url_is_refused_and_not_repeated() {
    let url = prop_oneof![
        any::<String>(),
        "[a-z+]{0,10}:/{0,3}[ -~]{0,40}",
        "(postgres|postgresql|mariadb|mysql)(:|://|:/)?",
        "(postgres|mariadb)://user:secret@/[a-z]{0,5}",
        "(postgres|mariadb)://user:secret@host:[a-z9]{5,9}/db",
    ];
    let known = |url: &str| ["sqlite", "postgres", "mariadb", "mysql"].iter().any(|name| url.starts_with(name));
    let whole = |url: &str| known(url) && !url.contains("secret") && url.contains("://") && !url.ends_with("://");
    let test = |url: String| {
        prop_assume!(!whole(&url) && !url.starts_with("sqlite"));
        let error = Client::connect(&url).map(drop).unwrap_err();
        prop_assert!(error.is_invalid_input(), "{url:?}: {error:?}");
        prop_assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        Ok(())
    };
    runner(5_000).run(&url, test).unwrap();
    assert!(Client::connect("sqlite").unwrap_err().is_invalid_input(), "a word is no file");
}
