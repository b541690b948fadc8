//! On a connection of the application's own, verbs change no setting and depend on none.

use std::time::Duration;

use drip::{
    AnySession, Dialect, Missed, NewJob, Rule, Schedule, Session, State, Unique, complete_job, fetch_jobs, get_job,
    insert_job, insert_many, snooze_job,
};
use jiff::{SignedDuration, Timestamp};
use mysql::prelude::Queryable;
use serde_json::json;

use crate::support::Db;

const HOUR: Duration = Duration::from_secs(3600);

on_every_database! {
    fn a_connection_is_as_it_was_before_and_its_settings_make_no_difference(db: &Db) {
        for setting in settings_of(db.dialect) {
            match db.dialect {
                Dialect::Postgres => {
                    let run = |client: &mut ::postgres::Client, sql: &str| client.batch_execute(sql).unwrap();
                    unchanged(db, setting, &mut db.postgres(), run, postgres_settings);
                }
                Dialect::Mariadb => {
                    let run = |conn: &mut mysql::Conn, sql: &str| conn.query_drop(sql).unwrap();
                    unchanged(db, setting, &mut db.mariadb(), run, mariadb_settings);
                }
                _ => {
                    let run = |conn: &mut rusqlite::Connection, sql: &str| conn.execute_batch(sql).unwrap();
                    unchanged(db, setting, &mut db.sqlite(), run, sqlite_settings);
                }
            }
        }
    }
}

type Settings = Vec<(String, String)>;

/// Runs verbs alone and in a transaction of the caller's.
fn unchanged<D>(db: &Db, setting: &str, conn: &mut D, run: fn(&mut D, &str), settings: fn(&mut D) -> Settings)
where
    for<'d> &'d mut D: Session,
{
    run(conn, setting);
    let before = settings(conn);
    assert!(before.len() > 10, "{before:?}");
    verbs(setting, conn);
    assert_eq!(settings(conn), before, "{setting}");
    // `BEGIN` is something else in MariaDB's Oracle mode.
    run(conn, if db.dialect == Dialect::Sqlite { "BEGIN" } else { "START TRANSACTION" });
    verbs(setting, conn);
    run(conn, "COMMIT");
    assert_eq!(settings(conn), before, "{setting}, in a transaction");
    db.execute("DELETE FROM drip_job");
}

fn verbs<D>(setting: &str, conn: &mut D)
where
    for<'d> &'d mut D: Session,
{
    let job =
        |n: i64| NewJob::new("é📮", json!({"n": n, "s": "\\'\"\n% é📮"})).queue("\u{e9}\\'").ttl(HOUR).tags(["é"]);
    let plain = insert_job(&mut *conn, job(0)).unwrap().into_job();
    let unique = || job(1).unique(Unique::new().by_args().by_period(HOUR * 24 * 3650)).delay(HOUR);
    let waiting = insert_job(&mut *conn, unique()).unwrap().into_job();
    assert!(insert_job(&mut *conn, unique()).unwrap().is_duplicate(), "{setting}");
    let many = insert_many(&mut *conn, (2..5).map(job)).unwrap();
    for (n, found) in [&plain, &waiting].into_iter().chain(many.iter().map(|inserted| inserted.job())).enumerate() {
        let stored = get_job(&mut *conn, found.id).unwrap();
        assert_eq!(stored.as_ref(), Some(found), "{setting}");
        assert_eq!(found.args().unwrap(), json!({"n": n, "s": "\\'\"\n% é📮"}), "{setting}");
        let age = found.created_at.duration_until(Timestamp::now());
        assert!(age >= SignedDuration::ZERO && age < SignedDuration::from_mins(10), "{setting}: {age}");
        assert_eq!(found.expires_at.unwrap().duration_since(found.created_at).unsigned_abs(), HOUR, "{setting}");
    }
    let claimed = fetch_jobs(&mut *conn, &plain.queue, "worker", 10).unwrap();
    let ids: Vec<i64> = claimed.iter().map(|job| job.id).collect();
    assert_eq!(ids, [&[plain.id][..], &many.iter().map(|job| job.job().id).collect::<Vec<_>>()].concat(), "{setting}");
    assert_eq!(snooze_job(&mut *conn, &claimed[0], HOUR).unwrap().state, State::Scheduled, "{setting}");
    for job in &claimed[1..] {
        assert_eq!(complete_job(&mut *conn, job).unwrap().state, State::Completed, "{setting}");
    }
    drip::cancel_job(&mut *conn, waiting.id).unwrap();
    queue_verbs(setting, conn);
    schedule_verbs(setting, conn);
}

