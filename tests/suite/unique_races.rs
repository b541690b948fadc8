//! A unique job is there once, whoever inserts it at the same time and under whatever isolation; a duplicate spoils
//! nobody's transaction.

use std::{
    sync::{Barrier, mpsc},
    thread,
    time::Duration,
};

use drip::{
    Client, Dialect, Inserted, NewJob, OnDuplicate, State, Unique, Worker, cancel_job, insert_job, insert_many,
    promote_jobs,
};
use serde_json::json;

use crate::support::{Db, End, PATIENCE, Place, Watch, patiently, work::done};

const THREADS: usize = 16;
const SECOND: Duration = Duration::from_secs(1);

on_every_database_and_place! {
    fn of_sixteen_threads_one_inserts_and_all_are_given_that_job(db: &Db) {
        // Under a stricter isolation the caller's transaction may have to be run again.
        let answers = at_once(|_| match db.place {
            Place::Own => db.on(|on| insert_job(on, job())).unwrap(),
            Place::Callers => patiently(|| db.on(|on| insert_job(on, job()))),
        });
        assert_eq!(answers.iter().filter(|inserted| !inserted.is_duplicate()).count(), 1);
        let holder = db.job(answers[0].job().id);
        assert!(answers.iter().all(|inserted| *inserted.job() == holder));
        assert_eq!(db.jobs(), 1);
    }

    fn of_sixteen_batches_one_inserts_and_all_insert_their_others(db: &Db) {
        let plain = |n: usize| NewJob::new("plain", json!({"n": n}));
        let batch = |n| [plain(n), plain(n), job(), plain(n), plain(n)];
        // Under REPEATABLE READ, which is a caller's default on MariaDB, waiting for a key locks the gap before it.
        let answers = at_once(|n| match db.place {
            Place::Own => db.on(|on| insert_many(on, batch(n))).unwrap(),
            Place::Callers => patiently(|| db.on(|on| insert_many(on, batch(n)))),
        });
        assert_eq!(answers.iter().filter(|batch| !batch[2].is_duplicate()).count(), 1);
        assert!(answers.iter().all(|batch| batch[2].job() == answers[0][2].job()));
        for (n, batch) in answers.iter().enumerate() {
            assert!([0, 1, 3, 4].iter().all(|at| batch[*at].job().args().unwrap() == json!({"n": n})));
        }
        assert_eq!(db.jobs(), 1 + 4 * THREADS as i64);
    }
}

