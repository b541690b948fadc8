//! The database goes away, for a moment or for long: the worker waits, says so once, and goes on as if nothing had been.

use std::time::{Duration, Instant};

use drip::{
    Client, Context, Dialect, Event, HandlerResult, Missed, NewJob, Periodic, Rule, Schedule, State, Worker, insert_job,
};
use mysql::prelude::Queryable;
use serde_json::{Value, json};

use crate::support::{
    Db, Ear, Place, Proxy,
    stage::{PLACES, Stage, insert},
};

/// A client that no outage concerns.
fn outside(db: &Db) -> Client {
    Client::connect(&db.url).unwrap()
}

/// Ends every connection to the database but one, and waits until they are gone.
fn kill_connections(db: &Db) {
    match db.dialect {
        Dialect::Postgres => kill_others(&mut db.postgres()),
        _ => {
            const OTHERS: &str = "FROM information_schema.processlist WHERE db = database() AND id <> connection_id()";
            let mut admin = db.mariadb();
            // Again and again: somebody may be connecting at this moment.
            loop {
                let others = admin.query::<u64, _>(format!("SELECT id {OTHERS}")).unwrap();
                if others.is_empty() {
                    break;
                }
                for id in others {
                    let _ = admin.query_drop(format!("KILL {id}")); // it may have gone by itself
                }
            }
        }
    }
}

fn kill_others(admin: &mut ::postgres::Client) {
    const OTHERS: &str = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    // Again and again: somebody may be connecting at this moment.
    while !admin.query(&format!("SELECT pg_terminate_backend(pid) {OTHERS}"), &[]).unwrap().is_empty() {}
}

/// All jobs are completed at their first attempt, and none of them says a word of errors.
fn assert_nothing_happened(db: &Db, jobs: &[i64]) {
    for id in jobs {
        let job = db.job(*id);
        assert_eq!((job.state, job.attempt, job.claim_seq, job.errors.len()), (State::Completed, 1, 1, 0), "job {id}");
    }
}

