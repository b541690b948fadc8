//! When the database has ended a caller's transaction by itself, the next statement would silently commit. Each writing
//! verb notices, says so, and writes nothing.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use drip::{
    AnySession, Dialect, Error, Job, JobFilter, JobUpdate, NewJob, OnDuplicate, RescueAfter, Retention, Rule, Schedule,
    State, Unique, cancel_job, cancel_jobs, complete_job, delete_job, delete_jobs, delete_schedule, discard_job,
    discard_jobs, fail_job, fetch_jobs, fire_schedules, insert_job, insert_many, insert_many_fast, pause_all,
    pause_queue, pause_schedule, record_output, release_job, rescue_overdue_jobs, resume_all, resume_queue,
    resume_schedule, retain_jobs, retry_job, retry_jobs, run_schedule_now, snooze_job, swap_job, update_job,
    upsert_queue, upsert_schedule,
};
use mysql::prelude::Queryable;
use serde_json::json;

use crate::support::{Db, End, Open, Place, Tx};

on_every_database! {
    fn every_verb_notices_and_writes_nothing(db: &Db) {
        let jobs = Jobs::new(db);
        for (way, lose) in ways(db.dialect) {
            for end in [End::Commit, End::Rollback] {
                prepare(db);
                let before = jobs.now(db);
                let _ = db.ended(end, |tx| {
                    insert_job(tx.on(), plain()).unwrap().into_job();
                    let error = lose(db, tx);
                    assert!(!error.is_transaction_lost(), "{way}: this one is told otherwise: {error}");
                    for (verb, run) in VERBS {
                        let error = run(tx.on(), &jobs).expect_err(verb);
                        assert!(error.is_transaction_lost() && error.is_transient(), "{way}, {verb}: {error}");
                    }
                    assert_eq!(jobs.now(db), before, "{way}, before the end");
                });
                assert_eq!(jobs.now(db), before, "{way}, {end:?}");
            }
        }
    }

    /// Were there no trap, the tests above would prove nothing.
    fn without_the_library_the_trap_is_real(db: &Db) {
        for (way, lose) in ways(db.dialect) {
            prepare(db);
            let before = db.jobs();
            let (written, _) = db.ended(End::Rollback, |tx| {
                lose(db, tx);
                tx.execute("INSERT INTO drip_job (kind) VALUES ('trapped')")
            });
            // PostgreSQL refuses everything but the end of the transaction.
            assert_eq!(written.is_ok(), db.dialect != Dialect::Postgres, "{way}");
            assert_eq!(db.jobs() - before, i64::from(written.is_ok()), "{way}: it survives the ROLLBACK");
        }
    }

    fn a_verb_that_ends_the_transaction_says_why_and_the_next_says_that_it_is_lost(db: &Db) {
        prepare(db);
        let job = insert_job(&db.client, plain()).unwrap().into_job();
        match db.dialect {
            Dialect::Sqlite => db.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON drip_job WHEN NEW.kind = 'refused'
                 BEGIN SELECT RAISE(ROLLBACK, 'refused'); END",
            ),
            _ => db.execute("ALTER TABLE drip_job ADD CONSTRAINT refuse CHECK (kind <> 'refused')"),
        }
        let _ = db.ended(End::Commit, |tx| {
            insert_job(tx.on(), plain()).unwrap().into_job();
            let error = match db.dialect {
                Dialect::Mariadb => {
                    let hold = format!("UPDATE drip_job SET metadata = '{{\"by\": 2}}' WHERE id = {}", job.id);
                    deadlock(db, tx, &hold, |tx| cancel_job(tx.on(), job.id).unwrap_err())
                }
                _ => insert_job(tx.on(), NewJob::new("refused", json!({}))).unwrap_err(),
            };
            assert!(!error.is_transaction_lost(), "{error}");
            assert_eq!(error.is_transient(), db.dialect == Dialect::Mariadb, "{error}");
            assert!(insert_job(tx.on(), plain()).unwrap_err().is_transaction_lost());
        });
        assert_eq!((db.jobs(), db.job(job.id)), (1, job));
    }
}

/// The statements of this crate that write several rows are undone alone.
#[test]
fn sqlite_a_job_that_does_not_fit_on_the_disk_leaves_the_transaction_as_it_was() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        prepare(db);
        db.committed(|tx| {
            insert_job(tx.on(), plain()).unwrap().into_job();
            let pages = limit_pages(tx, 0);
            let large = || plain().metadata(json!({"s": "x".repeat(1 << 19)}));
            for error in [
                insert_job(tx.on(), large()).unwrap_err(),
                insert_job(tx.on(), large().unique(Unique::new())).unwrap_err(),
                insert_many(tx.on(), [plain(), large()]).unwrap_err(),
                insert_many_fast(tx.on(), [plain(), large()]).unwrap_err(),
            ] {
                assert!(error.is_transient() && !error.is_transaction_lost(), "{error}");
            }
            limit_pages(tx, pages + 1000);
            insert_job(tx.on(), plain()).unwrap().into_job();
        });
        assert_eq!(db.jobs(), 2);
    });
}

