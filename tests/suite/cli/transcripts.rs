//! What each command says, word for word.

use drip::{NewJob, Rule, Schedule, fetch_jobs, renew_lease, upsert_schedule};
use serde_json::json;

use super::{program::golden, real_time};
use crate::support::Db;

on_every_database! {
    fn jobs(db: &Db) {
        golden(db, "jobs", &[
            "jobs list",
            "jobs list --format json",
            "jobs list --format jsonl",
            "jobs insert send_receipt '{\"order\": 17, \"to\": [\"a\", \"b\"]}' --queue mail --tag urgent,paid --timeout 90s --in 1h",
            "jobs insert report --pending --metadata '{\"by\": \"Ada\"}' --format json",
            "jobs insert report --queue reports --max-attempts 3",
            "jobs list",
            "jobs ls --state pending,available -q reports --oldest-first",
            "jobs list --kind send_receipt --format json",
            "jobs list --kind report --format jsonl",
            "jobs get 1",
            "jobs get 1 --format json",
            "jobs get 4",
            "jobs why 2 --format json",
            "jobs why 2",
            "jobs why 3",
        ]);
    }

    fn changes(db: &Db) {
        golden(db, "changes", &[
            "jobs insert a --queue mail",
            "jobs insert b --pending",
            "jobs insert c --in 1h",
            "jobs cancel 1 99",
            "jobs cancel 1 --format json",
            "jobs release 2",
            "jobs release 1",
            "jobs retry 1",
            "jobs update 3 --set-queue late --set-priority 2",
            "jobs update 3",
            "jobs complete 3",
            "jobs snooze 3 --for 5m",
            "jobs rescue 3",
            "jobs output 3 '[1, 2]'",
            "jobs discard --queue mail,late --dry-run",
            "jobs discard --queue mail,late --dry-run --format json",
            "jobs discard --queue mail,late",
            "jobs discard --queue mail,late --yes",
            "jobs discard --queue mail,late --yes --format json",
            "jobs retry --state discarded --kind a -y",
            "jobs retry 2 3 --dry-run",
            "jobs delete",
            "jobs delete 1 2 --format jsonl",
            "jobs list",
        ]);
    }

    fn queues(db: &Db) {
        golden(db, "queues", &[
            "queues list",
            "queues list --format json",
            "jobs insert a --queue mail",
            "queues pause mail",
            "queues pause 'never seen'",
            "queues pause 'never seen' --create --format json",
            "queues list",
            "queues list --format json",
            "queues list --format jsonl",
            "queues get mail",
            "queues upsert mail '{\"owner\": \"Ada\"}'",
            "queues upsert mail '[]'",
            "queues get mail --format json",
            "queues pause --all",
            "queues resume mail",
            "queues resume --all",
            "queues get nobody",
            "queues pause",
        ]);
    }

    fn schedules(db: &Db) {
        let job = || NewJob::new("report", json!({"of": "sales"})).queue("reports");
        let client = real_time(db);
        upsert_schedule(&client, Schedule::new("daily", Rule::cron("30 4 * * *", "UTC"), job())).unwrap();
        upsert_schedule(&client, Schedule::new("hourly", Rule::every("1h").offset("5m"), job())).unwrap();
        golden(db, "schedules", &[
            "schedules list",
            "schedules upsert weekly report '{\"of\": \"stock\"}' --cron '0 6 * * mon' --queue reports --missed 3",
            "schedules upsert never report",
            "schedules upsert never report --cron '61 * * * *'",
            "schedules upsert paused report --every 6h --offset 1h --missed 0 --paused --format json",
            "schedules list --format json",
            "schedules get daily",
            "schedules next hourly -n 3",
            "schedules next hourly -n 2 --format json",
            "schedules run hourly",
            "schedules pause daily",
            "schedules next daily",
            "schedules list --format jsonl",
            "schedules resume daily",
            "schedules delete daily",
            "schedules delete daily --yes --format json",
            "schedules pause daily",
        ]);
    }

    fn workers_upkeep_and_figures(db: &Db) {
        let client = real_time(db);
        renew_lease(&client, "by hand", std::time::Duration::from_secs(3600)).unwrap();
        db.execute("UPDATE drip_worker SET pid = 4242, version = '1.2.3'");
        golden(db, "upkeep", &[
            "workers list",
            "workers list --format json",
            "jobs insert a --queue mail",
            "jobs insert b --in 1h",
            "stats",
            "stats --format json",
            "maintenance list",
            "maintenance run retain",
            "maintenance run retain --completed none --cancelled 1h --discarded 1d",
            "maintenance run expire",
            "maintenance run promote --format json",
            "maintenance run fire",
            "maintenance run rescue --after 6h",
            "maintenance run rescue",
            "maintenance run reindex --format jsonl --help",
            "maintenance list --format json",
        ]);
        assert!(fetch_jobs(&client, "mail", "by hand", 1).unwrap().len() == 1);
    }
}

/// No database is asked, and none needs to be there.
#[test]
fn help() {
    Db::run(drip::Dialect::Sqlite, crate::support::Place::Own, |db| {
        golden(
            db,
            "help",
            &[
                "--version",
                "-h",
                "--help",
                "jobs --help",
                "jobs list --help",
                "jobs insert -h",
                "jobs cancel -h",
                "jobs update -h",
                "jobs snooze -h",
                "queues -h",
                "schedules -h",
                "schedules upsert -h",
                "jobs load -h",
                "maintenance run --help",
                "migrate -h",
                "stats -h",
                "doctor -h",
                "bench -h",
                "completions -h",
            ],
        );
    });
}
