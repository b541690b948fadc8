//! A move into a unique key that another job holds: a waiting job stays where it is, one that leaves `running` is
//! discarded with the reason, and neither fails what it is done together with.

use std::{thread, time::Duration};

use drip::{
    AnySession, Inserted, Job, NewJob, State, Unique, cancel_job, complete_job, fail_job, fetch_jobs, insert_job,
    promote_jobs, retry_completed_job, retry_job,
};
use serde_json::json;

use crate::support::{
    Db,
    jobs::{RETRY_AFTER, ask, ask_by_id, failure},
};

/// A job that is unique by its kind, in these states.
fn unique(states: &[State]) -> NewJob {
    NewJob::new("unique", json!({})).unique(Unique::new().by_states(states.iter().copied()))
}

/// A job that is unique in the default states: all but cancelled and discarded.
fn by_default() -> NewJob {
    NewJob::new("unique", json!({})).unique(Unique::new())
}

/// Two claims whose keys exclude each other in `held` alone.
fn two_claims(db: &Db, held: &[State]) -> (Job, Job) {
    let (first, second) = (db.insert(unique(held)).id, db.insert(unique(held)).id);
    let claimed = db.on(|on| fetch_jobs(on, "default", "worker", 10)).unwrap();
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [first, second]);
    let [first, second] = claimed.try_into().unwrap();
    (first, second)
}

