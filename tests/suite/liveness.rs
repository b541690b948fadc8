//! A worker that dies is missed, and its jobs are run by others: no sooner than its lease is over, with the budget of
//! attempts untouched, and whatever kills its worker again and again is given up alone.

use std::time::Duration;

use drip::{
    Client, Context, Event, HandlerResult, NewJob, Running, State, Worker, fetch_jobs, insert_many, list_workers,
    renew_lease,
};
use serde_json::{Value, json};

use crate::support::{
    Gate, Watch,
    watch::PATIENCE,
    work::{done, job},
};

const LEASE: Duration = Duration::from_millis(300);
const HOUR: Duration = Duration::from_secs(3600);

fn worker(client: &Client) -> Worker {
    Worker::new(client).lease(LEASE).poll_interval(Duration::from_millis(20))
}

on_every_database! {
    fn a_worker_says_who_it_is_and_goes_when_it_stops(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let running = worker(&db.client)
            .label("billing")
            .concurrency(3)
            .queue("a")
            .queue("b")
            .handle_kind("work", done)
            .start()
            .unwrap();
        drip::insert_job(&db.client, job("work").queue("b")).unwrap().into_job();
        watch.until_completed(1);
        crate::support::watch::eventually("the worker has said that it claims", || {
            list_workers(&db.client).unwrap().iter().any(|worker| worker.claimed_at.is_some())
        });
        let workers = list_workers(&db.client).unwrap();
        let [info] = &workers[..] else { panic!("{workers:?}") };
        assert_eq!((info.id.as_str(), info.label.as_str()), (running.id(), "billing"));
        assert_eq!((&info.queues[..], &info.kinds[..]), (&["a".to_owned(), "b".to_owned()][..], &["work".to_owned()][..]));
        assert_eq!((info.pid, info.concurrency, info.lease), (Some(std::process::id()), Some(3), LEASE));
        assert_eq!(info.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert!(running.stop(PATIENCE).is_clean());
        assert_eq!(list_workers(&db.client).unwrap(), []);
    }

    fn jobs_of_a_worker_that_falls_silent_are_run_by_others_with_their_budget_untouched(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let jobs = insert_many(&db.client, (0..3).map(|_| job("work").max_attempts(1))).unwrap();
        let lost = fetch_jobs(&db.client, "default", "gone", 3).unwrap();
        assert_eq!(lost.len(), 3);
        // It has said that it lives for 30 s; here it dies sooner.
        db.execute("UPDATE drip_worker SET lease_ms = 300");
        let _running = worker(&db.client).handle_kind("work", done).start().unwrap();
        watch.until(|event| matches!(event, Event::WorkerDied { worker, rescued: 3 } if worker == "gone"));
        watch.until_completed(3);
        for inserted in jobs {
            let job = db.job(inserted.job().id);
            assert_eq!((job.state, job.attempt, job.claim_seq), (State::Completed, 1, 2));
            assert!(job.errors[0].error.contains("gone"), "{:?}", job.errors);
        }
        for claimed in &lost {
            assert!(drip::complete_job(&db.client, claimed).unwrap_err().is_lost_claim());
        }
        assert!(list_workers(&db.client).unwrap().iter().all(|worker| worker.id != "gone"));
    }

    fn jobs_of_a_worker_without_a_row_are_missed_as_well(db: &Db) {
        let mut watch = Watch::new(&db.client);
        drip::insert_job(&db.client, job("work")).unwrap().into_job();
        assert_eq!(fetch_jobs(&db.client, "default", "gone", 3).unwrap().len(), 1);
        db.execute("DELETE FROM drip_worker");
        let _running = worker(&db.client).handle_kind("work", done).start().unwrap();
        watch.until_completed(1);
    }

    fn a_worker_that_lives_keeps_its_jobs_however_long_they_run(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let (busy, gate, id) = with_a_job_at_a_gate(db);
        // This one watches, and buries what is silent for as long.
        let watching = worker(&db.client).handle_kind("other", done).start().unwrap();
        drip::insert_job(&db.client, job("other").queue("elsewhere")).unwrap().into_job();
        assert_eq!(fetch_jobs(&db.client, "elsewhere", "gone", 1).unwrap().len(), 1);
        db.execute("UPDATE drip_worker SET lease_ms = 1200 WHERE id = 'gone'");
        watch.until(|event| matches!(event, Event::WorkerDied { worker, .. } if worker == "gone"));
        assert_eq!((db.job(id).state, db.job(id).claim_seq), (State::Running, 1));
        gate.open();
        watch.until_state(id, State::Completed);
        assert!(busy.stop(PATIENCE).is_clean() && watching.stop(PATIENCE).is_clean());
    }

    fn handlers_that_a_stop_could_not_wait_for_keep_their_jobs_until_they_return(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let (stays, gate, id) = with_a_job_at_a_gate(db);
        assert_eq!(stays.stop(Duration::from_millis(50)).still_running, [id]);
        let watching = worker(&db.client).queue("elsewhere").handle_kind("other", done).start().unwrap();
        db.insert(job("other").queue("nobody's"));
        assert_eq!(fetch_jobs(&db.client, "nobody's", "gone", 1).unwrap().len(), 1);
        db.execute("UPDATE drip_worker SET lease_ms = 1200 WHERE id = 'gone'");
        watch.until(|event| matches!(event, Event::WorkerDied { worker, .. } if worker == "gone"));
        assert_eq!((db.job(id).state, db.job(id).claim_seq), (State::Running, 1));
        gate.open();
        watch.until(|event| matches!(event, Event::Rescued(job) if job.id == id));
        assert_eq!(db.job(id).state, State::Available);
        assert!(watching.stop(PATIENCE).is_clean());
    }

    fn a_worker_that_was_taken_for_dead_says_so_and_goes_on(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let running = worker(&db.client).handle_kind("work", done).start().unwrap();
        crate::support::watch::eventually("it is there", || list_workers(&db.client).unwrap().len() == 1);
        db.execute("DELETE FROM drip_worker");
        watch.until(|event| matches!(event, Event::TakenForDead { .. }));
        assert_eq!(list_workers(&db.client).unwrap()[0].id, running.id());
        db.insert(job("work"));
        watch.until_completed(1);
    }

    fn a_worker_that_cannot_say_that_it_lives_says_that_once_and_goes_on(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let running = worker(&db.client).handle_kind("work", done).start().unwrap();
        crate::support::watch::eventually("it is there", || list_workers(&db.client).unwrap().len() == 1);
        for _ in 0..2 {
            db.execute("ALTER TABLE drip_worker RENAME TO mislaid");
            watch.until(|event| matches!(event, Event::HeartbeatFailed { worker, .. } if worker == running.id()));
            db.insert(job("work"));
            watch.until_completed(1);
            db.execute("ALTER TABLE mislaid RENAME TO drip_worker");
            let beats = || db.number("SELECT beats FROM drip_worker");
            let before = beats();
            let beats_on = || beats() > before + 1;
            crate::support::watch::eventually("its heart beats", beats_on);
        }
        assert_eq!(watch.count(|event| matches!(event, Event::HeartbeatFailed { .. })), 2);
        assert!(running.stop(PATIENCE).is_clean());
    }

    fn a_lease_is_renewed_by_hand(db: &Db) {
        renew_lease(&db.client, "mine", Duration::from_secs(60)).unwrap();
        renew_lease(&db.client, "mine", Duration::from_secs(120)).unwrap();
        let workers = list_workers(&db.client).unwrap();
        assert_eq!((workers.len(), workers[0].lease), (1, Duration::from_secs(120)));
        // What those who watch it go by.
        assert_eq!(db.number("SELECT beats FROM drip_worker"), 1);
        fetch_jobs(&db.client, "default", "mine", 1).unwrap();
        assert_eq!(db.number("SELECT beats FROM drip_worker"), 2);
        for lease in [Duration::ZERO, Duration::from_millis(999), HOUR + Duration::from_secs(1)] {
            assert!(renew_lease(&db.client, "mine", lease).unwrap_err().is_invalid_input());
        }
        assert!(renew_lease(&db.client, "", HOUR).unwrap_err().is_invalid_input());
    }

    /// As if a process had died with these jobs: what it says of itself is taken away, and nobody is left to settle them.
    fn a_job_that_kills_its_worker_again_and_again_is_given_up_alone(db: &Db) {
        const HARMLESS: usize = 20;
        insert_many(&db.client, (0..HARMLESS).map(|_| job("work"))).unwrap();
        let deadly = db.insert(NewJob::new("deadly", json!({})).priority(4)).id;
        let lost = fetch_jobs(&db.client, "default", "first", HARMLESS + 1).unwrap();
        assert_eq!(lost.len(), HARMLESS + 1);
        let mut watch = Watch::new(&db.client);
        bury(db, "first");
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE crash_count = 1"), (HARMLESS + 1) as i64);
        let runs_the_harmless = worker(&db.client).handle_kind("work", done).start().unwrap();
        watch.until_completed(HARMLESS);
        assert!(runs_the_harmless.stop(PATIENCE).is_clean());
        for death in 1..=3 {
            assert_eq!(db.job(deadly).state, State::Available, "before death {death}");
            assert_eq!(fetch_jobs(&db.client, "default", "next", 5).unwrap().len(), 1);
            bury(db, "next");
        }
        let given_up = db.job(deadly);
        assert_eq!((given_up.state, given_up.crash_count, given_up.errors.len()), (State::Discarded, 4, 5));
        assert!(given_up.errors[4].error.contains("given up"), "{:?}", given_up.errors[4]);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'completed'"), HARMLESS as i64);
    }

    fn suspects_are_run_one_at_a_time(db: &Db) {
        insert_many(&db.client, (0..6).map(|_| job("work"))).unwrap();
        fetch_jobs(&db.client, "default", "first", 6).unwrap();
        bury(db, "first");
        db.insert(job("work"));
        let mut watch = Watch::new(&db.client);
        let (together, most) = (std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)), std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)));
        let (now, seen) = (together.clone(), most.clone());
        let running = worker(&db.client)
            .poll_interval(HOUR)
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                use std::sync::atomic::Ordering::SeqCst;
                if context.job().crash_count > 0 {
                    seen.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    std::thread::yield_now();
                    now.fetch_sub(1, SeqCst);
                }
                Ok(())
            })
            .start()
            .unwrap();
        watch.until_completed(7);
        assert_eq!(most.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert!(running.stop(PATIENCE).is_clean());
    }

    /// Another process has buried the worker; here only a bell rings, for whatever it is.
    fn whoever_is_woken_looks_for_suspects_too(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let running = worker(&db.client).poll_interval(HOUR).handle_kind("work", done).start().unwrap();
        watch.until(|event| matches!(event, Event::Idle { .. }));
        db.execute("INSERT INTO drip_job (kind, args, crash_count) VALUES ('work', '{}', 1)");
        db.insert(job("work"));
        watch.until_completed(2);
        assert!(running.stop(PATIENCE).is_clean());
    }

    /// Otherwise one whose worker dies of the next would be charged for that.
    fn a_suspect_is_recorded_before_the_next_is_run(db: &Db) {
        const SUSPECTS: usize = 40;
        insert_many(&db.client, (0..SUSPECTS).map(|_| job("work").max_attempts(1))).unwrap();
        db.execute("UPDATE drip_job SET crash_count = 1");
        let mut watch = Watch::new(&db.client);
        let url = db.url.clone();
        let alone = move |_: &Context, _: Value| -> HandlerResult {
            let running = "SELECT count(*) FROM drip_job WHERE state = 'running' AND crash_count > 0";
            match crate::support::Db::at(&url).number(running) {
                1 => Ok(()),
                running => Err(format!("{running} suspects are running"))?,
            }
        };
        let running = worker(&db.client).poll_interval(HOUR).handle_kind("work", alone).start().unwrap();
        watch.until_count(SUSPECTS, |event| matches!(event, Event::Completed(_) | Event::Discarded(_)));
        assert_eq!(watch.count(|event| matches!(event, Event::Discarded(_))), 0);
        assert!(running.stop(PATIENCE).is_clean());
    }

    fn an_attempt_that_ends_by_itself_clears_the_suspicion(db: &Db) {
        db.insert(job("work"));
        fetch_jobs(&db.client, "default", "first", 1).unwrap();
        bury(db, "first");
        let claimed = db.claim("default");
        assert_eq!(claimed.crash_count, 1);
        assert_eq!(drip::fail_job(&db.client, &claimed, "no").unwrap().crash_count, 0);
    }
}

/// Lets a worker bury another at once.
fn bury(db: &crate::support::Db, gone: &str) {
    db.execute(&format!("UPDATE drip_worker SET lease_ms = 100 WHERE id = '{gone}'"));
    let mut watch = Watch::new(&db.client);
    let buries = Worker::new(&db.client).lease(Duration::from_millis(100)).queue("none").handle_kind("none", done);
    let running = buries.start().unwrap();
    watch.until(|event| matches!(event, Event::WorkerDied { worker, .. } if worker == gone));
    assert!(running.stop(PATIENCE).is_clean());
}

/// A worker whose one job, with this id, waits at a gate.
fn with_a_job_at_a_gate(db: &crate::support::Db) -> (Running, Gate, i64) {
    let gate = Gate::new();
    let door = gate.door();
    let running = worker(&db.client)
        .handle_kind("work", move |_: &Context, _: Value| -> HandlerResult {
            door.pass(1);
            Ok(())
        })
        .start()
        .unwrap();
    let id = db.insert(job("work")).id;
    gate.arrival();
    (running, gate, id)
}
