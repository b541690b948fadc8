//! Jobs that have ended go away when their time is over, and no others; however many there are, and whoever is at them.

use std::time::Duration;

use drip::{
    Client, Dialect, Event, Job, Maintenance, Retention, State, Worker, get_job, insert_many, retain_jobs, retry_job,
};

use crate::support::{
    Db, Place, Watch,
    upkeep::{INTERVAL, idle, stop},
    watch::eventually,
    work::{done, job},
};

const TICK: Duration = Duration::from_micros(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const FINAL: [State; 3] = [State::Completed, State::Cancelled, State::Discarded];

fn exists(db: &Db, job: &Job) -> bool {
    get_job(&db.client, job.id).unwrap().is_some()
}

/// Jobs of one queue that have ended in each of the ways, in their order.
fn ended_in(db: &Db, queue: &str) -> [Job; 3] {
    FINAL.map(|state| {
        let job = db.job_in(state);
        db.execute(&format!("UPDATE drip_job SET queue = '{queue}' WHERE id = {}", job.id));
        job
    })
}

/// Which of these are still there.
fn there(db: &Db, jobs: &[Job; 3]) -> [bool; 3] {
    jobs.each_ref().map(|job| exists(db, job))
}

/// So many completed jobs in this queue, which have ended one microsecond after the other.
fn completed(db: &Db, queue: &'static str, count: usize) {
    for start in (0..count).step_by(1000) {
        insert_many(&db.client, (start..count.min(start + 1000)).map(|_| job("work").queue(queue))).unwrap();
    }
    let at = match db.dialect {
        Dialect::Postgres => "created_at + id * interval '1 microsecond'",
        Dialect::Mariadb => "created_at + INTERVAL id MICROSECOND",
        _ => "substr(created_at, 1, 20) || printf('%06dZ', id)",
    };
    db.execute(&format!("UPDATE drip_job SET state = 'completed', finalized_at = {at} WHERE queue = '{queue}'"));
}

on_every_database_and_place! {
    fn a_job_that_has_ended_stays_until_its_time_is_over_to_the_microsecond(db: &Db) {
        let jobs = ended_in(db, "a");
        let others = [State::Available, State::Running, State::Retryable, State::Scheduled, State::Pending].map(|state| db.job_in(state));
        let retain = || db.on(|on| retain_jobs(on, &Retention::default())).unwrap();
        db.clock.advance(DAY - TICK);
        assert_eq!((retain(), there(db, &jobs)), (0, [true, true, true]));
        db.clock.advance(TICK);
        assert_eq!((retain(), there(db, &jobs)), (2, [false, false, true]));
        db.clock.advance(6 * DAY - TICK);
        assert_eq!((retain(), there(db, &jobs)), (0, [false, false, true]));
        db.clock.advance(TICK);
        assert_eq!((retain(), there(db, &jobs)), (1, [false, false, false]));
        assert!(others.iter().all(|job| exists(db, job)));
    }

    fn a_queue_may_differ_in_each_state_and_keep_for_ever(db: &Db) {
        let retention = Retention::default()
            .completed(HOUR).cancelled(None).discarded(2 * HOUR)
            .completed_in("a", None).cancelled_in("a", HOUR)
            .discarded_in("b", 3 * HOUR)
            .completed_in("empty", TICK * 1000);
        let queues = ["a", "b", "c"];
        let jobs = queues.map(|queue| ended_in(db, queue));
        let after = |span: Duration| {
            db.clock.advance(span);
            db.on(|on| retain_jobs(on, &retention)).unwrap();
            jobs.each_ref().map(|jobs| there(db, jobs))
        };
        assert_eq!(after(HOUR), [[true, false, true], [false, true, true], [false, true, true]]);
        assert_eq!(after(HOUR), [[true, false, false], [false, true, true], [false, true, false]]);
        assert_eq!(after(HOUR), [[true, false, false], [false, true, false], [false, true, false]]);
        assert_eq!(after(3000 * DAY), [[true, false, false], [false, true, false], [false, true, false]]);
        assert_eq!(db.on(|on| retain_jobs(on, &Retention::forever())).unwrap(), 0);
    }

    fn more_jobs_than_a_batch_all_go_and_no_younger_one_does(db: &Db) {
        completed(db, "many", 2500);
        completed(db, "few", 3);
        let oldest = db.number("SELECT min(id) FROM drip_job");
        let (few, cut) = (db.number("SELECT min(id) FROM drip_job WHERE queue = 'few'"), oldest + 1800);
        db.execute(&format!("UPDATE drip_job SET finalized_at = (SELECT at FROM (SELECT min(finalized_at) AS at FROM drip_job) AS first) WHERE id = {few}"));
        db.clock.advance(HOUR + TICK * cut as u32);
        let old = format!("SELECT count(*) FROM drip_job WHERE id <= {cut} OR id = {few}");
        let (old, all) = (db.number(&old), db.jobs());
        let removed = db.on(|on| retain_jobs(on, &Retention::forever().completed(HOUR))).unwrap() as i64;
        assert!(removed > 1000, "{removed}");
        assert_eq!((removed, db.jobs()), (old, all - old));
        assert_eq!(db.number("SELECT min(id) FROM drip_job"), cut + 1);
    }

    fn there_may_be_more_queues_than_are_looked_for_at_a_time(db: &Db) {
        insert_many(&db.client, (0..250).map(|n| job("work").queue(format!("q{n}")))).unwrap();
        let now = "finalized_at = created_at";
        db.execute(&format!("UPDATE drip_job SET state = 'discarded', {now} WHERE id % 2 = 0"));
        db.execute(&format!("UPDATE drip_job SET state = 'cancelled', {now} WHERE id % 2 = 1"));
        db.clock.advance(HOUR);
        let keep = Retention::forever().cancelled(HOUR).discarded(HOUR).cancelled_in("q0", None).discarded_in("q1", None);
        let kept = db.number("SELECT count(*) FROM drip_job WHERE (queue = 'q0' AND state = 'cancelled') OR (queue = 'q1' AND state = 'discarded')");
        assert_eq!(db.on(|on| retain_jobs(on, &keep)).unwrap() as i64, 250 - kept);
        assert_eq!(db.jobs(), kept);
    }
}

/// Maintenance that removes what has ended an hour ago.
fn retaining(client: &Client) -> Maintenance {
    idle(client).retention(Retention::forever().completed(HOUR).discarded(HOUR))
}

mod in_the_background {
    use super::*;

    on_every_database! {
        fn what_is_old_goes_by_itself_and_that_is_told(db: &Db) {
            completed(db, "a", 1200);
            db.clock.advance(HOUR - INTERVAL / 2);
            let mut watch = Watch::new(&db.client);
            let maintenance = retaining(&db.client).start().unwrap();
            assert_eq!(db.until_run("retain", 1).changed, Some(0));
            db.clock.advance(INTERVAL);
            watch.until(|event| matches!(event, Event::Maintained { task, changed: 1200, .. } if task == "retain"));
            assert_eq!((db.until_run("retain", 2).changed, db.jobs()), (Some(1200), 0));
            stop(&maintenance);
            // Of a run that finds nothing nothing is told.
            assert_eq!(watch.count(|event| matches!(event, Event::Maintained { .. })), 1);
        }

        fn several_at_once_remove_each_job_once(db: &Db) {
            completed(db, "a", 3000);
            completed(db, "b", 1000);
            db.clock.advance(2 * HOUR);
            let retention = &Retention::forever().completed(HOUR);
            let clients: Vec<_> = (0..4).map(|_| db.another_client()).collect();
            let removed: Vec<usize> = std::thread::scope(|scope| {
                let threads: Vec<_> = clients.iter().map(|client| scope.spawn(move || retain_jobs(client, retention).unwrap())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            // Those that others had locked may be left to the next run.
            let rest = retain_jobs(&db.client, retention).unwrap();
            assert_eq!((removed.iter().sum::<usize>() + rest, db.jobs()), (4000, 0), "{removed:?}");
        }

        /// Each discarded job is either retried, and then it is there, or removed, and then it is not found; and what waits
        /// and runs is never touched.
        fn jobs_that_are_retried_and_run_in_the_same_moment_stay(db: &Db) {
            insert_many(&db.client, (0..600).map(|_| job("work"))).unwrap();
            db.execute("UPDATE drip_job SET state = 'discarded', finalized_at = created_at");
            let ids: Vec<i64> = (0..600).map(|n| n + db.number("SELECT min(id) FROM drip_job")).collect();
            db.clock.advance(2 * HOUR);
            let mut watch = Watch::new(&db.client);
            let worker = Worker::new(&db.client).handle_kind("work", done).start().unwrap();
            let retention = Retention::forever().completed(HOUR).discarded(HOUR);
            let (retried, removed) = std::thread::scope(|scope| {
                let retrying = scope.spawn(|| ids.iter().rev().filter(|id| match retry_job(&db.client, **id) {
                    Ok(_) => true,
                    Err(error) => { assert!(error.is_not_found(), "{error}"); false }
                }).count());
                let removing = scope.spawn(|| retain_jobs(&db.client, &retention).unwrap());
                (retrying.join().unwrap(), removing.join().unwrap())
            });
            assert_eq!(retried + removed, 600);
            watch.until_completed(retried);
            assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'completed'"), retried as i64);
            assert!(worker.stop(Duration::from_secs(10)).is_clean());
        }

        fn what_was_removed_before_an_error_stays_removed(db: &Db) {
            completed(db, "many", 500);
            db.clock.advance(2 * HOUR);
            let last = db.number("SELECT max(id) FROM drip_job");
            db.refuse_deletes(&format!("OLD.id = {last}"));
            retain_jobs(&db.client, &Retention::forever().completed(HOUR)).unwrap_err();
            assert!((1..=400).contains(&db.jobs()), "{} are left: more than a batch was one transaction", db.jobs());
        }

        fn a_stop_comes_between_two_batches(db: &Db) {
            completed(db, "a", 6000);
            db.clock.advance(2 * HOUR);
            let maintenance = retaining(&db.client).start().unwrap();
            eventually("some are gone", || db.jobs() < 6000);
            stop(&maintenance);
            let left = db.jobs();
            let info = db.task("retain").unwrap();
            assert_eq!((info.runner, info.changed), (None, Some(6000 - left as u64)));
            assert_eq!(retain_jobs(&db.client, &Retention::forever().completed(HOUR)).unwrap() as i64, left);
        }
    }
}

/// SQLite has no locks of rows; there the writer is waited for.
#[test]
fn a_job_that_somebody_holds_is_left_to_the_next_time() {
    for dialect in [Dialect::Postgres, Dialect::Mariadb] {
        Db::run(dialect, Place::Callers, |db| {
            completed(db, "a", 50);
            db.clock.advance(2 * HOUR);
            let retention = Retention::forever().completed(HOUR);
            let held = db.number("SELECT min(id) FROM drip_job") + 7;
            db.on(|on| {
                let job = drip::retry_completed_job(on, held)?;
                assert_eq!(retain_jobs(&db.client, &retention)?, 49);
                Ok(job)
            })
            .unwrap();
            assert_eq!((db.jobs(), db.job(held).state), (1, State::Available));
            assert_eq!(retain_jobs(&db.client, &retention).unwrap(), 0);
        });
    }
}
