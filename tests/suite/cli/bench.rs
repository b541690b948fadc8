//! `drip bench`: its figures, and that nothing is left of it, however it ends.

use std::process::{Child, Command, Stdio};

use drip::{Job, JobFilter, NewJob, Page, insert_job};
use serde_json::{Value, json};

use super::{
    program::{Ran, command, done, drip, typed},
    real_time,
};
use crate::support::{Db, watch::eventually};

const FIGURES: [&str; 11] = [
    "round_trip",
    "drain",
    "ephemeral",
    "transactional",
    "insert_single",
    "insert_many",
    "insert_many_fast",
    "start_latency_p50",
    "start_latency_p99",
    "start_latency_across_p50",
    "start_latency_across_p99",
];

/// Jobs of the application's: available, of the same kind, and in a queue with a row.
fn others(db: &Db) -> Vec<Job> {
    let client = real_time(db);
    drip::upsert_queue(&client, "mail", json!({})).unwrap();
    let jobs = [("work", "default"), ("drip-bench", "default"), ("work", "mail"), ("drip-bench", "drip-bench")];
    jobs.map(|(kind, queue)| insert_job(&client, NewJob::new(kind, json!({})).queue(queue)).unwrap().into_job())
        .to_vec()
}

/// Nothing is in the database but these jobs, as they were.
#[track_caller]
fn only(db: &Db, others: &[Job]) {
    let listed = drip::list_jobs(&db.client, &JobFilter::new(), Page::oldest_first()).unwrap().jobs;
    assert_eq!(listed, others);
    assert_eq!(drip::list_workers(&db.client).unwrap(), []);
    let rows = db.texts("SELECT name FROM drip_queue");
    assert!(rows.iter().all(|name| ["mail", "*"].contains(&&**name)), "{rows:?}");
}