fn queue_verbs<D>(setting: &str, conn: &mut D)
where
    for<'d> &'d mut D: Session,
{
    let name = "\u{e9}\\'";
    let upserted = drip::upsert_queue(&mut *conn, name, json!({"s": "\\'\"\n% é📮"})).unwrap();
    assert_eq!(upserted.metadata().unwrap(), *json!({"s": "\\'\"\n% é📮"}).as_object().unwrap(), "{setting}");
    let paused = drip::pause_queue(&mut *conn, name).unwrap();
    let age = paused.paused_at.unwrap().duration_until(Timestamp::now());
    assert!(age >= SignedDuration::ZERO && age < SignedDuration::from_mins(10), "{setting}: {age}");
    insert_job(&mut *conn, NewJob::new("k", json!({})).queue(name)).unwrap().into_job();
    assert_eq!(fetch_jobs(&mut *conn, name, "worker", 10).unwrap(), [], "{setting}");
    let listed = drip::list_queues(&mut *conn).unwrap();
    let found: Vec<_> = listed.iter().map(|q| (&*q.name, q.available.number, q.scheduled.number > 0)).collect();
    assert_eq!(found, [(name, 1, true)], "{setting}");
    assert!(listed[0].is_paused() && listed[0].oldest.is_some_and(|age| age < HOUR), "{setting}");
    assert!(!drip::resume_queue(&mut *conn, name).unwrap().is_paused(), "{setting}");
    assert_eq!(fetch_jobs(&mut *conn, name, "worker", 10).unwrap().len(), 1, "{setting}");
}

fn schedule_verbs<D>(setting: &str, conn: &mut D)
where
    for<'d> &'d mut D: Session,
{
    let name = "\u{e9}\\'";
    let job =
        NewJob::new("s", json!({"s": "\\'\"\n% é📮"})).metadata(json!({"by": "\\'"})).unique(Unique::new().by_args());
    let schedule =
        || Schedule::new(name, Rule::cron("*/5 * * * *", "Europe/Paris"), job.clone()).missed(Missed::All(9));
    let declared = drip::upsert_schedule(&mut *conn, schedule()).unwrap();
    assert_eq!(drip::upsert_schedule(&mut *conn, schedule()).unwrap().next_at, declared.next_at, "{setting}");
    let to_come = declared.next_at.duration_since(Timestamp::now());
    assert!(
        to_come > SignedDuration::from_secs(-60) && to_come <= SignedDuration::from_mins(5),
        "{setting}: {to_come}"
    );
    assert!(drip::pause_schedule(&mut *conn, name).unwrap().is_paused(), "{setting}");
    assert!(!drip::resume_schedule(&mut *conn, name).unwrap().is_paused(), "{setting}");
    let listed = drip::list_schedules(&mut *conn).unwrap();
    assert_eq!(format!("{:?}", listed[0].job().unwrap()), format!("{job:?}"), "{setting}");
    let later = listed[0].next_at + 2 * HOUR;
    let fired = drip::fire_schedules(AnySession::new(&mut *conn).at(later)).unwrap();
    assert_eq!((fired.len(), fired[0].slots.len(), fired[0].missed.number), (1, 10, 24), "{setting}");
    let moved = drip::get_schedule(&mut *conn, name).unwrap().unwrap();
    assert_eq!((moved.last_slot_at, moved.last_job_id), (Some(later), Some(fired[0].slots[0].1.job().id)), "{setting}");
    assert!(drip::run_schedule_now(&mut *conn, name).unwrap().is_duplicate(), "{setting}");
    drip::cancel_job(&mut *conn, fired[0].slots[0].1.job().id).unwrap();
    assert_eq!(drip::delete_schedule(&mut *conn, name).unwrap(), moved, "{setting}");
}

