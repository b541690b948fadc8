//! A queue that is paused is left alone, by every process and within a second; what runs may end. Once resumed it is
//! served at once.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use drip::{
    Client, Clock, Context, Dialect, Event, HandlerResult, Running, State, Worked, Worker, fetch_jobs, get_queue,
    insert_many, pause_all, pause_queue, resume_all, resume_queue, upsert_queue,
};
use serde_json::{Value, json};

use crate::support::{
    Db, Ear, End, Gate, Place, Watch,
    watch::{PATIENCE, eventually},
    work::{done, job},
};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

const THREADS: usize = 2;
/// So many jobs of those below are done at once.
const QUICK: i64 = 300;
const JOBS: usize = 1000;

/// As another process has one.
fn other_client(db: &Db) -> Client {
    Client::builder().clock(Clock::at(db.clock.now())).connect(&db.url).unwrap()
}

/// A worker that has claimed jobs of these queues which no thread has begun: it has found jobs to be quick, and so claims
/// ahead, and then each thread holds one that does not end before the gate opens.
fn holding_unbegun_jobs(db: &Db, watch: &mut Watch, gate: &Gate, queues: &[&'static str]) -> Running {
    insert_many(&db.client, (0..JOBS).map(|n| job("work").queue(queues[n % queues.len()]))).unwrap();
    let (door, begun) = (gate.door(), AtomicI64::new(0));
    let worker = queues.iter().fold(Worker::new(&db.client), |worker, queue| worker.queue(*queue));
    let running = worker
        .concurrency(THREADS)
        .poll_interval(HOUR)
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
    eventually("jobs of each queue are claimed and not begun", || {
        queues.iter().all(|queue| running_of(db, queue) > THREADS)
    });
    running
}

fn running_of(db: &Db, queue: &str) -> usize {
    db.number(&format!("SELECT count(*) FROM drip_job WHERE state = 'running' AND queue = '{queue}'")) as usize
}

fn is_start(event: &Event) -> bool {
    matches!(event, Event::Started(_))
}

on_every_database_and_place! {
    fn no_job_of_a_paused_queue_is_claimed_until_it_is_resumed(db: &Db) {
        for queue in ["mail", "Mail", "other"] {
            insert_many(&db.client, (0..2).map(|_| job("work").queue(queue))).unwrap();
        }
        let claim = |queue: &str| db.on(|on| fetch_jobs(on, queue, "worker", 1)).unwrap().len();
        db.on(|on| pause_queue(on, "mail")).unwrap();
        assert_eq!((claim("mail"), claim("Mail"), claim("other")), (0, 1, 1));
        db.on(|on| resume_queue(on, "mail")).unwrap();
        assert_eq!(claim("mail"), 1);
    }

    fn when_all_are_paused_so_are_those_that_nobody_has_seen(db: &Db) {
        db.on(|on| pause_queue(on, "paused")).unwrap();
        db.on(|on| upsert_queue(on, "known", json!({}))).unwrap();
        let began = db.clock.now();
        db.on(|on| pause_all(on)).unwrap();
        db.clock.advance(SECOND);
        db.on(|on| pause_all(on)).unwrap();
        for queue in ["paused", "known", "new"] {
            db.insert(job("work").queue(queue));
        }
        let claim = |queue: &str| db.on(|on| fetch_jobs(on, queue, "worker", 1)).unwrap().len();
        assert_eq!((claim("paused"), claim("known"), claim("new")), (0, 0, 0));
        // One queue's own switch does not move that of all.
        let resumed = db.on(|on| resume_queue(on, "known")).unwrap();
        assert_eq!((resumed.paused_at, resumed.all_paused_at, resumed.is_paused()), (None, Some(began), true));
        assert_eq!(claim("known"), 0);
        for _ in 0..2 {
            db.on(|on| resume_all(on)).unwrap();
        }
        // Nor that of all one queue's own.
        assert_eq!((claim("paused"), claim("known"), claim("new")), (0, 1, 1));
        let queue = db.on(|on| get_queue(on, "paused")).unwrap().unwrap();
        assert_eq!((queue.paused_at, queue.all_paused_at), (Some(began), None));
    }
}

on_every_database! {
    fn what_runs_may_end_and_what_was_claimed_ahead_goes_back_within_a_second(db: &Db) {
        for (pause, resume) in [
            ((|client| pause_queue(client, "default").map(drop)) as fn(&Client) -> drip::Result<()>,
             (|client| resume_queue(client, "default").map(drop)) as fn(&Client) -> drip::Result<()>),
            (|client| pause_all(client), |client| resume_all(client)),
        ] {
            let mut watch = Watch::new(&db.client);
            let gate = Gate::new();
            let running = holding_unbegun_jobs(db, &mut watch, &gate, &["default"]);
            let began = Instant::now();
            pause(&other_client(db)).unwrap();
            eventually("what has not begun is given back", || running_of(db, "default") == THREADS);
            // A second is promised; this machine may be busy.
            assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
            let given_back = watch.claimed() - QUICK as usize - THREADS;
            watch.until_count(given_back, |event| matches!(event, Event::GivenBack(job) if job.duration.is_none()));
            let counted = "SELECT count(*) FROM drip_job WHERE state = 'available' AND attempt > 0";
            assert_eq!(db.number(counted), 0, "it uses up no attempt");
            let started = watch.count(is_start);
            gate.open();
            watch.until_completed(QUICK as usize + THREADS);
            db.insert(job("work"));
            watch.next(|event| matches!(event, Event::Idle { .. }));
            assert_eq!(watch.count(is_start), started);
            resume(&db.client).unwrap();
            watch.until_completed(JOBS + 1);
            assert!(running.stop(PATIENCE).is_clean());
        }
    }

    fn while_one_queue_is_paused_the_others_are_served(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let running = holding_unbegun_jobs(db, &mut watch, &gate, &["mail", "other"]);
        pause_queue(&db.client, "mail").unwrap();
        // Those that its threads hold may be of either.
        eventually("those of the paused queue are given back", || running_of(db, "mail") <= THREADS);
        gate.open();
        eventually("the others are done", || {
            db.number("SELECT count(*) FROM drip_job WHERE state = 'completed' AND queue = 'other'") == JOBS as i64 / 2
        });
        assert!(db.number("SELECT count(*) FROM drip_job WHERE state = 'available' AND queue = 'mail'") > 0);
        resume_queue(&db.client, "mail").unwrap();
        watch.until_completed(JOBS);
        let report = running.stop(PATIENCE);
        assert!(report.is_clean() && report.given_back == 0, "{report:?}");
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE attempt <> 1"), 0);
    }

    fn a_worker_of_this_process_is_woken_by_a_resume(db: &Db) {
        for (workers, settings) in [
            ("one queue", (|worker| worker.queue("mail")) as fn(Worker) -> Worker),
            ("any queue", |worker| worker.any_queue()),
        ] {
            let mut watch = Watch::new(&db.client);
            pause_queue(&db.client, "mail").unwrap();
            pause_all(&db.client).unwrap();
            let id = db.insert(job("work").queue("mail")).id;
            let worker = settings(Worker::new(&db.client).poll_interval(HOUR).handle_kind("work", done));
            let running = worker.start().unwrap();
            watch.until(|event| matches!(event, Event::Idle { .. }));
            resume_queue(&db.client, "mail").unwrap();
            watch.next(|event| matches!(event, Event::Idle { .. }));
            assert_eq!((db.job(id).state, watch.count(is_start)), (State::Available, 0), "{workers}");
            resume_all(&db.client).unwrap();
            watch.until_state(id, State::Completed);
            assert!(running.stop(PATIENCE).is_clean());
        }
    }

    /// By notification, or by the file's version; on MariaDB by asking again.
    fn workers_of_other_processes_are_woken_by_a_resume_in_whatever_transaction(db: &Db) {
        let here = Client::connect(&db.url).unwrap();
        let poll = if db.dialect == Dialect::Mariadb { SECOND / 2 } else { HOUR };
        for resume in [
            (|db| resume_queue(&other_client(db), "mail").map(drop)) as fn(&Db) -> drip::Result<()>,
            |db| db.committed(|tx| resume_queue(tx.on(), "mail").map(drop)),
            |db| match db.dialect {
                Dialect::Postgres => resume_queue(&mut db.postgres(), "mail").map(drop),
                Dialect::Mariadb => resume_queue(&mut db.mariadb(), "mail").map(drop),
                _ => resume_queue(&mut db.sqlite(), "mail").map(drop),
            },
        ] {
            pause_queue(&here, "mail").unwrap();
            db.execute("INSERT INTO drip_job (kind, queue) VALUES ('work', 'mail')");
            let ear = Ear::of(&here);
            let running = Worker::new(&here).queue("mail").poll_interval(poll).handle_kind("work", done).start().unwrap();
            if db.dialect == Dialect::Postgres {
                ear.hear("notifications", |event| matches!(event, Event::Listening { .. }).then_some(()));
            }
            if poll == HOUR {
                ear.hear_silence(Duration::from_millis(300));
            }
            assert_eq!(ear.count(is_start), 0);
            let began = Instant::now();
            resume(db).unwrap();
            ear.hear("a completion", |event| matches!(event, Event::Completed(_)).then_some(()));
            assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
            assert!(running.stop(PATIENCE).is_clean());
        }
    }

    fn work_once_leaves_a_paused_queue_alone(db: &Db) {
        let worker = Worker::new(&db.client).any_queue().handle_kind("work", done);
        db.insert(job("work").queue("mail"));
        pause_queue(&db.client, "mail").unwrap();
        assert_eq!(worker.work_once().unwrap(), Worked::Nothing);
        pause_all(&db.client).unwrap();
        resume_queue(&db.client, "mail").unwrap();
        assert_eq!(worker.work_once().unwrap(), Worked::Nothing);
        resume_all(&db.client).unwrap();
        assert!(matches!(worker.work_once().unwrap(), Worked::Done(_)));
    }

    fn subscribers_are_told_of_what_has_been_committed(db: &Db) {
        let mut watch = Watch::new(&db.client);
        for (end, verb) in [(End::Commit, "commit"), (End::Rollback, "roll back")] {
            let (_, ended) = db.ended(end, |tx| {
                pause_queue(tx.on(), verb).unwrap();
                pause_all(tx.on()).unwrap();
                resume_all(tx.on()).unwrap();
            });
            ended.unwrap();
        }
        pause_queue(&db.client, "mail").unwrap();
        resume_queue(&db.client, "mail").unwrap();
        pause_all(&db.client).unwrap();
        resume_all(&db.client).unwrap();
        let told: Vec<String> = std::iter::repeat_with(|| watch.next(|_| true))
            .take(4)
            .map(|event| match event {
                Event::QueuePaused { queue } => format!("paused {queue}"),
                Event::QueueResumed { queue } => format!("resumed {queue}"),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told, ["paused mail", "resumed mail", "paused *", "resumed *"]);
    }
}

/// Nobody is kept from claiming by a pause that is not committed yet, nor made to wait for it. (On SQLite there is one
/// writer.)
#[test]
fn a_pause_in_an_open_transaction_keeps_nobody_from_claiming() {
    for dialect in [Dialect::Postgres, Dialect::Mariadb] {
        Db::run(dialect, Place::Own, |db| {
            insert_many(&db.client, (0..2).map(|_| job("work").queue("mail"))).unwrap();
            let claim = || fetch_jobs(&db.client, "mail", "worker", 1).unwrap().len();
            db.committed(|tx| {
                pause_queue(tx.on(), "mail").unwrap();
                pause_all(tx.on()).unwrap();
                assert_eq!(claim(), 1);
            });
            assert_eq!(claim(), 0);
        });
    }
}
