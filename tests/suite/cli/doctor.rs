//! `drip doctor` and `drip stats --watch`: what operators look at.

use std::{io::BufRead, process::Stdio};

use serde_json::{Value, json};

use super::{
    program::{Ran, command, done, drip},
    real_time,
};

on_every_database! {
    fn its_exit_code_says_the_worst(db: &Db) {
        // No worker lives.
        let ran = drip(db, &["doctor"]);
        assert!(ran.code == 5 && ran.out.contains("warning  workers: no worker lives"), "{} {}", ran.out, ran.err);
        done(db, &["jobs", "insert", "work"]);
        let ran = drip(db, &["doctor", "--quiet", "--format", "json"]);
        let document: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.code, &document["worst"]), (6, &json!("problem")));
        let problems: Vec<&Value> =
            document["findings"].as_array().unwrap().iter().filter(|it| it["severity"] == "problem").collect();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0]["check"], "workers");
        drip::renew_lease(real_time(db).on(&real_time(db)), "by hand", std::time::Duration::from_secs(600)).unwrap();
        let ran = drip(db, &["doctor", "--quiet"]);
        // The servers of the tests may have settings that are worth a warning.
        assert!([0, 5].contains(&ran.code) && !ran.out.contains("problem"), "{}", ran.out);
        db.execute(match db.dialect {
            drip::Dialect::Mariadb => "ALTER TABLE drip_job DROP KEY drip_job_due",
            _ => "DROP INDEX drip_job_due",
        });
        let ran = drip(db, &["doctor", "-q"]);
        assert!(ran.code == 6 && ran.out.contains("problem  schema_drift: drip_job_due is missing"), "{}", ran.out);
        assert!(ran.out.contains("\n        >  "), "{}", ran.out);
    }

    fn times_are_those_of_this_machine_for_people_and_utc_in_json(db: &Db) {
        done(db, &["jobs", "insert", "work"]);
        done(db, &["queues", "pause", "default"]);
        let run = |format: &str| -> Ran {
            command(&db.url, &["doctor", "--format", format]).env("TZ", "JST-9").output().unwrap().into()
        };
        let told = run("table").out;
        let since = told.split("queue \"default\" is paused, since ").nth(1).unwrap_or_else(|| panic!("{told}"));
        assert!(since[19..].starts_with(" JST; 1 job waits\n") && since[10..11] == *" ", "{since}");
        let told = run("json").out;
        let since = told.split("is paused, since ").nth(1).unwrap_or_else(|| panic!("{told}"));
        assert!(since.split(';').next().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()), "{since}");
    }

    fn a_database_that_is_not_migrated_is_a_problem_with_a_cure(db: &Db) {
        let empty = db.unmigrated();
        // SQLite's file is made by whoever connects; the program does not.
        drip::list_queues(&empty.client).unwrap_err();
        let ran = drip(&empty, &["doctor"]);
        assert!(ran.code == 6 && ran.out.contains("drip migrate"), "{} {}", ran.out, ran.err);
    }

    fn figures_come_again_and_again_until_somebody_stops_them(db: &Db) {
        let mut child = command(&db.url, &["stats", "--watch", "10ms", "--format", "jsonl"])
            .stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..3 {
            let document: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            assert_eq!(document["states"]["available"]["number"], 0);
        }
        let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        // Whoever reads must go on, or it could not write.
        lines.for_each(drop);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}
