//! A worker is stopped while its database is away: it stops in time all the same, and what it reports is the truth.

use std::time::Duration;

use drip::{Client, Event, Report, Running};

use crate::support::{
    Db, Proxy,
    stage::{PLACES, Stage, insert},
};

const DEADLINE: Duration = Duration::from_millis(500);

/// A client that no outage concerns.
fn outside(db: &Db) -> Client {
    Client::connect(&db.url).unwrap()
}

/// The jobs that the database believes to be running.
fn running(db: &Db) -> Vec<i64> {
    let ids = db.texts("SELECT CAST(id AS char(20)) FROM drip_job WHERE state = 'running'");
    let mut ids: Vec<i64> = ids.iter().map(|id| id.trim().parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// It took no longer than it may, and what it names is what the database believes to be running.
fn assert_in_time_and_true(db: &Db, report: &Report) {
    assert!(report.took < DEADLINE + Duration::from_secs(1), "{report:?}");
    let mut named = [&report.unsettled[..], &report.still_running[..]].concat();
    named.sort_unstable();
    assert_eq!(named, running(db));
    assert_eq!(report.is_clean(), named.is_empty());
}

/// Ways to stop.
const STOPS: [fn(&Running) -> Report; 3] =
    [|running| running.stop(DEADLINE), |running| running.stop_to_exit(DEADLINE), |running| running.drain(DEADLINE)];

on_every_server! {
    fn outcomes_that_cannot_be_recorded_are_reported(db: &Db) {
        for stop in STOPS {
            db.execute("DELETE FROM drip_job");
            let (proxy, url) = Proxy::before(&db.url);
            let stage = Stage::start(&url);
            insert(&outside(db), 3 * PLACES);
            let mut begun = stage.begin(PLACES);
            begun.sort_unstable();
            proxy.take_away();
            stage.let_go(PLACES);
            stage.hear_loss();
            let mut report = stop(&stage.running);
            report.unsettled.sort_unstable();
            assert_eq!((&report.unsettled, &report.still_running), (&begun, &Vec::new()));
            assert_in_time_and_true(db, &report);
        }
    }

    fn handlers_that_do_not_return_are_reported_and_nothing_is_waited_for_beyond_the_deadline(db: &Db) {
        for stop in STOPS {
            db.execute("DELETE FROM drip_job");
            let (proxy, url) = Proxy::before(&db.url);
            let stage = Stage::start(&url);
            insert(&outside(db), 3 * PLACES);
            let mut begun = stage.begin(PLACES);
            begun.sort_unstable();
            proxy.take_away();
            let mut report = stop(&stage.running);
            report.still_running.sort_unstable();
            assert_eq!((&report.still_running, &report.abandoned), (&begun, &Vec::new()));
            assert_in_time_and_true(db, &report);
            stage.let_go(PLACES);
        }
    }

    fn what_was_claimed_ahead_and_cannot_be_given_back_is_reported(db: &Db) {
        let (proxy, url) = Proxy::before(&db.url);
        let stage = Stage::start(&url);
        // The worker claims ahead what it believes to run in the next moment: it has been fast, and then nothing ends.
        stage.let_go(600);
        insert(&outside(db), 1000);
        stage.begin(600 + PLACES);
        // Whether a commit that is under way when the database goes counts, nobody could say.
        stage.ear.hear_many("what has ended is recorded", 600, |event| matches!(event, Event::Completed(_)));
        proxy.take_away();
        let held = running(db).len();
        assert!(held > PLACES, "nothing has been claimed ahead");
        let report = stage.running.stop(DEADLINE);
        assert_in_time_and_true(db, &report);
        assert_eq!(report.given_back, 0);
        stage.let_go(PLACES);
    }
}
