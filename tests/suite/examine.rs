//! What slows or stops the queue is found: each check, by what it is there for.

use std::time::Duration;

use drip::{
    Client, Dialect, Finding, JobFilter, NewJob, Rule, Schedule, Severity, State, Unique, Worker, examine, fetch_jobs,
    pause_all, pause_queue, renew_lease, resume_all, resume_queue, upsert_schedule,
};
use serde_json::json;

use crate::support::{
    Db, Proxy,
    watch::eventually,
    work::{done, job},
};

const HOUR: Duration = Duration::from_secs(3600);

/// What a check has seen.
fn seen(db: &Db, check: &str) -> Vec<Finding> {
    let mut findings = examine(&db.client).unwrap();
    findings.retain(|finding| finding.check == check);
    assert!(!findings.is_empty(), "there is no check {check}");
    findings
}

/// The only thing that a check has seen, which is this bad and is said in these words.
#[track_caller]
fn sees(db: &Db, check: &str, severity: Severity, words: &str) -> Finding {
    let mut seen = seen(db, check);
    let finding = seen.remove(0);
    assert_eq!(seen, []);
    assert!(finding.severity == severity && finding.what.contains(words), "{finding:?}");
    assert!(!finding.why.is_empty());
    assert!(finding.advice.is_some() || severity <= Severity::Unknown, "{finding:?}");
    finding
}

fn advice(finding: &Finding) -> String {
    finding.advice.clone().unwrap_or_default()
}

