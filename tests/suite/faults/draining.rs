//! A worker that is started, and loses a call somewhere on the way: in the end every job is done, and counts once.

use std::{thread, time::Duration};

use drip::{
    Client, Dialect, Event, HandlerResult, JobFilter, NewJob, RetryPolicy, State, Worked, Worker, count_jobs,
    insert_job, insert_many,
};
use serde_json::json;

use super::{Troubled, sqlite::Trouble};
use crate::support::{
    At, Db, Ear, Fault, Place, Proxy, Span,
    watch::eventually,
    work::{done, effect, transactional},
};

/// How many jobs there are, half of them transactional.
const JOBS: i64 = 20;

/// Starts a worker, waits until all is done, and looks at it.
fn drain(db: &Db, outside: &Client, client: &Client, case: &str) {
    let kind = |n| if n % 2 == 0 { "plain" } else { "transactional" };
    db.execute("DELETE FROM drip_job");
    db.execute("DELETE FROM effect");
    insert_many(outside, (0..JOBS).map(|n| NewJob::new(kind(n), json!({})))).unwrap();
    let worker = Worker::new(client).handle_kind("plain", done).concurrency(2).retry(RetryPolicy::immediate());
    let worker =
        transactional(db, worker, "transactional", |tx, context| -> HandlerResult { tx.execute(&effect(context)) });
    let running = worker.poll_interval(Duration::from_millis(20)).start().unwrap();
    let completed =
        || count_jobs(outside, &JobFilter::new().state(State::Completed)).unwrap().in_state(State::Completed).number;
    eventually(&format!("{case}: all is done"), || completed() == JOBS as u64);
    let report = running.stop(Duration::from_secs(10));
    assert!(report.is_clean(), "{case}: {report:?}");
    let effects = db.number("SELECT count(*) FROM effect");
    let jobs_with_effects = db.number("SELECT count(DISTINCT job_id) FROM effect");
    assert_eq!((effects, jobs_with_effects), (JOBS / 2, JOBS / 2), "{case}");
}

/// Numbers that lie closer together at the beginning, where a worker does something new with each call.
fn numbers(most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1), |number| Some(number + 1 + number / 2)).take_while(move |number| *number <= most)
}

on_every_server! {
    fn a_worker_that_loses_a_call_completes_every_job(db: &Db) {
        db.create_effects();
        let outside = Client::connect(&db.url).unwrap();
        for fault in [Fault::Unsent, Fault::Unanswered] {
            for at in numbers(30).map(At::Call).chain(numbers(5).map(At::Commit)) {
                let (proxy, url) = Proxy::before(&db.url);
                let client = Client::connect(&url).unwrap();
                proxy.strike(at, fault, Span::Once);
                drain(db, &outside, &client, &format!("{fault:?} at {at:?}"));
            }
        }
    }

    /// Otherwise its job would become a suspect, a lease later.
    fn a_worker_that_is_stopped_before_it_hears_of_a_claim_gives_that_back(db: &Db) {
        let outside = Client::connect(&db.url).unwrap();
        let count = |state| db.number(&format!("SELECT count(*) FROM drip_job WHERE state = '{state}'"));
        let mut unheard = 0;
        // Which call is the claim, or its commit, depends on what else the worker does in that moment.
        for at in (1..=8).flat_map(|number| [At::Call(number), At::Commit(number)]).cycle().take(160) {
            if unheard > 0 {
                return;
            }
            db.execute("DELETE FROM drip_job");
            let (proxy, url) = Proxy::before(&db.url);
            let client = Client::connect(&url).unwrap();
            let ear = Ear::of(&client);
            let worker = Worker::new(&client).handle_kind("plain", done).poll_interval(Duration::from_millis(20));
            let running = worker.start().unwrap();
            ear.hear("it is idle", |event| matches!(event, Event::Idle { .. }).then_some(()));
            proxy.strike(at, Fault::Unanswered, Span::ForEver);
            insert_job(&outside, NewJob::new("plain", json!({}))).unwrap();
            proxy.wait_until_struck(|| count("completed") == 1);
            let stopping = running.clone();
            let stop = thread::spawn(move || stopping.stop(Duration::from_secs(10)));
            eventually("the stop has begun", || !running.health().running);
            let begun = ear.count(|event| matches!(event, Event::Started(_)));
            unheard = count("running") - begun as i64;
            proxy.heal();
            let report = stop.join().unwrap();
            assert_eq!(count("running"), 0, "{at:?}: {report:?}");
        }
        panic!("no claim was made whose answer was lost");
    }

    /// A sequence goes on where what used it is rolled back.
    fn one_job_is_claimed_again_after_what_passes(db: &Db) {
        db.execute("CREATE SEQUENCE tries");
        db.execute(match db.dialect {
            Dialect::Postgres => {
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN
                     IF nextval('tries') < 3 THEN RAISE 'not now' USING ERRCODE = '40001'; END IF;
                     RETURN NEW;
                 END $$;
                 CREATE TRIGGER refuse BEFORE UPDATE ON drip_job FOR EACH ROW WHEN (NEW.state = 'running')
                 EXECUTE PROCEDURE refuse()"
            }
            _ => {
                "CREATE TRIGGER refuse BEFORE UPDATE ON drip_job FOR EACH ROW
                 IF NEW.state = 'running' AND NEXTVAL(tries) < 3 THEN
                     SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213;
                 END IF"
            }
        });
        let id = db.insert(NewJob::new("plain", json!({}))).id;
        let worked = Worker::new(&db.client).handle_kind("plain", done).work_once().unwrap();
        assert!(matches!(&worked, Worked::Done(job) if job.id == id), "{worked:?}");
    }
}

