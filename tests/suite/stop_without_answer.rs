//! A worker is stopped while its database keeps it waiting: it stops in time all the same, and what it could not wait for
//! is done when the database answers.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use drip::{Client, Dialect, Event, Report, Running};
use mysql::prelude::Queryable;

use crate::support::{
    Db, PATIENCE,
    stage::{PLACES, Stage, insert},
};

const DEADLINE: Duration = Duration::from_millis(500);

/// Ways to stop.
const STOPS: [fn(&Running) -> Report; 3] =
    [|running| running.stop(DEADLINE), |running| running.stop_to_exit(DEADLINE), |running| running.drain(DEADLINE)];

/// Keeps everybody else from writing (and, but on SQLite, from reading) the table of jobs.
struct Hold {
    let_go: mpsc::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Hold {
    fn take(db: &Db) -> Hold {
        let (let_go, may_let_go) = mpsc::channel();
        let (taken, is_taken) = mpsc::channel();
        let wait = move || {
            taken.send(()).unwrap();
            may_let_go.recv_timeout(PATIENCE).unwrap();
        };
        let thread = match db.dialect {
            Dialect::Postgres => {
                let mut client = db.postgres();
                thread::spawn(move || {
                    client.batch_execute("BEGIN; LOCK TABLE drip_job IN ACCESS EXCLUSIVE MODE").unwrap();
                    wait();
                })
            }
            Dialect::Mariadb => {
                let mut conn = db.mariadb();
                thread::spawn(move || {
                    conn.query_drop("LOCK TABLES drip_job WRITE").unwrap();
                    wait();
                })
            }
            _ => {
                let conn = db.sqlite();
                thread::spawn(move || {
                    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
                    wait();
                })
            }
        };
        is_taken.recv_timeout(PATIENCE).unwrap();
        Hold { let_go, thread }
    }

    fn release(self) {
        self.let_go.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

on_every_database! {
    fn a_database_that_does_not_answer_holds_no_stop_up(db: &Db) {
        for stop in STOPS {
            db.execute("DELETE FROM drip_job");
            let stage = Stage::start(&db.url);
            insert(&Client::connect(&db.url).unwrap(), 3 * PLACES);
            let mut begun = stage.begin(PLACES);
            begun.sort_unstable();
            let hold = Hold::take(db);
            stage.let_go(PLACES);
            let report = stop(&stage.running);
            assert!(report.took < DEADLINE + Duration::from_secs(1), "{report:?}");
            assert!(begun.iter().all(|id| report.unsettled.contains(id)), "{report:?}, but {begun:?} are done");
            assert!(!report.is_clean());
            // What the stop could not wait for is recorded all the same when the database answers, and what was claimed
            // after all is given back.
            hold.release();
            stage.ear.hear_completions(&begun);
            let until = Instant::now() + PATIENCE;
            while db.number("SELECT count(*) FROM drip_job WHERE state = 'running'") > 0 {
                assert!(Instant::now() < until, "jobs are left running");
            }
            assert_eq!(stage.ear.count(|event| matches!(event, Event::Completed(_))), PLACES);
        }
    }

    fn handlers_that_do_not_return_hold_no_stop_up_where_the_database_does_not_answer(db: &Db) {
        for stop in STOPS {
            db.execute("DELETE FROM drip_job");
            let stage = Stage::start(&db.url);
            insert(&Client::connect(&db.url).unwrap(), 3 * PLACES);
            let mut begun = stage.begin(PLACES);
            begun.sort_unstable();
            let hold = Hold::take(db);
            let mut report = stop(&stage.running);
            report.still_running.sort_unstable();
            assert!(report.took < DEADLINE + Duration::from_secs(1), "{report:?}");
            assert_eq!((&report.still_running, &report.abandoned), (&begun, &Vec::new()));
            stage.let_go(PLACES);
            hold.release();
        }
    }
}
