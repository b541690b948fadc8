//! Runs that take long, in processes that live or do not.

use std::time::Duration;

use drip::{Dialect, State};

use super::{SECOND, expired_job};
use crate::support::{
    Db,
    process::{self, Process},
    upkeep::{LEASE, expiring, stop},
    watch::eventually,
};

const URL: &str = "DRIP_TEST_TIMETABLE_URL";

/// Does what is to be done, until it is killed.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn maintaining_process() {
    let Ok(url) = std::env::var(URL) else { return };
    let db = Db::at(&url);
    let maintenance = expiring(&db.client).start().unwrap();
    process::ready();
    stop(&maintenance);
}

/// Runs `during` while nobody can change this job.
fn locked(db: &Db, id: i64, during: impl FnOnce()) {
    let lock = format!("SELECT id FROM drip_job WHERE id = {id} FOR UPDATE");
    match db.dialect {
        Dialect::Postgres => {
            let mut conn = db.postgres();
            let mut tx = conn.transaction().unwrap();
            tx.batch_execute(&lock).unwrap();
            during();
        }
        _ => {
            let mut conn = db.mariadb();
            let mut tx = conn.start_transaction(mysql::TxOpts::default()).unwrap();
            mysql::prelude::Queryable::query_drop(&mut tx, lock).unwrap();
            during();
        }
    }
}

on_every_server! {
    fn a_process_that_is_killed_in_the_middle_of_a_run_is_replaced(db: &Db) {
        let id = expired_job(db);
        // The child's clock stands where this one began.
        db.execute(&format!("UPDATE drip_job SET expires_at = created_at WHERE id = {id}"));
        locked(db, id, || {
            let child = Process::start("timetable::long_runs::maintaining_process", &[(URL, db.url.clone())]);
            eventually("the run is under way", || db.task("expire").is_some_and(|info| info.runner.is_some()));
            child.kill();
        });
        let maintenance = expiring(&db.client).start().unwrap();
        db.clock.advance(LEASE - Duration::from_micros(1));
        assert_eq!(db.task("expire").unwrap().runs, 1);
        db.clock.advance(Duration::from_micros(1));
        assert_eq!(db.until_run("expire", 2).changed, Some(1));
        assert_eq!(db.job(id).state, State::Discarded);
        stop(&maintenance);
    }

    /// It is one statement that waits: another thread says that the process lives.
    fn a_run_that_takes_longer_than_its_lease_is_not_taken_over(db: &Db) {
        let id = expired_job(db);
        db.clock.advance(SECOND);
        let mut started = Vec::new();
        locked(db, id, || {
            started.push(expiring(&db.client).start().unwrap());
            eventually("the run is under way", || db.task("expire").is_some_and(|info| info.runner.is_some()));
            started.push(expiring(&db.another_client()).start().unwrap());
            for _ in 0..10 {
                db.clock.advance(LEASE / 2);
                let lease = db.clock.now() + jiff::SignedDuration::try_from(LEASE).unwrap();
                eventually("it is kept", || db.task("expire").is_some_and(|info| info.lease_until == Some(lease)));
            }
            let info = db.task("expire").unwrap();
            assert_eq!((info.runs, info.runner.as_deref()), (1, Some(started[0].id())));
        });
        db.until_run("expire", 1);
        started.iter().for_each(stop);
        assert_eq!(db.job(id).state, State::Discarded);
    }
}
