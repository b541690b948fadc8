//! A stop with handlers that do not return: it is answered by its deadline, says truthfully what was left behind, and
//! gives back only that of which nothing can still be committed.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use drip::{CancelReason, Context, Dialect, Event, HandlerResult, Report, Running, State, Worker, insert_many};
use serde_json::Value;

use crate::support::{
    Db, End, Gate, Watch,
    watch::{PATIENCE, eventually},
    work::{done, effect, job, transactional},
};

const DEADLINE: Duration = Duration::from_millis(400);

/// A worker whose handlers, plain (`hang`) or transactional (`effect`), return when the gate opens. When all of its
/// threads have ended, the receiver is disconnected.
fn hanging(db: &Db, gate: &Gate, threads: usize) -> (Running, Receiver<()>) {
    let (alive, ended) = unbounded::<()>();
    let (door, other_door) = (gate.door(), gate.door());
    db.create_effects();
    let worker = Worker::new(&db.client).concurrency(threads).handle_kind("work", done).handle_kind(
        "hang",
        move |context: &Context, _: Value| -> HandlerResult {
            let _held_by_the_threads = &alive;
            door.pass(context.job().id);
            Ok(())
        },
    );
    let worker = transactional(db, worker, "effect", move |tx, context| -> HandlerResult {
        tx.execute(&effect(context))?;
        other_door.pass(context.job().id);
        Ok(())
    });
    (worker.start().unwrap(), ended)
}