on_every_database! {
    fn a_database_without_the_tables_has_one_problem(db: &Db) {
        let empty = db.unmigrated();
        let findings = examine(&empty.client).unwrap();
        assert_eq!(findings.len(), 1);
        let finding = sees(&empty, "schema_version", Severity::Problem, "not there");
        assert_eq!(advice(&finding), "drip migrate");
        sees(db, "schema_version", Severity::Fine, "version");
    }

    fn a_schema_of_another_version_is_noticed(db: &Db) {
        db.execute("INSERT INTO drip_migration (version) VALUES (999)");
        sees(db, "schema_version", Severity::Warning, "999");
        db.execute("DELETE FROM drip_migration WHERE version IN (4, 999)");
        sees(db, "schema_version", Severity::Problem, "version 3");
    }

    fn everything_that_the_migrations_make_is_looked_for(db: &Db) {
        let finding = sees(db, "schema_drift", Severity::Fine, "all ");
        let parts: usize = finding.what.split(' ').nth(1).unwrap().parse().unwrap();
        // As many as the database knows, but for the keys that constraints and tables make by themselves.
        let known = match db.dialect {
            Dialect::Postgres => db.number(
                "SELECT (SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'drip_migration')
                      + (SELECT count(*) FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey')",
            ),
            Dialect::Mariadb => db.number(
                "SELECT (SELECT count(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> 'drip_migration')
                      + (SELECT count(DISTINCT table_name, index_name) FROM information_schema.statistics
                         WHERE table_schema = DATABASE() AND index_name <> 'PRIMARY')",
            ),
            _ => db.number(
                "SELECT (SELECT count(*) FROM sqlite_master AS one, pragma_table_xinfo(one.name)
                         WHERE one.type = 'table' AND one.name LIKE 'drip%' AND one.name <> 'drip_migration')
                      + (SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name LIKE 'drip%')",
            ),
        };
        assert_eq!(parts as i64, known);
    }

    fn an_index_and_a_column_that_are_gone_are_missed(db: &Db) {
        db.execute(match db.dialect {
            Dialect::Mariadb => "ALTER TABLE drip_job DROP KEY drip_job_due",
            _ => "DROP INDEX drip_job_due",
        });
        let finding = sees(db, "schema_drift", Severity::Problem, "drip_job_due is missing");
        assert!(advice(&finding).contains("drip_job_due"), "{finding:?}");
        db.execute("ALTER TABLE drip_queue DROP COLUMN updated_at");
        let names: Vec<String> = seen(db, "schema_drift").into_iter().map(|finding| finding.what).collect();
        assert!(names.len() == 2 && names.iter().any(|what| what.starts_with("drip_queue.updated_at ")), "{names:?}");
    }

    fn clocks_that_differ_are_compared(db: &Db) {
        // The test's clock stands in for the database's, and is years ahead.
        sees(db, "clock", Severity::Problem, "ahead of this machine's");
    }

    fn workers_that_are_silent_and_jobs_that_are_theirs_are_told(db: &Db) {
        sees(db, "workers", Severity::Warning, "no worker lives");
        db.insert(job("work"));
        sees(db, "workers", Severity::Problem, "jobs wait, and no worker lives");
        let running = db.claim("default");
        sees(db, "workers", Severity::Fine, "1 worker");
        db.clock.advance(HOUR);
        assert!(seen(db, "workers").iter().any(|finding| finding.what.contains("last heard of 1h ago")));
        db.execute("DELETE FROM drip_worker");
        assert!(seen(db, "workers").iter().any(|finding| finding.what.contains("nobody knows: worker")));
        drip::complete_job(&db.client, running.id).unwrap();
        sees(db, "workers", Severity::Warning, "no worker lives");
    }

    fn queues_that_are_paused_while_jobs_wait_are_told(db: &Db) {
        pause_queue(&db.client, "mail").unwrap();
        sees(db, "paused", Severity::Fine, "");
        db.insert(job("work").queue("mail"));
        let finding = sees(db, "paused", Severity::Warning, "1 job waits");
        assert_eq!(advice(&finding), "drip queues resume 'mail'");
        resume_queue(&db.client, "mail").unwrap();
        pause_all(&db.client).unwrap();
        sees(db, "paused", Severity::Warning, "all queues are paused");
        resume_all(&db.client).unwrap();
        sees(db, "paused", Severity::Fine, "");
    }

    fn queues_and_kinds_for_which_nobody_is_there_are_told(db: &Db) {
        let _running = Worker::new(&db.client).queue("mail").handle_kind("known", done).start().unwrap();
        eventually("the worker is there", || !drip::list_workers(&db.client).unwrap().is_empty());
        db.insert(job("unknown").queue("mail"));
        db.insert(job("known").queue("nobody's"));
        sees(db, "queues", Severity::Problem, "nobody's");
        sees(db, "kinds", Severity::Problem, "unknown in mail");
        let advice = |check| seen(db, check)[0].advice.clone().unwrap();
        let moved = r"drip jobs update --queue 'nobody'\''s' --set-queue default";
        assert!(advice("queues").contains(moved), "{}", advice("queues"));
        let given_up = "drip jobs discard --state available --queue 'mail' --kind 'unknown'";
        assert!(advice("kinds").contains(given_up), "{}", advice("kinds"));
        // One that takes anything.
        renew_lease(&db.client, "by hand", HOUR).unwrap();
        sees(db, "queues", Severity::Fine, "");
        sees(db, "kinds", Severity::Fine, "");
    }

    fn jobs_that_wait_for_a_key_are_told(db: &Db) {
        let unique = || Unique::new().by_states([State::Available, State::Running]);
        let later = db.insert(job("work").unique(unique()).delay(HOUR));
        sees(db, "unique_conflicts", Severity::Fine, "");
        let first = db.insert(job("work").unique(unique()));
        sees(db, "unique_conflicts", Severity::Fine, "");
        db.clock.advance(HOUR + Duration::from_secs(1));
        sees(db, "unique_conflicts", Severity::Warning, &format!("{} (by {})", later.id, first.id));
        drip::cancel_jobs(&db.client, &JobFilter::new().id(first.id)).unwrap();
        sees(db, "unique_conflicts", Severity::Fine, "");
    }

    fn schedules_that_nobody_looks_after_are_told(db: &Db) {
        let schedule = Schedule::new("report", Rule::every("1h"), NewJob::new("report", json!({})));
        upsert_schedule(&db.client, schedule).unwrap();
        sees(db, "schedules", Severity::Fine, "1 schedule is looked after");
        db.clock.advance(HOUR * 2);
        sees(db, "schedules", Severity::Problem, "report");
        drip::pause_schedule(&db.client, "report").unwrap();
        sees(db, "schedules", Severity::Fine, "");
    }

    fn upkeep_that_has_failed_is_told(db: &Db) {
        db.execute("INSERT INTO drip_timetable (task, runs, error) VALUES ('retain', 1, 'no room')");
        sees(db, "upkeep", Severity::Warning, "retain has failed: no room");
    }

    fn it_changes_nothing_and_can_be_asked_again_and_again(db: &Db) {
        db.job_in(State::Running);
        let jobs = || drip::list_jobs(&db.client, &JobFilter::new(), drip::Page::oldest_first()).unwrap();
        let before = jobs();
        let checks = |findings: Vec<Finding>| findings.into_iter().map(|finding| finding.check).collect::<Vec<_>>();
        let first = checks(examine(&db.client).unwrap());
        assert_eq!(checks(examine(&db.client).unwrap()), first);
        assert_eq!(jobs(), before);
        assert!(fetch_jobs(&db.client, "default", "another", 1).unwrap().is_empty());
    }
}

/// What only one database has.
fn on_one(dialect: Dialect, test: fn(&Db)) {
    Db::run(dialect, crate::support::Place::Own, test);
}

#[test]
fn postgres_is_asked_for_what_keeps_its_tables_small() {
    on_one(Dialect::Postgres, |db| {
        sees(db, "storage", Severity::Fine, "");
        sees(db, "autovacuum", Severity::Fine, "on");
        sees(db, "dead_tuples", Severity::Fine, "dead rows");
        db.execute("ALTER TABLE drip_job SET (fillfactor = 100, autovacuum_enabled = off)");
        let finding = sees(db, "storage", Severity::Warning, "fillfactor of the job table is 100, not 70");
        let off = sees(db, "autovacuum", Severity::Problem, "off for the job table");
        db.execute(&advice(&finding));
        db.execute(&advice(&off));
        sees(db, "storage", Severity::Fine, "");
        sees(db, "autovacuum", Severity::Fine, "");
        db.execute("ALTER TABLE drip_job RESET (autovacuum_vacuum_threshold)");
        sees(db, "storage", Severity::Warning, "is not set; it should be 5000");
    });
}

