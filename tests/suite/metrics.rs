//! What is counted of jobs, and how long they wait, run and compute: in the events and in the text for Prometheus.

use std::{collections::BTreeMap, time::Duration};

use drip::{
    Client, Context, Event, HandlerResult, JobEvent, Outcome, RetryPolicy, State, Worked, Worker, cancel_job,
    complete_job, insert_job, insert_many,
};
use serde_json::Value;

use crate::support::{
    Gate, PATIENCE, Watch,
    watch::eventually,
    work::{done, job, transactional},
};

const HOUR: Duration = Duration::from_secs(3600);

/// The numbers of the text, by what stands before them.
fn numbers(client: &Client) -> BTreeMap<String, f64> {
    let text = client.metrics().to_string();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let number = |line: &str| {
        let (name, number) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), number.parse().unwrap())
    };
    lines.map(number).collect()
}

fn number(client: &Client, name: &str) -> f64 {
    *numbers(client).get(name).unwrap_or_else(|| panic!("there is no {name} in\n{}", client.metrics()))
}

/// What became of attempts at a kind, but for what did not.
fn outcomes(client: &Client, kind: &str) -> Vec<(String, f64)> {
    let prefix = format!("drip_attempts_ended_total{{queue=\"default\",kind=\"{kind}\",outcome=\"");
    let of = |(name, number): (String, f64)| {
        let outcome = name.strip_prefix(&prefix)?.trim_end_matches("\"}").to_owned();
        (number > 0.0).then_some((outcome, number))
    };
    numbers(client).into_iter().filter_map(of).collect()
}

/// The timing of an event is about as it should be: nothing shorter, and nothing much longer.
fn took(what: &str, span: Option<Duration>, least: Duration) {
    assert!(span.is_some_and(|span| (least..least + PATIENCE).contains(&span)), "{what}: {span:?}, not {least:?}");
}

