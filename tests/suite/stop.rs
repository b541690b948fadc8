//! Stopping: what runs may end, what was claimed and not begun goes back unharmed, and the same worker can be started
//! again.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, unbounded};
use drip::{Context, Event, HandlerResult, Running, State, Worker, insert_many};
use serde_json::Value;

use crate::support::{
    Db, Gate, Watch,
    alone::{alone, worker_threads},
    gate::Door,
    watch::{PATIENCE, eventually},
    work::{done, job},
};

const THREADS: usize = 2;
/// So many jobs of those below are done at once.
const QUICK: i64 = 300;
const JOBS: usize = 1000;

/// A worker that has claimed jobs which no thread has begun: it has found jobs to be quick, and so claims ahead, and
/// then each thread holds one that does not end before the gate opens.
fn holding_unbegun_jobs(db: &Db, watch: &mut Watch, gate: &Gate) -> Running {
    insert_many(&db.client, (0..JOBS).map(|_| job("work"))).unwrap();
    let (door, begun): (Door, AtomicI64) = (gate.door(), AtomicI64::new(0));
    let running = Worker::new(&db.client)
        .concurrency(THREADS)
        .poll_interval(Duration::from_secs(3600))
        .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
            if begun.fetch_add(1, Ordering::SeqCst) >= QUICK {
                door.pass(context.job().id);
            }
            Ok(())
        })
        .start()
        .unwrap();
    gate.arrivals(THREADS);
    watch.until_completed(QUICK as usize);
    eventually("some jobs are claimed and not begun", || watch.claimed() > QUICK as usize + THREADS);
    running
}

fn count(db: &Db, condition: &str) -> usize {
    db.number(&format!("SELECT count(*) FROM drip_job WHERE {condition}")) as usize
}