on_every_database_and_place! {
    fn a_retry_into_a_held_key_names_the_holder_and_moves_nothing(db: &Db) {
        for holder_runs in [false, true] {
            for verb in ["cancel", "discard"] {
                let old = db.insert(by_default());
                let old = db.on(|on| ask(verb, on, old.id)).unwrap();
                let mut holder = db.insert(by_default());
                if holder_runs {
                    holder = db.claim("default");
                }
                for retry in ["retry", "retry completed"] {
                    let error = db.on(|on| ask_by_id(retry, on, old.id)).unwrap_err();
                    assert!(error.is_unique_conflict() && !error.is_transient(), "{error}");
                    assert_eq!(error.conflicting_job(), Some(holder.id), "{error}");
                }
                assert_eq!((db.job(old.id), db.job(holder.id)), (old.clone(), holder.clone()));
                // As soon as the key is free, the way is.
                cancel_job(&db.client, holder.id).unwrap();
                assert_eq!(db.on(|on| retry_job(on, old.id)).unwrap().state, State::Available);
                db.execute("DELETE FROM drip_job");
            }
        }
    }

    fn a_job_does_not_collide_with_itself(db: &Db) {
        let id = db.insert(by_default()).id;
        for (verb, state) in [
            ("snooze", State::Scheduled),
            ("fail", State::Retryable),
            ("complete", State::Completed),
            ("discard", State::Discarded),
            ("cancel", State::Cancelled),
        ] {
            let claimed = db.claim("default");
            let settled = db.on(|on| ask(verb, on, &claimed)).unwrap();
            assert_eq!((settled.id, settled.state), (id, state));
            let again = db.on(|on| retry_completed_job(on, id)).unwrap();
            assert_eq!((again.state, &again.unique_key), (State::Available, &claimed.unique_key));
            let duplicate = insert_job(&db.client, by_default()).unwrap();
            assert_eq!(duplicate, Inserted::Duplicate(again), "after {verb} and retry");
        }
    }

    fn a_running_job_whose_place_is_taken_is_discarded_with_the_reason(db: &Db) {
        use State::*;
        for (verb, held) in [
            ("complete", &[Completed][..]),
            ("complete", &[Completed, Discarded]),
            ("complete", &[Completed, Discarded, Cancelled, Scheduled, Retryable]),
            ("fail", &[Retryable]),
            ("fail", &[Retryable, Discarded]),
            ("snooze", &[Scheduled]),
            ("snooze", &[Scheduled, Discarded]),
            ("cancel", &[Cancelled]),
            ("cancel", &[Cancelled, Discarded]),
            ("discard", &[Discarded]),
        ] {
            let (first, second) = two_claims(db, held);
            let holder = db.on(|on| ask(verb, on, &first)).unwrap();
            assert_eq!(holder.state, held[0]);
            let loser = db.on(|on| ask(verb, on, &second)).unwrap();
            assert_eq!((loser.state, loser.finalized_at), (Discarded, Some(db.clock.now())), "{verb} in {held:?}");
            let reason = loser.errors.last().unwrap();
            assert!(reason.error.starts_with("unique_conflict"), "{reason:?}");
            assert_eq!((reason.attempt, reason.at), (1, db.clock.now()));
            // Nothing is left of the move that could not be.
            assert_eq!((loser.attempt, loser.snooze_count, loser.scheduled_at), (1, 0, second.scheduled_at));
            // What the handler has to say is kept beside it.
            assert_eq!(loser.errors.len(), if verb == "fail" { 2 } else { 1 });
            assert_eq!((db.job(holder.id), db.job(loser.id)), (holder, loser), "{verb} in {held:?}");
            db.execute("DELETE FROM drip_job");
        }
    }

    fn the_last_failure_into_a_held_key_leaves_the_job_discarded(db: &Db) {
        let held = [State::Discarded];
        let jobs = [unique(&held).max_attempts(1), unique(&held).max_attempts(1)].map(|job| db.insert(job).id);
        let claimed = db.on(|on| fetch_jobs(on, "default", "worker", 10)).unwrap();
        for claim in &claimed {
            assert_eq!(db.on(|on| ask("fail", on, claim)).unwrap().state, State::Discarded);
        }
        assert_eq!(jobs.map(|id| db.job(id).errors.len()), [1, 2]);
        assert_eq!(jobs.map(|id| db.job(id).errors[0].error.clone()), ["boom", "boom"]);
    }

    fn a_discarded_loser_that_is_retried_is_as_unique_as_before(db: &Db) {
        for held in [&[State::Completed][..], &[State::Completed, State::Discarded]] {
            let (first, second) = two_claims(db, held);
            complete_job(&db.client, &first).unwrap();
            for attempt in 1..=2 {
                let loser = db.on(|on| complete_job(on, second.id)).unwrap();
                assert_eq!((loser.state, loser.errors.len()), (State::Discarded, attempt));
                assert_eq!(db.on(|on| retry_job(on, second.id)).unwrap().state, State::Available);
                assert_eq!(db.claim("default").id, second.id);
            }
            db.execute(&format!("DELETE FROM drip_job WHERE id = {}", first.id));
            assert_eq!(db.on(|on| complete_job(on, second.id)).unwrap().state, State::Completed);
            db.execute("DELETE FROM drip_job");
        }
    }

    fn a_waiting_job_stays_where_it_is_if_its_next_place_is_taken(db: &Db) {
        for (verb, state) in [("cancel", State::Cancelled), ("discard", State::Discarded)] {
            for waits in [State::Available, State::Scheduled, State::Pending, State::Retryable] {
                let holder = db.prepared(State::Available, |_| unique(&[state]));
                db.on(|on| ask(verb, on, holder.id)).unwrap();
                let waiting = db.prepared(waits, |_| unique(&[state]));
                let error = db.on(|on| ask(verb, on, waiting.id)).unwrap_err();
                assert!(error.is_unique_conflict(), "{verb} of {waits}: {error}");
                assert_eq!(error.conflicting_job(), Some(holder.id));
                assert_eq!(db.job(waiting.id), waiting);
                db.execute("DELETE FROM drip_job");
            }
        }
    }

    fn a_key_held_while_available_is_free_while_running_and_may_be_taken(db: &Db) {
        let held = [State::Available];
        let first = db.insert(unique(&held));
        assert!(insert_job(&db.client, unique(&held)).unwrap().is_duplicate());
        let claimed = db.claim("default");
        let holder = db.insert(unique(&held));
        let snoozed = db.on(|on| ask("snooze", on, &claimed)).unwrap();
        let error = db.on(|on| retry_job(on, first.id)).unwrap_err();
        assert_eq!((error.is_unique_conflict(), error.conflicting_job()), (true, Some(holder.id)));
        assert_eq!(db.job(first.id), snoozed);
        // The claim of the holder is not in the way of anybody's.
        assert_eq!(db.claim("default").id, holder.id);
        assert_eq!(db.on(|on| retry_job(on, first.id)).unwrap().state, State::Available);
    }

    fn of_several_that_come_due_for_one_key_the_one_inserted_first_goes(db: &Db) {
        let in_line = || unique(&[State::Available]);
        let inserted = db.insert(in_line());
        db.claim("default");
        // Neither in the order of their times nor in that of their states.
        let first = fail_job(&db.client, inserted.id, failure("boom")).unwrap();
        let others = [20, 10].map(|secs| db.insert(in_line().delay(Duration::from_secs(secs))));
        db.clock.advance(2 * RETRY_AFTER);
        for job in [&first, &others[0], &others[1]] {
            assert_eq!(db.on(|on| promote_jobs(on)).unwrap(), 1);
            assert_eq!(db.job(job.id).state, State::Available);
            assert_eq!(db.on(|on| promote_jobs(on)).unwrap(), 0, "the others wait");
            cancel_job(&db.client, job.id).unwrap();
        }
    }

    fn an_ephemeral_job_needs_no_place_to_complete(db: &Db) {
        let held = [State::Completed];
        let claims = [unique(&held), unique(&held).ephemeral()].map(|job| db.insert(job).id);
        let claimed = db.on(|on| fetch_jobs(on, "default", "worker", 10)).unwrap();
        for claim in &claimed {
            assert_eq!(db.on(|on| complete_job(on, claim)).unwrap().state, State::Completed);
        }
        assert_eq!(drip::get_job(&db.client, claims[1]).unwrap(), None);
        assert_eq!(db.jobs(), 1);
    }
}