on_every_database! {
    fn a_duplicate_leaves_the_callers_transaction_usable(db: &Db) {
        db.execute("CREATE TABLE customer (id INTEGER)");
        let holder = insert_job(&db.client, job()).unwrap().into_job();
        let after = db.committed(|tx| {
            tx.execute("INSERT INTO customer VALUES (1)").unwrap();
            for on_duplicate in [OnDuplicate::Keep, OnDuplicate::Replace] {
                let duplicate = job().unique(Unique::new().on_duplicate(on_duplicate));
                assert_eq!(insert_job(tx.on(), duplicate.clone()).unwrap().job().id, holder.id);
                assert!(insert_many(tx.on(), [duplicate]).unwrap()[0].is_duplicate());
            }
            tx.execute("INSERT INTO customer VALUES (2)").unwrap();
            insert_job(tx.on(), NewJob::new("after", json!({}))).unwrap().into_job()
        });
        assert_eq!(db.job(after.id), after);
        assert_eq!((db.jobs(), db.number("SELECT count(*) FROM customer")), (2, 2));
    }

    fn whoever_waits_for_a_key_gets_it_if_its_transaction_is_rolled_back(db: &Db) {
        for end in [End::Rollback, End::Commit] {
            let kind = format!("{end:?}");
            let job = || NewJob::new(kind.clone(), json!({})).unique(Unique::new());
            let (begun, begins) = mpsc::channel();
            let (first, second) = thread::scope(|scope| {
                let job = &job;
                let (first, ended) = db.ended(end, |tx| {
                    let first = insert_job(tx.on(), job()).unwrap();
                    let second = scope.spawn(move || {
                        begun.send(()).unwrap();
                        insert_job(&db.client, job()).unwrap()
                    });
                    begins.recv().unwrap();
                    until_somebody_waits(db);
                    (first, second)
                });
                ended.unwrap();
                (first.0, first.1.join().unwrap())
            });
            assert!(!first.is_duplicate());
            assert_eq!(second.is_duplicate(), end == End::Commit, "{end:?}");
            // (SQLite takes the id of a job back that was rolled back.)
            assert!(end == End::Rollback || second.job() == first.job());
            assert_eq!(&db.job(second.job().id), second.job());
        }
        assert_eq!(db.jobs(), 2);
    }

    /// MariaDB: a waiting `INSERT … SELECT` would hold the lock in front of the table's ids.
    fn whoever_waits_for_a_key_holds_up_no_other_insert(db: &Db) {
        let plain = || NewJob::new("plain", json!({}));
        let (begun, begins) = mpsc::channel();
        thread::scope(|scope| {
            let waits = db.committed(|tx| {
                insert_job(tx.on(), job()).unwrap().into_job();
                let waits = scope.spawn(move || {
                    begun.send(()).unwrap();
                    insert_job(&db.client, job()).unwrap()
                });
                begins.recv().unwrap();
                until_somebody_waits(db);
                insert_job(tx.on(), plain()).unwrap().into_job();
                assert_eq!(insert_many(tx.on(), [plain(), plain().unique(Unique::new()), plain()]).unwrap().len(), 3);
                if db.dialect != Dialect::Sqlite {
                    insert_job(&db.client, plain()).unwrap().into_job();
                    assert_eq!(insert_many(&db.client, [plain(), plain()]).unwrap().len(), 2);
                }
                waits
            });
            assert!(waits.join().unwrap().is_duplicate());
        });
        assert_eq!(db.jobs(), if db.dialect == Dialect::Sqlite { 5 } else { 8 });
    }

    fn in_a_transaction_that_cannot_see_the_duplicate_there_still_is_only_one(db: &Db) {
        for (n, (dialect, level, answer)) in SNAPSHOTS.iter().enumerate() {
            if *dialect != db.dialect {
                continue;
            }
            for on_duplicate in [OnDuplicate::Keep, OnDuplicate::Replace] {
                let kind = format!("{n}{on_duplicate:?}");
                let unique = || Unique::new().on_duplicate(on_duplicate);
                let job = |v: i64| NewJob::new(kind.clone(), json!({"v": v})).unique(unique());
                let mut holder = None;
                let (inserted, _) = db.ended(End::Commit, |tx| {
                    for statement in *level {
                        tx.execute(statement).unwrap();
                    }
                    let seen = tx.number("SELECT count(*) FROM drip_job");
                    holder = Some(insert_job(&db.client, job(1)).unwrap().into_job());
                    let sees = tx.number("SELECT count(*) FROM drip_job") > seen;
                    let inserted = insert_job(tx.on(), job(2));
                    if inserted.is_ok() {
                        insert_job(tx.on(), NewJob::new("after", json!({}))).unwrap().into_job();
                    }
                    assert!(!sees || level.iter().any(|statement| statement.contains("COMMITTED")), "{level:?}");
                    inserted
                });
                let holder = holder.unwrap();
                match (answer, inserted) {
                    (Answer::Duplicate, Ok(Inserted::Duplicate(job))) => {
                        assert_eq!(job.id, holder.id, "{level:?}");
                        let v = if on_duplicate == OnDuplicate::Keep { 1 } else { 2 };
                        assert_eq!((job.args().unwrap(), db.job(job.id)), (json!({"v": v}), job), "{level:?}");
                    }
                    (Answer::Transient, Err(error)) => {
                        assert!(error.is_transient() && !error.is_transaction_lost(), "{level:?}: {error}");
                        assert_eq!(db.job(holder.id), holder, "{level:?}");
                    }
                    (_, other) => panic!("{level:?}, {on_duplicate:?}: {other:?}"),
                }
                assert_eq!(db.number(&format!("SELECT count(*) FROM drip_job WHERE kind = '{kind}'")), 1);
            }
        }
    }

    /// As a role or a database of somebody's may be set up. What the library opens itself does not depend on it.
    fn a_stricter_default_isolation_changes_nothing_in_the_librarys_own_transactions(db: &Db) {
        let client = match db.dialect {
            Dialect::Postgres => {
                let (_, database) = db.url.rsplit_once('/').unwrap();
                db.execute(&format!("ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'"));
                Client::connect(&db.url).unwrap()
            }
            Dialect::Mariadb => {
                let url = db.url.clone();
                Client::from_connector(move || {
                    let options = mysql::Opts::from_url(&url.replace("mariadb", "mysql"))?;
                    let options = mysql::OptsBuilder::from_opts(options);
                    mysql::Conn::new(options.init(vec!["SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"]))
                })
                .unwrap()
            }
            // It has one level.
            _ => db.client.clone(),
        };
        let answers = at_once(|_| insert_job(&client, job()).unwrap());
        assert_eq!(answers.iter().filter(|inserted| !inserted.is_duplicate()).count(), 1);
        assert_eq!(db.jobs(), 1);
    }

    /// A promotion of many is refused for the one whose key is taken in that very moment.
    fn a_job_that_comes_due_while_its_key_is_being_taken_waits_and_the_others_go(db: &Db) {
        if db.dialect == Dialect::Sqlite {
            return; // whose one writer is waited for
        }
        for by_worker in [false, true] {
            let kind = format!("due {by_worker}");
            let in_line = || NewJob::new(kind.clone(), json!({})).unique(Unique::new().by_states([State::Available]));
            let waiting = insert_job(&db.client, in_line().delay(SECOND)).unwrap().into_job();
            let other = insert_job(&db.client, NewJob::new("plain", json!({})).delay(2 * SECOND)).unwrap().into_job();
            db.clock.advance(3 * SECOND);
            let mut watch = Watch::new(&db.client);
            thread::scope(|scope| {
                let promoting = db.committed(|tx| {
                    insert_job(tx.on(), in_line()).unwrap().into_job();
                    let promote = || match by_worker {
                        true => Worker::new(&db.client).handle_kind("plain", done).start().map(|running| (0, Some(running))),
                        false => promote_jobs(&db.client).map(|promoted| (promoted, None)),
                    };
                    let promoting = scope.spawn(promote);
                    until_somebody_waits(db);
                    promoting
                });
                match promoting.join().unwrap().unwrap() {
                    (_, Some(running)) => {
                        watch.until_state(other.id, State::Completed);
                        assert!(running.stop(PATIENCE).is_clean());
                    }
                    (promoted, None) => {
                        assert_eq!((promoted, db.job(other.id).state), (1, State::Available));
                        cancel_job(&db.client, other.id).unwrap();
                    }
                }
            });
            assert_eq!(db.job(waiting.id).state, State::Scheduled, "{kind}");
        }
    }
}

