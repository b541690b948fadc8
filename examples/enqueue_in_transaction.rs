//! A job enqueued in a transaction that you opened yourself, on your own connection, with your own driver.
//!
//! `cargo run --example enqueue_in_transaction` uses a temporary SQLite file, with `DRIP_URL` the database that it names.

use drip::{Client, Context, Dialect, HandlerResult, NewJob, Worked, Worker};
use mysql::{TxOpts, prelude::Queryable};
use rusqlite::TransactionBehavior;
use serde_json::{Value, json};

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

const KIND: &str = "enqueue_welcome";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS enqueue_users (name VARCHAR(20) NOT NULL)";
const DROP: &str = "DROP TABLE enqueue_users";

fn welcome(name: &str) -> NewJob {
    NewJob::new(KIND, json!({"name": name})).queue("enqueue")
}

/// Saves a user and enqueues a job with the `postgres` crate; answers the job's id.
fn sign_up_on_postgres(connection: &mut postgres::Client, name: &str, commit: bool) -> Fallible<i64> {
    let mut tx = connection.transaction()?;
    tx.execute("INSERT INTO enqueue_users (name) VALUES ($1)", &[&name])?;
    let job = drip::insert_job(&mut tx, welcome(name))?.into_job();
    if commit {
        tx.commit()?; // dropped without this, it is rolled back
    }
    Ok(job.id)
}

/// The same with the `mysql` crate.
fn sign_up_on_mariadb(connection: &mut mysql::Conn, name: &str, commit: bool) -> Fallible<i64> {
    let mut tx = connection.start_transaction(TxOpts::default())?;
    tx.exec_drop("INSERT INTO enqueue_users (name) VALUES (?)", (name,))?;
    let job = drip::insert_job(&mut tx, welcome(name))?.into_job();
    if commit {
        tx.commit()?; // dropped without this, it is rolled back
    }
    Ok(job.id)
}

/// The same with the `rusqlite` crate. Immediate, because the transaction will write: a deferred one that has read before
/// may find itself overtaken by another writer, and fail.
fn sign_up_on_sqlite(connection: &mut rusqlite::Connection, name: &str, commit: bool) -> Fallible<i64> {
    let mut tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute("INSERT INTO enqueue_users (name) VALUES (?1)", [name])?;
    let job = drip::insert_job(&mut tx, welcome(name))?.into_job();
    if commit {
        tx.commit()?; // dropped without this, it is rolled back
    }
    Ok(job.id)
}

/// Signs up two users, and takes the second one back.
fn sign_up_two(client: &Client, mut sign_up: impl FnMut(&str, bool) -> Fallible<i64>) -> Fallible {
    for (name, commit) in [("Ada", true), ("Bob", false)] {
        let id = sign_up(name, commit)?;
        // By its kind as well: the id of a job that was rolled back may be another's by now.
        let found = drip::get_job(client, id)?.is_some_and(|job| job.kind == KIND);
        println!("{name}: is the user committed? {commit}; is there a job? {found}");
    }
    Ok(())
}

fn main() -> Fallible {
    let directory = tempfile::tempdir()?; // removed at the end
    let url = std::env::var("DRIP_URL").unwrap_or(format!("sqlite://{}/users.db", directory.path().display()));
    let client = Client::connect(&url)?;
    client.migrate()?;

    match client.dialect() {
        Dialect::Postgres => {
            let mut connection = postgres::Client::connect(&url, postgres::NoTls)?;
            connection.batch_execute(CREATE)?;
            sign_up_two(&client, |name, commit| sign_up_on_postgres(&mut connection, name, commit))?;
            connection.batch_execute(DROP)?;
        }
        Dialect::Mariadb => {
            let mut connection = mysql::Conn::new(url.replacen("mariadb:", "mysql:", 1).as_str())?;
            connection.query_drop(CREATE)?;
            sign_up_two(&client, |name, commit| sign_up_on_mariadb(&mut connection, name, commit))?;
            connection.query_drop(DROP)?;
        }
        _ => {
            let mut connection = rusqlite::Connection::open(url.trim_start_matches("sqlite://"))?;
            connection.execute_batch(CREATE)?;
            sign_up_two(&client, |name, commit| sign_up_on_sqlite(&mut connection, name, commit))?;
            connection.execute_batch(DROP)?;
        }
    }
    let welcome = |_: &Context, user: Value| -> HandlerResult {
        println!("worker: welcome, {}!", user["name"].as_str().ok_or("nobody is named")?);
        Ok(())
    };
    // What was committed is run: one job after the other, on this thread.
    let worker = Worker::new(&client).queue("enqueue").handle_kind(KIND, welcome);
    while worker.work_once()? != Worked::Nothing {}
    Ok(())
}
