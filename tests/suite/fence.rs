//! Nothing that the owner of an earlier claim does can touch a later one.
//!
//! It is `claim_seq` that tells claims apart: the attempt's number comes back after a snooze.

use std::thread;

use drip::{Job, NewJob, State, Target, complete_job, fail_job, fetch_jobs, get_job, retry_job};
use serde_json::json;

use crate::support::{
    Db,
    jobs::{FENCED, ask, ask_by_id, failure},
};

/// How the first claim of a job can end so that it is claimed once more: verbs, as an operator or a handler asks them.
const ENDINGS: [&[&str]; 4] =
    [&["cancel", "retry"], &["snooze", "retry"], &["fail", "retry"], &["complete", "retry completed"]];

/// A claim that has ended, and the claim of the same job that has followed.
fn claimed_twice(db: &Db, ending: &[&str], options: impl FnOnce(NewJob) -> NewJob) -> (Job, Job) {
    let stale = db.prepared(State::Running, options);
    for verb in ending {
        db.on(|on| ask_by_id(verb, on, stale.id)).unwrap();
    }
    let current = db.claim(&stale.queue);
    assert_eq!(current.id, stale.id);
    (stale, current)
}

on_every_database_and_place! {
    fn a_stale_claim_cannot_touch_the_later_one(db: &Db) {
        for ending in ENDINGS {
            for verb in FENCED {
                let (stale, current) = claimed_twice(db, ending, |job| job);
                let error = db.on(|on| ask(verb, on, &stale)).expect_err(verb);
                assert!(error.is_lost_claim() && !error.is_transient(), "{verb} after {ending:?}: {error}");
                assert!(error.to_string().contains(&format!("job {}", stale.id)), "{error}");
                assert_eq!(db.job(current.id), current, "{verb} after {ending:?}");
                // And the later claim is none the worse.
                let settled = db.on(|on| ask(verb, on, &current)).unwrap();
                assert_ne!(settled.state, State::Running);
            }
        }
    }

    fn a_claim_that_has_ended_is_lost_in_whatever_state_the_job_is(db: &Db) {
        for state in State::ALL.into_iter().filter(|state| *state != State::Running) {
            let before = db.job_in(state);
            for verb in FENCED {
                let error = db.on(|on| ask(verb, on, &before)).expect_err(verb);
                assert!(error.is_lost_claim() && error.state().is_none(), "{verb} of {state}: {error}");
            }
            assert_eq!(db.job(before.id), before);
        }
    }

    fn a_claim_of_a_job_that_is_gone_is_lost(db: &Db) {
        let claimed = db.job_in(State::Running);
        db.execute("DELETE FROM drip_job");
        for verb in FENCED {
            assert!(db.on(|on| ask(verb, on, &claimed)).expect_err(verb).is_lost_claim());
        }
    }

    fn a_claim_settles_once(db: &Db) {
        for first in FENCED {
            for second in FENCED {
                let claimed = db.job_in(State::Running);
                let settled = db.on(|on| ask(first, on, &claimed)).unwrap();
                assert!(db.on(|on| ask(second, on, &claimed)).unwrap_err().is_lost_claim(), "{second} after {first}");
                assert_eq!(db.job(claimed.id), settled);
            }
        }
    }

    fn after_a_snooze_the_attempt_comes_back_and_the_claim_does_not(db: &Db) {
        let (stale, current) = claimed_twice(db, &["snooze", "retry"], |job| job);
        assert_eq!((stale.attempt, current.attempt), (1, 1));
        assert_eq!((stale.claim_seq, current.claim_seq), (1, 2));
        assert_eq!((&stale.attempted_by, stale.attempted_at), (&current.attempted_by, current.attempted_at));
        assert!(db.on(|on| complete_job(on, &stale)).unwrap_err().is_lost_claim());
        assert_eq!(db.job(current.id), current);
    }

    fn an_operator_ends_any_claim(db: &Db) {
        for verb in FENCED {
            let claimed = db.job_in(State::Running);
            let settled = db.on(|on| ask(verb, on, claimed.id)).unwrap();
            assert_ne!(settled.state, State::Running);
            assert!(db.on(|on| complete_job(on, &claimed)).unwrap_err().is_lost_claim());
            assert_eq!(db.job(claimed.id), settled);
        }
    }

    fn an_ephemeral_job_goes_away_when_it_completes_and_only_then(db: &Db) {
        for verb in FENCED {
            for by_id in [false, true] {
                let claimed = db.prepared(State::Running, |job| job.ephemeral());
                let target: Target = if by_id { claimed.id.into() } else { (&claimed).into() };
                let settled = db.on(|on| ask(verb, on, target)).unwrap();
                let left = get_job(&db.client, claimed.id).unwrap();
                if verb == "complete" {
                    assert_eq!((settled.state, settled.finalized_at), (State::Completed, Some(db.clock.now())));
                    assert_eq!(left, None);
                } else {
                    assert_eq!(left, Some(settled), "{verb}");
                }
            }
        }
        let last = db.prepared(State::Running, |job| job.ephemeral().max_attempts(1));
        db.on(|on| fail_job(on, &last, failure("boom"))).unwrap();
        assert_eq!(db.job(last.id).state, State::Discarded);
    }

    fn a_stale_completion_does_not_delete_an_ephemeral_job(db: &Db) {
        for ending in [&["cancel"][..], &["discard"], &["snooze"], &["fail"], &["cancel", "retry"]] {
            let stale = db.prepared(State::Running, |job| job.ephemeral());
            for verb in ending {
                db.on(|on| ask_by_id(verb, on, stale.id)).unwrap();
            }
            let before = db.job(stale.id);
            assert!(db.on(|on| complete_job(on, &stale)).unwrap_err().is_lost_claim(), "{ending:?}");
            assert!(db.on(|on| complete_job(on, stale.id)).unwrap_err().is_wrong_state(), "{ending:?}");
            assert_eq!(db.job(stale.id), before);
        }
        let (stale, current) = claimed_twice(db, &["snooze", "retry"], |job| job.ephemeral());
        assert!(db.on(|on| complete_job(on, &stale)).unwrap_err().is_lost_claim());
        assert_eq!(db.job(current.id), current);
    }
}

