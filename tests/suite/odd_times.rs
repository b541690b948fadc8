//! Plain SQL writes times that no verb would: one row of them neither hides the others nor stops a queue.

use drip::{Dialect, JobFilter, Page, State, cancel_job, fetch_jobs, get_job, list_jobs};
use mysql::prelude::Queryable;

use crate::support::{Db, Place};

/// Times that this database takes, from the earliest to the latest, and as which of ours they are read.
fn odd(dialect: Dialect) -> &'static [(&'static str, &'static str)] {
    const FIRST: &str = "0001-01-01T00:00:00Z";
    const LAST: &str = "9999-12-30T22:00:00.999999Z";
    match dialect {
        Dialect::Postgres => {
            &[("-infinity", FIRST), ("4000-01-01 BC", FIRST), ("9999-12-31 00:00Z", LAST), ("infinity", LAST)]
        }
        Dialect::Mariadb => &[
            ("0000-00-00 00:00:00", FIRST),
            ("2000-02-00 23:00:00", "2000-02-01T23:00:00Z"),
            ("9999-12-31 23:59:59.999999", LAST),
        ],
        _ => &[
            ("0000-00-00T00:00:00.000000Z", FIRST),
            ("2001-02-31T29:59:59.000001Z", "2001-02-28T23:59:59.000001Z"),
            ("9999-12-31T23:59:59.999999Z", LAST),
        ],
    }
}

/// A job that is scheduled for then.
fn insert(db: &Db, state: State, time: &str) {
    let mode = "SET sql_mode = 'ALLOW_INVALID_DATES'";
    let insert = format!("INSERT INTO drip_job (kind, state, scheduled_at) VALUES ('k', '{state}', '{time}')");
    match db.dialect {
        Dialect::Mariadb => {
            let mut connection = db.mariadb();
            connection.query_drop(mode).unwrap();
            connection.query_drop(insert).unwrap();
        }
        _ => db.execute(&insert),
    }
}

on_every_database! {
    fn such_a_job_is_listed_claimed_and_cancelled_with_the_others(db: &Db) {
        let times = odd(db.dialect);
        times.iter().for_each(|(time, _)| insert(db, State::Available, time));
        times.iter().for_each(|(time, _)| insert(db, State::Scheduled, time));
        let listed = list_jobs(&db.client, &JobFilter::new(), Page::oldest_first()).unwrap().jobs;
        let read: Vec<String> = listed.iter().map(|job| job.scheduled_at.to_string()).collect();
        assert_eq!(read, times.iter().chain(times).map(|(_, read)| *read).collect::<Vec<_>>());
        // What lies in the future is not due, wherever that is.
        let due = times.iter().filter(|(_, read)| !read.starts_with("9999")).count();
        assert_eq!(fetch_jobs(&db.client, "default", "w", 10).unwrap().len(), due);
        for job in &listed {
            assert_eq!(get_job(&db.client, job.id).unwrap().unwrap().scheduled_at, job.scheduled_at);
            assert_eq!(cancel_job(&db.client, job.id).unwrap().scheduled_at, job.scheduled_at);
        }
    }
}

/// It is read as the end of all times at which it stands when it is compared.
#[test]
fn what_is_no_time_at_all_neither_hides_its_job_nor_stops_the_queue() {
    Db::run(Dialect::Sqlite, Place::Own, |db| {
        let never = "never".repeat(6)[..27].to_owned();
        db.execute("INSERT INTO drip_job (kind, attempted_at) VALUES ('k', 'never')");
        db.execute(&format!("INSERT INTO drip_job (kind, expires_at) VALUES ('k', '{never}')"));
        let listed = list_jobs(&db.client, &JobFilter::new(), Page::oldest_first()).unwrap().jobs;
        let last = "9999-12-30T22:00:00.999999Z".parse().unwrap();
        assert_eq!((listed[0].attempted_at, listed[1].expires_at), (Some(last), Some(last)));
        let ids: Vec<i64> = fetch_jobs(&db.client, "default", "w", 10).unwrap().iter().map(|job| job.id).collect();
        assert_eq!(ids, [1, 2]);
    });
}