/// A statement that had to wait too long is undone alone: the transaction is as it was before, and goes on. Unless the
/// server was started with `innodb_rollback_on_timeout`: then all is undone, and the next verb says so.
#[test]
fn mariadb_a_lock_that_did_not_come_loses_only_the_statement() {
    Db::run(Dialect::Mariadb, Place::Own, |db| {
        prepare(db);
        let loses_all = db.number("SELECT @@innodb_rollback_on_timeout") == 1;
        let mut other = db.mariadb();
        let mut holds = other.start_transaction(mysql::TxOpts::default()).unwrap();
        holds.query_drop("UPDATE lost_row SET n = 9 WHERE id = 1").unwrap();
        db.committed(|tx| {
            insert_job(tx.on(), plain()).unwrap().into_job();
            tx.execute("SET innodb_lock_wait_timeout = 0").unwrap();
            let error = tx.execute("UPDATE lost_row SET n = 8 WHERE id = 1").unwrap_err();
            assert!(error.is_transient() && !error.is_transaction_lost(), "{error}");
            let inserted = insert_job(tx.on(), plain());
            assert_eq!(inserted.is_err_and(|error| error.is_transaction_lost()), loses_all);
        });
        assert_eq!(db.jobs(), if loses_all { 0 } else { 2 });
    });
}

/// What a verb tries behind a savepoint, which then is gone with all the rest.
#[test]
fn mariadb_a_deadlock_over_a_unique_key_is_told_as_a_deadlock() {
    Db::run(Dialect::Mariadb, Place::Own, |db| {
        prepare(db);
        let cancelled = insert_job(&db.client, unique()).unwrap().into_job();
        let cancelled = cancel_job(&db.client, cancelled.id).unwrap();
        let _ = db.ended(End::Commit, |tx| {
            insert_job(tx.on(), plain()).unwrap().into_job();
            // Not `INSERT … SELECT`, which would lock the cancelled job itself.
            let key: String = cancelled.unique_key.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
            let hold = format!("INSERT INTO drip_job (kind, unique_key, unique_states) VALUES ('k', X'{key}', 255)");
            let error = deadlock(db, tx, &hold, |tx| retry_job(tx.on(), cancelled.id).unwrap_err());
            assert!(error.is_transient() && !error.is_transaction_lost() && !error.is_unique_conflict(), "{error}");
            assert!(retry_job(tx.on(), cancelled.id).unwrap_err().is_transaction_lost());
        });
        assert_eq!((db.jobs(), db.job(cancelled.id)), (1, cancelled));
    });
}

/// A deferred transaction that has read cannot write once another has; no busy timeout helps, beginning it otherwise
/// would have.
#[test]
fn sqlite_a_deferred_transaction_with_an_old_snapshot_is_told_how_to_begin() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        let jobs = Jobs::new(db);
        prepare(db);
        for (verb, run) in VERBS {
            let (error, ended) = db.ended(End::Rollback, |tx| {
                tx.number("SELECT count(*) FROM drip_job");
                db.execute(
                    "UPDATE drip_queue SET metadata = '{}'; INSERT INTO drip_queue (name) VALUES (hex(randomblob(9)))",
                );
                run(tx.on(), &jobs).expect_err(verb)
            });
            ended.unwrap();
            assert!(error.is_transient() && !error.is_unavailable() && !error.is_transaction_lost(), "{verb}: {error}");
            assert!(error.to_string().contains("IMMEDIATE"), "{verb}: {error}");
        }
    });
}

/// How the database ends a transaction, and the error that it tells so with.
type Lose = fn(&Db, &mut Tx<'_, '_>) -> Error;

fn ways(dialect: Dialect) -> &'static [(&'static str, Lose)] {
    match dialect {
        Dialect::Postgres => &[
            ("a statement that fails", |_, tx| tx.execute("SELECT 1 / 0").unwrap_err()),
            ("a constraint", |_, tx| tx.execute("INSERT INTO lost_row VALUES (1, 1)").unwrap_err()),
        ],
        Dialect::Mariadb => &[
            ("a deadlock, 1213", |db, tx| {
                deadlock(db, tx, "DO 0", |tx| tx.execute("UPDATE lost_row SET n = 1 WHERE id = 2").unwrap_err())
            }),
            ("a snapshot that is too old, 1020", |db, tx| {
                for statement in SNAPSHOT {
                    tx.execute(statement).unwrap();
                }
                db.execute("UPDATE lost_row SET n = n + 1 WHERE id = 2");
                tx.execute("UPDATE lost_row SET n = 7 WHERE id = 2").unwrap_err()
            }),
        ],
        _ => &[
            ("a full disk", |_, tx| {
                limit_pages(tx, 0);
                tx.execute("INSERT INTO lost_blob VALUES (zeroblob(1 << 24))").unwrap_err()
            }),
            ("an interrupt", |_, tx| interrupted(tx)),
            ("a conflict clause", |_, tx| tx.execute("INSERT OR ROLLBACK INTO lost_row VALUES (1, 1)").unwrap_err()),
        ],
    }
}

