//! Among a million jobs that have ended or are scheduled, verbs read no more rows than they need.

use std::time::Duration;

use drip::{AnySession, Dialect, Error, JobFilter, Page, RescueAfter, Result, Retention, State};

use super::{ALL_SCANS, analyse, check, fill, filters, leave_statistics_to_the_test};
use crate::support::{
    Db, End, Open, Tx,
    statement::{self, parameter},
};

/// Verbs, by how many rows and entries of indexes they may read at most.
type Verb = fn(AnySession<'_>) -> Result<usize>;

const FEW: i64 = 500;
/// A page where one job in twenty is looked for, or a sort of what little there is of a state.
const SOME: i64 = 20_000;

fn list(on: AnySession<'_>, filter: JobFilter) -> Result<usize> {
    drip::list_jobs(on, &filter, Page::newest_first()).map(|listed| listed.jobs.len())
}

fn all() -> JobFilter {
    JobFilter::new()
}

const VERBS: [(&str, i64, Verb); 28] = [
    ("all jobs", FEW, |on| list(on, all())),
    ("running jobs", FEW, |on| list(on, all().state(State::Running))),
    ("retryable jobs", FEW, |on| list(on, all().state(State::Retryable))),
    ("pending jobs", FEW, |on| list(on, all().state(State::Pending))),
    ("available jobs", FEW, |on| list(on, all().state(State::Available))),
    ("completed jobs", FEW, |on| list(on, all().state(State::Completed))),
    ("discarded jobs", SOME, |on| list(on, all().state(State::Discarded))),
    ("scheduled jobs", SOME, |on| list(on, all().state(State::Scheduled))),
    ("failed jobs", SOME, |on| list(on, all().states([State::Retryable, State::Discarded]))),
    ("jobs of a kind", SOME, |on| list(on, all().kind("k1"))),
    ("jobs of a rare kind", FEW, |on| list(on, all().kind("rare"))),
    ("completed jobs of a kind", SOME, |on| list(on, all().kind("k1").state(State::Completed))),
    ("retryable jobs of a kind", FEW, |on| list(on, all().kind("k1").state(State::Retryable))),
    ("jobs of a queue", SOME, |on| list(on, all().queue("q1"))),
    ("available jobs of a queue", FEW, |on| list(on, all().queue("q1").state(State::Available))),
    ("completed jobs of a queue", SOME, |on| list(on, all().queue("q1").state(State::Completed))),
    ("completed jobs of a rare queue", FEW, |on| list(on, all().queue("rare").state(State::Completed))),
    ("jobs by id", FEW, |on| list(on, all().ids([5, 7, 700_000]))),
    // The cap, and the first look; on MariaDB what is counted is read once more.
    ("jobs counted", 400_000, |on| drip::count_jobs(on, &all()).map(|counts| counts.counts.len())),
    ("jobs deleted by state", FEW, |on| drip::delete_jobs(on, &all().state(State::Pending))),
    ("jobs deleted by kind", FEW, |on| drip::delete_jobs(on, &all().kind("rare"))),
    ("jobs retried by kind", FEW, |on| drip::retry_jobs(on, &all().kind("none")).map(|changed| changed.changed)),
    ("jobs cancelled by state", FEW, |on| {
        drip::cancel_jobs(on, &all().state(State::Retryable)).map(|changed| changed.changed)
    }),
    ("jobs that have expired", FEW, |on| drip::expire_jobs(on)),
    ("jobs that have ended, of one queue", FEW, |on| {
        drip::retain_jobs(on, &Retention::forever().completed_in("rare", Duration::from_secs(1)))
    }),
    ("jobs that run for too long", FEW, |on| {
        drip::rescue_overdue_jobs(on, &RescueAfter::new(Duration::from_secs(3600)))
    }),
    ("why a job is not running", FEW, |on| drip::why_job(on, 1).map(|_| 1)),
    ("a claim", FEW, |on| drip::fetch_jobs(on, "q1", "worker", 2).map(|jobs| jobs.len())),
];

on_every_database! {
    fn in_a_million_jobs_nothing_is_looked_for_one_by_one(db: &Db) {
        let rare = ["running", "retryable", "pending", "available"];
        leave_statistics_to_the_test(db);
        fill(db, 1..=80, &rare);
        fill(db, 81..=MILLION, &SHARES);
        db.execute("UPDATE drip_job SET kind = 'rare', queue = 'rare' WHERE id BETWEEN 81 AND 100");
        for _ in ["as it was filled", "analysed"] {
            check(db, true);
            filters::check(db);
            filters::retention_has_its_index(db);
            analyse(db);
        }
        // SQLite does not say what it reads. PostgreSQL, before it has statistics, takes completed jobs for few and sorts
        // them; it makes some by itself within a minute.
        if db.dialect != Dialect::Sqlite {
            reads_are_bounded(db);
        }
        what_a_claim_has_passed_is_not_read_again(db);
    }
}

const MILLION: i64 = 1_000_000;

/// Of twenty jobs.
const SHARES: [&str; 20] = {
    let mut states = ["completed"; 20];
    (states[3], states[8], states[13], states[18]) = ("scheduled", "discarded", "scheduled", "cancelled");
    states
};

fn reads_are_bounded(db: &Db) {
    let mut found = 0;
    for (what, most, verb) in VERBS {
        let (read, _) = db.ended(End::Rollback, |tx| {
            every_plan_is_allowed(tx);
            let before = tx.number(READ[db.dialect as usize]);
            found += verb(tx.on()).unwrap_or_else(|error: Error| panic!("{what}: {error}"));
            tx.number(READ[db.dialect as usize]) - before
        });
        assert!(read <= most, "{what}: {read} rows are read");
    }
    assert!(found > 1000, "{found}");
}

/// A fifth of the jobs are available and of a kind that nobody handles, all due at the same time.
fn what_a_claim_has_passed_is_not_read_again(db: &Db) {
    let due = match db.dialect {
        Dialect::Postgres => "2020-01-01 00:00:00Z",
        Dialect::Mariadb => "2020-01-01 00:00:00",
        _ => "2020-01-01T00:00:00.000000Z",
    };
    db.execute(&format!(
        "UPDATE drip_job SET state = 'available', finalized_at = NULL, unique_key = NULL, unique_states = NULL,
                             kind = 'unknown', scheduled_at = '{due}'
         WHERE queue = 'q2'"
    ));
    let last = db.number("SELECT max(id) FROM drip_job WHERE queue = 'q2' AND priority = 1");
    db.execute(&format!("UPDATE drip_job SET kind = 'k1' WHERE id = {last}"));
    for _ in ["as it was filled", "analysed"] {
        if db.dialect == Dialect::Sqlite {
            let plan =
                super::plans(db, &|place| statement::text(db.dialect, "pick_jobs", place), true, false).remove(0);
            assert!(plan.text.contains("(priority,scheduled_at)>(?,?) AND priority<?"), "{}", plan.text);
        } else {
            assert!(read_by_claim(db, last, 0) > 10_000);
            let read = read_by_claim(db, last, last - 100);
            assert!(read <= FEW, "{read} rows are read");
        }
        analyse(db);
    }
}

/// How much a claim reads which looks for jobs of the first priority behind this one, and finds the `last`.
fn read_by_claim(db: &Db, last: i64, behind: i64) -> i64 {
    let name = if db.dialect == Dialect::Postgres { "claim_jobs" } else { "find_jobs" };
    let sql = statement::text(db.dialect, name, |name| match name {
        "wanted" => format!(
            r#"'[{{"queue": "q2", "limit": 10, "stretches": [{{"from_priority": 1, "from_at": "2020-01-01T00:00:00Z",
                 "from_id": {behind}, "to_priority": 1}}]}}]'"#
        ),
        "queue" => "'q2'".to_owned(),
        "limit" => "10".to_owned(),
        "from_priority" | "to_priority" => "1".to_owned(),
        "from_at" => "'2020-01-01 00:00:00'".to_owned(),
        "from_id" => behind.to_string(),
        name => parameter(name, db.dialect).1.literal(db.dialect),
    });
    let (read, _) = db.ended(End::Rollback, |tx| {
        every_plan_is_allowed(tx);
        let before = tx.number(READ[db.dialect as usize]);
        assert_eq!(tx.number(&sql.expect("the dialect has it")), last);
        tx.number(READ[db.dialect as usize]) - before
    });
    read
}

fn every_plan_is_allowed(tx: &mut Tx<'_, '_>) {
    if let Open::Postgres(_) = tx.open {
        tx.execute(ALL_SCANS).unwrap();
    }
}

/// How many rows and entries of indexes this transaction has read.
const READ: [&str; 2] = [
    "SELECT (pg_stat_get_xact_tuples_returned('drip_job'::regclass) + (
         SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid)) FROM pg_index WHERE indrelid = 'drip_job'::regclass
     ))::bigint",
    "SELECT CAST(SUM(variable_value) AS SIGNED) FROM information_schema.session_status
     WHERE variable_name LIKE 'HANDLER_READ%' AND variable_name <> 'HANDLER_READ_RND_NEXT'",
];
