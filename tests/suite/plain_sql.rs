//! A row that somebody inserts with a console is a job as complete as one that the library inserted, and a worker runs it;
//! what could be no job the table refuses.

use std::time::Duration;

use crossbeam_channel::unbounded;
use drip::{Client, Clock, Context, Dialect, Event, HandlerResult, Job, NewJob, State, Worker, fetch_jobs, insert_job};
use jiff::Timestamp;
use mysql::prelude::Queryable;
use serde_json::{Value, json};

use crate::support::{
    Db, Ear, PATIENCE, Place, Watch,
    console::Console,
    work::{done, job},
};

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));

/// A time of the database's, as SQL.
fn time(db: &Db, text: &str) -> String {
    let timestamp: Timestamp = text.parse().unwrap();
    match db.dialect {
        Dialect::Mariadb => format!("'{}'", timestamp.strftime("%Y-%m-%d %H:%M:%S")),
        _ => format!("'{timestamp:.6}'"),
    }
}

/// The only job that there is.
fn only_job(db: &Db) -> Job {
    assert_eq!(db.jobs(), 1);
    db.job(db.number("SELECT min(id) FROM drip_job"))
}

/// Everything about a job but its id and the time of its insert.
fn content(job: &Job, scheduled: bool) -> Job {
    let epoch = Timestamp::UNIX_EPOCH;
    let mut job = job.clone();
    (job.id, job.created_at) = (0, epoch);
    if !scheduled {
        job.scheduled_at = epoch;
    }
    job
}