on_every_server! {
    fn killed_connections_cost_no_job_and_no_place(db: &Db) {
        let client = outside(db);
        let stage = Stage::start_on(&client);
        let jobs = insert(&outside(db), 3 * PLACES);
        stage.begin(PLACES);
        kill_connections(db);
        stage.let_go(jobs.len());
        stage.ear.hear_completions(&jobs);
        assert_eq!(stage.losses(), (1, 1));
        stage.assert_each_ran_once(&jobs);
        assert_nothing_happened(db, &jobs);
        stage.assert_all_places_work(&outside(db));
        assert_eq!(stage.losses(), (1, 1));
        assert!(client.metrics().to_string().contains("drip_database_losses_total 1\n"));
        assert!(stage.running.stop(Duration::from_secs(10)).is_clean());
    }

    fn an_idle_worker_survives_killed_connections(db: &Db) {
        let stage = Stage::start(&db.url);
        for outage in 1..=3 {
            stage.assert_all_places_work(&outside(db));
            kill_connections(db);
            stage.hear_loss();
            stage.assert_all_places_work(&outside(db));
            assert_eq!(stage.losses(), (outage, outage));
        }
        assert!(stage.running.stop(Duration::from_secs(10)).is_clean());
    }

    fn schedules_go_on_when_the_database_is_back(db: &Db) {
        let hourly = || Schedule::new("s", Rule::every("1h"), NewJob::new("k", json!({}))).missed(Missed::All(100));
        let client = Client::builder().clock(db.clock.clone()).connect(&db.url).unwrap();
        let ear = Ear::of(&client);
        let periodic = Periodic::new(&client).schedule(hourly()).start().unwrap();
        let hour = Duration::from_secs(3600);
        let hear_slot = |number: i64| {
            ear.hear("a slot", |event| match event {
                Event::SlotFired { slot, .. } => (slot.as_second() % 86_400 == number * 3600).then_some(()),
                _ => None,
            });
        };
        for outage in 0..3 {
            db.clock.advance(hour);
            hear_slot(2 * outage + 1);
            kill_connections(db);
            db.clock.advance(hour);
            hear_slot(2 * outage + 2);
        }
        let told = |wanted: fn(&Event) -> bool| ear.count(wanted);
        assert_eq!(told(|event| matches!(event, Event::DatabaseLost { .. })), 3);
        assert_eq!(told(|event| matches!(event, Event::DatabaseBack { .. })), 3);
        assert_eq!((db.jobs(), told(|event| matches!(event, Event::ScheduleFailed { .. }))), (6, 0));
        assert!(periodic.stop(Duration::from_secs(10)));
    }

    fn the_return_of_the_database_is_told_though_there_is_nothing_to_do(db: &Db) {
        let client = outside(db);
        let ear = Ear::of(&client);
        let worker = Worker::new(&client).handle_kind("k", |_: &Context, _: Value| -> HandlerResult { Ok(()) });
        let running = worker.any_queue().poll_interval(Duration::from_millis(50)).start().unwrap();
        ear.hear("a look that finds nothing", |event| matches!(event, Event::Idle { .. }).then_some(()));
        kill_connections(db);
        ear.hear("the loss", |event| matches!(event, Event::DatabaseLost { .. }).then_some(()));
        ear.hear("the return", |event| matches!(event, Event::DatabaseBack { .. }).then_some(()));
        assert!(running.stop(Duration::from_secs(10)).is_clean());
    }

    /// As if the connection had broken after the commit of a claim, and before its answer.
    fn a_claim_whose_answer_was_lost_is_given_back(db: &Db) {
        let stage = Stage::start(&db.url);
        stage.assert_all_places_work(&outside(db));
        let job = || NewJob::new("k", json!({})).delay(Duration::from_secs(3600));
        // More than one batch of others, of whom it is the last.
        drip::insert_many(&outside(db), (0..1000).map(|_| job().queue("nobody's"))).unwrap();
        let id = drip::insert_job(&outside(db), job()).unwrap().into_job().id;
        let later = if db.dialect == Dialect::Postgres { "now() + interval '1 second'" } else { "UTC_TIMESTAMP(6) + INTERVAL 1 SECOND" };
        db.execute(&format!(
            "UPDATE drip_job SET state = 'running', attempt = 1, claim_seq = 1, attempted_by = '{}', attempted_at = {later},
                                 scheduled_at = created_at
             WHERE state = 'scheduled'",
            stage.running.id()
        ));
        kill_connections(db);
        stage.begin(1);
        stage.let_go(1);
        stage.ear.hear_completion(id);
        let job = db.job(id);
        assert_eq!((job.attempt, job.claim_seq, job.errors.len(), job.crash_count), (1, 2, 0, 0));
        assert!(stage.running.stop(Duration::from_secs(10)).is_clean());
    }

    fn what_ended_while_the_database_was_away_is_recorded_when_it_is_back(db: &Db) {
        let (proxy, url) = Proxy::before(&db.url);
        let stage = Stage::start(&url);
        let jobs = insert(&outside(db), 3 * PLACES);
        stage.begin(PLACES);
        assert!(stage.running.health().is_healthy());
        proxy.take_away();
        stage.let_go(jobs.len());
        stage.hear_loss();
        let away = Instant::now();
        proxy.wait_until_hung_up(12);
        // Four threads need the database, and the three that wait for it do so for at least 75, 150 and 300 ms.
        assert!(away.elapsed() > Duration::from_millis(200), "twelve tries within {:?}", away.elapsed());
        let health = stage.running.health();
        assert!(health.running && !health.settling && !health.claiming && !health.is_healthy(), "{health:?}");
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'completed'"), 0);
        proxy.give_back();
        stage.ear.hear_completions(&jobs);
        assert_eq!(stage.losses(), (1, 1));
        stage.assert_each_ran_once(&jobs);
        assert_nothing_happened(db, &jobs);
        stage.assert_all_places_work(&outside(db));
        assert!(stage.running.health().is_healthy());
        assert_eq!(stage.losses(), (1, 1));
        assert!(stage.running.stop(Duration::from_secs(10)).is_clean());
    }

    fn a_worker_that_is_started_without_a_database_works_when_that_appears(db: &Db) {
        let (proxy, url) = Proxy::before(&db.url);
        let client = Client::connect(&url).unwrap();
        proxy.take_away();
        let stage = Stage::start_on(&client);
        stage.hear_loss();
        proxy.wait_until_hung_up(3);
        proxy.give_back();
        stage.assert_all_places_work(&outside(db));
        assert_eq!(stage.losses(), (1, 1));
        assert!(stage.running.stop(Duration::from_secs(10)).is_clean());
    }

    fn connections_that_were_killed_in_the_pool_cost_a_transactional_job_no_attempt(db: &Db) {
        let stage = Stage::start_transactional(db);
        let before = stage.assert_all_places_work(&outside(db));
        kill_connections(db);
        let after = stage.assert_all_places_work(&outside(db));
        for id in before.into_iter().chain(after) {
            let job = db.job(id);
            assert_eq!((job.state, job.attempt, job.errors.len()), (State::Completed, 1, 0));
        }
        assert_eq!(db.number("SELECT count(*) FROM effect"), db.jobs());
        assert!(stage.running.stop(Duration::from_secs(10)).is_clean());
    }

    fn a_transaction_that_is_killed_leaves_nothing_and_is_run_again(db: &Db) {
        let stage = Stage::start_transactional(db);
        let jobs = insert(&outside(db), PLACES);
        stage.begin(PLACES);
        kill_connections(db);
        assert_eq!(db.number("SELECT count(*) FROM effect"), 0);
        stage.let_go(2 * PLACES);
        stage.ear.hear_completions(&jobs);
        for id in &jobs {
            let job = db.job(*id);
            assert_eq!((job.attempt, job.errors.len()), (2, 1), "job {id}: {:?}", job.errors);
            assert_eq!(db.number(&format!("SELECT count(*) FROM effect WHERE job = {id}")), 1);
        }
        assert!(stage.running.stop(Duration::from_secs(10)).is_clean());
    }

    fn connections_that_were_killed_in_the_pool_cost_one_error_in_all(db: &Db) {
        let client = Client::connect(&db.url).unwrap();
        for round in 0..3 {
            fill_pool(db, &client);
            kill_connections(db);
            let tries: Vec<_> = (0..10).map(|_| insert_job(&client, NewJob::new("k", json!({})))).collect();
            let errors: Vec<_> = tries.iter().filter_map(|tried| tried.as_ref().err()).collect();
            assert!(errors.len() <= 1 && errors.iter().all(|error| error.is_unavailable()), "{round}: {errors:?}");
        }
    }
}

