//! A search that takes too long is given up, and leaves the connection as it was.

use std::time::Duration;

use drip::{
    Client, Dialect, JobFilter, Listed, NewJob, Page, Result, State, cancel_jobs, count_jobs, delete_jobs,
    insert_many_fast, list_jobs,
};
use serde_json::json;

use crate::support::Db;

/// So many that nobody reads them in a millisecond.
const JOBS: i64 = 20_000;

/// One connection, which a search may use for a millisecond.
fn hasty(db: &Db) -> Client {
    insert_many_fast(&db.client, (0..JOBS).map(|n| NewJob::new("k", json!({})).tags([format!("t{n}")]))).unwrap();
    Client::builder().pool_size(1).search_timeout(Duration::from_millis(1)).connect(&db.url).unwrap()
}

/// What passes over every job.
fn nowhere() -> JobFilter {
    JobFilter::new().tag("none")
}

/// The same search on the same connection, as the application's own.
fn without_limit(db: &Db, client: &Client) -> Result<Listed> {
    let (filter, page) = (nowhere(), Page::default());
    match db.dialect {
        Dialect::Postgres => client.transaction(|tx: &mut ::postgres::Transaction| list_jobs(tx, &filter, page)),
        Dialect::Mariadb => client.transaction(|tx: &mut mysql::Transaction| list_jobs(tx, &filter, page)),
        _ => client.transaction(|tx: &mut rusqlite::Transaction| list_jobs(tx, &filter, page)),
    }
}

on_every_database! {
    fn every_verb_that_searches_gives_up_in_time_and_changes_nothing(db: &Db) {
        let client = hasty(db);
        let errors = [
            list_jobs(&client, &nowhere(), Page::default()).map(drop).unwrap_err(),
            count_jobs(&client, &nowhere()).map(drop).unwrap_err(),
            cancel_jobs(&client, &nowhere()).map(drop).unwrap_err(),
            delete_jobs(&client, &nowhere()).map(drop).unwrap_err(),
        ];
        for error in errors {
            assert!(error.is_timed_out() && !error.is_transient(), "{error}");
            assert!(error.to_string().starts_with("the search was given up after 1ms: narrow it"), "{error}");
        }
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'available'"), JOBS);
    }

    fn the_connection_has_all_its_time_again(db: &Db) {
        let client = hasty(db);
        let error = list_jobs(&client, &nowhere(), Page::default()).unwrap_err();
        assert!(error.is_timed_out(), "{error}");
        let found = without_limit(db, &client);
        assert_eq!(found.unwrap().jobs, []);
    }

    fn a_search_in_time_answers(db: &Db) {
        let client = Client::builder().search_timeout(Duration::from_secs(60)).connect(&db.url).unwrap();
        let job = db.insert(NewJob::new("k", json!({})).tags(["t"]));
        let filter = JobFilter::new().tag("t");
        assert_eq!(list_jobs(&client, &filter, Page::default()).unwrap().jobs, [job]);
        assert_eq!(cancel_jobs(&client, &filter).unwrap().changed, 1);
        assert_eq!(count_jobs(&client, &filter).unwrap().in_state(State::Cancelled).number, 1);
    }
}
