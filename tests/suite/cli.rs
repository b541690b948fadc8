//! The command line: what it shows, refuses, asks, and answers to scripts, on every database.

mod bench;
mod doctor;
mod many;
mod program;
mod safety;
mod terminal;
mod transcripts;
mod words;

use drip::{Client, JobFilter, NewJob, Page, State, fetch_jobs, insert_many_fast};
use serde_json::{Value, json};

use self::program::{command, done, drip, fed};
use crate::support::Db;

/// A client of the same database whose clock is the database's, as that of the program is.
pub fn real_time(db: &Db) -> Client {
    Client::connect(&db.url).unwrap()
}

on_every_database! {
    fn exit_codes_say_what_happened(db: &Db) {
        done(db, &["jobs", "insert", "work"]);
        let too_old_to_reindex = db.dialect == drip::Dialect::Postgres && !db.is_postgres_since(12);
        for (code, args) in [
            (0, &["jobs", "get", "1"][..]),
            (0, &["--help"]),
            (0, &["jobs", "cancel", "--help"]),
            (0, &["--version"]),
            (0, &["maintenance", "run", "tidy"]),
            (i32::from(too_old_to_reindex), &["maintenance", "run", "reindex"]),
            (2, &[]),
            (2, &["jobs"]),
            (2, &["nonsense"]),
            (2, &["jobs", "get", "one"]),
            (2, &["jobs", "list", "--state", "failed"]),
            (2, &["jobs", "list", "--created-after", "soon"]),
            (2, &["jobs", "list", "--kind", ""]),
            (2, &["jobs", "insert", "work", "{"]),
            (2, &["jobs", "insert", "work", "[]"]),
            (2, &["jobs", "insert", "work", "--priority", "5"]),
            (2, &["jobs", "insert", "work", "--in", "1 fortnight"]),
            (2, &["jobs", "insert", ""]),
            (2, &["jobs", "cancel"]),
            (2, &["jobs", "cancel", "--state", "available"]),
            (2, &["jobs", "update", "1"]),
            (2, &["jobs", "update", "1", "--set-args", "{"]),
            (2, &["queues", "pause"]),
            (2, &["queues", "pause", "*"]),
            (2, &["maintenance", "run", "nothing"]),
            (2, &["maintenance", "run", "rescue"]),
            (2, &["migrate", "--to", "1"]),
            (2, &["migrate", "--to", "99"]),
            (3, &["jobs", "get", "99"]),
            (3, &["jobs", "why", "99"]),
            (3, &["jobs", "cancel", "99"]),
            (3, &["jobs", "output", "99", "1"]),
            (3, &["queues", "get", "nobody's"]),
            (3, &["schedules", "get", "none"]),
            (3, &["schedules", "run", "none"]),
            (4, &["jobs", "complete", "1"]),
            (4, &["jobs", "snooze", "1", "--for", "1m"]),
            (4, &["jobs", "rescue", "1"]),
            (4, &["jobs", "cancel", "--state", "completed,discarded", "--dry-run"]),
            (4, &["jobs", "cancel", "99", "1", "98", "--format", "json"]),
        ] {
            let ran = drip(db, args);
            // Of several the worst is said.
            let code = if args.contains(&"98") { 3 } else { code };
            assert_eq!(ran.code, code, "{args:?}: {} {}", ran.out, ran.err);
            assert_eq!(ran.err.is_empty(), code == 0, "{args:?}: {}", ran.err);
            assert!(code == 0 || ran.out.is_empty() || args.contains(&"98"), "{args:?}: {}", ran.out);
        }
    }

    fn without_the_tables_it_says_how_to_make_them(db: &Db) {
        let empty = db.unmigrated();
        let ran = drip(&empty, &["jobs", "insert", "work"]);
        // SQLite's file is not there yet either.
        assert!(ran.code == 1 && ran.err.contains("drip migrate"), "{} {}", ran.code, ran.err);
        let ran = drip(&empty, &["migrate"]);
        assert!(ran.code == 0 && ran.out.contains("it had 0"), "{} {}", ran.out, ran.err);
        assert!(done(&empty, &["migrate"]).contains("as before"));
        assert_eq!(done(&empty, &["jobs", "list"]), "No jobs.\n");
        done(&empty, &["migrate", "--to", "0", "--yes"]);
        assert!(done(&empty, &["migrate", "--plan"]).contains("CREATE TABLE"));
    }

    fn args_are_read_from_standard_input(db: &Db) {
        let ran = fed(db, &["jobs", "insert", "work", "-", "--format", "json"], "{\"n\":\n 1}");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let document: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&document["job"]["args"], &document["duplicate"]), (&json!({"n": 1}), &json!(false)));
    }

    fn a_long_list_is_shown_whole_and_a_line_each(db: &Db) {
        insert_many_fast(&real_time(db), (0..2500).map(|n| NewJob::new("work", json!({"n": n})))).unwrap();
        let lines = done(db, &["jobs", "list", "--all", "--format", "jsonl", "--oldest-first"]);
        let ids: Vec<i64> =
            lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap()).collect();
        assert!(ids.len() == 2500 && ids.is_sorted());
        let whole: Value = serde_json::from_str(&done(db, &["jobs", "list", "--all", "--format", "json"])).unwrap();
        assert_eq!(whole["jobs"].as_array().unwrap().len(), 2500);
        assert_eq!(whole["next"], Value::Null);
        let page: Value = serde_json::from_str(&done(db, &["jobs", "list", "-n", "3", "--format", "json"])).unwrap();
        let next = page["next"].as_str().unwrap();
        let page: Value =
            serde_json::from_str(&done(db, &["jobs", "list", "-n", "3", "--at", next, "--format", "json"])).unwrap();
        assert_eq!(page["jobs"][0]["id"], json!(ids[2500 - 4]));
        assert_eq!(done(db, &["jobs", "list", "--all"]).matches(" available ").count(), 2500);
    }

    fn whoever_stops_reading_ends_it_without_a_word(db: &Db) {
        insert_many_fast(&real_time(db), (0..2500).map(|n| NewJob::new("work", json!({"n": n})))).unwrap();
        for format in ["table", "json", "jsonl"] {
            let mut command = command(&db.url, &["jobs", "list", "--all", "--format", format]);
            let mut child =
                command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
            drop(child.stdout.take());
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        }
    }

    fn many_jobs_are_changed_whatever_lies_between_them(db: &Db) {
        let client = real_time(db);
        let many = |kind: &'static str, count| insert_many_fast(&client, (0..count).map(move |_| NewJob::new(kind, json!({})))).unwrap();
        many("a", 3000);
        many("b", 20_000);
        many("a", 3000);
        drip::delete_jobs(&client, &JobFilter::new().kind("b")).unwrap();
        let dry = done(db, &["jobs", "cancel", "--kind", "a", "--dry-run"]);
        assert!(dry.contains("6,000 jobs would be cancelled."), "{dry}");
        let count = |state| drip::count_jobs(&client, &JobFilter::new().state(state)).unwrap().total().number;
        assert_eq!((count(State::Available), count(State::Cancelled)), (6000, 0));
        let done_json = done(db, &["jobs", "cancel", "--kind", "a", "--yes", "--format", "json"]);
        let document: Value = serde_json::from_str(&done_json).unwrap();
        assert_eq!((&document["changed"], &document["skipped"]), (&json!(6000), &json!(0)));
        assert_eq!((count(State::Available), count(State::Cancelled)), (0, 6000));
        assert_eq!(done(db, &["jobs", "update", "--kind", "a", "--to-id", "10", "--set-priority", "3", "-y"]), "10 jobs updated.\n");
        assert_eq!(done(db, &["jobs", "delete", "--kind", "a", "--yes"]), "6,000 jobs deleted.\n");
        assert_eq!(db.jobs(), 0);
    }

    fn every_option_of_an_insert_and_an_update_arrives(db: &Db) {
        done(db, &[
            "jobs", "insert", "work", r#"{"n":1}"#, "--queue", "q", "--priority", "2", "--max-attempts", "3", "--at",
            "2040-01-31 09:00", "--tag", "a,b", "--metadata", r#"{"m":2}"#, "--timeout", "5m", "--ttl", "7d", "--ephemeral",
        ]);
        let job = drip::list_jobs(&db.client, &JobFilter::new(), Page::default()).unwrap().jobs.remove(0);
        assert_eq!((job.queue.as_str(), job.priority, job.max_attempts, job.ephemeral), ("q", 2, 3, true));
        assert_eq!((job.tags.join(" "), job.scheduled_at.to_string()), ("a b".into(), "2040-01-31T09:00:00Z".into()));
        assert_eq!((job.timeout.unwrap().as_secs(), job.args_text()), (300, r#"{"n":1}"#));
        assert_eq!((job.expires_at.unwrap() - job.created_at).get_seconds(), 7 * 86_400);
        let id = job.id.to_string();
        done(db, &[
            "jobs", "update", &id, "--set-args", r#"{"n":2}"#, "--merge-metadata", r#"{"k":3}"#, "--set-queue", "r",
            "--set-priority", "4", "--set-max-attempts", "9", "--set-tags", "c", "--in", "1h", "--set-timeout", "none",
            "--set-ttl", "none", "--set-ephemeral", "false",
        ]);
        let job = db.job(job.id);
        assert_eq!((job.queue.as_str(), job.priority, job.max_attempts, job.ephemeral), ("r", 4, 9, false));
        assert_eq!((job.tags.join(" "), job.timeout, job.expires_at), ("c".into(), None, None));
        assert_eq!((job.args_text(), Value::Object(job.metadata().unwrap())), (r#"{"n":2}"#, json!({"m": 2, "k": 3})));
        assert!(job.scheduled_at > job.created_at && job.scheduled_at.to_string() .as_str() < "2040");
        done(db, &["jobs", "update", &id, "--set-tags", ""]);
        assert!(db.job(job.id).tags.is_empty());
    }

    fn jobs_that_run_are_completed_snoozed_and_given_back(db: &Db) {
        let client = real_time(db);
        insert_many_fast(&client, (0..5).map(|_| NewJob::new("work", json!({})))).unwrap();
        let ids: Vec<String> = fetch_jobs(&client, "default", "worker", 5).unwrap().iter().map(|job| job.id.to_string()).collect();
        done(db, &["jobs", "complete", &ids[0]]);
        done(db, &["jobs", "snooze", &ids[1], "--for", "1h"]);
        done(db, &["jobs", "rescue", "--worker", "worker", "--to-id", &ids[2], "--yes"]);
        done(db, &["jobs", "output", &ids[3], r#"{"rows": 7}"#]);
        done(db, &["jobs", "fail", &ids[4], "--error", "no paper"]);
        let states: Vec<State> = ids.iter().map(|id| db.job(id.parse().unwrap()).state).collect();
        assert_eq!(states, [State::Completed, State::Scheduled, State::Available, State::Running, State::Retryable]);
        assert_eq!(db.job(ids[3].parse().unwrap()).output(), Some(json!({"rows": 7})));
        done(db, &["jobs", "retry", &ids[0], "--completed-too"]);
        assert_eq!(db.job(ids[0].parse().unwrap()).state, State::Available);
    }
}
