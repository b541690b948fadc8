//! Each task is done once per interval, by whichever process is first; another takes over what a dead one was doing.

mod long_runs;

use std::{
    sync::{Arc, Barrier},
    time::Duration,
};

use drip::{Background, Client, Clock, Dialect, Event, State, list_tasks};

use crate::support::{
    Db, Watch,
    upkeep::{INTERVAL, LEASE, expiring, stop},
    work::job,
};

const PROCESSES: usize = 8;
const DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);

/// Somebody has begun the task at the test's time, and is not heard of again.
fn begun_by(db: &Db, runner: &str) {
    let time = |seconds: i64| {
        let at = db.clock.now() + jiff::SignedDuration::from_secs(seconds);
        let text = format!("{at:.6}");
        if db.dialect == Dialect::Sqlite { text } else { text.replace('T', " ").replace('Z', "") }
    };
    let zone = if db.dialect == Dialect::Postgres { "+00" } else { "" };
    db.execute(&format!(
        "INSERT INTO drip_timetable (task, next_at, runner, lease_until, runs, started_at)
         VALUES ('expire', '{}{zone}', '{runner}', '{}{zone}', 7, '{}{zone}')",
        time(60),
        time(30),
        time(0)
    ));
}

/// Whoever changes a job is no longer the one who does the task: another has taken over in this moment.
fn taken_over_by_a_trigger(db: &Db) {
    let change = "UPDATE drip_timetable SET runner = 'another', runs = runs + 1";
    db.execute(&match db.dialect {
        Dialect::Postgres => format!(
            "CREATE FUNCTION take_over() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {change}; RETURN NULL; END$$;
             CREATE TRIGGER take_over AFTER UPDATE ON drip_job FOR EACH ROW EXECUTE PROCEDURE take_over()"
        ),
        Dialect::Mariadb => format!("CREATE TRIGGER take_over AFTER UPDATE ON drip_job FOR EACH ROW {change}"),
        _ => format!("CREATE TRIGGER take_over AFTER UPDATE ON drip_job BEGIN {change}; END"),
    });
}

/// A job that has expired by the next run.
fn expired_job(db: &Db) -> i64 {
    db.insert(job("work").ttl(SECOND)).id
}

/// The client of somebody whose clock is another's, and shows this much less.
fn client_behind(db: &Db, by: Duration) -> Client {
    let clock = Clock::at(db.clock.now() - jiff::SignedDuration::try_from(by).unwrap());
    Client::builder().clock(clock).connect(&db.url).unwrap()
}

