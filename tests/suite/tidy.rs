//! What the engine leaves to others is done for the tables, and nothing that harms.

use std::{path::Path, time::Duration};

use drip::{Dialect, NewJob, insert_many, tidy};
use serde_json::json;

use crate::support::{
    Db, Place,
    upkeep::{INTERVAL, idle, stop},
    watch::eventually,
};

fn insert(db: &Db, count: usize, bytes: usize) {
    let args = json!({"text": "x".repeat(bytes)});
    insert_many(&db.client, (0..count).map(|_| NewJob::new("k", args.clone()))).unwrap();
}

/// Where SQLite keeps what it has not copied into the file.
fn log_bytes(db: &Db) -> u64 {
    let log = format!("{}-wal", db.url.trim_start_matches("sqlite://"));
    std::fs::metadata(Path::new(&log)).map_or(0, |file| file.len())
}

on_every_database! {
    fn there_is_nothing_to_be_done_for_an_empty_table(db: &Db) {
        assert_eq!(tidy(&db.client).unwrap(), 0);
    }
}

#[test]
fn postgres_is_given_its_first_statistics_once() {
    Db::run(Dialect::Postgres, Place::Own, |db| {
        db.execute("ALTER TABLE drip_job SET (autovacuum_enabled = off)");
        insert(db, 100, 10);
        let analysed = || db.number("SELECT count(*) FROM pg_statistic WHERE starelid = 'drip_job'::regclass") > 0;
        assert!(!analysed());
        // The server learns of the rows a moment after they are there; before version 15 it does when their connection is
        // used again after half a second.
        eventually("it is analysed", || {
            insert(db, 1, 10);
            tidy(&db.client).unwrap() == 1
        });
        assert!(analysed());
        eventually("never again", || tidy(&db.client).unwrap() == 0);
    });
}

#[test]
fn a_large_log_of_sqlite_is_cut_off_as_soon_as_no_reader_needs_it() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        let mut reader = db.sqlite();
        let tx = reader.transaction().unwrap();
        tx.query_row("SELECT count(*) FROM drip_job", [], |row| row.get::<_, i64>(0)).unwrap();
        insert(db, 900, 100_000);
        assert!(log_bytes(db) > 64 << 20, "{}", log_bytes(db));
        // A reader needs it still, and nobody waits for that one.
        let began = std::time::Instant::now();
        assert_eq!(tidy(&db.client).unwrap(), 0);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        tx.commit().unwrap();
        let maintenance = idle(&db.client).tidy_interval(INTERVAL).start().unwrap();
        assert_eq!(db.until_run("tidy", 1).changed, Some(1));
        stop(&maintenance);
        assert!(log_bytes(db) < 1 << 20, "{}", log_bytes(db));
    });
}

#[test]
fn free_pages_of_sqlite_are_given_back_where_the_file_says_so() {
    for (auto_vacuum, given_back) in [("INCREMENTAL", true), ("NONE", false)] {
        let Some(db) = Db::of(Dialect::Sqlite, Place::Own) else { return };
        db.execute(&format!("PRAGMA auto_vacuum = {auto_vacuum}; VACUUM"));
        insert(&db, 500, 10_000);
        db.execute("DELETE FROM drip_job");
        let free = || db.number("SELECT freelist_count FROM pragma_freelist_count");
        let before = free();
        assert!(before > 1200, "{before}");
        assert_eq!(tidy(&db.client).unwrap() > 0, given_back);
        assert_eq!(free() < before, given_back);
        assert!(free() >= 500, "some are kept for the jobs to come: {}", free());
        assert_eq!(tidy(&db.client).unwrap(), 0);
    }
}
