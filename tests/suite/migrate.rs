//! The schema comes to be whole, whoever migrates beside whom and whoever is killed while migrating; and goes whole.
//!
//! How MariaDB, which commits each statement by itself, goes on after a crash is in `migrate_mariadb.rs`.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use drip::{Client, Dialect, NewJob, insert_job, insert_many};
use serde_json::json;

use crate::{
    schema::{assert_same, on_file},
    support::{
        Db, Place, catalog,
        process::{self, Process},
    },
};

/// Says to a child which database to migrate, and to which version.
const URL: &str = "DRIP_TEST_MIGRATE_URL";
const VERSION: &str = "DRIP_TEST_MIGRATE_VERSION";

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn migrate_process() {
    let Ok(url) = std::env::var(URL) else { return };
    let client = Client::connect(&url).unwrap();
    process::ready();
    client.migrate_to(std::env::var(VERSION).unwrap().parse().unwrap()).unwrap();
}

const CHILD: &str = "migrate::migrate_process";

/// What that child needs to know to bring a database to a version.
fn orders(db: &Db, version: u32) -> [(&'static str, String); 2] {
    [(URL, db.url.clone()), (VERSION, version.to_string())]
}

/// A child that will bring the database to `version` as soon as it may go on.
pub fn migrating(db: &Db, version: u32) -> Process {
    Process::start(CHILD, &orders(db, version))
}

/// Waits for what the database will come to by itself.
pub fn until(mut condition: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < patience, "has not come true in 30 s");
        thread::yield_now();
    }
}

#[track_caller]
pub fn assert_whole(db: &Db) {
    assert_same(&catalog::schema(db), &on_file(db), "migrations alone lead to it");
    assert_eq!(versions(db), (1..=i64::from(Client::SCHEMA_VERSION)).collect::<Vec<_>>());
}

fn versions(db: &Db) -> Vec<i64> {
    let version = match db.dialect {
        Dialect::Mariadb => "CAST(version AS CHAR)",
        _ => "CAST(version AS TEXT)",
    };
    let texts = db.texts(&format!("SELECT {version} FROM drip_migration ORDER BY drip_migration.version"));
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

on_every_database! {
    fn what_is_still_to_be_done_is_told_before(db: &Db) {
        let empty = db.unmigrated();
        let pending = |client: &Client| client.pending_migrations().unwrap().iter().map(|it| it.version).collect::<Vec<_>>();
        let all: Vec<u32> = (1..=Client::SCHEMA_VERSION).collect();
        assert_eq!((empty.client.schema_version().unwrap(), pending(&empty.client)), (0, all.clone()));
        assert!(empty.client.pending_migrations().unwrap().iter().all(|it| it.sql.contains("drip_") && it.name.len() > 4));
        // To ask has made nothing.
        assert!(insert_job(&empty.client, NewJob::new("k", json!({}))).unwrap_err().is_not_migrated());
        empty.client.migrate_to(2).unwrap();
        assert_eq!((empty.client.schema_version().unwrap(), pending(&empty.client)), (2, all[2..].to_vec()));
        assert_eq!((db.client.schema_version().unwrap(), pending(&db.client)), (Client::SCHEMA_VERSION, vec![]));
        assert_eq!(drip::database_time(&db.client).unwrap(), db.clock.now());
    }

    fn migrating_again_changes_nothing(db: &Db) {
        let job = insert_job(&db.client, NewJob::new("greet", json!({}))).unwrap().into_job();
        db.client.migrate().unwrap();
        db.client.migrate_to(Client::SCHEMA_VERSION).unwrap();
        assert_whole(db);
        assert_eq!(db.job(job.id), job);
    }

    fn threads_with_clients_of_their_own_migrate_at_once(db: &Db) {
        let db = db.unmigrated();
        let together = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let clients: Vec<_> = (0..3).map(|_| Client::connect(&db.url).unwrap()).collect();
                    together.wait();
                    clients.iter().for_each(|client| client.migrate().unwrap());
                });
            }
        });
        assert_whole(&db);
    }

    fn processes_migrate_at_once(db: &Db) {
        let db = db.unmigrated();
        let mut processes: Vec<_> = (0..6).map(|_| migrating(&db, Client::SCHEMA_VERSION)).collect();
        processes.iter_mut().for_each(Process::go);
        for process in processes {
            let (said, status) = process.wait();
            assert!(status.success(), "{said}");
        }
        assert_whole(&db);
    }

    fn a_schema_that_is_newer_stays_as_it_is(db: &Db) {
        db.execute("INSERT INTO drip_migration (version) VALUES (999)");
        db.execute("CREATE TABLE drip_of_the_future (id BIGINT)");
        let before = (catalog::schema(db), versions(db));
        db.client.migrate().unwrap();
        assert_eq!((catalog::schema(db), versions(db)), before);
        // How to take the future back, only the future knows: better nothing than half of it.
        for version in 0..=Client::SCHEMA_VERSION {
            let refused = db.client.migrate_to(version).unwrap_err();
            assert!(refused.to_string().contains("999") && !refused.is_transient(), "{refused}");
            assert_eq!((catalog::schema(db), versions(db)), before);
        }
    }

    fn going_down_leaves_nothing_and_up_again_is_whole(db: &Db) {
        let empty = db.unmigrated();
        for _ in 0..2 {
            insert_many(&db.client, [NewJob::new("greet", json!({}))]).unwrap();
            db.client.migrate_to(0).unwrap();
            assert_eq!(catalog::objects(db), catalog::objects(&empty));
            db.client.migrate().unwrap();
            assert_whole(db);
            assert_eq!(db.jobs(), 0);
        }
    }

    fn going_down_from_nothing_is_no_error(db: &Db) {
        let (db, empty) = (db.unmigrated(), db.unmigrated());
        db.client.migrate_to(0).unwrap();
        assert_eq!(catalog::objects(&db), catalog::objects(&empty));
    }

    fn a_version_that_nobody_knows_is_refused(db: &Db) {
        for version in [Client::SCHEMA_VERSION + 1, 999, u32::MAX] {
            let refused = db.client.migrate_to(version).unwrap_err();
            assert!(refused.is_invalid_input() && refused.to_string().contains(&version.to_string()), "{refused}");
        }
        assert_whole(db);
    }
}

