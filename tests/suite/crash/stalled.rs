//! What keeps hearts from beating, or watchers from seeing it, kills nobody.

use std::time::Instant;

use drip::{Client, Dialect, Event, State, list_workers, renew_lease};
use mysql::prelude::Queryable;

use super::{SECOND, child, died, ended_well, insert, prepare, until_beaten, until_begun, worker};
use crate::support::{
    Db, End, Proxy, Watch,
    watch::{PATIENCE, eventually},
    work::done,
};

fn is_death(event: &Event) -> bool {
    matches!(event, Event::WorkerDied { .. } | Event::TakenForDead { .. })
}

fn pass(span: std::time::Duration) {
    let began = Instant::now();
    eventually("time passes", || began.elapsed() > span);
}

/// Nobody reads or writes jobs while `work` runs.
fn with_jobs_locked(db: &Db, work: impl FnOnce()) {
    if db.dialect == Dialect::Postgres {
        let mut connection = db.postgres();
        let mut tx = connection.transaction().unwrap();
        tx.batch_execute("LOCK TABLE drip_job IN ACCESS EXCLUSIVE MODE").unwrap();
        work();
        tx.commit().unwrap();
    } else {
        let mut connection = db.mariadb();
        connection.query_drop("LOCK TABLES drip_job WRITE").unwrap();
        work();
        connection.query_drop("UNLOCK TABLES").unwrap();
    }
}

on_every_server! {
    fn workers_that_were_without_their_database_do_not_bury_each_other(db: &Db) {
        let lease = 2 * SECOND;
        let workers = [(); 2].map(|()| {
            let (proxy, url) = Proxy::before(&db.url);
            let client = Client::connect(&url).unwrap();
            let watch = Watch::new(&client);
            (worker(&client, lease).handle_kind("work", done).start().unwrap(), watch, proxy)
        });
        workers.iter().for_each(|(running, ..)| until_beaten(db, running.id(), 2));
        workers.iter().for_each(|(.., proxy)| proxy.take_away());
        pass(3 * SECOND);
        // The first has it back, and has looked around, before the other.
        for (running, _, proxy) in &workers {
            proxy.give_back();
            until_beaten(db, running.id(), 2);
        }
        workers.iter().for_each(|(running, ..)| until_beaten(db, running.id(), 7));
        for (running, mut watch, _proxy) in workers {
            assert_eq!(watch.count(is_death), 0);
            assert!(running.stop(PATIENCE).is_clean());
        }
    }

    /// The watcher's own heart has beaten, and then its look at the others takes longer than their lease.
    fn a_look_that_takes_longer_than_a_lease_buries_nobody(db: &Db) {
        let client = Client::connect(&db.url).unwrap();
        let mut watch = Watch::new(&client);
        let watching = worker(&client, SECOND / 2).handle_kind("work", done).start().unwrap();
        renew_lease(&client, "by hand", 3 * SECOND).unwrap();
        until_beaten(db, watching.id(), 3);
        with_jobs_locked(db, || pass(4 * SECOND));
        until_beaten(db, watching.id(), 3);
        assert_eq!(watch.count(is_death), 0);
        // It is missed in the end.
        assert_eq!(died(&mut watch, "by hand"), 0);
        assert!(watching.stop(PATIENCE).is_clean());
    }

    /// Between the look at the others and the burial.
    fn a_heart_that_beats_while_its_worker_is_about_to_be_buried_saves_it(db: &Db) {
        let client = Client::connect(&db.url).unwrap();
        let mut watch = Watch::new(&client);
        let watching = worker(&client, 3 * SECOND).handle_kind("work", done).start().unwrap();
        renew_lease(&client, "by hand", 1000 * SECOND).unwrap();
        until_beaten(db, watching.id(), 3);
        with_jobs_locked(db, || {
            db.execute("UPDATE drip_worker SET lease_ms = 100 WHERE id = 'by hand'");
            // Two beats long: it sees that the lease is over, and has yet to learn who has jobs and no row.
            pass(SECOND);
            renew_lease(&client, "by hand", 1000 * SECOND).unwrap();
        });
        until_beaten(db, watching.id(), 3);
        assert_eq!(watch.count(is_death), 0);
        assert_eq!(list_workers(&client).unwrap().len(), 2);
        assert!(watching.stop(PATIENCE).is_clean());
    }

    fn a_lease_that_is_being_renewed_for_long_stops_no_heart(db: &Db) {
        let client = Client::connect(&db.url).unwrap();
        let mut watch = Watch::new(&client);
        renew_lease(&client, "by hand", SECOND).unwrap();
        let watching = worker(&client, SECOND).handle_kind("work", done).start().unwrap();
        db.ended_by(|_| End::Commit, |tx| {
            renew_lease(tx.on(), "by hand", SECOND).unwrap();
            until_beaten(db, watching.id(), 20);
        }).1.unwrap();
        assert_eq!(watch.count(is_death), 0);
        assert_eq!(died(&mut watch, "by hand"), 0);
        assert!(watching.stop(PATIENCE).is_clean());
    }

    /// The database keeps a transaction open whose process is frozen, and whose job is settled already.
    fn a_row_that_a_dead_worker_keeps_locked_stops_neither_hearts_nor_other_jobs(db: &Db) {
        let client = prepare(db);
        let jobs = insert(&client, &["settle", "hold", "hold"]);
        let mut process = child::start(db, SECOND, PATIENCE);
        until_begun(db, 3);
        let frozen = super::only_worker(&client);
        let mut watch = Watch::new(&client);
        let rescuer = worker(&client, SECOND).handle_kind("hold", done).start().unwrap();
        process.freeze();
        assert_eq!(died(&mut watch, &frozen), 2);
        watch.until_completed(2);
        // Through several leases.
        until_beaten(db, rescuer.id(), 20);
        assert_eq!(watch.count(is_death), 1);
        assert!(rescuer.stop(PATIENCE).is_clean());
        process.thaw();
        db.execute("INSERT INTO begun (job_id) VALUES (0)");
        eventually("what was settled is committed", || db.job(jobs[0]).state == State::Completed);
        process.go();
        ended_well(process);
        assert_eq!((db.job(jobs[0]).claim_seq, db.effects_of(jobs[0])), (1, 1));
    }
}