/// Columns and values of an insert, and the same as the library's options.
type Case = (&'static str, String, NewJob);

fn cases(db: &Db) -> Vec<Case> {
    let new = || NewJob::new("k", json!({"n": 1}));
    let later = "2031-02-03T04:05:06Z";
    let at = later.parse().unwrap();
    let expiry = time(db, "2030-01-01T01:00:00Z");
    let case = |columns, values: &str, job| (columns, values.to_owned(), job);
    vec![
        case("", "", new()),
        case(", queue", ", 'mail'", new().queue("mail")),
        case(", queue", ", 'it''s \"100 %\" 📮'", new().queue("it's \"100 %\" 📮")),
        case(", priority", ", 4", new().priority(4)),
        case(", max_attempts", ", 1", new().max_attempts(1)),
        case(", tags", r#", '["a","é"]'"#, new().tags(["a", "é"])),
        case(", metadata", r#", '{"by":"Ada 📮"}'"#, new().metadata(json!({"by": "Ada 📮"}))),
        case(", timeout_ms", ", 1500", new().timeout(Duration::from_millis(1500))),
        case(", expires_at", &format!(", {expiry}"), new().ttl(Duration::from_secs(3600))),
        case(", ephemeral", ", true", new().ephemeral()),
        case(", state", ", 'pending'", new().pending()),
        case(", state, scheduled_at", &format!(", 'scheduled', {}", time(db, later)), new().scheduled_at(at)),
    ]
}

on_every_database! {
    fn with_each_option_it_is_the_job_that_the_library_would_have_inserted(db: &Db) {
        let Some(console) = Console::of(db) else { return };
        for (columns, values, new) in cases(db) {
            console.run(&format!(r#"INSERT INTO drip_job (kind, args{columns}) VALUES ('k', '{{"n":1}}'{values})"#)).unwrap();
            let found = only_job(db);
            db.execute("DELETE FROM drip_job");
            let expected = insert_job(&db.client, new).unwrap().into_job();
            let scheduled = columns.contains("scheduled_at");
            assert_eq!(content(&found, scheduled), content(&expected, scheduled), "{columns}");
            db.execute("DELETE FROM drip_job");
        }
    }

    fn a_worker_runs_it_with_its_args(db: &Db) {
        let Some(console) = Console::of(db) else { return };
        // The times of these rows are the database's own.
        let client = Client::connect(&db.url).unwrap();
        let mut watch = Watch::new(&client);
        let (sent, received) = unbounded();
        let running = Worker::new(&client)
            .any_queue()
            .poll_interval(Duration::from_millis(50))
            .handle_kind("é📮", move |context: &Context, args: Value| -> HandlerResult {
                Ok(sent.send((context.job().queue.clone(), args))?)
            })
            .start()
            .unwrap();
        for (sql, queue, args) in [
            (r#"INSERT INTO drip_job (kind, args) VALUES ('é📮', '{"n":1}')"#, "default", json!({"n": 1})),
            ("INSERT INTO drip_job (kind) VALUES ('é📮')", "default", json!({})),
            (
                r#"INSERT INTO drip_job (kind, args, queue, priority, tags, metadata, max_attempts, timeout_ms, ephemeral)
                   VALUES ('é📮', '{"s":"it''s 100 % 📮"}', 'mail', 2, '["a"]', '{"m":2}', 3, 60000, true)"#,
                "mail",
                json!({"s": "it's 100 % 📮"}),
            ),
        ] {
            console.run(sql).unwrap();
            assert_eq!(received.recv_timeout(PATIENCE), Ok((queue.to_owned(), args)));
        }
        watch.until_completed(3);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'completed'"), 2, "one was ephemeral");
        assert!(running.stop(PATIENCE).is_clean());
    }

    fn the_line_in_the_readme_does_what_it_says(db: &Db) {
        let Some(console) = Console::of(db) else { return };
        let section = README.split("## From plain SQL").nth(1).unwrap();
        let lines = section.split("```").nth(1).unwrap().trim_start_matches("sh\n");
        let mut lines = lines.split("\n\n").map(str::trim);
        let line = lines.find(|line| line.starts_with(console.program())).unwrap();
        let before = Timestamp::now();
        console.run_line(line).unwrap();
        let job = only_job(db);
        assert_eq!((job.kind.as_str(), job.queue.as_str(), job.state), ("send_receipt", "mail", State::Scheduled));
        assert_eq!((job.args().unwrap(), &job.tags[..]), (json!({"order": 7}), &["vip".to_owned()][..]));
        assert_eq!((job.priority, job.max_attempts, job.timeout), (2, 5, Some(Duration::from_secs(30))));
        let delay = job.scheduled_at.duration_since(before).as_secs();
        assert!((3590..4000).contains(&delay), "{delay}");
        // It runs when it is due.
        let client = Client::builder().clock(Clock::at(job.scheduled_at)).connect(&db.url).unwrap();
        let mut watch = Watch::new(&client);
        let running = Worker::new(&client).queue("mail").handle_kind("send_receipt", done).start().unwrap();
        watch.until_state(job.id, State::Completed);
        assert!(running.stop(PATIENCE).is_clean());
    }

    fn what_is_no_job_the_table_refuses(db: &Db) {
        let Some(console) = Console::of(db) else { return };
        let (long, longest) = ("q".repeat(128), "q".repeat(127));
        let set = |column: &str, value: &str| (format!("kind, {column}"), format!("'k', {value}"));
        let text = |column: &str, value: &str| set(column, &format!("'{value}'"));
        for (columns, values) in [
            ("args".to_owned(), "'{}'".to_owned()),
            ("kind".to_owned(), "NULL".to_owned()),
            ("kind".to_owned(), "''".to_owned()),
            ("kind".to_owned(), format!("'{long}'")),
            text("queue", ""),
            text("queue", &long),
            set("queue", "NULL"),
            text("state", "done"),
            text("state", "Available"),
            text("state", ""),
            text("state", "completed"),
            text("state", "discarded"),
            text("state", "cancelled"),
            set("finalized_at", &time(db, "2030-01-01T00:00:00Z")),
            set("priority", "0"),
            set("priority", "5"),
            set("priority", "9"),
            set("priority", "-1"),
            set("max_attempts", "0"),
            text("args", "{"),
            text("args", ""),
            text("metadata", "no"),
            text("tags", "[a]"),
            text("scheduled_at", "soon"),
            text("scheduled_at", ""),
            set("scheduled_at", "NULL"),
        ] {
            let refused = console.run(&format!("INSERT INTO drip_job ({columns}) VALUES ({values})"));
            let error = refused.expect_err(&format!("{columns}: {values}"));
            assert!(error.to_lowercase().contains("error"), "{columns}: {error}");
        }
        assert_eq!(db.jobs(), 0);
        console.run(&format!("INSERT INTO drip_job (kind, queue) VALUES ('{longest}', '{longest}')")).unwrap();
        let ended = time(db, "2030-01-01T00:00:00Z");
        let finished = format!("INSERT INTO drip_job (kind, state, finalized_at) VALUES ('k', 'completed', {ended})");
        console.run(&finished).unwrap();
        assert_eq!(db.jobs(), 2);
    }

    fn due_in_the_future_it_begins_then_and_not_before_whatever_its_state_says(db: &Db) {
        let Some(console) = Console::of(db) else { return };
        let client = Client::connect(&db.url).unwrap();
        let mut watch = Watch::new(&client);
        let running = Worker::new(&client)
            .poll_interval(Duration::from_millis(50))
            .handle_kind("work", done)
            .start()
            .unwrap();
        let soon = match db.dialect {
            Dialect::Postgres => "clock_timestamp() + interval '0.7 s'",
            Dialect::Mariadb => "UTC_TIMESTAMP(6) + INTERVAL 700000 MICROSECOND",
            _ => "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '+0.7 seconds')",
        };
        for (number, state) in ["scheduled", "available"].into_iter().enumerate() {
            console
                .run(&format!("INSERT INTO drip_job (kind, state, scheduled_at) VALUES ('work', '{state}', {soon})"))
                .unwrap();
            watch.until_completed(number + 1);
            let job = db.job(db.number("SELECT max(id) FROM drip_job"));
            let late = job.attempted_at.unwrap().duration_since(job.scheduled_at);
            // The poll interval is promised; this machine may be busy.
            assert!(!late.is_negative() && late.as_secs() < 5, "{state}: {late}");
        }
        assert!(running.stop(PATIENCE).is_clean());
    }

    /// Nor is one that waits for its time in the way of another.
    fn available_and_due_later_it_is_passed_over(db: &Db) {
        let Some(console) = Console::of(db) else { return };
        let at = time(db, "2030-01-01T00:00:10Z");
        console.run(&format!("INSERT INTO drip_job (kind, scheduled_at) VALUES ('early', {at})")).unwrap();
        db.insert(job("work").priority(4));
        let claim = || fetch_jobs(&db.client, "default", "worker", 10).unwrap();
        assert_eq!(claim().iter().map(|job| &*job.kind).collect::<Vec<_>>(), ["work"]);
        db.clock.advance(Duration::from_secs(10));
        assert_eq!(claim().iter().map(|job| &*job.kind).collect::<Vec<_>>(), ["early"]);
    }
}

#[test]
fn postgres_a_console_can_notify_the_workers() {
    Db::run(Dialect::Postgres, Place::Own, |db| {
        let Some(console) = Console::of(db) else { return };
        let client = Client::connect(&db.url).unwrap();
        let ear = Ear::of(&client);
        let worker = Worker::new(&client).queue("mail").poll_interval(Duration::from_secs(3600));
        let running = worker.handle_kind("work", done).start().unwrap();
        ear.hear("notifications", |event| matches!(event, Event::Listening { .. }).then_some(()));
        ear.hear_silence(Duration::from_millis(300));
        let insert = "INSERT INTO drip_job (kind, queue) VALUES ('work', 'mail')";
        assert!(README.contains("`SELECT pg_notify('drip_wake', 'mail')`"));
        console.run(&format!("BEGIN; {insert}; SELECT pg_notify('drip_wake', 'mail'); COMMIT")).unwrap();
        ear.hear("a completion", |event| matches!(event, Event::Completed(_)).then_some(()));
        assert!(running.stop(PATIENCE).is_clean());
    });
}

/// There the server makes of bad values what fits; only where nothing does the table refuses.
#[test]
fn mariadb_without_its_strict_mode_cuts_a_name_and_what_is_left_is_a_job() {
    Db::run(Dialect::Mariadb, Place::Own, |db| {
        let mut lax = db.mariadb();
        lax.query_drop("SET sql_mode = ''").unwrap();
        lax.query_drop(format!("INSERT INTO drip_job (kind) VALUES ('{}')", "q".repeat(200))).unwrap();
        for (column, value) in [("queue", ""), ("priority", "5"), ("args", "{")] {
            let refused = lax.query_drop(format!("INSERT INTO drip_job (kind, {column}) VALUES ('k', '{value}')"));
            assert!(refused.is_err(), "{column}: {value:?}");
        }
        let claimed = fetch_jobs(&db.client, "default", "worker", 10).unwrap();
        assert_eq!(claimed.iter().map(|job| &*job.kind).collect::<Vec<_>>(), ["q".repeat(127)]);
    });
}