#[test]
fn rows_that_are_dead_are_counted_until_they_are_cleared_away() {
    on_one(Dialect::Postgres, |db| {
        db.execute("ALTER TABLE drip_job SET (autovacuum_enabled = off)");
        db.execute("INSERT INTO drip_job (kind) SELECT 'k' FROM generate_series(1, 60000)");
        db.execute("DELETE FROM drip_job");
        let dead = || seen(db, "dead_tuples").remove(0);
        // The server counts with some delay.
        eventually("the dead are counted", || dead().severity > Severity::Fine);
        let finding = sees(db, "dead_tuples", Severity::Problem, "drip_job has 60000 dead rows");
        assert_eq!(advice(&finding), "VACUUM (ANALYZE) drip_job;");
        db.execute(&advice(&finding));
        eventually("they are gone", || dead().severity == Severity::Fine);
    });
}

#[test]
fn a_pooler_that_swallows_notifications_is_noticed() {
    on_one(Dialect::Postgres, |db| {
        let (proxy, url) = Proxy::before(&db.url);
        proxy.swallow_notifications();
        let through = Client::connect(&url).unwrap();
        let findings = examine(&through).unwrap();
        let listen = findings.iter().find(|finding| finding.check == "listen").unwrap();
        assert!(listen.severity == Severity::Warning && listen.what.contains("pooler"), "{listen:?}");
    });
}

#[test]
fn postgres_is_asked_for_its_notifications_and_plans() {
    on_one(Dialect::Postgres, |db| {
        sees(db, "notify_queue", Severity::Fine, "%");
        sees(db, "listen", Severity::Fine, "arrives");
        sees(db, "claim_plan", Severity::Fine, "drip_job_claim");
        db.execute("DROP INDEX drip_job_claim");
        sees(db, "claim_plan", Severity::Problem, "does not read drip_job_claim");
        let name = db.url.rsplit('/').next().unwrap().to_owned();
        db.execute(&format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"));
        let again = Db::at(&db.url);
        sees(&again, "isolation", Severity::Warning, "SERIALIZABLE");
    });
}

#[test]
fn mariadb_is_asked_for_its_settings_and_plans() {
    on_one(Dialect::Mariadb, |db| {
        sees(db, "history_list", Severity::Fine, "to be purged");
        sees(db, "claim_plan", Severity::Fine, "drip_job_claim");
        for check in ["isolation", "sql_mode"] {
            // The server's are whatever they are.
            assert_ne!(seen(db, check)[0].severity, Severity::Unknown);
        }
        db.execute("ALTER TABLE drip_job DROP KEY drip_job_claim");
        sees(db, "claim_plan", Severity::Unknown, "could not look");
    });
}

/// What is to be typed can be typed.
#[test]
fn no_advice_leaves_anything_out() {
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/examine")).unwrap() {
        let path = file.unwrap().path();
        assert!(!std::fs::read_to_string(&path).unwrap().contains('…'), "{}", path.display());
    }
}

#[test]
fn sqlite_is_asked_for_its_journal() {
    on_one(Dialect::Sqlite, |db| {
        sees(db, "journal", Severity::Fine, "write-ahead log");
        let path = db.url.trim_start_matches("sqlite://").to_owned() + "-wal";
        // Its name is all that is asked: nobody reads what was appended.
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().set_len(100 * 1024 * 1024).unwrap();
        sees(db, "journal", Severity::Warning, "100 MiB");
    });
}

/// The statement that ends a transaction which by the test's clock has been open for years.
fn ends_the_oldest(db: &Db) -> String {
    let mut command = String::new();
    db.committed(|tx| {
        drip::insert_job(tx.on(), job("work")).unwrap();
        eventually("the transaction is told", || {
            // MariaDB answers what it knew before, unless nobody has asked for a tenth of a second.
            std::thread::park_timeout(Duration::from_millis(150));
            let found = seen(db, "oldest_transaction").into_iter().find(|finding| finding.what.contains("open for"));
            command = found.as_ref().map(advice).unwrap_or_default();
            found.is_some_and(|finding| finding.severity == Severity::Problem)
        });
    });
    command
}

#[test]
fn a_transaction_that_has_been_open_for_long_is_told() {
    on_one(Dialect::Postgres, |db| assert!(ends_the_oldest(db).starts_with("SELECT pg_terminate_backend(")));
    on_one(Dialect::Mariadb, |db| assert!(ends_the_oldest(db).starts_with("KILL ")));
}
