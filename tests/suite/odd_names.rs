//! Plain SQL writes names that no verb would. Whoever reads can name them all the same, and pause them.

use drip::{
    Dialect, JobFilter, Page, cancel_jobs, count_jobs, delete_schedule, get_queue, get_schedule, list_jobs,
    list_queues, list_schedules, pause_queue, pause_schedule, resume_queue, resume_schedule, upsert_queue,
};
use serde_json::json;

use crate::support::{Db, Place};

/// Names that are refused when they are new.
const ODD: [&str; 7] = [" a", "a ", "a\nb", "a\u{1b}[2J", "a\u{7f}", "a\u{9b}b", "a\u{202e}b"];

/// A text as SQL has it; NUL only where a text can hold one.
fn literal(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("'{text}'"),
        Dialect::Mariadb => format!("CONVERT(X'{}' USING utf8mb4)", hex(text)),
        _ => format!("CAST(X'{}' AS TEXT)", hex(text)),
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// All names that this database can hold.
fn odd(db: &Db) -> Vec<&'static str> {
    let nul = (db.dialect != Dialect::Postgres).then_some("a\0b");
    ODD.into_iter().chain(nul).collect()
}

/// A job each, of an odd kind in an odd queue, last claimed by an odd worker; with an odd tag and key too.
fn insert(db: &Db, name: &str) {
    let json = json!(name).to_string();
    let text = |text: &str| literal(db.dialect, text);
    db.execute(&format!(
        "INSERT INTO drip_job (kind, queue, attempted_by, tags, metadata) VALUES ({0}, {0}, {0}, {1}, {2})",
        text(name),
        text(&format!("[{json}]")),
        text(&format!("{{{json}: 1}}")),
    ));
}

on_every_database_and_place! {
    fn whatever_a_job_is_called_a_filter_finds_it(db: &Db) {
        let names = odd(db);
        names.iter().for_each(|name| insert(db, name));
        type Criterion = (&'static str, fn(&str) -> JobFilter);
        let criteria: [Criterion; 5] = [
            ("kind", |name| JobFilter::new().kind(name)),
            ("queue", |name| JobFilter::new().queue(name)),
            ("worker", |name| JobFilter::new().worker(name)),
            ("tag", |name| JobFilter::new().tag(name)),
            ("key", |name| JobFilter::new().metadata_key(name)),
        ];
        for name in &names {
            for (label, filter) in criteria {
                // In JSON they are escaped, and MariaDB compares escapes as they are written.
                if name.contains(char::is_control) && ["tag", "key"].contains(&label) {
                    continue;
                }
                let listed = db.on(|on| list_jobs(on, &filter(name), Page::default())).unwrap().jobs;
                let found: Vec<&str> = listed.iter().map(|job| job.kind.as_str()).collect();
                assert_eq!(found, [*name], "{label} {name:?}");
                assert_eq!(db.on(|on| count_jobs(on, &filter(name))).unwrap().total().number, 1, "{label} {name:?}");
            }
        }
        // With one that this database cannot hold among them, the others are found.
        let all = JobFilter::new().queues(names.iter().copied().chain(["a\0", "x"]));
        assert_eq!(db.on(|on| cancel_jobs(on, &all)).unwrap().changed, names.len());
    }

    fn a_queue_that_is_there_is_paused_whatever_it_is_called(db: &Db) {
        for name in odd(db) {
            let unknown = db.on(|on| pause_queue(on, name)).unwrap_err();
            assert!(unknown.is_invalid_input(), "{name:?}: {unknown}");
            insert(db, name);
            assert_eq!(db.on(|on| get_queue(on, name)).unwrap(), None);
            assert!(db.on(|on| pause_queue(on, name)).unwrap().is_paused());
            let listed = db.on(|on| list_queues(on)).unwrap().into_iter().find(|queue| queue.name == name).unwrap();
            assert_eq!((listed.is_paused(), listed.available.number), (true, 1), "{name:?}");
            drip::delete_jobs(&db.client, &JobFilter::new().queue(name)).unwrap();
            let resumed = db.on(|on| resume_queue(on, name)).unwrap();
            assert_eq!((resumed.name.as_str(), resumed.is_paused()), (name, false));
            let upserted = db.on(|on| upsert_queue(on, name, json!({"n": 1}))).unwrap();
            assert_eq!(upserted.metadata().unwrap().len(), 1);
        }
        let beyond = db.on(|on| get_queue(on, "\0"));
        assert_eq!(beyond.unwrap(), None);
    }

    fn a_schedule_is_paused_and_removed_whatever_it_is_called(db: &Db) {
        for name in odd(db) {
            let text = literal(db.dialect, name);
            db.execute(&format!(
                "INSERT INTO drip_schedule (name, every_ms, kind, queue, next_at)
                 VALUES ({text}, 3600000, 'k', 'default', '2031-01-01 00:00:00')",
            ).replace("'2031-01-01 00:00:00'", if db.dialect == Dialect::Sqlite { "'2031-01-01T00:00:00.000000Z'" } else { "'2031-01-01 00:00:00'" }));
            assert_eq!(db.on(|on| get_schedule(on, name)).unwrap().unwrap().name, name);
            assert!(db.on(|on| pause_schedule(on, name)).unwrap().is_paused());
            assert!(!db.on(|on| resume_schedule(on, name)).unwrap().is_paused());
            assert_eq!(db.on(|on| delete_schedule(on, name)).unwrap().name, name);
        }
        assert_eq!(db.on(|on| list_schedules(on)).unwrap(), []);
        assert_eq!(db.on(|on| get_schedule(on, "\0")).unwrap(), None);
    }
}

#[test]
fn what_is_not_utf8_hides_no_other_row() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        db.execute("INSERT INTO drip_job (kind, queue, attempted_by) VALUES (CAST(X'FF41' AS TEXT), CAST(X'C328' AS TEXT), CAST(X'80' AS TEXT))");
        insert(db, "mail");
        let listed = list_jobs(&db.client, &JobFilter::new(), Page::oldest_first()).unwrap().jobs;
        let kinds: Vec<&str> = listed.iter().map(|job| job.kind.as_str()).collect();
        assert_eq!(kinds, ["\u{fffd}A", "mail"]);
        assert_eq!((listed[0].queue.as_str(), listed[0].attempted_by.as_deref()), ("\u{fffd}(", Some("\u{fffd}")));
        assert_eq!(list_queues(&db.client).unwrap().len(), 2);
        assert_eq!(drip::cancel_job(&db.client, listed[0].id).unwrap().kind, "\u{fffd}A");
    });
}
