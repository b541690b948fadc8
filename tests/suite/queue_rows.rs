//! What is kept with a queue, and what is counted of it.

use std::time::Duration;

use drip::{
    AnySession, Count, Dialect, Error, NewJob, QueueInfo, QueueSummary, Result, State, fetch_jobs, get_queue,
    insert_job, insert_many, list_queues, pause_all, pause_queue, resume_queue, upsert_queue,
};
use serde_json::{Value, json};

use crate::support::{Db, End};

const SECOND: Duration = Duration::from_secs(1);

fn job(queue: &str) -> NewJob {
    NewJob::new("k", json!({})).queue(queue.to_owned())
}

fn get(db: &Db, queue: &str) -> Option<QueueInfo> {
    db.on(|on| get_queue(on, queue)).unwrap()
}

fn list(db: &Db) -> Vec<QueueSummary> {
    db.on(|on| list_queues(on)).unwrap()
}

fn metadata(queue: &QueueInfo) -> Value {
    Value::Object(queue.metadata().unwrap())
}

fn exactly(number: u64) -> String {
    assert!(number < 1000);
    number.to_string()
}

/// So many jobs in a state, by plain SQL; their queues are `q0`, `q1` and so on, in turn.
fn fill(db: &Db, state: &str, count: u64, queues: u64) {
    let numbers = match db.dialect {
        Dialect::Postgres => format!("SELECT n FROM generate_series(1, {count}) AS n"),
        Dialect::Mariadb => format!("SELECT seq AS n FROM seq_1_to_{count}"),
        _ => format!(
            "WITH RECURSIVE a(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM a WHERE n < {count}) SELECT n FROM a"
        ),
    };
    let queue = if db.dialect == Dialect::Mariadb { "CONCAT('q', n % {})" } else { "'q' || (n % {})" };
    let queue = queue.replace("{}", &queues.to_string());
    db.execute(&format!(
        "INSERT INTO drip_job (state, kind, queue) SELECT '{state}', 'k', {queue} FROM ({numbers}) AS numbers"
    ));
}

/// A verb, and its name in a message.
type Verb = (&'static str, fn(AnySession<'_>, &str) -> Result<()>);

const VERBS: [Verb; 4] = [
    ("upsert_queue", |on, queue| upsert_queue(on, queue, json!({})).map(drop)),
    ("get_queue", |on, queue| get_queue(on, queue).map(drop)),
    ("pause_queue", |on, queue| pause_queue(on, queue).map(drop)),
    ("resume_queue", |on, queue| resume_queue(on, queue).map(drop)),
];