/// Begins a transaction that sees the database as it now is, whatever the server's default is.
const SNAPSHOT: [&str; 5] = [
    "ROLLBACK",
    "SET innodb_snapshot_isolation = ON",
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "BEGIN",
    "SELECT * FROM lost_row",
];

/// Tables of the application's own.
fn prepare(db: &Db) {
    db.execute("DROP TABLE IF EXISTS lost_row");
    db.execute("CREATE TABLE lost_row (id INTEGER PRIMARY KEY, n INTEGER)");
    let rows: Vec<String> = (1..50).map(|id| format!("({id}, 0)")).collect();
    db.execute(&format!("INSERT INTO lost_row VALUES {}", rows.join(", ")));
    if db.dialect == Dialect::Sqlite {
        db.execute("CREATE TABLE IF NOT EXISTS lost_blob (b BLOB)");
    }
    // One that can be resumed, and one that has been due since the database's own time.
    upsert_schedule(&db.client, schedule("lost").paused()).unwrap();
    db.execute("DELETE FROM drip_schedule WHERE name = 'due'");
    db.execute("INSERT INTO drip_schedule (name, every_ms, kind) VALUES ('due', 3600000, 'k')");
}

/// The connection's file may not grow further than that, or than it is; answers how many pages that are.
fn limit_pages(tx: &mut Tx<'_, '_>, pages: i64) -> i64 {
    let pages = pages.max(tx.number("PRAGMA page_count"));
    tx.execute(&format!("PRAGMA max_page_count = {pages}")).unwrap();
    pages
}

/// An endless statement, and a thread that interrupts it as soon as it has begun.
fn interrupted(tx: &mut Tx<'_, '_>) -> Error {
    let Open::Sqlite(sqlite) = &tx.open else { panic!("only SQLite can be interrupted") };
    let (handle, over) = (sqlite.get_interrupt_handle(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                handle.interrupt();
                thread::yield_now();
            }
        });
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n)
             INSERT INTO lost_row SELECT i, 0 FROM n";
        let error = loop {
            let error = tx.execute(endless).unwrap_err();
            // One that was interrupted before it had written anything has ended nothing.
            if matches!(&tx.open, Open::Sqlite(sqlite) if sqlite.is_autocommit()) {
                break error;
            }
        };
        over.store(true, Ordering::Relaxed);
        error
    })
}

/// The caller's transaction and another, which holds the other rows and more, each wait for what the other holds. The
/// other has written more, so that the one to be rolled back is the caller's.
fn deadlock(db: &Db, tx: &mut Tx<'_, '_>, hold: &str, last: impl FnOnce(&mut Tx<'_, '_>) -> Error) -> Error {
    tx.execute("UPDATE lost_row SET n = 1 WHERE id = 1").unwrap();
    let both_hold_one = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut conn = db.mariadb();
            let mut other = conn.start_transaction(mysql::TxOpts::default()).unwrap();
            other.query_drop("UPDATE lost_row SET n = 2 WHERE id > 1").unwrap();
            other.query_drop(hold).unwrap();
            both_hold_one.wait();
            other.query_drop("UPDATE lost_row SET n = 2 WHERE id = 1").unwrap();
            other.rollback().unwrap();
        });
        both_hold_one.wait();
        last(tx)
    })
}

/// The jobs that the verbs are tried on.
struct Jobs {
    waiting: Job,
    cancelled: Job,
    running: Job,
    held: Job,
}

impl Jobs {
    fn new(db: &Db) -> Jobs {
        let waiting = insert_job(&db.client, unique()).unwrap().into_job();
        let cancelled = insert_job(&db.client, plain()).unwrap().into_job();
        let cancelled = cancel_job(&db.client, cancelled.id).unwrap();
        insert_job(&db.client, plain().queue("run")).unwrap().into_job();
        let running = fetch_jobs(&db.client, "run", "worker", 1).unwrap().remove(0);
        let held = insert_job(&db.client, plain().pending()).unwrap().into_job();
        Jobs { waiting, cancelled, running, held }
    }

