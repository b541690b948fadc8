//! Indexes are built anew where the database can do that beside others, and what a run that failed has left goes away.

use drip::{Dialect, Event, NewJob, insert_many, list_tasks, reindex};
use serde_json::json;

use crate::support::{
    Db, Place, Watch,
    upkeep::{INTERVAL, idle, stop},
};

/// The indexes of a database, each with whether it can be used and the file that it is in.
fn indexes(db: &Db) -> Vec<String> {
    db.texts(
        "SELECT relname || ' ' || indisvalid || ' ' || pg_relation_filenode(oid) FROM pg_index JOIN pg_class ON oid = indexrelid
         WHERE relnamespace = 'public'::regnamespace ORDER BY relname",
    )
}

/// An index as a REINDEX CONCURRENTLY leaves it that was broken off.
fn leave_invalid(db: &Db, name: &str, on: &str) {
    db.execute(&format!(
        "CREATE INDEX {name} ON {on}; UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass"
    ));
}

fn names(indexes: &[String]) -> Vec<&str> {
    indexes.iter().map(|index| index.split(' ').next().unwrap()).collect()
}

/// PostgreSQL learnt this with version 12.
fn is_too_old(db: &Db) -> bool {
    db.dialect == Dialect::Postgres && !db.is_postgres_since(12)
}

on_every_database! {
    fn indexes_are_built_anew_where_that_can_be_done_beside_others(db: &Db) {
        insert_many(&db.client, (0..100).map(|n| NewJob::new("k", json!({"n": n})))).unwrap();
        let answer = reindex(&db.client);
        if is_too_old(db) {
            assert!(answer.unwrap_err().to_string().contains("PostgreSQL 12 or newer"));
            return;
        }
        let answer = answer.unwrap();
        match db.dialect {
            Dialect::Postgres => {
                let of_jobs = ["claim", "due", "expiring", "final", "kind", "pkey", "state", "unique"];
                assert!(of_jobs.iter().all(|index| answer.contains(&format!("drip_job_{index}"))), "{answer:?}");
                assert!(answer.iter().all(|index| index.starts_with("drip_")), "{answer:?}");
            }
            _ => assert_eq!(answer, Vec::<String>::new()),
        }
        assert_eq!(drip::fetch_jobs(&db.client, "default", "worker", 100).unwrap().len(), 100);
    }

    fn it_is_not_done_unless_that_is_asked_for(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let never = idle(&db.client).start().unwrap();
        stop(&never);
        assert_eq!(list_tasks(&db.client).unwrap(), []);
        let maintenance = idle(&db.client).reindex_interval(INTERVAL).start().unwrap();
        if is_too_old(db) {
            watch.until(|event| matches!(event, Event::MaintenanceFailed { task, .. } if task == "reindex"));
        } else if db.dialect == Dialect::Postgres {
            watch.until(|event| matches!(event, Event::Maintained { task, changed, .. } if task == "reindex" && *changed >= 8));
            assert!(db.until_run("reindex", 1).error.is_none());
        }
        stop(&maintenance);
        assert_eq!(db.task("reindex").is_some(), db.dialect == Dialect::Postgres);
    }
}

#[test]
fn what_a_run_that_failed_has_left_of_our_indexes_goes_away_and_nothing_else() {
    Db::run(Dialect::Postgres, Place::Own, |db| {
        if is_too_old(db) {
            return;
        }
        db.execute("CREATE TABLE drip_mine (a bigint PRIMARY KEY); CREATE INDEX mine ON drip_job (attempt)");
        let before = indexes(db);
        leave_invalid(db, "drip_job_kind_ccnew", "drip_job (kind, id)");
        leave_invalid(db, "drip_job_due_ccold1", "drip_job (scheduled_at)");
        // The application's own, however they are called, and one that is in use.
        leave_invalid(db, "mine_ccnew", "drip_job (attempt)");
        leave_invalid(db, "drip_mine_ccnew", "drip_mine (a)");
        db.execute("CREATE INDEX drip_job_mine_ccnew ON drip_job (attempt)");
        let answer = reindex(&db.client).unwrap();
        let after = indexes(db);
        let mut expected = names(&before);
        expected.extend(["mine_ccnew", "drip_mine_ccnew", "drip_job_mine_ccnew"]);
        expected.sort_unstable();
        let mut left = names(&after);
        left.sort_unstable();
        assert_eq!(left, expected);
        for index in &before {
            let name = index.split(' ').next().unwrap();
            let is_ours = name.starts_with("drip_") && name != "drip_mine_pkey" && !name.starts_with("drip_migration");
            assert_eq!(!after.contains(index), is_ours, "{index} is built anew: {after:?}");
            assert_eq!(answer.contains(&name.to_owned()), is_ours, "{answer:?}");
        }
    });
}

/// Somebody holds a lock that the server does not wait for: the failure is told, and what it left is gone after the next run.
#[test]
fn a_run_that_fails_is_told_and_made_good_by_the_next() {
    Db::run(Dialect::Postgres, Place::Own, |db| {
        if is_too_old(db) {
            return;
        }
        let names_before = indexes(db).len();
        let client = {
            let url = db.url.clone();
            let connect = move || {
                let mut client = ::postgres::Client::connect(&url, ::postgres::NoTls)?;
                client.batch_execute("SET lock_timeout = '200ms'")?;
                Ok::<_, ::postgres::Error>(client)
            };
            drip::Client::builder().clock(db.clock.clone()).from_connector(connect).unwrap()
        };
        let mut watch = Watch::new(&client);
        let mut other = db.postgres();
        let mut tx = other.transaction().unwrap();
        tx.batch_execute("INSERT INTO drip_job (kind) VALUES ('k')").unwrap();
        let maintenance = idle(&client).reindex_interval(INTERVAL).start().unwrap();
        watch.until(|event| matches!(event, Event::MaintenanceFailed { task, .. } if task == "reindex"));
        assert!(db.until_run("reindex", 1).error.is_some());
        tx.rollback().unwrap();
        assert!(indexes(db).len() > names_before, "nothing was left by the failure");
        db.clock.advance(INTERVAL);
        assert!(db.until_run("reindex", 2).error.is_none());
        assert_eq!(indexes(db).len(), names_before);
        stop(&maintenance);
    });
}
