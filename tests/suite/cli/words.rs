//! What operators are told: in their own words, what was wrong, what is wanted, and what to type; and figures that are whole.

use drip::{Dialect, NewJob, Rule, Schedule, insert_job, upsert_schedule};
use serde_json::{Value, json};

use super::{
    program::{COLUMNS, Ran, command, done, drip, fed, typed},
    real_time,
};
use crate::support::{Db, Place};

/// What is said, and not, about a command line that is refused so.
type Refusal = (i32, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const REFUSALS: &[Refusal] = &[
    (2, &["jobs", "get", "one"], &["whole number"], &["digit"]),
    (2, &["jobs", "cancel", "1", "two"], &["whole number"], &["digit"]),
    (2, &["jobs", "list", "--priority", "high"], &["from 1 to 4"], &["digit"]),
    (2, &["jobs", "list", "-n", "0"], &["at least 1"], &["digit"]),
    (2, &["schedules", "next", "hourly", "-n", "0"], &["at least 1"], &["digit"]),
    (2, &["migrate", "--to", "newest"], &["whole number"], &["digit"]),
    (2, &["migrate", "--to", "0"], &["--yes"], &["--dry-run"]),
    (2, &["schedules", "delete", "hourly"], &["--yes"], &["--dry-run"]),
    (3, &["schedules", "delete", "nosuch"], &["there is no schedule \"nosuch\""], &["--yes"]),
    (2, &["jobs", "cancel", "--kind", "work"], &["--yes", "--dry-run"], &[]),
    (2, &["schedules", "upsert", "never", "work"], &["--every", "--cron"], &[]),
    (3, &["queues", "pause", "nosuch"], &["there is no queue \"nosuch\"", "--create", "queues upsert"], &[]),
    (3, &["queues", "resume", "nosuch"], &["there is no queue \"nosuch\"", "queues list"], &["--create"]),
    (1, &["jobs", "list", "--url", "postgres://ada:s3c/r3t@127.0.0.1:1/x"], &["%2F"], &["s3c", "r3t"]),
    (2, &["jobs", "list", "--url", "mariadb://ada:s3c/r3t@127.0.0.1:1/x"], &["%2F"], &["s3c", "r3t"]),
    (2, &["jobs", "list", "--url", "mariadb://ada@127.0.0.1:1/x?sslmode=require"], &["TLS"], &[]),
];

on_every_database! {
    fn what_is_refused_is_told_with_what_is_wanted(db: &Db) {
        done(db, &["jobs", "insert", "work"]);
        upsert_schedule(&real_time(db), Schedule::new("hourly", Rule::every("1h"), NewJob::new("work", json!({})))).unwrap();
        for (code, args, said, unsaid) in REFUSALS {
            let ran = drip(db, args);
            assert_eq!(ran.code, *code, "{args:?}: {} {}", ran.out, ran.err);
            assert!(said.iter().all(|word| ran.err.contains(word)), "{args:?}: {}", ran.err);
            assert!(!unsaid.iter().any(|word| ran.err.contains(word)), "{args:?}: {}", ran.err);
        }
        assert_eq!(db.number("SELECT count(*) FROM drip_queue"), 0);
    }

    fn a_queue_is_paused_before_its_first_job_if_that_is_said(db: &Db) {
        assert!(done(db, &["queues", "pause", "soon", "--create"]).contains("queue soon is paused"));
        // A job that has ended makes a queue known, too.
        let job = insert_job(&real_time(db), NewJob::new("work", json!({})).queue("mail")).unwrap().into_job();
        done(db, &["jobs", "cancel", &job.id.to_string()]);
        assert!(done(db, &["queues", "pause", "mail"]).contains("queue mail is paused"));
    }

    fn a_name_is_taken_as_it_is_shown(db: &Db) {
        let name = "a\u{1b}[2J\u{202e}b";
        let sql = format!("INSERT INTO drip_job (kind, queue) VALUES ('{name}', '{name}')");
        db.execute(&sql);
        let shown = r"a\u{1b}[2J\u{202e}b";
        assert!(done(db, &["queues", "list"]).contains(shown));
        assert!(done(db, &["jobs", "list", "--queue", shown, "--kind", shown]).contains("available"));
        assert!(done(db, &["queues", "pause", shown]).contains(shown));
        assert!(done(db, &["queues", "get", shown]).contains("since"));
        assert_eq!(done(db, &["jobs", "delete", "--kind", shown, "--yes"]), "1 job deleted.\n");
        done(db, &["jobs", "insert", "work", "--queue", "a,b"]);
        assert!(done(db, &["jobs", "list", "--queue", r"a\u{2c}b"]).contains("work"));
        let ran = drip(db, &["jobs", "insert", shown]);
        assert!(ran.code == 2 && ran.err.contains("control character"), "{}", ran.err);
    }

    fn an_unknown_field_of_a_job_is_named(db: &Db) {
        let ran = fed(db, &["jobs", "load", "-"], "{\"kind\": \"a\"}\n{\"kind\": \"a\", \"prioritty\": 1}\n");
        assert!(ran.code == 2 && ran.err.contains("line 2: there is no field \"prioritty\""), "{}", ran.err);
        assert!(ran.err.contains("priority") && ran.err.contains("nothing was inserted"), "{}", ran.err);
        let ran = fed(db, &["jobs", "load", "-"], "{\"kind\": \"a\", \"priority\": \"1\"}\n");
        assert!(ran.err.contains("line 1: priority: a whole number"), "{}", ran.err);
        assert_eq!(db.jobs(), 0);
    }

    fn a_duplicate_that_was_replaced_is_said_to_be(db: &Db) {
        let replace = ["jobs", "insert", "once", r#"{"n":2}"#, "--unique", "--on-duplicate", "replace"];
        done(db, &["jobs", "insert", "once", r#"{"n":1}"#, "--unique"]);
        let said = done(db, &replace);
        assert!(said.contains("holds what was given now") && db.job(1).args_text().contains('2'), "{said}");
        let client = real_time(db);
        drip::fetch_jobs(&client, "default", "by hand", 1).unwrap();
        assert!(done(db, &replace).contains("has started, and stays as it is: running"));
    }

    fn without_the_tables_the_command_that_makes_them_is_named(db: &Db) {
        let empty = db.unmigrated();
        drip::database_time(&empty.client).unwrap();
        let ran = drip(&empty, &["queues", "list"]);
        assert!(ran.code == 1 && ran.err.contains("`drip migrate`") && !ran.err.contains("client"), "{}", ran.err);
    }

    fn every_time_in_json_has_six_digits(db: &Db) {
        done(db, &["jobs", "insert", "work", "--at", "2040-01-31T09:00:00Z"]);
        upsert_schedule(&real_time(db), Schedule::new("hourly", Rule::every("1h"), NewJob::new("work", json!({})))).unwrap();
        done(db, &["queues", "upsert", "mail"]);
        drip::renew_lease(&real_time(db), "by hand", std::time::Duration::from_secs(60)).unwrap();
        let mut seen = 0;
        for args in ["jobs list", "jobs get 1", "queues get mail", "schedules list", "schedules next hourly", "workers list", "stats"] {
            let args: Vec<&str> = args.split(' ').chain(["--format", "json"]).collect();
            let text = done(db, &args);
            for time in text.split('"').filter(|part| part.len() > 18 && part.ends_with('Z') && part.starts_with("20")) {
                assert!(time.len() == 27 && time.as_bytes()[19] == b'.', "{args:?}: {time}");
                seen += 1;
            }
        }
        assert!(seen > 20, "{seen}");
    }

    fn errors_that_cannot_be_read_are_shown_as_they_stand(db: &Db) {
        done(db, &["jobs", "insert", "work"]);
        db.execute(r#"UPDATE drip_job SET errors = '[{"what": "by hand"}]'"#);
        let shown = done(db, &["jobs", "get", "1"]);
        assert!(shown.contains(r#"[{"what": "by hand"}]"#) && shown.contains("cannot be read"), "{shown}");
        let document: Value = serde_json::from_str(&done(db, &["jobs", "get", "1", "--format", "json"])).unwrap();
        assert_eq!(document["errors_text"], r#"[{"what": "by hand"}]"#);
        assert_eq!(document["errors"], json!([]));
    }

    fn in_a_narrow_terminal_no_number_and_no_time_is_cut(db: &Db) {
        done(db, &["jobs", "insert", &"k".repeat(60), "--queue", &"q".repeat(60), "--at", "2040-01-31T09:00:00Z"]);
        let Some((screen, 0)) = typed(db, &["jobs", "list"], "", &[("NO_COLOR", "1")]) else { return };
        assert!(screen.contains("2040-01-31 09:00:00") && screen.contains("0/25") && screen.contains("scheduled "), "{screen}");
        assert!(screen.contains("kkk…") && screen.contains("qqq…"), "{screen}");
        assert!(screen.lines().all(|line| line.trim_end().chars().count() <= COLUMNS), "{screen}");
        done(db, &["queues", "pause", &"q".repeat(60)]);
        let (screen, _) = typed(db, &["queues", "list"], "", &[("NO_COLOR", "1")]).unwrap();
        let since = screen.split("since ").nth(1).unwrap().lines().next().unwrap().trim_end();
        assert!(since.len() == 19 && screen.lines().all(|line| line.trim_end().chars().count() <= COLUMNS), "{screen}");
    }

    fn what_a_benchmark_was_taken_on_is_said(db: &Db) {
        let (decisive, worth) = match db.dialect {
            Dialect::Postgres => ("fsync", "synchronous_commit"),
            Dialect::Mariadb => ("innodb_flush_log_at_trx_commit", "sync_binlog"),
            _ => ("journal_mode", "synchronous"),
        };
        let table = done(db, &["bench", "insert_single", "-n", "3"]);
        let heading = table.lines().next().unwrap();
        assert!(heading.starts_with(db.dialect.name()) && heading.contains(decisive) && heading.contains(worth), "{table}");
        let document = done(db, &["bench", "insert_single", "-n", "3", "--format", "json"]);
        let settings = &serde_json::from_str::<Value>(&document).unwrap()["settings"];
        assert!(["version", decisive, worth].iter().all(|name| settings[name].is_string()), "{settings}");
    }
}

#[test]
fn whoever_is_not_let_in_is_told_who_it_was() {
    for dialect in [Dialect::Postgres, Dialect::Mariadb] {
        Db::run(dialect, Place::Own, |db| {
            let (scheme, rest) = db.url.split_once("://").unwrap();
            let url = format!("{scheme}://nobody:s3cr3t@{}", rest.rsplit_once('@').unwrap().1);
            let ran: Ran = command(&url, &["jobs", "list"]).output().unwrap().into();
            assert!(ran.code == 1 && ran.err.contains("DRIP_URL names user \"nobody\" and a password"), "{}", ran.err);
            let without = url.replace(":s3cr3t", "");
            let ran: Ran = command("", &["jobs", "list", "--url", &without]).output().unwrap().into();
            assert!(ran.err.contains("--url names user \"nobody\" and no password"), "{}", ran.err);
            assert!(!ran.err.contains("s3cr3t") && !ran.err.contains(['{', '}']), "{}", ran.err);
        });
    }
}

#[test]
fn whoever_names_a_database_that_is_not_there_is_told_that_and_nothing_of_passwords() {
    for dialect in [Dialect::Postgres, Dialect::Mariadb] {
        Db::run(dialect, Place::Own, |db| {
            let server = db.url.rsplit_once('/').unwrap().0;
            let url = format!("{server}/no_such_database");
            let ran: Ran = command(&url, &["jobs", "list"]).output().unwrap().into();
            let told = "DRIP_URL names database \"no_such_database\": check the name";
            assert!(ran.code == 1 && ran.err.contains("has no such database") && ran.err.contains(told), "{}", ran.err);
            assert!(!ran.err.contains("password"), "{}", ran.err);
            assert!(drip::Client::connect(&url).is_err_and(|error| error.is_no_database() && error.is_refused()));
        });
    }
}

#[test]
fn a_time_zone_that_is_none_is_said_once() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        done(db, &["jobs", "insert", "work", "--at", "2040-01-31T09:00:00Z"]);
        let run = |zone: &str| -> Ran { command(&db.url, &["jobs", "list"]).env("TZ", zone).output().unwrap().into() };
        let ran = run("Bogus/Zone");
        assert!(ran.code == 0 && ran.out.contains("2040-01-31 09:00:00"), "{}", ran.out);
        assert!(ran.err.matches("TZ=Bogus/Zone").count() == 1 && ran.err.contains("UTC"), "{}", ran.err);
        for good in ["", "UTC", "JST-9"] {
            assert_eq!(run(good).err, "", "{good}");
        }
    });
}
