//! Jobs that run for longer than they may are given to others, though their workers live.

use std::time::Duration;

use drip::{Context, Event, HandlerResult, NewJob, RescueAfter, State, Worker, complete_job, rescue_overdue_jobs};
use serde_json::Value;

use crate::support::{
    Gate, Watch,
    upkeep::{INTERVAL, idle, stop},
    watch::{PATIENCE, eventually},
    work::job,
};

const TICK: Duration = Duration::from_micros(1);
const HOUR: Duration = Duration::from_secs(3600);

on_every_database_and_place! {
    fn a_job_may_run_for_its_time_and_not_a_microsecond_longer(db: &Db) {
        let running = db.job_in(State::Running);
        let others = State::ALL.map(|state| if state == State::Running { running.clone() } else { db.job_in(state) });
        let rescue = || db.on(|on| rescue_overdue_jobs(on, &RescueAfter::new(HOUR))).unwrap();
        db.clock.advance(HOUR - TICK);
        assert_eq!((rescue(), db.job(running.id)), (0, running.clone()));
        db.clock.advance(TICK);
        assert_eq!(rescue(), 1);
        let job = db.job(running.id);
        assert_eq!((job.state, job.attempt, job.claim_seq, job.crash_count), (State::Available, 1, 1, 0));
        assert_eq!(job.errors.last().unwrap().error, "job rescued after timeout");
        assert_eq!(job.scheduled_at, running.scheduled_at);
        assert!(others.iter().all(|job| job.id == running.id || db.job(job.id) == *job));
        assert!(complete_job(&db.client, &running).unwrap_err().is_lost_claim());
        assert_eq!(rescue(), 0);
    }

    fn what_hangs_each_time_comes_to_an_end(db: &Db) {
        let id = db.insert(job("work").max_attempts(2)).id;
        for (attempt, state) in [(1, State::Available), (2, State::Discarded)] {
            assert_eq!(db.claim("default").attempt, attempt);
            db.clock.advance(HOUR);
            assert_eq!(db.on(|on| rescue_overdue_jobs(on, &RescueAfter::new(HOUR))).unwrap(), 1);
            let job = db.job(id);
            assert_eq!((job.state, job.attempt, job.errors.len()), (state, attempt, attempt as usize));
            assert_eq!(job.finalized_at, (state == State::Discarded).then(|| db.clock.now()));
        }
    }

    fn a_queue_may_differ_and_have_no_limit(db: &Db) {
        let jobs = ["a", "b", "c"].map(|queue| {
            db.insert(job("work").queue(queue));
            db.claim(queue)
        });
        let after = RescueAfter::new(2 * HOUR).in_queue("a", None).in_queue("b", HOUR);
        let after_another = |span: Duration| {
            db.clock.advance(span);
            db.on(|on| rescue_overdue_jobs(on, &after)).unwrap();
            jobs.each_ref().map(|job| db.job(job.id).state == State::Running)
        };
        assert_eq!(after_another(HOUR - TICK), [true, true, true]);
        assert_eq!(after_another(TICK), [true, false, true]);
        assert_eq!(after_another(HOUR), [true, false, false]);
        assert_eq!(after_another(1000 * HOUR), [true, false, false]);
        assert_eq!(db.on(|on| rescue_overdue_jobs(on, &RescueAfter::default())).unwrap(), 0);
    }

    /// Those of queues without a limit come first, more of them than are looked at at a time.
    fn more_than_a_batch_of_others_hide_none(db: &Db) {
        let insert = |queue: &'static str, count: usize| {
            drip::insert_many(&db.client, (0..count).map(|_| job("work").queue(queue))).unwrap();
        };
        insert("slow", 1500);
        insert("quick", 1100);
        db.execute("UPDATE drip_job SET state = 'running', attempt = 1, claim_seq = 1, attempted_by = 'w', attempted_at = created_at");
        db.clock.advance(HOUR);
        let after = RescueAfter::default().in_queue("quick", HOUR);
        assert_eq!(db.on(|on| rescue_overdue_jobs(on, &after)).unwrap(), 1100);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'running' AND queue = 'slow'"), 1500);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'available' AND queue = 'quick'"), 1100);
    }
}

mod in_the_background {
    use super::*;

    on_every_database! {
        fn a_handler_that_takes_too_long_loses_its_claim_and_another_runs_the_job(db: &Db) {
            let gate = Gate::new();
            let door = gate.door();
            let mut watch = Watch::new(&db.client);
            let worker = Worker::new(&db.client).concurrency(2).handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                if context.job().claim_seq == 1 {
                    door.pass(context.job().id);
                }
                Ok(())
            });
            let worker = worker.start().unwrap();
            let id = db.insert(job("work")).id;
            gate.arrivals(1);
            let maintenance = idle(&db.client).rescue_after(HOUR).rescue_interval(INTERVAL).start().unwrap();
            assert_eq!(db.until_run("rescue", 1).changed, Some(0));
            db.clock.advance(HOUR);
            watch.until(|event| matches!(event, Event::Rescued(job) if job.id == id && job.state == State::Available));
            watch.until(|event| matches!(event, Event::Maintained { task, changed: 1, .. } if task == "rescue"));
            watch.until_state(id, State::Completed);
            gate.open();
            watch.until_claim_lost(id);
            let job = db.job(id);
            assert_eq!((job.state, job.attempt, job.claim_seq, job.errors.len()), (State::Completed, 2, 2, 1));
            stop(&maintenance);
            assert!(worker.stop(PATIENCE).is_clean());
        }

        fn without_a_limit_a_job_may_run_for_ever(db: &Db) {
            let running = db.job_in(State::Running);
            let limited = idle(&db.client).rescue_after_in("another", HOUR).start().unwrap();
            db.until_run("rescue", 1);
            for run in 2..4 {
                db.clock.advance(1000 * HOUR);
                db.until_run("rescue", run);
            }
            stop(&limited);
            assert_eq!(db.job(running.id), running);
            let unlimited = idle(&db.another_client()).rescue_after(None).start().unwrap();
            stop(&unlimited);
            assert_eq!(db.task("rescue").unwrap().runs, 3);
        }

        fn what_has_expired_is_discarded_by_itself(db: &Db) {
            let id = |job: NewJob| db.insert(job).id;
            let (mortal, eternal) = (id(job("work").ttl(HOUR)), id(job("work")));
            let maintenance = idle(&db.client).expiry_interval(INTERVAL).start().unwrap();
            db.until_run("expire", 1);
            db.clock.advance(HOUR);
            eventually("it is discarded", || db.job(mortal).state == State::Discarded);
            stop(&maintenance);
            assert_eq!(db.job(eternal).state, State::Available);
        }

        fn what_was_discarded_before_an_error_stays_discarded(db: &Db) {
            let jobs = drip::insert_many(&db.client, (0..1001).map(|_| job("work").ttl(HOUR))).unwrap();
            let last = jobs.last().unwrap().job().id;
            db.clock.advance(HOUR);
            db.refuse(&format!("NEW.id = {last} AND NEW.state = 'discarded'"));
            drip::expire_jobs(&db.client).unwrap_err();
            assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'discarded'"), 1000);
        }
    }
}
