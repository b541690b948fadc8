//! Every verb in every state: the move, nothing because it is done already, or a refusal that names the state.

use std::time::Duration;

use drip::{AttemptError, Job, NewJob, State, fail_job, fetch_jobs, insert_job, retry_job};
use jiff::Timestamp;
use serde_json::json;

use crate::support::jobs::{RETRY_AFTER, SNOOZE_FOR, ask_by_id, failure};

/// The state that the job is in afterwards; `=`: it is there already; `-`: the verb is refused.
const MATRIX: &str = "
                 available  running    completed  retryable  discarded  cancelled  scheduled  pending
complete         -          completed  =          -          -          -          -          -
fail             -          retryable  -          -          -          -          -          -
snooze           -          scheduled  -          -          -          -          -          -
cancel           cancelled  cancelled  -          cancelled  -          =          cancelled  cancelled
discard          discarded  discarded  -          discarded  =          -          discarded  discarded
retry            =          -          -          available  available  available  available  -
retry completed  =          -          available  available  available  available  available  -
release          =          -          -          -          -          -          =          available
update           available  -          completed  retryable  discarded  cancelled  scheduled  pending
";

/// Verb, state before, answer.
fn cells() -> impl Iterator<Item = (&'static str, State, &'static str)> {
    let mut lines = MATRIX.trim_matches('\n').lines();
    let columns = lines.next().unwrap();
    lines.flat_map(move |line| {
        let (verb, answers) = line.split_at(17);
        let states = columns.split_whitespace().map(|name| name.parse::<State>().unwrap());
        states.zip(answers.split_whitespace()).map(move |(state, answer)| (verb.trim(), state, answer))
    })
}

#[test]
fn the_table_has_every_cell() {
    assert_eq!(cells().count(), 9 * State::ALL.len());
    assert!(State::ALL.iter().all(|state| cells().filter(|(_, before, _)| before == state).count() == 9));
}

/// The whole row as a move leaves it: what is not named here stays as it was.
fn moved(before: &Job, verb: &str, to: State, now: Timestamp) -> Job {
    let mut job = before.clone();
    job.state = to;
    job.finalized_at = matches!(to, State::Completed | State::Discarded | State::Cancelled).then_some(now);
    match verb {
        "fail" => {
            job.errors.push(error(before.attempt, now, "boom"));
            job.scheduled_at = now + RETRY_AFTER;
        }
        "update" => {
            job.finalized_at = before.finalized_at;
            job.priority = 3;
        }
        "snooze" => {
            job.scheduled_at = now + SNOOZE_FOR;
            job.snooze_count += 1;
            job.attempt -= 1;
        }
        "retry" | "retry completed" => {
            job.scheduled_at = now;
            if before.attempt == before.max_attempts {
                job.max_attempts = before.attempt + 1;
            }
        }
        _ => {}
    }
    job
}

fn error(attempt: u32, at: Timestamp, error: &str) -> AttemptError {
    serde_json::from_value(json!({"attempt": attempt, "at": at, "error": error, "trace": "in a test"})).unwrap()
}

on_every_database_and_place! {
    fn every_verb_in_every_state_answers_as_the_table_says(db: &Db) {
        for (verb, state, expected) in cells() {
            let before = db.job_in(state);
            db.clock.advance(Duration::from_secs(1));
            let answer = db.on(|on| ask_by_id(verb, on, before.id));
            let after = db.job(before.id);
            let cell = format!("{verb} of {state}");
            match expected {
                "-" => {
                    let error = answer.expect_err(&cell);
                    assert!(error.is_wrong_state() && !error.is_transient(), "{cell}: {error}");
                    assert_eq!(error.state(), Some(state), "{cell}");
                    let text = error.to_string();
                    assert!(text.contains(state.name()) && text.contains(&before.id.to_string()), "{cell}: {text}");
                    assert_eq!(after, before, "{cell}");
                }
                "=" => {
                    assert_eq!(answer.expect(&cell), before, "{cell}");
                    assert_eq!(after, before, "{cell}");
                }
                to => {
                    assert_eq!(after, moved(&before, verb, to.parse().unwrap(), db.clock.now()), "{cell}");
                    assert_eq!(answer.expect(&cell), after, "{cell}");
                }
            }
        }
    }

    fn a_missing_job_is_not_found(db: &Db) {
        let gone = db.job_in(State::Running).id;
        db.execute("DELETE FROM drip_job");
        for id in [gone, gone + 1, 0, -1, i64::MIN, i64::MAX] {
            for (verb, ..) in cells().step_by(State::ALL.len()) {
                let error = db.on(|on| ask_by_id(verb, on, id)).expect_err(verb);
                assert!(error.is_not_found() && !error.is_wrong_state(), "{verb} of {id}: {error}");
                assert_eq!(error.state(), None);
            }
            assert_eq!(drip::get_job(&db.client, id).unwrap(), None);
        }
        assert_eq!(db.jobs(), 0);
    }

    fn the_last_failure_discards_and_a_retry_grants_one_more_attempt(db: &Db) {
        let id = db.insert(NewJob::new("work", json!({})).max_attempts(1)).id;
        for attempt in 1..=3 {
            let claimed = db.claim("default");
            assert_eq!((claimed.attempt, claimed.max_attempts), (attempt, attempt));
            let discarded = db.on(|on| fail_job(on, &claimed, failure("boom"))).unwrap();
            assert_eq!(discarded.state, State::Discarded);
            assert_eq!(discarded.finalized_at, Some(db.clock.now()));
            assert_eq!(discarded.scheduled_at, claimed.scheduled_at);
            assert_eq!(discarded.errors.len() as u32, attempt);
            assert!(db.on(|on| fetch_jobs(on, "default", "worker", 1)).unwrap().is_empty());
            let again = db.on(|on| retry_job(on, id)).unwrap();
            assert_eq!((again.attempt, again.max_attempts, again.finalized_at), (attempt, attempt + 1, None));
            assert_eq!(again, db.job(id));
        }
    }

    fn a_retry_with_attempts_left_grants_none(db: &Db) {
        let before = db.job_in(State::Retryable);
        let after = db.on(|on| retry_job(on, before.id)).unwrap();
        assert_eq!((after.attempt, after.max_attempts), (1, 25));
        assert_eq!(db.claim(&before.queue).attempt, 2);
    }
}

on_every_database! {
    fn a_callers_transaction_is_usable_after_each_refusal(db: &Db) {
        let refused: Vec<_> = cells().filter(|(.., answer)| *answer == "-").collect();
        let before: Vec<_> = refused.iter().map(|(_, state, _)| db.job_in(*state)).collect();
        let witnesses = db.transaction(|tx| {
            let mut witnesses = Vec::new();
            for ((verb, ..), job) in refused.iter().zip(&before) {
                assert!(ask_by_id(verb, tx.on(), job.id).unwrap_err().is_wrong_state(), "{verb}");
                assert!(ask_by_id(verb, tx.on(), -1).unwrap_err().is_not_found(), "{verb}");
                witnesses.push(insert_job(tx.on(), NewJob::new("witness", json!({})))?.into_job());
                tx.execute("UPDATE drip_job SET priority = 2 WHERE kind = 'witness'").unwrap();
            }
            Ok::<_, drip::Error>(witnesses)
        });
        let witnesses = witnesses.unwrap();
        assert_eq!(witnesses.len(), refused.len());
        assert!(witnesses.iter().all(|witness| db.job(witness.id).priority == 2));
        assert!(before.iter().all(|job| db.job(job.id) == *job));
    }
}