on_every_database! {
    fn a_callers_transaction_is_usable_after_a_collision(db: &Db) {
        let (first, second) = two_claims(db, &[State::Completed]);
        let old = db.insert(by_default());
        let old = cancel_job(&db.client, old.id).unwrap();
        let holder = db.insert(by_default());
        complete_job(&db.client, &first).unwrap();
        let witnesses = db.transaction(|tx| {
            assert_eq!(retry_job(tx.on(), old.id).unwrap_err().conflicting_job(), Some(holder.id));
            let one = insert_job(tx.on(), NewJob::new("witness", json!({})))?.into_job();
            assert_eq!(complete_job(tx.on(), &second)?.state, State::Discarded);
            let two = insert_job(tx.on(), NewJob::new("witness", json!({})))?.into_job();
            tx.execute("UPDATE drip_job SET priority = 2 WHERE kind = 'witness'").unwrap();
            Ok::<_, drip::Error>([one, two])
        });
        assert!(witnesses.unwrap().iter().all(|witness| db.job(witness.id).priority == 2));
        assert_eq!(db.job(old.id), old);
        assert_eq!(db.job(second.id).state, State::Discarded);
    }

    fn of_threads_that_retry_jobs_of_one_key_one_succeeds(db: &Db) {
        let cancelled: Vec<_> = (0..8)
            .map(|_| db.insert(by_default()).id)
            .inspect(|id| assert_eq!(cancel_job(&db.client, *id).unwrap().state, State::Cancelled))
            .collect();
        let answers: Vec<_> = thread::scope(|scope| {
            let retry = |id: i64| retry_job(AnySession::new(&db.client), id);
            let threads: Vec<_> = cancelled.iter().map(|id| scope.spawn(move || retry(*id))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), refused.len()), (1, 7));
        let holder = done.into_iter().next().unwrap().unwrap().id;
        assert!(refused.into_iter().all(|error| error.unwrap_err().conflicting_job() == Some(holder)));
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'available'"), 1);
    }

    fn of_threads_that_complete_claims_of_one_key_one_completes(db: &Db) {
        let held = [State::Completed];
        (0..8).for_each(|_| drop(db.insert(unique(&held))));
        let claimed = fetch_jobs(&db.client, "default", "worker", 10).unwrap();
        assert_eq!(claimed.len(), 8);
        let settled: Vec<Job> = thread::scope(|scope| {
            let complete = |job| complete_job(&db.client, job).unwrap();
            let threads: Vec<_> = claimed.iter().map(|job| scope.spawn(move || complete(job))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(settled.iter().filter(|job| job.state == State::Completed).count(), 1);
        assert_eq!(settled.iter().filter(|job| job.state == State::Discarded).count(), 7);
        assert!(settled.iter().all(|job| db.job(job.id) == *job));
    }
}