/// Metadata that is none, and why.
type BadMetadata = (fn() -> Value, &'static str);

on_every_database_and_place! {
    fn metadata_is_kept_with_a_queue_and_replaced_as_a_whole(db: &Db) {
        assert_eq!(get(db, "mail"), None);
        let first = db.on(|on| upsert_queue(on, "mail", json!({"owner": "Ada", "b": {"é": "📮"}}))).unwrap();
        assert_eq!((first.name.as_str(), first.is_paused()), ("mail", false));
        assert_eq!((first.created_at, first.updated_at), (db.clock.now(), db.clock.now()));
        assert_eq!(metadata(&first), json!({"owner": "Ada", "b": {"é": "📮"}}));
        assert_eq!(get(db, "mail").as_ref(), Some(&first));
        db.clock.advance(SECOND);
        let paused_at = db.on(|on| pause_queue(on, "mail")).unwrap().paused_at;
        db.clock.advance(SECOND);
        let second = db.on(|on| upsert_queue(on, "mail", json!({"owner": "Grace"}))).unwrap();
        assert_eq!(metadata(&second), json!({"owner": "Grace"}));
        assert_eq!((second.created_at, second.updated_at), (first.created_at, db.clock.now()));
        assert_eq!(second.paused_at, paused_at);
        assert_eq!(get(db, "mail"), Some(second));
    }

    fn a_queue_that_nobody_has_seen_can_be_paused_and_resumed_again_and_again(db: &Db) {
        let began = db.clock.now();
        let paused = db.on(|on| pause_queue(on, "new")).unwrap();
        assert_eq!((paused.paused_at, paused.created_at), (Some(began), began));
        assert_eq!(metadata(&paused), json!({}));
        db.clock.advance(SECOND);
        let again = db.on(|on| pause_queue(on, "new")).unwrap();
        assert_eq!((again.paused_at, again.updated_at), (Some(began), db.clock.now()));
        for _ in 0..2 {
            let resumed = db.on(|on| resume_queue(on, "new")).unwrap();
            assert_eq!((resumed.paused_at, resumed.is_paused()), (None, false));
            assert_eq!(get(db, "new"), Some(resumed));
        }
        let resumed = db.on(|on| resume_queue(on, "other")).unwrap();
        assert_eq!((resumed.paused_at, resumed.created_at), (None, db.clock.now()));
        assert_eq!(db.number("SELECT count(*) FROM drip_queue"), 2);
    }

    fn bad_names_are_refused_and_the_transaction_goes_on(db: &Db) {
        let long = ["q".repeat(128), "📮".repeat(32), "q".repeat(10 * 1024)];
        let bad = [
            ("", "may not be empty"),
            (" a", "may not begin or end with a space"),
            ("a\u{a0}", "may not begin or end with a space"),
            ("a\0b", r"the control character '\0'"),
            ("a\nb", r"the control character '\n'"),
            ("a\u{1b}[2Jb", r"the control character '\u{1b}'"),
            ("a\u{202e}b", r"the control character '\u{202e}'"),
            ("*", "stands for all queues"),
        ];
        let long = long.iter().map(|name| (name.as_str(), "the limit is 127"));
        for (name, why) in bad.into_iter().chain(long) {
            // What is only looked for may be called anything; "" and * are no names even so.
            let written = |verb: &str| verb != "get_queue" || ["", "*"].contains(&name);
            for (verb, run) in VERBS.into_iter().filter(|(verb, _)| written(verb)) {
                refused(db, |on| run(on, name), "queue", why, &format!("{verb} of {name:?}"));
            }
        }
        assert_eq!((get(db, "a\0b"), list(db)), (None, vec![]));
    }

    fn bad_metadata_is_refused_and_the_transaction_goes_on(db: &Db) {
        let bad: [BadMetadata; 6] = [
            (|| json!([]), "must be a JSON object"),
            (|| json!(null), "must be a JSON object"),
            (|| json!("{}"), "must be a JSON object"),
            (|| json!({"a": [1, "x\0"]}), "at $.a[1]: holds a NUL character"),
            (|| json!({"s": "x".repeat(1 << 20)}), "the limit of 1048576 bytes"),
            (deeply_nested, "is nested deeper than 31 levels"),
        ];
        for (metadata, why) in bad {
            refused(db, |on| upsert_queue(on, "mail", metadata()).map(drop), "metadata", why, why);
            refused(db, |on| upsert_queue(on, "", metadata()).map(drop), "queue", "may not be empty", why);
        }
        assert_eq!(get(db, "mail"), None);
    }

    fn names_that_look_odd_are_names_and_different_ones(db: &Db) {
        let longest = ["q".repeat(127), "📮".repeat(31) + "abc"];
        let odd = ["Mail", "mail", "%", "_", "'", "''", "\"", "\\", "'; DROP TABLE drip_queue;--", "é", "e\u{301}", "📮",
            "a b", "**", "null", "$1", ":name", "?", "{}"];
        let names: Vec<&str> = odd.into_iter().chain(longest.iter().map(String::as_str)).collect();
        for name in &names {
            insert_job(&db.client, job(name)).unwrap().into_job();
            let queue = db.on(|on| upsert_queue(on, name, json!({"name": name}))).unwrap();
            assert_eq!((queue.name.as_str(), &metadata(&queue)), (*name, &json!({"name": name})));
        }
        for name in &names {
            assert!(db.on(|on| pause_queue(on, name)).unwrap().is_paused());
            let paused: Vec<_> = list(db).into_iter().filter(QueueSummary::is_paused).map(|queue| queue.name).collect();
            assert_eq!(paused, [*name]);
            assert_eq!(db.on(|on| fetch_jobs(on, name, "worker", 10)).unwrap(), []);
            assert!(!db.on(|on| resume_queue(on, name)).unwrap().is_paused());
        }
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(list(db).iter().map(|queue| queue.name.as_str()).collect::<Vec<_>>(), sorted);
        for name in names {
            assert_eq!(db.on(|on| fetch_jobs(on, name, "worker", 10)).unwrap().len(), 1, "{name:?}");
        }
    }

    fn a_list_tells_of_each_queue_what_waits_in_it_and_for_how_long(db: &Db) {
        for state in State::ALL {
            db.job_in(state);
        }
        db.execute("UPDATE drip_job SET queue = 'states'");
        db.insert(job("late").priority(4));
        db.clock.advance(5 * SECOND);
        insert_many(&db.client, ["late", "late", "new"].map(|queue| job(queue).priority(2))).unwrap();
        db.insert(job("early").delay(60 * SECOND));
        db.execute("UPDATE drip_job SET state = 'available' WHERE queue = 'early'");
        db.on(|on| upsert_queue(on, "empty", json!({"owner": "Ada"}))).unwrap();
        db.on(|on| pause_queue(on, "new")).unwrap();
        db.clock.advance(2 * SECOND);
        let list = list(db);
        let found: Vec<_> = list
            .iter()
            .map(|q| (&*q.name, q.available.to_string(), q.scheduled.to_string(), q.retryable.to_string(), q.oldest))
            .collect();
        let figures = |available, scheduled, retryable| (exactly(available), exactly(scheduled), exactly(retryable));
        let line = |name, (available, scheduled, retryable), oldest| (name, available, scheduled, retryable, oldest);
        assert_eq!(found, [
            line("early", figures(1, 0, 0), None),
            line("empty", figures(0, 0, 0), None),
            line("late", figures(3, 0, 0), Some(7 * SECOND)),
            line("new", figures(1, 0, 0), Some(2 * SECOND)),
            line("states", figures(1, 1, 1), Some(7 * SECOND)),
        ]);
        assert_eq!(list.iter().map(QueueSummary::is_paused).collect::<Vec<_>>(), [false, false, false, true, false]);
        assert_eq!(list[1].metadata().unwrap()["owner"], "Ada");
        assert!(list[4].metadata().unwrap().is_empty());
        db.on(|on| pause_all(on)).unwrap();
        assert!(self::list(db).iter().all(|queue| queue.all_paused_at == Some(db.clock.now())));
        assert_eq!(self::list(db).len(), 5, "the one that stands for all is not among them");
    }
}

on_every_database! {
    fn what_is_rolled_back_was_never_paused_nor_written(db: &Db) {
        db.insert(job("mail"));
        let (_, ended) = db.ended(End::Rollback, |tx| {
            upsert_queue(tx.on(), "mail", json!({"a": 1})).unwrap();
            assert!(pause_queue(tx.on(), "mail").unwrap().is_paused());
            pause_all(tx.on()).unwrap();
            assert_eq!(fetch_jobs(tx.on(), "mail", "worker", 1).unwrap(), []);
        });
        ended.unwrap();
        assert_eq!(get(db, "mail"), None);
        assert_eq!(fetch_jobs(&db.client, "mail", "worker", 1).unwrap().len(), 1);
        pause_queue(&db.client, "mail").unwrap();
        let (_, ended) = db.ended(End::Rollback, |tx| resume_queue(tx.on(), "mail").unwrap());
        ended.unwrap();
        assert!(get(db, "mail").unwrap().is_paused());
    }

    fn counting_stops_at_a_limit_and_says_so(db: &Db) {
        let counts = |db: &Db, name: &str| {
            let queue = list(db).into_iter().find(|queue| queue.name == name).unwrap();
            [queue.available, queue.scheduled, queue.retryable].map(|count: Count| count.to_string())
        };
        fill(db, "available", 9_999, 1);
        fill(db, "scheduled", 6_000, 2);
        fill(db, "retryable", 3_999, 1);
        assert_eq!(counts(db, "q0"), ["9,999", "3,000", "3,999"]);
        assert_eq!(counts(db, "q1"), ["0", "3,000", "0"]);
        fill(db, "available", 3, 1);
        upsert_queue(&db.client, "quiet", json!({})).unwrap();
        assert_eq!(counts(db, "q0")[0], "10,000+");
        fill(db, "retryable", 1, 1);
        // Of the first 10,000 that become due it is not known whose those are that follow.
        let [_, scheduled, retryable] = counts(db, "q0");
        assert_eq!((scheduled.as_str(), retryable.as_str()), ("3,000+", "4,000+"));
        assert_eq!(counts(db, "quiet"), ["0", "0+", "0+"]);
        // With many queues each has a part of 100,000.
        fill(db, "available", 20_000, 40);
        assert_eq!(counts(db, "q0")[0], "2,500+");
        assert_eq!(counts(db, "q7")[0], "500");
    }
}

/// Deeper than a thread's stack can be unwound.
fn deeply_nested() -> Value {
    let deep = (0..100_000).fold(json!(0), |inner, _| Value::Array(vec![inner]));
    Value::Object([("a".to_owned(), deep)].into_iter().collect())
}

/// A verb that is refused, alone and in a transaction of the caller's, which goes on.
fn refused(db: &Db, verb: impl Fn(AnySession<'_>) -> Result<()>, field: &str, why: &str, label: &str) {
    let told = |error: Error| {
        let text = error.to_string();
        assert!(error.is_invalid_input() && text.starts_with(&format!("{field}: ")), "{label}: {text}");
        assert!(text.contains(why) && text.len() < 400 && !text.chars().any(char::is_control), "{label}: {text:?}");
    };
    told(db.on(&verb).unwrap_err());
    db.transaction(|tx| -> Result<()> {
        told(verb(tx.on()).unwrap_err());
        upsert_queue(tx.on(), "usable", json!({}))?;
        assert!(get_queue(tx.on(), "usable")?.is_some());
        tx.execute("DELETE FROM drip_queue")
    })
    .unwrap();
}
