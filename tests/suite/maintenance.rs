//! Maintenance as a whole: its settings, its threads, its stop, and a database that goes away.

use std::time::{Duration, Instant};

use drip::{Client, Dialect, Event, Maintenance, RescueAfter, Retention, State, rescue_overdue_jobs, retain_jobs};

use crate::support::{
    Ear, Proxy,
    alone::{alone, worker_threads},
    upkeep::{INTERVAL, idle, stop},
    watch::eventually,
    work::job,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const TOO_LONG: Duration = Duration::from_secs(3651 * 24 * 3600);

type Set = fn(Maintenance) -> Maintenance;

/// What is set, and which setting the error names.
const REFUSED: [(&str, Set); 20] = [
    ("rescue_interval", |it| it.rescue_interval(Duration::ZERO)),
    ("rescue_interval", |it| it.rescue_interval(Duration::from_millis(99))),
    ("rescue_interval", |it| it.rescue_interval(TOO_LONG)),
    ("retention_interval", |it| it.retention_interval(Duration::ZERO)),
    ("retention_interval", |it| it.retention_interval(Duration::MAX)),
    ("expiry_interval", |it| it.expiry_interval(Duration::ZERO)),
    ("expiry_interval", |it| it.expiry_interval(TOO_LONG)),
    ("reindex_interval", |it| it.reindex_interval(Duration::ZERO)),
    ("tidy_interval", |it| it.tidy_interval(Duration::ZERO)),
    ("rescue_after", |it| it.rescue_after(Duration::ZERO)),
    ("rescue_after", |it| it.rescue_after(TOO_LONG)),
    ("rescue_after", |it| it.rescue_after_in("a", Duration::from_micros(999))),
    ("queue", |it| it.rescue_after_in("", HOUR)),
    ("queue", |it| it.rescue_after_in("*", None)),
    ("completed", |it| it.retention(Retention::default().completed(Duration::ZERO))),
    ("cancelled", |it| it.retention(Retention::default().cancelled(TOO_LONG))),
    ("discarded", |it| it.retention(Retention::default().discarded_in("a", Duration::ZERO))),
    ("queue", |it| it.retention(Retention::default().completed_in(" a", HOUR))),
    ("queue", |it| it.retention(Retention::default().cancelled_in("a\0", HOUR))),
    ("queue", |it| it.retention(Retention::default().discarded_in("q".repeat(128), None))),
];

/// Everything there is, as often as it may be.
fn everything(client: &Client) -> Maintenance {
    let often = Duration::from_millis(100);
    let maintenance = Maintenance::new(client).rescue_after(HOUR).rescue_interval(often).retention_interval(often);
    maintenance.expiry_interval(often).reindex_interval(often).tidy_interval(often)
}

on_every_database! {
    fn what_makes_no_sense_is_refused_by_name_and_nothing_is_started(db: &Db) {
        alone(db, module_path!(), "what_makes_no_sense_is_refused_by_name_and_nothing_is_started", || {
            for (name, set) in REFUSED {
                let error = set(Maintenance::new(&db.client)).start().expect_err(name);
                assert!(error.is_invalid_input() && error.to_string().starts_with(name), "{name}: {error}");
            }
            assert_eq!(worker_threads(), 0);
        });
        // By hand they are refused before anything is asked of the database, which here would answer that it has no tables.
        let client = &db.unmigrated().client;
        let error = retain_jobs(client, &Retention::default().completed(Duration::ZERO)).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        let error = rescue_overdue_jobs(client, &RescueAfter::new(TOO_LONG)).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
    }

    fn each_task_has_a_thread_with_its_name_and_a_stop_ends_them_all(db: &Db) {
        alone(db, module_path!(), "each_task_has_a_thread_with_its_name_and_a_stop_ends_them_all", || {
            for _ in 0..3 {
                let maintenance = everything(&db.client).start().unwrap();
                assert!(maintenance.id().starts_with("maintenance-"), "{maintenance:?}");
                let threads = if db.dialect == Dialect::Postgres { 6 } else if db.dialect == Dialect::Sqlite { 5 } else { 4 };
                eventually("all threads have their names", || worker_threads() == threads);
                let began = Instant::now();
                stop(&maintenance);
                assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
                assert!(maintenance.stop(Duration::ZERO), "stopped again");
                eventually("no thread is left", || worker_threads() == 0);
            }
            // Dropped, it is told to stop.
            drop(everything(&db.client).start().unwrap());
            eventually("no thread is left", || worker_threads() == 0);
        });
    }

    fn by_default_everything_but_rescue_and_reindex_is_done(db: &Db) {
        let maintenance = Maintenance::new(&db.client).start().unwrap();
        let expected = match db.dialect {
            Dialect::Mariadb => vec!["expire", "retain"],
            _ => vec!["expire", "retain", "tidy"],
        };
        expected.iter().for_each(|task| drop(db.until_run(task, 1)));
        stop(&maintenance);
        let tasks = drip::list_tasks(&db.client).unwrap();
        assert_eq!(tasks.iter().map(|info| info.task.as_str()).collect::<Vec<_>>(), expected);
        assert!(tasks.iter().all(|info| info.error.is_none() && info.started_at == Some(db.clock.now())), "{tasks:?}");
    }

    fn a_database_without_tables_is_waited_for(db: &Db) {
        let db = &db.unmigrated();
        let ear = Ear::of(&db.client);
        let maintenance = Maintenance::new(&db.client).start().unwrap();
        ear.hear("that it is not there", |event| matches!(event, Event::DatabaseLost { .. }).then_some(()));
        db.client.migrate().unwrap();
        db.until_run("expire", 1);
        ear.hear("that it is", |event| matches!(event, Event::DatabaseBack { .. }).then_some(()));
        stop(&maintenance);
    }
}

mod without_a_server {
    use super::*;

    on_every_server! {
        fn maintenance_goes_on_when_the_database_is_back(db: &Db) {
            let (proxy, url) = Proxy::before(&db.url);
            let client = Client::builder().clock(db.clock.clone()).connect(&url).unwrap();
            let ear = Ear::of(&client);
            let maintenance = idle(&client).expiry_interval(INTERVAL).start().unwrap();
            db.until_run("expire", 1);
            let id = db.insert(job("work").ttl(SECOND)).id;
            proxy.take_away();
            db.clock.advance(INTERVAL);
            ear.hear("the loss", |event| matches!(event, Event::DatabaseLost { .. }).then_some(()));
            proxy.wait_until_hung_up(3);
            assert_eq!(db.task("expire").unwrap().runs, 1);
            proxy.give_back();
            ear.hear("the return", |event| matches!(event, Event::DatabaseBack { .. }).then_some(()));
            assert_eq!(db.until_run("expire", 2).changed, Some(1));
            assert_eq!(db.job(id).state, State::Discarded);
            assert_eq!(ear.count(|event| matches!(event, Event::DatabaseLost { .. })), 1);
            assert_eq!(ear.count(|event| matches!(event, Event::MaintenanceFailed { .. })), 0);
            stop(&maintenance);
        }

        fn a_stop_does_not_wait_for_a_database_that_is_away(db: &Db) {
            let (proxy, url) = Proxy::before(&db.url);
            let client = Client::builder().clock(db.clock.clone()).connect(&url).unwrap();
            let ear = Ear::of(&client);
            let maintenance = Maintenance::new(&client).start().unwrap();
            db.until_run("expire", 1);
            proxy.take_away();
            db.clock.advance(HOUR);
            ear.hear("the loss", |event| matches!(event, Event::DatabaseLost { .. }).then_some(()));
            let began = Instant::now();
            stop(&maintenance);
            assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
        }
    }
}