on_every_database! {
    fn however_many_offer_it_is_done_once_per_interval(db: &Db) {
        let clients: Vec<Client> = (0..PROCESSES).map(|_| db.another_client()).collect();
        let together = Arc::new(Barrier::new(PROCESSES));
        let started: Vec<Background> = std::thread::scope(|scope| {
            let start = |client| {
                let together = together.clone();
                scope.spawn(move || {
                    together.wait();
                    expiring(client).start().unwrap()
                })
            };
            let threads: Vec<_> = clients.iter().map(start).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for run in 1..=5 {
            let info = db.until_run("expire", run);
            assert_eq!((info.runs, info.changed, info.error), (run, Some(0), None));
            assert_eq!(info.next_at, db.clock.now() + jiff::SignedDuration::try_from(INTERVAL).unwrap());
            db.clock.advance(INTERVAL - Duration::from_micros(1));
            db.clock.advance(Duration::from_micros(1));
        }
        db.until_run("expire", 6);
        started.iter().for_each(stop);
        assert_eq!(db.task("expire").unwrap().runs, 6);
    }

    fn nothing_is_done_before_its_time(db: &Db) {
        let maintenance = expiring(&db.client).start().unwrap();
        db.until_run("expire", 1);
        db.clock.advance(INTERVAL - Duration::from_micros(1));
        stop(&maintenance);
        // Whoever looks does it now, if ever: a new one looks at once, and again when the clock is moved.
        let another = expiring(&db.another_client()).start().unwrap();
        db.clock.advance(Duration::ZERO);
        stop(&another);
        assert_eq!(db.task("expire").unwrap().runs, 1);
        let another = expiring(&db.another_client()).start().unwrap();
        db.clock.advance(Duration::from_micros(1));
        db.until_run("expire", 2);
        stop(&another);
    }

    fn what_a_dead_process_was_doing_is_taken_over_when_its_lease_has_lapsed(db: &Db) {
        begun_by(db, "dead");
        let maintenance = expiring(&db.client).start().unwrap();
        db.clock.advance(LEASE - Duration::from_micros(1));
        let before = db.task("expire").unwrap();
        assert_eq!((before.runs, before.runner.as_deref()), (7, Some("dead")));
        db.clock.advance(Duration::from_micros(1));
        assert_eq!(db.until_run("expire", 8).runs, 8);
        stop(&maintenance);
    }

    fn a_former_runner_ends_nothing(db: &Db) {
        taken_over_by_a_trigger(db);
        let id = expired_job(db);
        db.clock.advance(SECOND);
        let mut watch = Watch::new(&db.client);
        let maintenance = expiring(&db.client).start().unwrap();
        watch.until(|event| matches!(event, Event::Maintained { task, changed: 1, .. } if task == "expire"));
        stop(&maintenance);
        assert_eq!(db.job(id).state, State::Discarded);
        let info = db.task("expire").unwrap();
        assert_eq!((info.runner.as_deref(), info.runs, info.finished_at, info.changed), (Some("another"), 2, None, None));
    }

    fn a_clock_that_is_set_back_holds_nothing_up(db: &Db) {
        let maintenance = expiring(&db.client).start().unwrap();
        db.until_run("expire", 1);
        stop(&maintenance);
        let behind = client_behind(db, DAY);
        let maintenance = expiring(&behind).start().unwrap();
        db.until_run("expire", 2);
        stop(&maintenance);
        assert_eq!(db.task("expire").unwrap().runs, 2);
    }

    fn nor_does_a_dead_process_whose_clock_was_ahead(db: &Db) {
        begun_by(db, "dead");
        let behind = client_behind(db, DAY);
        let maintenance = expiring(&behind).start().unwrap();
        assert_eq!(db.until_run("expire", 8).runs, 8);
        stop(&maintenance);
    }

    fn a_clock_that_is_set_forward_makes_one_run_due(db: &Db) {
        let maintenance = expiring(&db.client).start().unwrap();
        db.until_run("expire", 1);
        db.clock.advance(DAY);
        db.until_run("expire", 2);
        stop(&maintenance);
        let info = db.task("expire").unwrap();
        assert_eq!((info.runs, info.started_at), (2, Some(db.clock.now())));
    }

    fn a_run_that_fails_is_told_and_recorded_and_the_next_one_tries_again(db: &Db) {
        let id = expired_job(db);
        db.clock.advance(SECOND);
        db.refuse("NEW.state = 'discarded'");
        let mut watch = Watch::new(&db.client);
        let maintenance = expiring(&db.client).start().unwrap();
        let failed = watch.until(|event| matches!(event, Event::MaintenanceFailed { .. }));
        assert!(matches!(&failed, Event::MaintenanceFailed { task, error } if task == "expire" && error.contains("not so")), "{failed:?}");
        let info = db.until_run("expire", 1);
        assert!(info.error.as_ref().is_some_and(|error| error.contains("not so")) && info.changed.is_none(), "{info:?}");
        assert_eq!(watch.count(|event| matches!(event, Event::DatabaseLost { .. })), 0);
        db.allow();
        db.clock.advance(INTERVAL);
        let info = db.until_run("expire", 2);
        assert_eq!((info.error, info.changed), (None, Some(1)));
        assert_eq!(db.job(id).state, State::Discarded);
        stop(&maintenance);
    }

    fn a_timetable_without_rows_is_empty(db: &Db) {
        assert_eq!(list_tasks(&db.client).unwrap(), []);
    }
}