    /// As they stand, and how many there are in all; and how many queues.
    fn now(&self, db: &Db) -> ([Job; 4], i64, i64) {
        let queues = db.number("SELECT count(*) FROM drip_queue");
        ([&self.waiting, &self.cancelled, &self.running, &self.held].map(|job| db.job(job.id)), db.jobs(), queues)
    }
}

type Verb = fn(AnySession<'_>, &Jobs) -> drip::Result<()>;

const VERBS: &[(&str, Verb)] = &[
    ("insert_job", |on, _| insert_job(on, plain()).map(drop)),
    ("insert_job, unique", |on, _| insert_job(on, plain().unique(Unique::new())).map(drop)),
    ("insert_job, of a duplicate", |on, _| insert_job(on, unique()).map(drop)),
    ("insert_job, to replace", |on, _| {
        insert_job(on, unique().unique(Unique::new().on_duplicate(OnDuplicate::Replace))).map(drop)
    }),
    ("insert_many", |on, _| insert_many(on, (0..3).map(|_| plain())).map(drop)),
    ("insert_many, unique", |on, _| insert_many(on, [unique(), plain(), plain()]).map(drop)),
    ("insert_many_fast", |on, _| insert_many_fast(on, (0..3).map(|_| plain())).map(drop)),
    ("update_job", |on, jobs| update_job(on, jobs.waiting.id, JobUpdate::new().priority(4)).map(drop)),
    ("swap_job", |on, jobs| swap_job(on, jobs.waiting.id, |_| Ok(JobUpdate::new().priority(4))).map(drop)),
    ("record_output", |on, jobs| record_output(on, &jobs.running, json!(1)).map(drop)),
    ("release_job", |on, jobs| release_job(on, jobs.held.id).map(drop)),
    ("delete_job", |on, jobs| delete_job(on, jobs.waiting.id).map(drop)),
    ("delete_jobs", |on, _| delete_jobs(on, &JobFilter::new().states(State::ALL)).map(drop)),
    ("retain_jobs", |on, _| retain_jobs(later(on), &Retention::default()).map(drop)),
    ("rescue_overdue_jobs", |on, _| {
        rescue_overdue_jobs(later(on), &RescueAfter::new(Duration::from_secs(1))).map(drop)
    }),
    ("cancel_jobs", |on, _| cancel_jobs(on, &JobFilter::new().states(State::ALL)).map(drop)),
    ("discard_jobs", |on, _| discard_jobs(on, &JobFilter::new().states(State::ALL)).map(drop)),
    ("retry_jobs", |on, _| retry_jobs(on, &JobFilter::new().states(State::ALL)).map(drop)),
    ("fetch_jobs", |on, _| fetch_jobs(on, "default", "thief", 10).map(drop)),
    ("complete_job", |on, jobs| complete_job(on, &jobs.running).map(drop)),
    ("complete_job by id", |on, jobs| complete_job(on, jobs.running.id).map(drop)),
    ("fail_job", |on, jobs| fail_job(on, &jobs.running, "no").map(drop)),
    ("snooze_job", |on, jobs| snooze_job(on, &jobs.running, Duration::from_secs(60)).map(drop)),
    ("cancel_job", |on, jobs| cancel_job(on, jobs.waiting.id).map(drop)),
    ("discard_job", |on, jobs| discard_job(on, jobs.waiting.id).map(drop)),
    ("retry_job", |on, jobs| retry_job(on, jobs.cancelled.id).map(drop)),
    ("upsert_queue", |on, _| upsert_queue(on, "lost", json!({})).map(drop)),
    ("pause_queue", |on, _| pause_queue(on, "lost").map(drop)),
    ("resume_queue", |on, _| resume_queue(on, "lost").map(drop)),
    ("pause_all", |on, _| pause_all(on)),
    ("resume_all", |on, _| resume_all(on)),
    ("upsert_schedule", |on, _| upsert_schedule(on, schedule("lost")).map(drop)),
    ("pause_schedule", |on, _| pause_schedule(on, "lost").map(drop)),
    ("resume_schedule", |on, _| resume_schedule(on, "lost").map(drop)),
    ("run_schedule_now", |on, _| run_schedule_now(on, "lost").map(drop)),
    ("fire_schedules", |on, _| fire_schedules(on).map(drop)),
    ("delete_schedule", |on, _| delete_schedule(on, "lost").map(drop)),
];

fn schedule(name: &str) -> Schedule {
    Schedule::new(name, Rule::every("1h"), plain())
}

/// When everything has ended long ago, or runs for too long.
fn later(on: AnySession<'_>) -> AnySession<'_> {
    on.at("2040-01-01T00:00:00Z".parse().unwrap())
}

fn plain() -> NewJob {
    NewJob::new("plain", json!({}))
}

fn unique() -> NewJob {
    NewJob::new("unique", json!({"v": 2})).priority(2).unique(Unique::new())
}