on_every_database! {
    fn a_stop_waits_for_what_runs_and_gives_back_what_has_not_begun(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let running = holding_unbegun_jobs(db, &mut watch, &gate);
        db.clock.advance(Duration::from_secs(60));
        let stopping = running.clone();
        let stop = thread::spawn(move || stopping.stop(PATIENCE));
        eventually("the others are given back", || {
            !running.health().running && count(db, "state = 'running'") == THREADS
        });
        assert!(!stop.is_finished());
        gate.open();
        let report = stop.join().unwrap();
        assert!(report.is_clean(), "{report:?}");
        watch.until(|event| matches!(event, Event::Stopped { worker } if worker == running.id()));
        let completed = watch.count(|event| matches!(event, Event::Completed(_)));
        assert_eq!(completed, QUICK as usize + THREADS);
        assert_eq!(watch.claimed(), completed + watch.count(|event| matches!(event, Event::GivenBack(_))));
        assert!(report.given_back > 0);
        assert_eq!(count(db, "state = 'completed'"), completed);
        // The others wait as if they had never been claimed, except that the claim is counted.
        assert_eq!(count(db, "state = 'available' AND attempt = 0"), JOBS - completed);
        assert!(count(db, "state = 'available' AND claim_seq = 1") >= report.given_back);
        // Not even their place in the queue have they lost.
        assert_eq!(db.number("SELECT count(DISTINCT scheduled_at) FROM drip_job"), 1);
    }

    fn a_drain_runs_all_that_has_been_claimed_and_claims_no_more(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let running = holding_unbegun_jobs(db, &mut watch, &gate);
        let draining = running.clone();
        let drain = thread::spawn(move || draining.drain(PATIENCE));
        eventually("the stop is requested", || !running.health().running);
        gate.open();
        let report = drain.join().unwrap();
        assert!(report.is_clean() && report.given_back == 0, "{report:?}");
        // Before that, some may have been too many to hold.
        let claimed = watch.claimed() - watch.count(|event| matches!(event, Event::GivenBack(_)));
        assert!(claimed > QUICK as usize + THREADS);
        assert_eq!(count(db, "state = 'completed'"), claimed);
        assert_eq!(count(db, "state = 'available'"), JOBS - claimed);
    }

    fn a_worker_without_jobs_stops_at_once(db: &Db) {
        for deadline in [PATIENCE, Duration::ZERO, Duration::MAX] {
            let running = Worker::new(&db.client)
                .poll_interval(Duration::from_secs(3600))
                .handle_kind("work", done)
                .start()
                .unwrap();
            assert!(running.health().running);
            let report = running.stop(deadline);
            assert!(report.is_clean() && report.given_back == 0, "{report:?}");
            assert!(report.took < Duration::from_secs(5), "{report:?}");
            assert!(!running.health().running);
        }
    }

    fn a_stop_is_answered_to_all_who_ask_and_join(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let door = gate.door();
        let running = Worker::new(&db.client)
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                door.pass(context.job().id);
                Ok(())
            })
            .start()
            .unwrap();
        let id = db.insert(job("work")).id;
        gate.arrival();
        let ask = |ask: fn(&Running) -> drip::Report| {
            let running = running.clone();
            thread::spawn(move || ask(&running))
        };
        let joined = ask(|running| running.join());
        let stopped = [
            ask(|running| running.stop(PATIENCE)),
            ask(|running| running.stop(PATIENCE * 2)),
            ask(|running| running.drain(PATIENCE)),
        ];
        eventually("the stop is requested", || !running.health().running);
        gate.open();
        let report = joined.join().unwrap();
        assert!(report.is_clean());
        for other in stopped {
            assert_eq!(other.join().unwrap(), report);
        }
        assert_eq!((running.stop(Duration::ZERO), running.join()), (report.clone(), report));
        assert_eq!(watch.until_state(id, State::Completed).attempt, 1);
        assert_eq!(watch.count(|event| matches!(event, Event::Stopped { .. })), 1);
    }

    fn a_worker_that_has_stopped_can_be_started_again(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let worker = Worker::new(&db.client).handle_kind("work", done);
        let mut ids = Vec::new();
        for _ in 0..3 {
            let running = worker.start().unwrap();
            ids.push(running.id().to_owned());
            let id = db.insert(job("work")).id;
            watch.until_state(id, State::Completed);
            assert_eq!(db.job(id).attempted_by.as_ref(), ids.last());
            assert!(running.stop(PATIENCE).is_clean());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3, "each start is a worker of its own");
    }

    fn a_stopped_worker_takes_no_jobs(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let stopped = Worker::new(&db.client).handle_kind("work", done).start().unwrap();
        assert!(stopped.stop(PATIENCE).is_clean());
        let id = db.insert(job("work")).id;
        // Another one has had its turn; the first has not.
        let _running = Worker::new(&db.client).queue("other").handle_kind("work", done).start().unwrap();
        let other = db.insert(job("work").queue("other")).id;
        watch.until_state(other, State::Completed);
        assert_eq!(db.job(id).state, State::Available);
    }

    fn dropping_a_running_worker_waits_for_nobody_and_loses_nothing(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let door = gate.door();
        let (alive, ended) = unbounded::<()>();
        let running = Worker::new(&db.client)
            .concurrency(THREADS)
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                let _held_by_the_threads = &alive;
                door.pass(context.job().id);
                Ok(())
            })
            .start()
            .unwrap();
        insert_many(&db.client, (0..10).map(|_| job("work"))).unwrap();
        let ids = gate.arrivals(THREADS);
        let clone = running.clone();
        let began = Instant::now();
        drop(running);
        assert!(clone.health().running, "the last clone counts");
        drop(clone);
        assert!(began.elapsed() < Duration::from_secs(5));
        gate.open();
        for id in ids {
            watch.until_state(id, State::Completed);
        }
        // Every thread has ended: nobody holds the handler any more.
        assert_eq!(ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
        assert_eq!(count(db, "state = 'running'"), 0);
    }

    fn a_hundred_starts_and_stops_leave_no_thread(db: &Db) {
        alone(db, module_path!(), "a_hundred_starts_and_stops_leave_no_thread", || {
            let mut watch = Watch::new(&db.client);
            let worker = Worker::new(&db.client).concurrency(3).handle_kind("work", done);
            for cycle in 0..100 {
                let running = worker.start().unwrap();
                if cycle == 0 {
                    eventually("threads are found by their names", || worker_threads() >= 6);
                }
                if cycle % 10 == 0 {
                    let id = db.insert(job("work")).id;
                    watch.until_state(id, State::Completed);
                }
                match cycle % 4 {
                    0 => assert!(running.stop(PATIENCE).is_clean()),
                    1 => assert!(running.drain(PATIENCE).is_clean()),
                    2 => assert!(running.stop_to_exit(PATIENCE).is_clean()),
                    _ => drop(running),
                }
            }
            eventually("no thread is left", || worker_threads() == 0);
            assert_eq!(count(db, "state = 'completed'"), 10);
        });
    }
}
