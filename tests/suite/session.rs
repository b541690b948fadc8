//! Every verb takes whatever the application has: a client, a driver's transaction, a plain or a pooled connection. If
//! a transaction is open there, it takes part in it; otherwise it commits by itself.
//!
//! What it leaves alone is in `settings`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use drip::{
    Client, Dialect, Error, NewJob, Session, State, Unique, cancel_job, complete_job, fetch_jobs, get_job, insert_job,
    insert_many, list_queues,
};
use mysql::prelude::Queryable;
use serde_json::json;

use crate::support::{
    Db, End,
    pools::{MariadbManager, PostgresManager, SqliteManager, pool},
    watch::eventually,
};

/// What runs plain SQL on a connection of one driver.
type Run<'r, D> = &'r dyn Fn(&mut D, &str);

const RUN_POSTGRES: Run<'_, ::postgres::Client> = &|client, sql| client.batch_execute(sql).unwrap();
const RUN_MARIADB: Run<'_, mysql::Conn> = &|conn, sql| conn.query_drop(sql).unwrap();
const RUN_SQLITE: Run<'_, rusqlite::Connection> = &|conn, sql| conn.execute_batch(sql).unwrap();

on_every_database! {
    fn on_a_plain_connection_each_verb_commits_by_itself(db: &Db) {
        let jobs = match db.dialect {
            Dialect::Postgres => every_verb(&mut db.postgres()),
            Dialect::Mariadb => every_verb(&mut db.mariadb()),
            _ => every_verb(&mut db.sqlite()),
        };
        assert_eq!(db.jobs(), jobs);
    }

    fn on_a_plain_connection_with_an_open_transaction_a_verb_takes_part_in_it(db: &Db) {
        match db.dialect {
            Dialect::Postgres => {
                for begin in ["BEGIN", "BEGIN; SAVEPOINT a", "BEGIN ISOLATION LEVEL SERIALIZABLE"] {
                    takes_part(db, &mut db.postgres(), RUN_POSTGRES, begin);
                }
            }
            Dialect::Mariadb => {
                // The last opens none by itself: the first statement does.
                for begin in ["BEGIN", "START TRANSACTION", "SET autocommit = 0"] {
                    takes_part(db, &mut db.mariadb(), RUN_MARIADB, begin);
                }
            }
            _ => {
                for begin in ["BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "SAVEPOINT a"] {
                    takes_part(db, &mut db.sqlite(), RUN_SQLITE, begin);
                }
            }
        }
    }

    fn a_pooled_connection_is_as_good_as_a_plain_one(db: &Db) {
        let url = db.url.clone();
        let jobs = match db.dialect {
            Dialect::Postgres => {
                let pool = pool(PostgresManager(url), 1);
                takes_part(db, &mut pool.get().unwrap(), &|conn, sql| RUN_POSTGRES(&mut *conn, sql), "BEGIN");
                every_verb(&mut pool.get().unwrap())
            }
            Dialect::Mariadb => {
                let pool = pool(MariadbManager(url), 1);
                takes_part(db, &mut pool.get().unwrap(), &|conn, sql| RUN_MARIADB(&mut *conn, sql), "BEGIN");
                every_verb(&mut pool.get().unwrap())
            }
            _ => {
                let pool = pool(SqliteManager(url), 1);
                takes_part(db, &mut pool.get().unwrap(), &|conn, sql| RUN_SQLITE(&mut *conn, sql), "BEGIN");
                every_verb(&mut pool.get().unwrap())
            }
        };
        assert_eq!(db.jobs(), jobs);
    }

    fn in_the_drivers_transaction_every_verb_works_and_counts_when_that_commits(db: &Db) {
        for end in [End::Rollback, End::Commit] {
            let (jobs, ended) = db.ended(end, |tx| {
                let jobs = match &mut tx.open {
                    crate::support::Open::Postgres(tx) => every_verb(*tx),
                    crate::support::Open::Mariadb(tx) => every_verb(*tx),
                    crate::support::Open::Sqlite(tx) => every_verb(*tx),
                };
                assert_eq!(db.jobs(), 0);
                jobs
            });
            ended.unwrap();
            assert_eq!(db.jobs(), if end == End::Commit { jobs } else { 0 });
        }
    }

    fn what_a_savepoint_takes_back_it_takes_back_with_its_jobs(db: &Db) {
        db.committed(|tx| {
            insert_job(tx.on(), plain("before")).unwrap().into_job();
            tx.execute("SAVEPOINT a").unwrap();
            insert_job(tx.on(), plain("within")).unwrap().into_job();
            insert_job(tx.on(), plain("within").unique(Unique::new())).unwrap().into_job();
            insert_many(tx.on(), [plain("within"), plain("within")]).unwrap();
            tx.execute("ROLLBACK TO SAVEPOINT a").unwrap();
            assert!(!insert_job(tx.on(), plain("after").unique(Unique::new())).unwrap().is_duplicate());
        });
        assert_eq!(db.jobs(), 2);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE kind IN ('before', 'after')"), 2);
    }

    fn a_transaction_of_the_clients_commits_if_its_closure_answers_ok(db: &Db) {
        for client in clients(db) {
            let before = db.jobs();
            let kept: Result<i64, Refusal> = in_transaction(db, &client, |on| Ok(insert(on)));
            assert_eq!(db.job(kept.unwrap()).state, State::Available);
            let refused: Result<i64, Refusal> = in_transaction(db, &client, |on| {
                insert(on);
                Err(Refusal::TooMany)
            });
            assert!(matches!(refused, Err(Refusal::TooMany)), "{refused:?}");
            let body = |on: drip::AnySession<'_>| -> Result<(), Refusal> { panic!("after job {}", insert(on)) };
            let panics = || in_transaction(db, &client, body);
            let panicked = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
            assert!(panicked.downcast_ref::<String>().unwrap().starts_with("after job"));
            assert_eq!(db.jobs(), before + 1);
            // Neither has left anything behind that would be in the way of others.
            insert_job(&client, plain("afterwards")).unwrap().into_job();
            insert_job(&db.client, plain("afterwards")).unwrap().into_job();
            assert_eq!(db.jobs(), before + 3);
        }
    }

    fn a_closure_over_another_drivers_transaction_is_an_error_and_not_run(db: &Db) {
        let mut run = false;
        let answer: Result<(), Error> = match db.dialect {
            Dialect::Postgres => db.client.transaction(|_: &mut mysql::Transaction| {
                run = true;
                Ok(())
            }),
            Dialect::Mariadb => db.client.transaction(|_: &mut rusqlite::Transaction| {
                run = true;
                Ok(())
            }),
            _ => db.client.transaction(|_: &mut ::postgres::Transaction| {
                run = true;
                Ok(())
            }),
        };
        let error = answer.unwrap_err();
        assert!(error.to_string().contains("was asked of a client of another database"), "{error}");
        assert!(!run && !error.is_transient() && !error.is_invalid_input());
        insert_job(&db.client, plain("afterwards")).unwrap().into_job();
    }

    /// Where there is one writer, whoever holds its lock and waits for it would wait for ever.
    fn the_client_used_inside_its_own_transaction_is_told_so_or_is_another_transaction(db: &Db) {
        let answer: Result<(), Refusal> = in_transaction(db, &db.client, |on| {
            let within = insert(on);
            match insert_job(&db.client, plain("another")) {
                Ok(another) => assert_ne!(another.job().id, within),
                Err(error) => {
                    assert_eq!(db.dialect, Dialect::Sqlite);
                    assert!(error.to_string().contains("pass that transaction instead of the client"), "{error}");
                    assert!(!error.is_transient(), "to try again would not help");
                }
            }
            Err(Refusal::TooMany)
        });
        assert!(matches!(answer, Err(Refusal::TooMany)));
        assert_eq!(db.jobs(), if db.dialect == Dialect::Sqlite { 0 } else { 1 });
    }

    fn a_client_of_whatever_connections_runs_every_verb(db: &Db) {
        for client in clients(db) {
            assert_eq!(client.dialect(), db.dialect);
            let jobs = every_verb(&mut Through(&client));
            assert_eq!(db.jobs(), jobs);
            db.execute("DELETE FROM drip_job");
        }
    }

    fn a_pool_has_the_size_that_was_asked_for(db: &Db) {
        let short = std::time::Duration::from_millis(50);
        let client = Client::builder().pool_size(1).pool_timeout(short).connect(&db.url).unwrap();
        // A busy server may take longer for its one connection.
        eventually("the connection is open", || list_queues(&client).is_ok());
        let error = db.while_connected(&client, || {
            let client = client.clone();
            std::thread::spawn(move || insert_job(&client, plain("k"))).join().unwrap().unwrap_err()
        });
        assert!(error.is_unavailable() && error.is_transient() && error.to_string().contains("are in use"), "{error}");
        insert_job(&client, plain("k")).unwrap().into_job();
    }
}

