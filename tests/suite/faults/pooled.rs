//! Behind a pooler that lends each connection for the length of a transaction, and keeps no prepared statements.

use drip::{
    Client, Dialect, JobFilter, NewJob, OnDuplicate, Page, State, Unique, cancel_jobs, complete_job, fail_job,
    fetch_jobs, insert_job, insert_many, insert_many_fast, list_jobs, retry_jobs,
};
use serde_json::json;

use crate::support::{Db, Place, Proxy, jobs::failure};

fn job(n: usize) -> NewJob {
    NewJob::new(format!("kind {n}"), json!({}))
}

fn all() -> JobFilter {
    JobFilter::new().states(State::ALL)
}

fn on_postgres(test: fn(&Db)) {
    Db::run(Dialect::Postgres, Place::Own, test);
}

/// Two connections come and go between two clients: no two transactions in a row find the same.
#[test]
fn postgres_transactions_of_the_applications_own_take_every_verb() {
    on_postgres(|db| {
        let (_proxy, url) = Proxy::pooling(&db.url);
        let _other = Db::at(&url).postgres();
        let mut client = Db::at(&url).postgres();
        for round in 1..=3 {
            let mut backends = Vec::new();
            for verbs in 0..4 {
                let mut tx = client.transaction().unwrap();
                backends.push(tx.query_one("SELECT pg_backend_pid()", &[]).unwrap().get::<_, i32>(0));
                match verbs {
                    0 => {
                        insert_job(&mut tx, job(round).unique(Unique::new())).unwrap().into_job();
                        insert_many(&mut tx, [job(round), job(round)]).unwrap();
                        assert_eq!(insert_many_fast(&mut tx, [job(round)]).unwrap(), 1);
                        let replacing = Unique::new().on_duplicate(OnDuplicate::Replace);
                        assert!(insert_job(&mut tx, job(round).priority(2).unique(replacing)).unwrap().is_duplicate());
                    }
                    1 => {
                        let [first, second] = &fetch_jobs(&mut tx, "default", "worker", 2).unwrap()[..] else {
                            panic!()
                        };
                        complete_job(&mut tx, first).unwrap();
                        fail_job(&mut tx, second, failure("no")).unwrap();
                    }
                    2 => drop(cancel_jobs(&mut tx, &all()).unwrap()),
                    _ => {
                        assert_eq!(list_jobs(&mut tx, &all(), Page::newest_first()).unwrap().jobs.len(), 4 * round);
                        retry_jobs(&mut tx, &all().state(State::Pending)).unwrap();
                    }
                }
                tx.commit().unwrap();
            }
            assert!(backends.windows(2).all(|pair| pair[0] != pair[1]), "{backends:?}");
        }
        assert_eq!((db.jobs(), db.number("SELECT count(*) FROM drip_job WHERE state = 'completed'")), (12, 3));
    });
}

/// Its statements are prepared once, on a connection that somebody else then has.
#[test]
fn postgres_a_client_says_why_it_does_not_work() {
    on_postgres(|db| {
        let (_proxy, url) = Proxy::pooling(&db.url);
        let _other = Db::at(&url).postgres();
        let client = Client::connect(&url).unwrap();
        let refusals: Vec<_> = (0..4).filter_map(|n| insert_job(&client, job(n)).err()).collect();
        assert!(!refusals.is_empty());
        assert!(
            refusals.iter().all(|error| error.to_string().contains("a pooler in transaction mode")),
            "{refusals:?}"
        );
        assert!(refusals.iter().all(|error| !error.is_transient() && !error.is_invalid_input()), "{refusals:?}");
        assert_eq!(db.jobs(), 4 - refusals.len() as i64);
    });
}
