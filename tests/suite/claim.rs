//! A claim takes the next jobs of a queue, in order, never more than asked for, and each job for one worker only.

use std::{collections::HashSet, thread, time::Duration};

use drip::{Dialect, Job, NewJob, State, Unique, complete_job, fetch_jobs, get_job, insert_job, insert_many};
use serde_json::json;

use crate::support::Db;

fn job() -> NewJob {
    NewJob::new("work", json!({}))
}

fn ids(jobs: &[Job]) -> Vec<i64> {
    jobs.iter().map(|job| job.id).collect()
}

/// Inserts so many jobs, and answers their ids.
fn insert(db: &Db, count: usize) -> Vec<i64> {
    let inserted = insert_many(&db.client, (0..count).map(|_| job())).unwrap();
    inserted.iter().map(|inserted| inserted.job().id).collect()
}

on_every_database_and_place! {
    fn a_claim_marks_the_job_and_answers_it_as_it_stands(db: &Db) {
        let mut expected = db.insert(job().tags(["a"]).metadata(json!({"by": "Ada"})).timeout(Duration::from_secs(9)));
        db.clock.advance(Duration::from_secs(1));
        let claimed = db.on(|on| fetch_jobs(on, "default", "Grace", 10)).unwrap();
        expected.state = State::Running;
        (expected.attempt, expected.claim_seq) = (1, 1);
        expected.attempted_at = Some(db.clock.now());
        expected.attempted_by = Some("Grace".to_owned());
        assert_eq!(claimed, [expected]);
        assert_eq!(db.job(claimed[0].id), claimed[0]);
        assert!(db.on(|on| fetch_jobs(on, "default", "Grace", 10)).unwrap().is_empty());
    }

    fn the_order_is_priority_then_due_time_then_id(db: &Db) {
        // Four priorities, three due times, each twice; in an order that has nothing to do with either.
        for n in (0..24).map(|n| n * 7 % 24) {
            let due = db.clock.now() - Duration::from_secs(n / 4 % 3);
            db.insert(job().priority(1 + (n % 4) as u8).scheduled_at(due));
        }
        let claim = |limit| db.on(|on| fetch_jobs(on, "default", "worker", limit)).unwrap();
        let claimed = [claim(1), claim(1), claim(5), claim(100)].concat();
        let places: Vec<_> = claimed.iter().map(|job| (job.priority, job.scheduled_at, job.id)).collect();
        assert_eq!(places.len(), 24);
        assert!(places.is_sorted(), "{places:#?}");
        assert_eq!(places.iter().map(|place| (place.0, place.1)).collect::<HashSet<_>>().len(), 12);
    }

    fn a_limit_is_never_exceeded(db: &Db) {
        insert(db, 20);
        for (limit, left) in [(1, 19), (2, 17), (8, 9), (8, 1), (8, 0), (10_000, 0)] {
            let before = db.number("SELECT count(*) FROM drip_job WHERE state = 'available'");
            let claimed = db.on(|on| fetch_jobs(on, "default", "worker", limit)).unwrap();
            let after = db.number("SELECT count(*) FROM drip_job WHERE state = 'available'");
            assert_eq!((after, before - after), (left, claimed.len() as i64), "limit {limit}");
        }
    }

    fn queues_are_apart_to_the_letter(db: &Db) {
        let queues = ["mail", "Mail", "mail2", "mäil", "m%", "m_il", "'; DROP TABLE drip_job; --"];
        for queue in queues {
            db.insert(job().queue(queue));
        }
        assert!(db.on(|on| fetch_jobs(on, "default", "worker", 10)).unwrap().is_empty());
        for queue in queues {
            let claimed = db.on(|on| fetch_jobs(on, queue, "worker", 10)).unwrap();
            assert_eq!(claimed.iter().map(|job| job.queue.as_str()).collect::<Vec<_>>(), [queue]);
        }
    }

    fn jobs_that_may_not_begin_are_passed_over(db: &Db) {
        let second = Duration::from_secs(1);
        for state in State::ALL.into_iter().filter(|state| *state != State::Available) {
            let waiting = db.job_in(state);
            assert!(db.on(|on| fetch_jobs(on, &waiting.queue, "worker", 10)).unwrap().is_empty(), "{state}");
            assert_eq!(db.job(waiting.id), waiting);
        }
        // Available, as somebody with a console may say, but due in the future.
        let early = db.insert(job().queue("early").delay(10 * second)).id;
        db.execute("UPDATE drip_job SET state = 'available' WHERE queue = 'early'");
        let expiring = db.insert(job().queue("expiring").ttl(10 * second)).id;
        let lasting = db.insert(job().queue("expiring").ttl(11 * second)).id;
        let claim = |queue| ids(&db.on(|on| fetch_jobs(on, queue, "worker", 10)).unwrap());
        db.clock.advance(10 * second - Duration::from_micros(1));
        assert_eq!(claim("early"), [0; 0]);
        db.clock.advance(Duration::from_micros(1));
        assert_eq!(claim("early"), [early]);
        assert_eq!(claim("expiring"), [lasting]);
        assert_eq!((db.job(expiring).state, db.job(expiring).claim_seq), (State::Available, 0));
    }

    fn a_paused_queue_is_passed_over_until_it_is_resumed(db: &Db) {
        for queue in ["mail", "Mail", "default"] {
            db.insert(job().queue(queue));
        }
        db.execute("INSERT INTO drip_queue (name, paused_at) VALUES ('mail', CURRENT_TIMESTAMP), ('default', NULL)");
        let claim = |queue| db.on(|on| fetch_jobs(on, queue, "worker", 10)).unwrap().len();
        assert_eq!((claim("mail"), claim("Mail"), claim("default")), (0, 1, 1));
        db.execute("UPDATE drip_queue SET paused_at = NULL");
        assert_eq!(claim("mail"), 1);
    }

    fn nonsense_is_refused_before_anything_is_claimed(db: &Db) {
        insert(db, 1);
        for (queue, worker, limit, field) in [
            ("default", "worker", 0, "limit"),
            ("default", "worker", 10_001, "limit"),
            ("default", "worker", usize::MAX, "limit"),
            ("", "worker", 1, "queue"),
            ("default ", "worker", 1, "queue"),
            ("default", "", 1, "worker_id"),
            ("default", "a\0b", 1, "worker_id"),
            ("default", &"w".repeat(128), 1, "worker_id"),
        ] {
            let error = db.on(|on| fetch_jobs(on, queue, worker, limit)).unwrap_err();
            assert!(error.is_invalid_input() && error.to_string().contains(field), "{error}");
        }
        assert_eq!(db.claim("default").claim_seq, 1);
    }

    fn eight_threads_claim_each_of_a_thousand_jobs_once(db: &Db) {
        let inserted = insert(db, 1000);
        let claim_all = |worker: usize| {
            let (name, limit) = (format!("worker {worker}"), worker + 1);
            let mut claimed = Vec::new();
            loop {
                match db.on(|on| fetch_jobs(on, "default", &name, limit)) {
                    Ok(jobs) if jobs.is_empty() => return claimed,
                    Ok(jobs) => claimed.extend(jobs),
                    // In a caller's transaction it is the caller who begins again.
                    Err(error) => assert!(error.is_transient(), "{error}"),
                }
            }
        };
        let mut claimed = thread::scope(|scope| {
            let workers: Vec<_> = (0..8).map(|worker| scope.spawn(move || claim_all(worker))).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        claimed.sort_by_key(|job| job.id);
        assert_eq!(ids(&claimed), inserted);
        // Each row is the claim that was answered for it: nobody's was overwritten by another's.
        assert!(claimed.iter().all(|job| job.claim_seq == 1 && job.attempt == 1));
        assert!(claimed.iter().step_by(50).all(|job| db.job(job.id) == *job));
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE claim_seq = 1 AND attempt = 1"), 1000);
    }

    fn of_two_jobs_that_exclude_each_other_while_running_one_is_claimed(db: &Db) {
        let unique = Unique::new().by_states([State::Running]);
        let first = db.insert(job().unique(unique.clone())).id;
        let second = db.insert(job().unique(unique));
        let other = db.insert(job()).id;
        let claim = || ids(&db.on(|on| fetch_jobs(on, "default", "worker", 10)).unwrap());
        assert_eq!(claim(), [first, other]);
        assert_eq!(claim(), [0; 0]);
        assert_eq!(db.job(second.id), second);
        complete_job(&db.client, first).unwrap();
        assert_eq!(claim(), [second.id]);
    }
}

on_every_database! {
    fn a_claim_that_is_rolled_back_leaves_the_job_as_it_was(db: &Db) {
        let before = db.insert(job());
        let rolled_back = db.transaction(|tx| {
            assert_eq!(fetch_jobs(tx.on(), "default", "worker", 10).unwrap()[0].claim_seq, 1);
            assert!(fetch_jobs(tx.on(), "default", "worker", 10).unwrap().is_empty());
            Err::<(), _>("roll back")
        });
        assert_eq!(rolled_back, Err("roll back"));
        assert_eq!(db.job(before.id), before);
        assert_eq!(db.claim("default").claim_seq, 1);
    }

    fn open_transactions_claim_different_jobs(db: &Db) {
        let inserted = insert(db, 9);
        let claimed = db.transaction(|one| {
            one.read_committed();
            let first = fetch_jobs(one.on(), "default", "one", 3)?;
            if db.dialect == Dialect::Sqlite {
                // There is one writer at a time, so the second has to wait for the first, here for no time at all.
                let mut conn = db.sqlite();
                conn.busy_timeout(Duration::ZERO)?;
                let mut tx = conn.transaction()?;
                let two = drip::AnySession::new(&mut tx).at(db.clock.now());
                let busy = fetch_jobs(two, "default", "two", 3).unwrap_err();
                assert!(busy.is_transient() && !busy.is_transaction_lost(), "{busy}");
                return Ok(first);
            }
            let second = db.transaction(|two| {
                two.read_committed();
                let second = fetch_jobs(two.on(), "default", "two", 3)?;
                // Nor does the library's own transaction wait for either.
                let third = fetch_jobs(&db.client, "default", "three", 4)?;
                Ok::<_, drip::Error>([second, third].concat())
            })?;
            Ok::<_, drip::Error>([first, second].concat())
        });
        let claimed = ids(&claimed.unwrap());
        assert_eq!(claimed, inserted[..claimed.len()]);
        assert_eq!(claimed.len(), if db.dialect == Dialect::Sqlite { 3 } else { 9 });
    }

    fn a_job_cannot_be_claimed_before_its_transaction_commits(db: &Db) {
        let inserted = db.transaction(|tx| {
            let inserted = insert_job(tx.on(), job())?.into_job();
            assert_eq!(get_job(tx.on(), inserted.id)?, Some(inserted.clone()));
            assert_eq!(get_job(&db.client, inserted.id)?, None);
            // On SQLite a claim would wait for this transaction to end: it is the writer.
            if db.dialect != Dialect::Sqlite {
                assert!(fetch_jobs(&db.client, "default", "worker", 10)?.is_empty());
            }
            assert_eq!(ids(&fetch_jobs(tx.on(), "default", "worker", 10)?), [inserted.id]);
            Ok::<_, drip::Error>(inserted)
        });
        assert_eq!(db.job(inserted.unwrap().id).state, State::Running);
    }

    fn no_plan_of_the_database_claims_more_than_the_limit(db: &Db) {
        for off in [
            "",
            "hashjoin mergejoin",
            "nestloop seqscan",
            // What is left is to run a sub-select that locks rows once more for each outer row, which then locks others.
            "hashjoin mergejoin hashagg sort material",
        ] {
            insert(db, 60);
            let claimed = db.transaction(|tx| {
                // A planner that can be told what to leave out is PostgreSQL's alone.
                for setting in off.split_whitespace().filter(|_| db.dialect == Dialect::Postgres) {
                    tx.execute(&format!("SET LOCAL enable_{setting} = off")).unwrap();
                }
                if db.dialect == Dialect::Postgres {
                    // It would take longer than the query; before version 11 there is none.
                    tx.execute("SELECT set_config(name, 'off', true) FROM pg_settings WHERE name = 'jit'").unwrap();
                }
                fetch_jobs(tx.on(), "default", "worker", 7)
            });
            assert_eq!(claimed.unwrap().len(), 7, "{off}");
            assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'running'"), 7, "{off}");
            db.execute("DELETE FROM drip_job");
        }
    }

    fn of_many_that_exclude_each_other_threads_claim_one(db: &Db) {
        for n in 0..24 {
            let unique = Unique::new().by_states([State::Running]);
            db.insert(job().unique(unique).priority(1 + n % 4));
        }
        let claimed = thread::scope(|scope| {
            let claim = |limit| fetch_jobs(&db.client, "default", "worker", limit).unwrap();
            let workers: Vec<_> = (1..=8).map(|limit| scope.spawn(move || claim(limit))).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(claimed.len(), 1);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'available' AND claim_seq = 0"), 23);
    }
}