#[test]
fn a_pool_that_cannot_reach_its_database_does_not_say_that_it_is_in_use() {
    let mut first = true;
    let attempts = std::sync::Mutex::new(move || std::mem::replace(&mut first, false));
    let connect = move || match (attempts.lock().unwrap())() {
        true => rusqlite::Connection::open_in_memory(),
        false => Err(rusqlite::Error::InvalidPath("moved.db".into())),
    };
    let client = Client::builder().pool_timeout(std::time::Duration::from_millis(50)).from_connector(connect).unwrap();
    // Of those that wait together, one is given the driver's own error.
    for _ in 0..2 {
        let error = list_queues(&client).unwrap_err();
        let text = error.to_string();
        assert!(error.is_unavailable() && text.contains("no connection to the database: "), "{text}");
        assert!(text.contains("moved.db") && !text.contains("are in use"), "{text}");
    }
}

#[test]
fn a_url_that_names_no_database_is_refused_and_holds_its_secret() {
    for (url, invalid) in [
        ("", true),
        ("redis://user:secret@host/0", true),
        ("postgres://user:secret@host:notaport/db", true),
        ("mariadb://user:secret@host:notaport/db", true),
        ("postgres://user:secret@127.0.0.1:1/db", false),
        ("mariadb://user:secret@127.0.0.1:1/db", false),
        ("sqlite:///nowhere/secret/app.db", false),
        ("sqlite://:memory:", true),
    ] {
        let error = Client::connect(url).unwrap_err();
        assert_eq!((error.is_invalid_input(), error.is_unavailable()), (invalid, !invalid), "{url}: {error}");
        assert!(url.starts_with("sqlite") || !format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
    let error = Client::from_connector(|| Err::<rusqlite::Connection, _>(rusqlite::Error::QueryReturnedNoRows));
    assert!(error.unwrap_err().to_string().contains("Query returned no rows"));
}

/// An error of the application's own.
#[derive(Debug)]
#[allow(dead_code)] // an error is there to be shown
enum Refusal {
    TooMany,
    Queue(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Queue(error)
    }
}

fn plain(kind: &'static str) -> NewJob {
    NewJob::new(kind, json!({}))
}

fn insert(on: drip::AnySession<'_>) -> i64 {
    insert_job(on, plain("within")).unwrap().job().id
}

/// Clients of all makes.
fn clients(db: &Db) -> [Client; 3] {
    let url = db.url.clone();
    let connected = match db.dialect {
        Dialect::Postgres => Client::from_connector(move || ::postgres::Client::connect(&url, ::postgres::NoTls)),
        Dialect::Mariadb => Client::from_connector(move || mysql::Conn::new(url.replace("mariadb", "mysql").as_str())),
        _ => Client::from_connector(move || rusqlite::Connection::open(url.trim_start_matches("sqlite://"))),
    };
    [db.client.clone(), db.pooled(2, db.clock.clone()), connected.unwrap()]
}

fn in_transaction<T, E: From<Error>>(
    db: &Db,
    client: &Client,
    body: impl FnOnce(drip::AnySession<'_>) -> Result<T, E>,
) -> Result<T, E> {
    match db.dialect {
        Dialect::Postgres => client.transaction(|tx: &mut ::postgres::Transaction| body(drip::AnySession::new(tx))),
        Dialect::Mariadb => client.transaction(|tx: &mut mysql::Transaction| body(drip::AnySession::new(tx))),
        _ => client.transaction(|tx: &mut rusqlite::Transaction| body(drip::AnySession::new(tx))),
    }
}

/// Somewhere verbs can run, again and again.
trait Place {
    fn on(&mut self) -> impl Session;
}

impl<D> Place for D
where
    for<'d> &'d mut D: Session,
{
    fn on(&mut self) -> impl Session {
        self
    }
}

struct Through<'c>(&'c Client);

impl Place for Through<'_> {
    fn on(&mut self) -> impl Session {
        self.0
    }
}

/// Runs each verb once; answers how many jobs that makes.
fn every_verb(place: &mut impl Place) -> i64 {
    let first = insert_job(place.on(), plain("first")).unwrap().into_job();
    assert_eq!(get_job(place.on(), first.id).unwrap(), Some(first.clone()));
    let many = insert_many(place.on(), [plain("many"), plain("many")]).unwrap();
    let unique = || plain("unique").unique(Unique::new().by_args()).queue("apart");
    let duplicate = insert_many(place.on(), [unique(), unique()]).unwrap();
    assert!(duplicate[1].is_duplicate());
    assert_eq!(cancel_job(place.on(), first.id).unwrap().state, State::Cancelled);
    let claimed = fetch_jobs(place.on(), "apart", "worker", 10).unwrap();
    assert_eq!((claimed.len(), claimed[0].id), (1, duplicate[0].job().id));
    assert_eq!(complete_job(place.on(), &claimed[0]).unwrap().state, State::Completed);
    assert_eq!(cancel_job(place.on(), duplicate[0].job().id).unwrap_err().state(), Some(State::Completed));
    assert_eq!(get_job(place.on(), many[1].job().id).unwrap().as_ref(), Some(many[1].job()));
    4
}

/// In a transaction that was opened by hand, verbs commit nothing by themselves.
fn takes_part<D>(db: &Db, conn: &mut D, run: Run<'_, D>, begin: &str)
where
    for<'d> &'d mut D: Session,
{
    run(conn, begin);
    insert_many(&mut *conn, [plain("first"), plain("first")]).unwrap();
    assert_eq!(db.jobs(), 0, "{begin}, and a verb that would open a transaction of its own");
    run(conn, "ROLLBACK");
    run(conn, begin);
    every_verb(&mut *conn);
    assert_eq!(db.jobs(), 0, "{begin}");
    run(conn, "ROLLBACK");
    assert_eq!(db.jobs(), 0, "{begin}");
    run(conn, begin);
    let jobs = every_verb(&mut *conn);
    run(conn, "COMMIT");
    assert_eq!(db.jobs(), jobs, "{begin}");
    run(conn, "BEGIN; DELETE FROM drip_job; COMMIT");
}