/// Lets the handlers return, and waits until that has had whatever effect it can have.
fn release(gate: Gate, running: Running, ended: &Receiver<()>) {
    drop(running);
    gate.open();
    assert_eq!(ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
}

/// Stops, and shows that it is answered in time.
fn stop(running: &Running, stop: fn(&Running, Duration) -> Report) -> Report {
    let began = Instant::now();
    let report = stop(running, DEADLINE);
    let took = began.elapsed();
    assert!(took >= DEADLINE && took < DEADLINE + Duration::from_secs(1), "{took:?}");
    assert!(report.took <= took && report.took + Duration::from_millis(100) > took, "{took:?} {report:?}");
    report
}

on_every_database! {
    fn after_three_quarters_of_the_time_handlers_are_asked_to_stop_and_what_they_answer_counts(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let deadline = Duration::from_secs(4);
        let (sent, received) = unbounded();
        let running = Worker::new(&db.client)
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                sent.send(None)?;
                context.cancel().wait(PATIENCE);
                Ok(sent.send(context.cancel().reason().map(|reason| (reason, Instant::now())))?)
            })
            .start()
            .unwrap();
        let id = db.insert(job("work")).id;
        assert_eq!(received.recv_timeout(PATIENCE), Ok(None));
        let began = Instant::now();
        let report = running.stop(deadline);
        assert!(report.is_clean() && report.took < deadline, "{report:?}");
        let (reason, at) = received.recv_timeout(PATIENCE).unwrap().expect("the token has fired");
        assert_eq!(reason, CancelReason::Stopping);
        assert!(at - began >= deadline.mul_f64(0.75), "{:?}", at - began);
        watch.until_state(id, State::Completed);
        assert_eq!(db.job(id).state, State::Completed);
    }

    fn handlers_that_begin_after_that_are_asked_to_stop_too(db: &Db) {
        const QUICK: usize = 200;
        let mut watch = Watch::new(&db.client);
        let (begun, (arrived, arrivals)) = (AtomicUsize::new(0), unbounded());
        insert_many(&db.client, (0..600).map(|_| job("work"))).unwrap();
        let running = Worker::new(&db.client)
            .concurrency(1)
            .poll_interval(Duration::from_secs(3600))
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                if begun.fetch_add(1, Ordering::SeqCst) >= QUICK {
                    arrived.send(())?;
                    assert!(context.cancel().wait(PATIENCE));
                }
                Ok(())
            })
            .start()
            .unwrap();
        arrivals.recv_timeout(PATIENCE).unwrap();
        eventually("some are claimed and not begun", || watch.claimed() > QUICK + 1);
        let report = running.drain(Duration::from_secs(4));
        assert!(report.is_clean() && report.given_back == 0, "{report:?}");
        assert!(!arrivals.is_empty());
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'running'"), 0);
    }

    fn a_job_that_runs_on_is_reported_and_stays_claimed(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let (running, ended) = hanging(db, &gate, 2);
        let id = db.insert(job("hang")).id;
        gate.arrival();
        let beside = db.insert(job("work")).id;
        watch.until_state(beside, State::Completed);
        let report = stop(&running, Running::stop);
        assert_eq!(
            (report.still_running.as_slice(), report.abandoned.len(), report.given_back),
            ([id].as_slice(), 0, 0)
        );
        assert!(!report.is_clean() && report.unsettled.is_empty());
        release(gate, running, &ended);
        let job = db.job(id);
        assert_eq!((job.state, job.attempt, job.claim_seq), (State::Running, 1, 1));
    }

    fn a_transactional_job_is_given_back_and_can_commit_nothing_more(db: &Db) {
        let gate = Gate::new();
        let (running, ended) = hanging(db, &gate, 1);
        let id = db.insert(job("effect")).id;
        gate.arrival();
        let report = stop(&running, Running::stop);
        if db.dialect == Dialect::Sqlite {
            // Its handler holds the one write lock: it cannot be given back, and may yet commit; then all of it counts.
            assert_eq!((report.still_running.as_slice(), report.abandoned.len()), ([id].as_slice(), 0));
            release(gate, running, &ended);
            assert_eq!((db.job(id).state, db.effects_of(id)), (State::Completed, 1));
            return;
        }
        assert_eq!((report.still_running.len(), report.abandoned.as_slice()), (0, [id].as_slice()));
        assert!(!report.is_clean() && report.given_back == 0);
        let given_back = db.job(id);
        assert_eq!((given_back.state, given_back.attempt, given_back.errors.len()), (State::Available, 0, 0));
        release(gate, running, &ended);
        assert_eq!((db.job(id).state, db.effects_of(id)), (State::Available, 0));
        // Whoever runs it next does so to the end.
        let mut watch = Watch::new(&db.client);
        let _next = transactional(db, Worker::new(&db.client), "effect", |tx, context| tx.execute(&effect(context)))
            .start()
            .unwrap();
        watch.until_state(id, State::Completed);
        assert_eq!((db.job(id).attempt, db.effects_of(id)), (1, 1));
    }

    fn a_process_that_exits_gives_everything_back(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let (running, ended) = hanging(db, &gate, 2);
        let ids = [db.insert(job("hang")).id, db.insert(job("hang")).id];
        gate.arrivals(2);
        let mut report = stop(&running, Running::stop_to_exit);
        report.abandoned.sort();
        assert_eq!((report.still_running.len(), report.abandoned.as_slice()), (0, ids.as_slice()));
        watch.until_count(2, |event| matches!(event, Event::GivenBack(_)));
        release(gate, running, &ended);
        for id in ids {
            let job = db.job(id);
            assert_eq!((job.state, job.attempt, job.errors.len()), (State::Available, 0, 0));
        }
    }

    fn with_twenty_handlers_that_hang_a_stop_is_answered_in_time(db: &Db) {
        let gate = Gate::new();
        let (running, ended) = hanging(db, &gate, 20);
        insert_many(&db.client, (0..25).map(|_| job("hang"))).unwrap();
        let mut ids = gate.arrivals(20);
        let mut report = stop(&running, Running::stop);
        ids.sort();
        report.still_running.sort();
        assert_eq!(report.still_running, ids);
        assert!(gate.others().is_empty(), "nothing is begun any more");
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'available' AND attempt = 0"), 5);
        release(gate, running, &ended);
    }

    fn with_all_connections_in_the_hands_of_handlers_a_stop_is_answered_in_time(db: &Db) {
        let gate = Gate::new();
        let client = drip::Client::builder().clock(db.clock.clone()).pool_size(2).connect(&db.url).unwrap();
        let door = gate.door();
        db.create_effects();
        let worker = Worker::new(&client).concurrency(2);
        let running = transactional(db, worker, "effect", move |tx, context| -> HandlerResult {
            tx.execute(&effect(context))?;
            door.pass(context.job().id);
            Ok(())
        })
        .start()
        .unwrap();
        insert_many(&client, (0..2).map(|_| job("effect"))).unwrap();
        // On SQLite the second one, if it is claimed at all, waits for the first one's end.
        let begun = if db.dialect == Dialect::Sqlite { 1 } else { 2 };
        gate.arrivals(begun);
        let report = stop(&running, Running::stop);
        assert!(report.still_running.len() + report.abandoned.len() >= begun, "{report:?}");
        let left = report.still_running.len() + report.unsettled.len();
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'running'"), left as i64, "{report:?}");
        gate.open();
    }

    fn what_cannot_be_recorded_in_time_is_reported(db: &Db) {
        let gate = Gate::new();
        let (running, ended) = hanging(db, &gate, 2);
        let mut ids = vec![db.insert(job("hang")).id, db.insert(job("hang")).id];
        let begun = gate.arrivals(2);
        // Somebody holds the rows (on SQLite: the write lock) for as long as the stop takes.
        let (report, locked) = db.ended(End::Rollback, |tx| {
            tx.execute("UPDATE drip_job SET priority = priority").unwrap();
            gate.open();
            stop(&running, Running::stop)
        });
        locked.unwrap();
        let mut unsettled = report.unsettled.clone();
        unsettled.sort();
        ids.sort();
        assert_eq!((unsettled, begun.len(), report.still_running.len()), (ids.clone(), 2, 0), "{report:?}");
        assert!(!report.is_clean());
        drop(running);
        assert_eq!(ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
        // Then it may have been recorded after all.
        ids.iter().for_each(|id| assert!(matches!(db.job(*id).state, State::Completed | State::Running)));
    }

    fn a_drain_that_is_not_done_by_its_deadline_gives_back_what_has_not_begun(db: &Db) {
        let gate = Gate::new();
        let door = gate.door();
        let begun = AtomicUsize::new(0);
        let mut watch = Watch::new(&db.client);
        insert_many(&db.client, (0..600).map(|_| job("work"))).unwrap();
        let running = Worker::new(&db.client)
            .concurrency(1)
            .poll_interval(Duration::from_secs(3600))
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                if begun.fetch_add(1, Ordering::SeqCst) >= 200 {
                    door.pass(context.job().id);
                }
                Ok(())
            })
            .start()
            .unwrap();
        let id = gate.arrival();
        watch.until_completed(200);
        eventually("some are claimed and not begun", || watch.claimed() > 201);
        let report = stop(&running, Running::drain);
        assert_eq!(report.still_running, [id]);
        assert!(report.given_back > 0, "{report:?}");
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'running'"), 1);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'available' AND attempt = 0"), 399);
        gate.open();
    }
}