on_every_database! {
    fn effects_in_a_transaction_count_exactly_if_the_claim_stands(db: &Db) {
        db.execute("CREATE TABLE ledger (entry INTEGER)");
        for verb in FENCED {
            let (stale, current) = claimed_twice(db, &["cancel", "retry"], |job| job);
            let run = |claim: &Job| db.transaction(|tx| {
                tx.execute("INSERT INTO ledger VALUES (1)").unwrap();
                ask(verb, tx.on(), claim)
            });
            assert!(run(&stale).unwrap_err().is_lost_claim(), "{verb}");
            assert_eq!(db.number("SELECT count(*) FROM ledger"), 0, "{verb}");
            run(&current).unwrap();
            assert_eq!(db.number("SELECT count(*) FROM ledger"), 1, "{verb}");
            db.execute("DELETE FROM ledger");
        }
    }

    fn a_completion_that_is_rolled_back_leaves_the_claim_standing(db: &Db) {
        for ephemeral in [false, true] {
            let claimed = db.prepared(State::Running, |job| if ephemeral { job.ephemeral() } else { job });
            let rolled_back = db.transaction(|tx| {
                complete_job(tx.on(), &claimed).unwrap();
                Err::<(), _>("roll back")
            });
            assert_eq!(rolled_back, Err("roll back"));
            assert_eq!(db.job(claimed.id), claimed);
            complete_job(&db.client, &claimed).unwrap();
        }
    }

    fn of_threads_that_settle_the_same_claim_one_succeeds(db: &Db) {
        for _ in 0..5 {
            let claimed = db.job_in(State::Running);
            let settled: Vec<_> = thread::scope(|scope| {
                let settle = |verb| ask(verb, drip::AnySession::new(&db.client), &claimed);
                let settlers: Vec<_> = FENCED.map(|verb| scope.spawn(move || settle(verb))).into();
                settlers.into_iter().map(|settler| settler.join().unwrap()).collect()
            });
            let (done, lost): (Vec<_>, Vec<_>) = settled.into_iter().partition(Result::is_ok);
            assert!(lost.into_iter().all(|error| error.unwrap_err().is_lost_claim()));
            assert_eq!(done.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [db.job(claimed.id)]);
        }
    }

    fn a_claim_made_in_a_transaction_can_be_settled_there(db: &Db) {
        let job = db.insert(NewJob::new("work", json!({})));
        let settled = db.transaction(|tx| {
            let claimed = fetch_jobs(tx.on(), "default", "worker", 1)?.remove(0);
            fail_job(tx.on(), &claimed, failure("boom"))?;
            retry_job(tx.on(), job.id)?;
            let again = fetch_jobs(tx.on(), "default", "worker", 1)?.remove(0);
            assert!(complete_job(tx.on(), &claimed).unwrap_err().is_lost_claim());
            complete_job(tx.on(), &again)
        });
        let settled = settled.unwrap();
        assert_eq!((settled.state, settled.attempt, settled.claim_seq), (State::Completed, 2, 2));
        assert_eq!(db.job(job.id), settled);
    }
}
