//! What a job remembers of its attempts: bounded, and never itself a reason why a failure cannot be recorded.

use std::time::Duration;

use drip::{
    Dialect, Failure, Job, NewJob, RetryPolicy, State, complete_job, discard_job, fail_job, fetch_jobs, retry_job,
    snooze_job,
};
use serde_json::json;

use crate::support::{
    Db,
    jobs::{RETRY_AFTER, failure},
};

/// The longest error, and the longest trace, with the note that says how much was cut.
const LONGEST: usize = 8 * 1024 + 40;

const SECOND: Duration = Duration::from_secs(1);

fn job() -> NewJob {
    NewJob::new("work", json!({}))
}

/// Claims the job once more, whatever it waits for.
fn again(db: &Db, job: &Job) -> Job {
    retry_job(&db.client, job.id).unwrap();
    db.claim(&job.queue)
}

/// Texts that a database, JSON or a careless program might refuse, and what is kept of each.
fn texts() -> Vec<(String, String)> {
    let bytes: Vec<u8> = (0..=255).collect();
    let every_byte = String::from_utf8_lossy(&bytes).into_owned();
    let every_ascii_control: String = (1..=0x1f).map(char::from).chain(['\u{7f}', '\u{80}', '\u{9f}']).collect();
    let surrogates = String::from_utf8_lossy(b"\xed\xa0\xbd\xed\xb8\x80 \xed\xa0\x80").into_owned();
    let mut texts: Vec<_> = [
        "",
        " ",
        "boom",
        "Ünïcödé 🦀 \u{10ffff}\u{ffff}\u{feff}\u{2028}\u{202e}",
        "' \" ` \\ \\\\ \\' %s :now ?1 $1 {job} -- /*",
    ]
    .into_iter()
    .chain([r#"{"a": [null, "\u0000", "\ud800"]}"#, r"\u0000 \x00 \0", "line\r\nline\ttab"])
    .chain([surrogates.as_str(), every_ascii_control.as_str()])
    .map(|text| (text.to_owned(), text.to_owned()))
    .collect();
    texts.push(("a\0b\0".to_owned(), "a\u{fffd}b\u{fffd}".to_owned()));
    texts.push((every_byte.clone(), every_byte.replace('\0', "\u{fffd}")));
    texts
}

on_every_database_and_place! {
    fn errors_are_kept_in_order_each_with_its_attempt_and_time(db: &Db) {
        db.insert(job().max_attempts(3));
        let mut job = db.claim("default");
        let mut expected = Vec::new();
        for attempt in 1..=3 {
            db.clock.advance(SECOND);
            let text = format!("boom {attempt}");
            let trace = format!("trace {attempt}");
            job = db.on(|on| fail_job(on, &job, Failure::new(&text).trace(&trace))).unwrap();
            expected.push(json!({"attempt": attempt, "at": db.clock.now(), "error": text, "trace": trace}));
            assert_eq!(json!(job.errors), json!(expected));
            assert_eq!(job, db.job(job.id));
            assert_eq!(job.state, if attempt < 3 { State::Retryable } else { State::Discarded });
            assert_eq!(job.finalized_at.is_some(), attempt == 3);
            if attempt < 3 {
                job = again(db, &job);
            }
        }
        // They are JSON for the database's own tools, too.
        let second = match db.dialect {
            Dialect::Postgres => "errors -> 1 ->> 'error'",
            Dialect::Mariadb => "JSON_VALUE(errors, '$[1].error')",
            _ => "errors ->> '$[1].error'",
        };
        assert_eq!(db.number(&format!("SELECT count(*) FROM drip_job WHERE {second} = 'boom 2'")), 1);
    }

    fn a_failure_of_any_text_can_be_recorded(db: &Db) {
        for (text, kept) in texts() {
            let claimed = db.job_in(State::Running);
            let failed = db.on(|on| fail_job(on, &claimed, Failure::new(&text).trace(&text))).unwrap();
            assert_eq!(failed.state, State::Retryable);
            assert_eq!(failed, db.job(claimed.id));
            assert_eq!((&failed.errors[0].error, &failed.errors[0].trace), (&kept, &kept));
        }
    }

    fn a_failure_of_any_length_can_be_recorded(db: &Db) {
        // Of each the worst that a byte can become in JSON, and more than any packet holds.
        for text in ["x".repeat(100_000_000), "\u{1}".repeat(10_000_000), "🦀".repeat(9000), "\0".repeat(9000)] {
            let claimed = db.job_in(State::Running);
            let failed = db.on(|on| fail_job(on, &claimed, Failure::new(&text).trace(&text))).unwrap();
            assert_eq!(failed, db.job(claimed.id));
            for kept in [&failed.errors[0].error, &failed.errors[0].trace] {
                assert!(kept.len() > 8000 && kept.len() <= LONGEST && kept.ends_with("more bytes]"), "{}", kept.len());
            }
        }
    }

    fn errors_that_somebody_mangled_do_not_keep_a_failure_from_being_recorded(db: &Db) {
        for mangled in ["{}", "[1]", r#"[{"attempt": "x"}]"#, "null", r#""text""#] {
            let claimed = db.job_in(State::Running);
            db.execute(&format!("UPDATE drip_job SET errors = '{mangled}', metadata = '[]' WHERE id = {}", claimed.id));
            let failed = db.on(|on| fail_job(on, claimed.id, failure("boom"))).unwrap();
            assert_eq!((failed.errors.len(), failed.errors[0].error.as_str()), (1, "boom"), "{mangled}");
            assert_eq!(failed, db.job(claimed.id));
        }
    }

    fn a_failed_job_is_due_when_its_policy_says(db: &Db) {
        let day = Duration::from_secs(24 * 3600);
        for (delay, waits) in [
            (Duration::ZERO, Duration::ZERO),
            (Duration::from_micros(1), Duration::from_micros(1)),
            (Duration::from_nanos(1999), Duration::from_micros(1)),
            (RETRY_AFTER, RETRY_AFTER),
            (day, day),
            (Duration::MAX, RetryPolicy::MAX_DELAY),
        ] {
            db.clock.advance(SECOND);
            let claimed = db.job_in(State::Running);
            let policy = RetryPolicy::constant(delay);
            let failed = db.on(|on| fail_job(on, &claimed, Failure::new("boom").retry(policy))).unwrap();
            assert_eq!(failed.scheduled_at, db.clock.now() + waits, "{delay:?}");
            assert_eq!(failed, db.job(claimed.id));
        }
        let claimed = db.job_in(State::Running);
        let failed = db.on(|on| fail_job(on, &claimed, "the default: a second, a tenth more or less")).unwrap();
        let waits = failed.scheduled_at.duration_since(db.clock.now()).as_millis();
        assert!((900..=1100).contains(&waits), "{waits} ms");
    }

    fn a_policy_is_told_the_attempt_and_the_error(db: &Db) {
        let policy = RetryPolicy::custom(|attempt, error| (100 * error.len() as u32 + attempt) * SECOND);
        db.insert(job());
        let mut job = db.claim("default");
        for attempt in 1..=3 {
            let failed = db.on(|on| fail_job(on, &job, Failure::new("four").retry(policy.clone()))).unwrap();
            assert_eq!(failed.scheduled_at, db.clock.now() + (400 + attempt) * SECOND);
            job = again(db, &failed);
        }
    }

    fn a_snooze_between_failures_takes_nothing_and_gives_nothing(db: &Db) {
        db.insert(job().max_attempts(3));
        let first = db.claim("default");
        let failed = db.on(|on| fail_job(on, &first, failure("first"))).unwrap();
        let second = again(db, &failed);
        let snoozed = db.on(|on| snooze_job(on, &second, SECOND)).unwrap();
        assert_eq!((second.attempt, snoozed.attempt), (2, 1));
        assert_eq!(snoozed.errors, failed.errors);
        let second = again(db, &snoozed);
        assert_eq!((second.attempt, second.max_attempts), (2, 3));
    }

    fn a_snooze_is_no_shorter_than_a_tenth_of_a_second_and_no_longer_than_ten_years(db: &Db) {
        let years = RetryPolicy::MAX_DELAY;
        let least = Duration::from_millis(100);
        for (asked, waits) in [
            (Duration::ZERO, least),
            (Duration::from_nanos(1), least),
            (least + Duration::from_micros(1), least + Duration::from_micros(1)),
            (years, years),
        ] {
            let claimed = db.job_in(State::Running);
            let snoozed = db.on(|on| snooze_job(on, &claimed, asked)).unwrap();
            assert_eq!(snoozed.scheduled_at, db.clock.now() + waits, "{asked:?}");
        }
        let claimed = db.job_in(State::Running);
        for asked in [years + Duration::from_nanos(1), Duration::MAX] {
            assert!(db.on(|on| snooze_job(on, &claimed, asked)).unwrap_err().is_invalid_input(), "{asked:?}");
        }
        assert_eq!(db.job(claimed.id), claimed);
    }

    fn large_counts_are_counted_on(db: &Db) {
        // Beyond 16 bits, 31 bits, and what a JSON number holds exactly in a double.
        for seq in [40_000, (1 << 31) - 1, (1 << 32) - 1, (1 << 53) + 1, i64::MAX - 2] {
            let before = db.job_in(State::Available);
            let snoozes = seq.min(u32::MAX.into());
            db.execute(&format!("UPDATE drip_job SET claim_seq = {seq}, snooze_count = {seq} WHERE claim_seq = 0"));
            let claimed = db.on(|on| fetch_jobs(on, &before.queue, "worker", 1)).unwrap().remove(0);
            assert_eq!((claimed.claim_seq, i64::from(claimed.snooze_count)), (seq + 1, snoozes));
            let snoozed = db.on(|on| snooze_job(on, &claimed, SECOND)).unwrap();
            assert_eq!(i64::from(snoozed.snooze_count), (snoozes + 1).min(u32::MAX.into()));
            assert_eq!(db.job(before.id), snoozed);
            let claimed = again(db, &snoozed);
            assert_eq!(claimed.claim_seq, seq + 2);
            assert_eq!(db.on(|on| complete_job(on, &claimed)).unwrap().state, State::Completed);
        }
    }

    fn an_absurd_attempt_breaks_neither_its_own_claim_nor_that_of_its_neighbours(db: &Db) {
        let most = i64::from(u32::MAX);
        for attempt in [i64::MIN, -1, 32_766, 65_535, (1 << 31) - 1, most - 1, most, most + 1, i64::MAX - 1, i64::MAX] {
            let before = db.job_in(State::Available);
            let neighbour = db.insert(job().queue(before.queue.clone())).id;
            db.execute(&format!("UPDATE drip_job SET attempt = {attempt} WHERE id = {}", before.id));
            let claimed = db.on(|on| fetch_jobs(on, &before.queue, "worker", 2)).unwrap();
            assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [before.id, neighbour], "{attempt}");
            assert_eq!(claimed[0], db.job(before.id));
            assert_eq!(i64::from(claimed[0].attempt), attempt.clamp(0, most - 1) + 1);
            let failed = db.on(|on| fail_job(on, &claimed[0], failure("boom"))).unwrap();
            assert_eq!(failed.state, if attempt < 1 { State::Retryable } else { State::Discarded });
            assert_eq!(failed.errors[0].attempt, claimed[0].attempt);
            assert_eq!(failed, db.job(before.id));
            db.on(|on| discard_job(on, neighbour)).unwrap();
            // One attempt more, as far as there is one.
            let last = again(db, &failed);
            assert_eq!(i64::from(last.attempt), attempt.clamp(0, most - 2) + 2);
            assert_eq!(db.on(|on| fail_job(on, &last, failure("boom"))).unwrap().state, failed.state);
        }
    }

    fn with_billions_of_attempts_left_a_failure_is_retried(db: &Db) {
        let before = db.prepared(State::Available, |job| job.max_attempts(u32::MAX));
        db.execute("UPDATE drip_job SET attempt = 4294967293");
        let claimed = db.claim(&before.queue);
        let failed = db.on(|on| fail_job(on, &claimed, "the default policy")).unwrap();
        assert_eq!((failed.state, failed.attempt, failed.max_attempts), (State::Retryable, u32::MAX - 1, u32::MAX));
        let waits = failed.scheduled_at.duration_since(db.clock.now()).as_secs();
        assert!((3240..=3960).contains(&waits), "an hour, a tenth more or less, not {waits} s");
        let last = again(db, &failed);
        assert_eq!(db.on(|on| fail_job(on, &last, "once more")).unwrap().state, State::Discarded);
    }
}

on_every_database! {
    fn the_number_of_errors_is_bounded(db: &Db) {
        let worst = "\u{1}".repeat(20_000);
        db.insert(job());
        let mut job = db.claim("default");
        for _ in 0..12 {
            let failed = fail_job(&db.client, &job, Failure::new(&worst).trace(&worst)).unwrap();
            job = again(db, &failed);
        }
        let attempts: Vec<u32> = job.errors.iter().map(|error| error.attempt).collect();
        assert_eq!(attempts, [1, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert!(job.errors.iter().all(|error| error.error.len() <= LONGEST && error.trace.len() <= LONGEST));
    }

    fn snoozes_use_up_no_attempt_however_many(db: &Db) {
        db.insert(job().max_attempts(2));
        let mut claimed = db.claim("default");
        for snoozes in 1..=200 {
            let snoozed = snooze_job(&db.client, &claimed, SECOND).unwrap();
            assert_eq!((snoozed.attempt, snoozed.snooze_count, snoozed.max_attempts), (0, snoozes, 2));
            claimed = again(db, &snoozed);
            assert_eq!((claimed.attempt, claimed.claim_seq), (1, i64::from(snoozes) + 1));
        }
        // Of 201 claims the row remembers the latest.
        assert_eq!(claimed.attempted_by.as_deref(), Some("worker"));
        assert!(claimed.errors.is_empty());
        let failed = fail_job(&db.client, &claimed, failure("first")).unwrap();
        assert_eq!(failed.state, State::Retryable);
        let last = again(db, &failed);
        assert_eq!(fail_job(&db.client, &last, failure("last")).unwrap().state, State::Discarded);
    }
}