/// PostgreSQL refuses connections with many words besides "unavailable"; whichever it is, the worker waits.
#[test]
fn postgres_what_ended_while_connections_were_refused_is_recorded_afterwards() {
    Db::run(Dialect::Postgres, Place::Own, |db| {
        let stage = Stage::start(&db.url);
        let jobs = insert(&outside(db), PLACES);
        stage.begin(PLACES);
        let (server, database) = db.url.rsplit_once('/').unwrap();
        let mut admin = ::postgres::Client::connect(&format!("{server}/postgres"), ::postgres::NoTls).unwrap();
        let mut allow_connections = |allowed| {
            admin.batch_execute(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS {allowed}")).unwrap();
        };
        let mut inside = db.postgres();
        allow_connections(false);
        kill_others(&mut inside);
        stage.let_go(PLACES);
        stage.hear_loss();
        // Long enough for some tries, which all say nothing new.
        stage.ear.hear_silence(Duration::from_millis(500));
        allow_connections(true);
        stage.ear.hear_completions(&jobs);
        assert_nothing_happened(db, &jobs);
        assert!(stage.running.stop(Duration::from_secs(10)).is_clean());
    });
}

/// Leaves five connections in the client's pool.
fn fill_pool(db: &Db, client: &Client) {
    let together = std::sync::Barrier::new(5);
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| -> drip::Result<()> {
                let meet = || {
                    together.wait();
                };
                match db.dialect {
                    Dialect::Postgres => client.transaction(|_: &mut ::postgres::Transaction| {
                        meet();
                        Ok(())
                    }),
                    _ => client.transaction(|_: &mut mysql::Transaction| {
                        meet();
                        Ok(())
                    }),
                }
            });
        }
    });
}