/// The child waits for the name of a table that its parent has made and not committed, having made another one itself.
#[test]
fn a_process_killed_inside_its_transaction_leaves_nothing_on_postgres() {
    Db::run(Dialect::Postgres, Place::Own, |db| {
        let (db, empty) = (db.unmigrated(), db.unmigrated());
        let mut parent = db.postgres();
        let mut child = migrating(&db, Client::SCHEMA_VERSION);
        let mut tx = parent.transaction().unwrap();
        tx.batch_execute("CREATE TABLE drip_queue ()").unwrap();
        child.go();
        until(|| waiting(&db, "transactionid") == 1);
        child.kill();
        // Another who migrates waits until the server has noticed, and no longer.
        thread::scope(|scope| {
            let next = scope.spawn(|| db.client.migrate());
            until(|| waiting(&db, "advisory") == 1);
            assert_eq!(catalog::objects(&db), catalog::objects(&empty));
            tx.rollback().unwrap();
            next.join().unwrap().unwrap();
        });
        assert_whole(&db);
    });
}

/// The connections to this PostgreSQL database that wait for a lock of this type.
fn waiting(db: &Db, locktype: &str) -> i64 {
    let here = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()";
    db.number(&format!(
        "SELECT count(*) FROM pg_locks WHERE locktype = '{locktype}' AND NOT granted AND pid IN ({here})"
    ))
}

/// A limit to the size of files kills the child at the write that reaches it. Pages of 64 KiB spread the writes of a commit
/// over many limits.
#[test]
fn a_process_killed_at_any_write_leaves_nothing_or_all_on_sqlite() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        for version in [0, Client::SCHEMA_VERSION] {
            let mut in_vain = 0;
            for kib in (16..).step_by(64) {
                let db = db.unmigrated();
                db.execute("PRAGMA page_size = 65536; PRAGMA journal_mode = WAL");
                if version == 0 {
                    db.client.migrate().unwrap();
                }
                let before = catalog::objects(&db);
                let mut child = Process::start_with_small_files(CHILD, &orders(&db, version), kib);
                child.go();
                let (said, status) = child.wait();
                if status.success() {
                    break;
                }
                match catalog::objects(&db) == before {
                    true => in_vain += 1,
                    false if version == 0 => assert!(catalog::objects(&db).is_empty(), "{status} at {kib} KiB: {said}"),
                    false => assert_whole(&db),
                }
                db.client.migrate().unwrap();
                assert_whole(&db);
            }
            assert!(in_vain > 4, "{in_vain} children were killed before they had committed");
        }
    });
}