fn settings_of(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::Mariadb => MARIADB,
        _ => SQLITE,
    }
}

const POSTGRES: &[&str] = &[
    "SET default_transaction_isolation = 'read uncommitted'",
    "SET timezone = 'Asia/Kathmandu'",
    "SET datestyle = 'German, DMY'",
    "SET intervalstyle = 'sql_standard'",
    "SET bytea_output = 'escape'",
    "SET standard_conforming_strings = off",
    "SET transform_null_equals = on",
    "SET default_transaction_isolation = 'serializable'",
    "SET search_path = pg_catalog, public",
    "SET statement_timeout = '10min'; SET lock_timeout = '10min'",
    "SET enable_indexscan = off; SET enable_bitmapscan = off",
    // Where there is such a setting: since version 12.
    "SELECT set_config(name, 'force_generic_plan', false) FROM pg_settings WHERE name = 'plan_cache_mode'",
    "SET extra_float_digits = -15",
];

const MARIADB: &[&str] = &[
    "SET autocommit = 0",
    "SET time_zone = '+05:45'",
    "SET sql_mode = ''",
    "SET sql_mode = 'ANSI'",
    "SET sql_mode = 'ORACLE'",
    "SET sql_mode = 'TRADITIONAL'",
    "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,ONLY_FULL_GROUP_BY,STRICT_ALL_TABLES'",
    "SET sql_mode = 'NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE'",
    "SET sql_mode = 'SIMULTANEOUS_ASSIGNMENT'",
    "SET sql_mode = 'EMPTY_STRING_IS_NULL'",
    "SET sql_mode = 'TIME_ROUND_FRACTIONAL,NO_ZERO_IN_DATE,NO_ZERO_DATE'",
    "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
    "SET collation_connection = 'utf8mb4_unicode_ci'",
    "SET lc_time_names = 'ja_JP'",
    "SET optimizer_switch = 'derived_merge=off,materialization=off'",
];

const SQLITE: &[&str] = &[
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA reverse_unordered_selects = ON",
    "PRAGMA case_sensitive_like = ON",
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = 5",
    "PRAGMA busy_timeout = 7777",
    "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; PRAGMA automatic_index = OFF",
];

fn postgres_settings(client: &mut ::postgres::Client) -> Settings {
    let rows = client.query("SELECT name, COALESCE(setting, 'NULL') FROM pg_settings ORDER BY name", &[]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn mariadb_settings(conn: &mut mysql::Conn) -> Settings {
    let all: Settings = conn.query("SHOW SESSION VARIABLES").unwrap();
    // What any statement changes; with autocommit off it also begins the transaction that the caller ends.
    let moving = [
        "error_count",
        "identity",
        "in_transaction",
        "insert_id",
        "last_insert_id",
        "rand_seed1",
        "rand_seed2",
        "timestamp",
        "warning_count",
    ];
    all.into_iter().filter(|(name, _)| !moving.contains(&name.as_str())).collect()
}

fn sqlite_settings(conn: &mut rusqlite::Connection) -> Settings {
    let names = "busy_timeout foreign_keys synchronous journal_mode cache_size temp_store recursive_triggers query_only
                 reverse_unordered_selects automatic_index cell_size_check locking_mode defer_foreign_keys
                 read_uncommitted trusted_schema wal_autocheckpoint";
    let value =
        |name: &str| conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, rusqlite::types::Value>(0));
    names.split_whitespace().map(|name| (name.to_owned(), format!("{:?}", value(name).unwrap()))).collect()
}
