//! Many jobs at once: loaded from a file, and a change that somebody interrupts.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use drip::{Inserted, JobFilter, NewJob, OnDuplicate, Page, State, Unique, insert_job, insert_many_fast};
use serde_json::{Value, json};

use super::{
    program::{Ran, command, done, fed},
    real_time,
};
use crate::support::watch::eventually;

on_every_database! {
    fn what_is_listed_can_be_loaded(db: &Db) {
        let jobs = (0..7000).map(|n| NewJob::new("work", json!({"n": n})).queue("q").priority(2).tags(["t"]));
        insert_many_fast(&real_time(db), jobs).unwrap();
        let lines = done(db, &["jobs", "list", "--all", "--oldest-first", "--format", "jsonl"]);
        drip::delete_jobs(&db.client, &JobFilter::new().kind("work")).unwrap();
        let ran = fed(db, &["jobs", "load", "-"], &lines);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "7,000 jobs inserted.\n", ""));
        let jobs = drip::list_jobs(&db.client, &JobFilter::new().tag("t").queue("q").priority(2), Page::oldest_first().limit(3));
        let args: Vec<Value> = jobs.unwrap().jobs.iter().map(|job| job.args().unwrap()).collect();
        assert_eq!(args, [json!({"n": 0}), json!({"n": 1}), json!({"n": 2})]);
        assert_eq!(db.jobs(), 7000);
    }

    fn a_line_that_is_no_job_is_named_and_what_came_before_stays(db: &Db) {
        let ran = fed(db, &["jobs", "load", "-"], "{\"kind\": \"a\"}\n\n{\"args\": {}}\n");
        assert!(ran.code == 2 && ran.err.contains("line 3") && ran.err.contains("nothing was inserted"), "{}", ran.err);
        // What reads as a job, and is refused as one.
        for (lines, told) in [("{\"kind\": \"a\"}\n\n{\"kind\": \"\"}\n", "line 3: kind: "), ("{\"kind\": \"a\", \"tags\": [\"\"]}\n", "line 1: ")] {
            let ran = fed(db, &["jobs", "load", "-"], lines);
            assert!(ran.code == 2 && ran.err.contains(told) && !ran.err.contains("batch"), "{}", ran.err);
        }
        assert_eq!(db.jobs(), 0);
        let lines = "{\"kind\": \"a\"}\n".repeat(5001) + "{";
        let ran = fed(db, &["jobs", "load", "-"], &lines);
        assert!(ran.code == 2 && ran.err.contains("line 5002") && ran.err.contains("the first 5,000 jobs"), "{}", ran.err);
        assert_eq!(db.jobs(), 5000);
    }

    fn whoever_interrupts_a_load_is_told_how_far_it_went(db: &Db) {
        let mut command = command(&db.url, &["jobs", "load", "-"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // More may come: it waits, and holds some that it has not inserted.
        let mut input = child.stdin.take().unwrap();
        input.write_all("{\"kind\": \"a\"}\n".repeat(5001).as_bytes()).unwrap();
        input.flush().unwrap();
        eventually("some are inserted", || db.jobs() == 5000);
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert!(ran.code == 1 && ran.err.contains("interrupted"), "{} {} {}", ran.code, ran.out, ran.err);
        assert!(ran.err.contains("the first 5,000 jobs have been inserted"), "{}", ran.err);
        assert_eq!(db.jobs(), 5000);
        drop(input);
    }

    fn a_file_may_begin_with_a_byte_order_mark(db: &Db) {
        let ran = fed(db, &["jobs", "load", "-"], "\u{feff}{\"kind\": \"a\"}\r\n\r\n{\"kind\": \"b\"}\r\n");
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "2 jobs inserted.\n", ""));
    }

    fn whoever_interrupts_a_change_is_told_how_far_it_went(db: &Db) {
        const JOBS: usize = 40_000;
        insert_many_fast(&real_time(db), (0..JOBS).map(|_| NewJob::new("work", json!({})))).unwrap();
        let cancelled = || drip::count_jobs(&db.client, &JobFilter::new().state(State::Cancelled)).unwrap().total().number;
        let mut command = command(&db.url, &["jobs", "cancel", "--kind", "work", "--yes"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        eventually("some are cancelled", || cancelled() > 0);
        db.committed(|tx| {
            // It cannot get past this one before it is told.
            tx.execute(&format!("UPDATE drip_job SET snooze_count = 1 WHERE id = {}", JOBS / 2)).unwrap();
            assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        });
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert!(ran.code == 1 && ran.err.contains("interrupted"), "{} {} {}", ran.code, ran.out, ran.err);
        let told: u64 = ran.out.split(' ').next().unwrap().replace(',', "").parse().unwrap();
        assert!(told == cancelled() && told < JOBS as u64, "{} {}", ran.out, cancelled());
        assert_eq!(done(db, &["jobs", "cancel", "--kind", "work", "--yes", "--format", "jsonl"]).matches('\n').count(), 1);
        assert_eq!(cancelled(), JOBS as u64);
    }

    fn what_makes_a_job_unique_is_said_as_in_code(db: &Db) {
        let args = json!({"customer": 7, "format": "pdf"});
        let day = std::time::Duration::from_secs(86_400);
        for (options, unique) in [
            (&["--unique"][..], Unique::new()),
            (&["--unique-args"], Unique::new().by_args()),
            (&["--unique-keys", "customer,format"], Unique::new().by_keys(["customer", "format"])),
            (&["--unique-period", "1d"], Unique::new().by_period(day)),
            (&["--unique-queue"], Unique::new().by_queue()),
            (&["--unique-across-kinds", "--unique-args"], Unique::new().exclude_kind().by_args()),
            (&["--unique-states", "available,running"], Unique::new().by_states([State::Available, State::Running])),
            (&["--on-duplicate", "replace"], Unique::new().on_duplicate(OnDuplicate::Replace)),
        ] {
            let kind = options.join(" ").replace("--", "");
            let at = ["--at", "2040-01-31T09:00:00Z"];
            done(db, &[&["jobs", "insert", &kind, &args.to_string()][..], &at, options].concat());
            let again = NewJob::new(kind.clone(), args.clone()).scheduled_at(at[1].parse().unwrap());
            let inserted = insert_job(&real_time(db), again.unique(unique)).unwrap();
            let expected = !options.contains(&"--unique-states");
            assert_eq!(matches!(inserted, Inserted::Duplicate(_)), expected, "{kind}");
            drip::delete_jobs(&db.client, &JobFilter::new().kind(kind)).unwrap();
        }
        done(db, &["jobs", "insert", "once", "--unique"]);
        assert!(done(db, &["jobs", "insert", "once", "--unique"]).contains("is the same, and available"));
    }
}
