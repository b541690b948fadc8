//! Where the settings of a database leave a queue no room, it says so, does nothing by halves, and goes on afterwards.
//!
//! What merely is unusual is in `settings.rs`, and the whole suite runs under such defaults by `tests/hostile`.

use drip::{Client, Dialect, Error, NewJob, insert_job};
use serde_json::json;

use crate::support::{Db, Place};

fn insert(client: &Client) -> drip::Result<()> {
    insert_job(client, NewJob::new("k", json!({}))).map(|_| ())
}

/// A setting of the database for all connections that are yet to be opened.
fn alter(db: &Db, what: &str) {
    let name = db.texts("SELECT current_database()::text").remove(0);
    let mut admin = db.postgres();
    admin.batch_execute("SET default_transaction_read_only = off").unwrap();
    admin.batch_execute(&format!("ALTER DATABASE {name} {what}")).unwrap();
}

fn refused(answer: drip::Result<()>, words: &str) -> Error {
    let error = answer.unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    error
}

#[test]
fn postgres_without_a_search_path_has_no_place_for_the_schema() {
    Db::run(Dialect::Postgres, Place::Own, |db| {
        let empty = db.unmigrated();
        for db in [db, &empty] {
            alter(db, "SET search_path = ''");
            let client = Client::connect(&db.url).unwrap();
            assert!(insert(&client).unwrap_err().is_not_migrated());
            refused(client.migrate(), "no schema has been selected");
            assert_eq!(client.schema_version().unwrap(), 0);
            alter(db, "RESET search_path");
            let client = Client::connect(&db.url).unwrap();
            client.migrate().unwrap();
            insert(&client).unwrap();
            assert_eq!(db.jobs(), 1);
        }
    });
}

#[test]
fn postgres_that_only_reads_is_away_until_it_writes_again() {
    Db::run(Dialect::Postgres, Place::Own, |db| {
        alter(db, "SET default_transaction_read_only = on");
        let client = Client::connect(&db.url).unwrap();
        assert!(refused(insert(&client), "read-only").is_unavailable());
        assert_eq!(drip::list_queues(&client).unwrap(), []);
        alter(db, "RESET default_transaction_read_only");
        insert(&Client::connect(&db.url).unwrap()).unwrap();
        assert_eq!(db.jobs(), 1);
    });
}

#[test]
fn sqlite_that_may_not_grow_says_that_it_is_full() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        let mut conn = db.sqlite();
        conn.execute_batch("PRAGMA max_page_count = 1").unwrap(); // which is to say: none besides those that there are
        let large = || NewJob::new("k", json!({"text": "x".repeat(200_000)}));
        let refused = insert_job(&mut conn, large()).unwrap_err();
        assert!(refused.to_string().contains("full"), "{refused}");
        assert_eq!(db.jobs(), 0);
        conn.execute_batch("PRAGMA max_page_count = 1000000").unwrap();
        insert_job(&mut conn, large()).unwrap();
        assert_eq!(db.jobs(), 1);
    });
}