/// What an insert answers whose duplicate was committed after the transaction's snapshot.
#[derive(Debug)]
enum Answer {
    Duplicate,
    Transient,
}

/// How a transaction begins, after its driver has opened it.
const SNAPSHOTS: &[(Dialect, &[&str], Answer)] = &[
    (Dialect::Postgres, &["SET TRANSACTION ISOLATION LEVEL READ COMMITTED"], Answer::Duplicate),
    (Dialect::Postgres, &["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"], Answer::Transient),
    (Dialect::Postgres, &["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"], Answer::Transient),
    (Dialect::Mariadb, &MARIADB_COMMITTED, Answer::Duplicate),
    (Dialect::Mariadb, &MARIADB_SNAPSHOTS[0], Answer::Duplicate),
    // The default of 11.6 and later.
    (Dialect::Mariadb, &MARIADB_SNAPSHOTS[1], Answer::Transient),
    (Dialect::Sqlite, &[], Answer::Transient),
];

const MARIADB_SNAPSHOTS: [[&str; 4]; 2] = [
    ["SET SESSION innodb_snapshot_isolation = OFF", "ROLLBACK", REPEATABLE_READ, "BEGIN"],
    ["SET SESSION innodb_snapshot_isolation = ON", "ROLLBACK", REPEATABLE_READ, "BEGIN"],
];

const REPEATABLE_READ: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";

const MARIADB_COMMITTED: [&str; 3] = ["ROLLBACK", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN"];

/// The same job whoever inserts it.
fn job() -> NewJob {
    NewJob::new("k", json!({"v": 1})).unique(Unique::new())
}

/// Runs `work` in all threads at once.
fn at_once<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        let run = |n| {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                work(n)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Until the database says that a transaction waits for another; SQLite does not know.
fn until_somebody_waits(db: &Db) {
    let waiting = match db.dialect {
        Dialect::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        }
        // innodb_trx knows better, but shows nothing new to whoever asks more often than every 100 ms.
        Dialect::Mariadb => {
            "SELECT count(*) FROM information_schema.processlist
             WHERE db = database() AND command = 'Execute' AND state LIKE 'Updat%' AND time_ms > 50"
        }
        _ => return,
    };
    while db.number(waiting) == 0 {
        thread::yield_now();
    }
}