on_every_database! {
    fn each_attempt_is_counted_under_what_became_of_it(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let table = ["completed", "failed", "discarded", "snoozed", "cancelled"];
        let mut worker = Worker::new(&db.client).retry(RetryPolicy::constant(HOUR));
        for kind in table {
            worker = worker.handle_kind(kind, move |_: &Context, _: Value| -> HandlerResult<Outcome> {
                match kind {
                    "completed" => Ok(Outcome::Complete),
                    "discarded" => Ok(Outcome::Discard("no hope".into())),
                    "snoozed" => Ok(Outcome::Snooze(HOUR)),
                    "cancelled" => Ok(Outcome::Cancel("no need".into())),
                    _ => Err("boom".into()),
                }
            });
        }
        let settle = |context: &Context, _: Value| -> HandlerResult<Outcome> {
            complete_job(context.client(), context.job())?;
            Ok(Outcome::Settled)
        };
        let worker = worker.handle_kind("settled", settle);
        let worker = transactional(db, worker, "settled_inside", |tx, context| {
            complete_job(tx.on(), context.job())?;
            Ok(Outcome::Settled)
        });
        let kinds = || table.into_iter().chain(["settled", "settled_inside"]);
        insert_many(&db.client, kinds().flat_map(|kind| [job(kind), job(kind)])).unwrap();
        let running = worker.start().unwrap();
        watch.until_count(12, |event| crate::support::watch::job(event).is_some_and(|job| job.duration.is_some()));
        assert!(running.stop(PATIENCE).is_clean());
        for kind in kinds() {
            let expected = if kind == "settled_inside" { "completed" } else { kind };
            assert_eq!(outcomes(&db.client, kind), [(expected.to_owned(), 2.0)], "{kind}");
            let labels = format!("{{queue=\"default\",kind=\"{kind}\"}}");
            for name in ["jobs_inserted_total", "attempts_started_total", "job_wait_seconds_count", "job_run_seconds_count"] {
                assert_eq!(number(&db.client, &format!("drip_{name}{labels}")), 2.0, "{name} of {kind}");
            }
        }
        assert_eq!(number(&db.client, "drip_jobs_claimed_total"), 14.0);
        let claims = number(&db.client, "drip_claims_total");
        assert!((1.0..1000.0).contains(&claims), "{claims}");
        assert_eq!(number(&db.client, "drip_database_losses_total"), 0.0);
    }

    fn an_attempt_that_outlives_its_claim_is_counted_so(db: &Db) {
        let (mut watch, gate) = (Watch::new(&db.client), Gate::new());
        let ids = ["late", "unwanted"].map(|kind| db.insert(job(kind).max_attempts(1)).id);
        let door = gate.door();
        let wait = move |context: &Context, _: Value| -> HandlerResult {
            door.pass(context.job().id);
            Ok(())
        };
        let worker = Worker::new(&db.client).timeout_for("late", Duration::from_millis(50));
        let running = worker.handle_kind("late", wait.clone()).handle_kind("unwanted", wait).start().unwrap();
        gate.arrivals(2);
        cancel_job(&db.client, ids[1]).unwrap();
        let late = watch.until_state(ids[0], State::Discarded);
        took("until the timeout", late.duration, Duration::from_millis(50));
        assert_eq!((late.waited.is_some(), late.cpu), (true, None));
        assert_eq!(outcomes(&db.client, "late"), [("timed_out".to_owned(), 1.0)]);
        let ran = r#"drip_job_run_seconds_count{queue="default",kind="late"}"#;
        assert_eq!(number(&db.client, ran), 0.0, "it is still running");
        gate.open();
        for id in ids {
            watch.until_claim_lost(id);
        }
        assert_eq!(outcomes(&db.client, "late"), [("claim_lost".to_owned(), 1.0), ("timed_out".to_owned(), 1.0)]);
        assert_eq!(outcomes(&db.client, "unwanted"), [("claim_lost".to_owned(), 1.0)]);
        assert_eq!(number(&db.client, ran), 1.0);
        assert!(running.stop(PATIENCE).is_clean());
    }

    fn waiting_runs_from_when_a_job_is_due(db: &Db) {
        let second = Duration::from_secs(1);
        let worker = Worker::new(&db.client).retry(RetryPolicy::constant(60 * second)).handle_kind("work", done);
        let fail = |_: &Context, _: Value| -> HandlerResult { Err("boom".into()) };
        let worker = worker.handle_kind("fail", fail);
        for once in [false, true] {
            let (at_once, later) = (db.insert(job("work")).id, db.insert(job("work").delay(10 * second)).id);
            let failing = db.insert(job("fail").delay(1000 * second)).id;
            for (advance, id, waited) in [(7, at_once, 7), (20, later, 17), (1000, failing, 27), (100, failing, 40)] {
                let mut watch = Watch::new(&db.client);
                db.clock.advance(advance * second);
                let running = (!once).then(|| worker.start().unwrap());
                if once {
                    assert_ne!(worker.work_once().unwrap(), Worked::Nothing);
                }
                let told: [JobEvent; 2] = [(); 2].map(|()| {
                    let of = |event: &Event| matches!(event, Event::Started(job) | Event::Completed(job) | Event::Failed(job) if job.id == id);
                    crate::support::watch::job(&watch.until(of)).unwrap().clone()
                });
                told.iter().for_each(|job| took(&format!("{job:?}"), job.waited, waited * second));
                assert_eq!((told[0].state, told[0].duration, told[0].cpu), (State::Running, None, None));
                took("run", told[1].duration, Duration::ZERO);
                assert_eq!(told[1].cpu.is_some(), cfg!(feature = "cpu-time"));
                assert!(running.is_none_or(|running| running.stop(PATIENCE).is_clean()));
            }
            db.execute("DELETE FROM drip_job");
        }
        let bucket = |kind, le| number(&db.client, &format!("drip_job_wait_seconds_bucket{{queue=\"default\",kind=\"{kind}\",le=\"{le}\"}}"));
        assert_eq!(["5", "60", "+Inf"].map(|le| bucket("work", le)), [0.0, 4.0, 4.0]);
        assert_eq!(["15", "300", "+Inf"].map(|le| bucket("fail", le)), [0.0, 4.0, 4.0]);
    }

    fn the_gauges_tell_what_running_workers_are_at_and_nothing_of_those_that_have_stopped(db: &Db) {
        let gate = Gate::new();
        let gauges = || ["worker_threads", "worker_threads_busy", "jobs_in_flight"].map(|name| number(&db.client, &format!("drip_{name}")));
        assert_eq!(gauges(), [0.0; 3]);
        let door = gate.door();
        let wait = move |context: &Context, _: Value| -> HandlerResult {
            door.pass(context.job().id);
            Ok(())
        };
        let worker = Worker::new(&db.client).concurrency(3).handle_kind("wait", wait);
        let running = [worker.start().unwrap(), worker.start().unwrap()];
        insert_many(&db.client, (0..5).map(|_| job("wait"))).unwrap();
        gate.arrivals(5);
        assert_eq!(gauges(), [6.0, 5.0, 5.0]);
        gate.open();
        eventually("nobody is busy", || gauges() == [6.0, 0.0, 0.0]);
        assert!(running[0].stop(PATIENCE).is_clean());
        assert_eq!(gauges(), [3.0, 0.0, 0.0]);
        assert!(running[1].stop(PATIENCE).is_clean());
        assert_eq!(gauges(), [0.0; 3]);
    }

    fn a_job_that_may_not_come_to_be_is_not_counted_as_inserted(db: &Db) {
        db.transaction(|tx| insert_job(tx.on(), job("bare"))).unwrap();
        db.transaction(|tx| insert_job(db.client.on(tx.on()), job("known"))).unwrap();
        insert_job(&db.client, job("own")).unwrap();
        let inserted: Vec<String> = numbers(&db.client).into_keys().filter(|name| name.contains("inserted")).collect();
        assert_eq!(inserted, [r#"drip_jobs_inserted_total{queue="default",kind="own"}"#]);
    }

    fn a_queue_that_was_named_by_hand_spoils_nothing(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let backslash = if db.dialect == drip::Dialect::Mariadb { r"\\" } else { r"\" };
        db.execute(&format!("INSERT INTO drip_job (queue, kind, args) VALUES ('a\"b{backslash}c\nd', 'work', '{{}}')"));
        let _running = Worker::new(&db.client).any_queue().handle_kind("work", done).start().unwrap();
        watch.until_completed(1);
        let name = r#"drip_attempts_started_total{queue="a\"b\\c\nd",kind="work"}"#;
        assert_eq!(number(&db.client, name), 1.0);
    }
}