/// PostgreSQL finishes what it was asked for, and commits it, whoever is still there to hear; MariaDB rolls it back.
#[test]
fn postgres_a_claim_that_commits_long_after_its_connection_is_lost_is_given_back() {
    let Some(db) = Db::of(Dialect::Postgres, Place::Own) else { return };
    db.execute(
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$;
         CREATE TRIGGER hold BEFORE UPDATE ON drip_job FOR EACH ROW
         WHEN (NEW.state = 'running' AND NEW.args::text LIKE '%held%') EXECUTE PROCEDURE hold()",
    );
    let mut holder = db.postgres();
    holder.batch_execute("SELECT pg_advisory_lock(7)").unwrap();
    let (proxy, url) = Proxy::before(&db.url);
    let client = Client::connect(&url).unwrap();
    let ear = Ear::of(&client);
    let worker = Worker::new(&client).handle_kind("plain", done).poll_interval(Duration::from_millis(20));
    let running = worker.start().unwrap();
    ear.hear("it is idle", |event| matches!(event, Event::Idle { .. }).then_some(()));
    let outside = Client::connect(&db.url).unwrap();
    let held = insert_job(&outside, NewJob::new("plain", json!({"held": true}))).unwrap().job().id;
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";
    eventually("its claim waits", || db.number(waiting) == 1);
    proxy.cut();
    // The worker claims again, and so has looked for what it has not heard of.
    let next = insert_job(&outside, NewJob::new("plain", json!({}))).unwrap().job().id;
    ear.hear_completion(next);
    drop(holder);
    ear.hear_completion(held);
    assert!(running.stop(Duration::from_secs(10)).is_clean());
    assert_eq!(db.job(held).attempt, 1, "what was given back is no attempt");
}

#[test]
fn sqlite_a_worker_that_loses_a_statement_completes_every_job() {
    let db = Db::of(Dialect::Sqlite, Place::Own).unwrap();
    db.create_effects();
    let outside = Client::connect(&db.url).unwrap();
    let troubled = Troubled::of(&db.url);
    let troubles = [
        Trouble::Interrupted,
        Trouble::Refused,
        Trouble::CommitRefused,
        Trouble::CommitUnheard,
        Trouble::CommitInterrupted,
    ];
    for trouble in troubles {
        for number in numbers(20) {
            let client = troubled.client(Client::builder());
            troubled.strike(trouble, number);
            drain(&db, &outside, &client, &format!("{trouble:?} at {number}"));
            troubled.heal();
        }
    }
}