fn documents(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn start(db: &Db, args: &[&str]) -> Child {
    command(&db.url, args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

/// The jobs of a benchmark that is running, its anchor among them.
fn inserted(db: &Db, others: &[Job]) -> usize {
    db.jobs() as usize - others.len()
}

on_every_database! {
    fn every_figure_is_there_and_nothing_is_left(db: &Db) {
        let others = others(db);
        let figures = documents(&done(db, &["bench", "--jobs", "12", "--concurrency", "2", "--format", "jsonl"]));
        let names: Vec<&str> = figures.iter().map(|figure| figure["name"].as_str().unwrap()).collect();
        assert_eq!(names, FIGURES);
        for figure in &figures {
            let name = figure["name"].as_str().unwrap();
            let is_time = name == "round_trip" || name.starts_with("start_latency");
            assert_eq!(figure["unit"], if is_time { "ms" } else { "jobs/s" }, "{figure}");
            let value = figure["value"].as_f64().unwrap();
            assert!(value > 0.0 && value < if is_time { 60_000.0 } else { 1e7 }, "{figure}");
            assert_eq!(figure["database"], db.dialect.name());
            let count = if name == "round_trip" { 101 } else { 12 };
            assert_eq!((&figure["count"], figure["seconds"].as_f64().unwrap() >= 0.0), (&json!(count), true), "{figure}");
            assert_eq!(figure["threads"], if name == "round_trip" { 1 } else { 2 }, "{figure}");
        }
        let value = |name| figures.iter().find(|figure| figure["name"] == name).unwrap()["value"].as_f64().unwrap();
        assert!(value("start_latency_p50") <= value("start_latency_p99"));
        only(db, &others);
    }

    fn people_see_a_table_and_programs_a_document_of_what_was_named(db: &Db) {
        let table = done(db, &["bench", "insert_many", "drain", "-n", "7"]);
        let firsts: Vec<&str> = table.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(firsts, [db.dialect.name(), "", "FIGURE", "round_trip", "insert_many", "drain", "", "True"], "{table}");
        assert_eq!(table.matches(" jobs/s ").count(), 2, "{table}");
        let document = done(db, &["bench", "insert_single", "-n", "7", "--format", "json"]);
        let document: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["database"], db.dialect.name());
        assert_eq!(document["figures"].as_array().unwrap().len(), 2);
        assert_eq!(document["figures"][1]["count"], 7);
        only(db, &[]);
    }

    fn the_time_that_was_said_ends_each_figure(db: &Db) {
        for mode in ["insert_single", "start_latency"] {
            let figures = documents(&done(db, &["bench", mode, "-n", "90000000", "--seconds", "1", "--format", "jsonl"]));
            let (count, seconds) = (figures[1]["count"].as_u64().unwrap(), figures[1]["seconds"].as_f64().unwrap());
            assert!(count > 0 && count < 1_000_000 && seconds >= 0.9, "{figures:?}");
            only(db, &[]);
        }
    }

    fn an_interrupt_leaves_nothing(db: &Db) {
        let others = others(db);
        // Nothing gets done, so that it is in the midst of it when it is told.
        drip::pause_all(&real_time(db)).unwrap();
        let at_work = || drip::list_workers(&db.client).unwrap().len() == 1;
        let has = |count| inserted(db, &others) >= count;
        type Reached<'a> = &'a dyn Fn() -> bool;
        for (mode, jobs, reached) in [
            ("drain", "20000", &at_work as Reached),
            ("ephemeral", "50", &at_work),
            ("transactional", "50", &|| has(51)),
            ("insert_single", "90000000", &|| has(3)),
            ("insert_many", "90000000", &|| has(10_001)),
            ("insert_many_fast", "90000000", &|| has(10_001)),
            ("start_latency", "90000000", &|| at_work() && has(3)),
        ] {
            let child = start(db, &["bench", mode, "--jobs", jobs, "--seconds", "600", "--format", "jsonl"]);
            eventually(mode, reached);
            interrupt(&child);
            let ran = Ran::from(child.wait_with_output().unwrap());
            assert!(ran.code == 1 && ran.err.contains("interrupted"), "{mode}: {} {}", ran.code, ran.err);
            // What it knows already it tells.
            assert_eq!(documents(&ran.out)[0]["name"], "round_trip", "{mode}");
            only(db, &others);
        }
    }

    fn an_error_leaves_nothing(db: &Db) {
        let others = others(db);
        drip::pause_all(&real_time(db)).unwrap();
        for mode in ["drain", "transactional", "start_latency"] {
            let ran = drip(db, &["bench", mode, "--jobs", "5", "--seconds", "1"]);
            assert!(ran.code == 1 && ran.err.contains("drip queues resume --all"), "{mode}: {} {}", ran.code, ran.err);
            only(db, &others);
        }
    }

    fn a_database_that_refuses_is_told_of_and_left_as_it_was(db: &Db) {
        let others = others(db);
        let child = start(db, &["bench", "insert_single", "-n", "90000000", "--seconds", "600"]);
        eventually("it inserts", || inserted(db, &others) > 2);
        db.execute(match db.dialect {
            drip::Dialect::Postgres => "ALTER TABLE drip_job ADD CONSTRAINT no_more CHECK (kind <> 'drip-bench') NOT VALID",
            drip::Dialect::Mariadb => "CREATE TRIGGER no_more BEFORE INSERT ON drip_job FOR EACH ROW SIGNAL SQLSTATE '45000'",
            _ => "CREATE TRIGGER no_more BEFORE INSERT ON drip_job BEGIN SELECT RAISE(ABORT, 'no more'); END",
        });
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert!(ran.code == 1 && !ran.err.contains("interrupted"), "{} {}", ran.code, ran.err);
        only(db, &others);
    }

    fn a_job_that_somebody_else_runs_is_removed_too(db: &Db) {
        let others = others(db);
        let child = start(db, &["bench", "insert_single", "-n", "90000000", "--seconds", "600"]);
        eventually("it inserts", || inserted(db, &others) > 5);
        let queue = drip::list_jobs(&db.client, &JobFilter::new(), Page::newest_first().limit(1)).unwrap().jobs.remove(0).queue;
        assert!(queue.starts_with("drip-bench-"), "{queue}");
        assert_eq!(drip::fetch_jobs(&real_time(db), &queue, "by hand", 3).unwrap().len(), 3);
        interrupt(&child);
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
        // That one's lease is not the program's.
        db.execute("DELETE FROM drip_worker");
        only(db, &others);
    }

    fn what_it_cannot_remove_it_says_how_to(db: &Db) {
        let others = others(db);
        let child = start(db, &["bench", "insert_single", "-n", "90000000", "--seconds", "600"]);
        eventually("it inserts", || inserted(db, &others) > 2);
        db.execute("ALTER TABLE drip_job RENAME TO elsewhere");
        let ran = Ran::from(child.wait_with_output().unwrap());
        db.execute("ALTER TABLE elsewhere RENAME TO drip_job");
        assert_eq!(ran.code, 1, "{}", ran.err);
        let line = ran.err.split("`drip ").last().unwrap().split('`').next().unwrap();
        assert!(line.starts_with("jobs delete --queue drip-bench-"), "{}", ran.err);
        done(db, &line.split(' ').collect::<Vec<_>>());
        only(db, &others);
    }

    fn it_wants_the_tables_and_makes_none(db: &Db) {
        let empty = db.unmigrated();
        // SQLite's file is made by whoever connects.
        let _ = empty.client.schema_version();
        let ran = drip(&empty, &["bench", "drain"]);
        assert!(ran.code == 1 && ran.err.contains("`drip migrate`") && ran.out.is_empty(), "{} {}", ran.code, ran.err);
        assert_eq!(empty.client.schema_version().unwrap(), 0);
    }

    fn a_terminal_shows_how_far_it_is(db: &Db) {
        drip::pause_all(&real_time(db)).unwrap();
        let Some((screen, code)) = typed(db, &["bench", "drain", "-n", "1234", "--seconds", "1"], "", &[]) else { return };
        assert!(code == 1 && screen.contains("drain [") && screen.contains("0 of 1,234 jobs"), "{code} {screen}");
    }
}

/// Nothing is asked, and nothing needs to be there.
#[test]
fn bad_options_are_refused_before_anything_is_done() {
    for args in [
        &["nonsense"][..],
        &["drain", "--jobs", "0"],
        &["drain", "--jobs", "many"],
        &["drain", "--jobs", "-1"],
        &["drain", "--seconds", "0"],
        &["drain", "--seconds", "86401"],
        &["drain", "--concurrency", "0"],
        &["drain", "--concurrency", "1001"],
        &["drain", "--rounds", "3"],
    ] {
        let ran: Ran = command("sqlite:///nowhere/at/all.db", &[&["bench"], args].concat()).output().unwrap().into();
        assert!(ran.code == 2 && ran.out.is_empty() && !ran.err.is_empty(), "{args:?}: {} {}", ran.code, ran.err);
    }
}
