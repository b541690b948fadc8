//! Statements that take a filter find what it leaves through an index, if there is one that helps.

use drip::{Dialect, State};

use super::{Plan, SMALL, plans};
use crate::support::{Db, statement};

const FINAL: &str = "drip_job_final";

/// How much a filter leaves, and so how it may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// Little of what there is: it is looked up.
    Few,
    /// Much: what is met along the primary key is soon a page.
    Many,
    /// Perhaps little, of a criterion that has no index. Known and accepted: along the primary key, with a filter, and to
    /// its end where less than a page is left.
    Unknown,
}
use Leaves::{Few, Many, Unknown};

type Criteria = &'static [(&'static str, &'static str)];

/// Filters: states, other criteria with their values, what they leave in a table with a million jobs that have ended or are
/// scheduled, and few others.
const FILTERS: [(&[State], Criteria, Leaves); 36] = [
    (&[State::Available], &[], Unknown),
    (&[State::Running], &[], Few),
    (&[State::Completed], &[], Many),
    (&[State::Retryable], &[], Few),
    (&[State::Discarded], &[], Many),
    (&[State::Cancelled], &[], Many),
    (&[State::Scheduled], &[], Many),
    (&[State::Pending], &[], Few),
    (&[State::Running, State::Retryable], &[], Few),
    (&[State::Retryable, State::Discarded], &[], Many),
    (&[State::Completed, State::Discarded, State::Cancelled], &[], Many),
    (&[State::Running, State::Retryable, State::Scheduled, State::Pending], &[], Many),
    (&[State::Available, State::Retryable, State::Scheduled, State::Pending], &[], Many),
    // No index holds both.
    (&[State::Available, State::Running], &[], Unknown),
    (&[], &[("ids", "5, 7, 700000")], Few),
    (&[State::Completed], &[("ids", "5, 7, 700000")], Few),
    (&[], &[("id_from", "5"), ("id_to", "25")], Few),
    (&[State::Completed], &[("id_to", "500000")], Many),
    (&[State::Running], &[("id_from", "50")], Few),
    (&[], &[("kinds", "'rare'")], Few),
    (&[], &[("kinds", "'k1'")], Many),
    (&[], &[("kinds", "'k1', 'rare'")], Many),
    (&[State::Completed], &[("kinds", "'rare'")], Few),
    (&[State::Completed], &[("kinds", "'k1'")], Many),
    (&[State::Retryable], &[("kinds", "'k1'")], Few),
    (&[State::Available], &[("queues", "'q1'")], Few),
    (&[State::Running], &[("queues", "'q1'")], Few),
    (&[State::Retryable], &[("queues", "'q1', 'q2'")], Few),
    (&[State::Completed], &[("queues", "'rare'")], Few),
    (&[State::Completed], &[("queues", "'q1'")], Many),
    (&[State::Discarded], &[("queues", "'q1'")], Many),
    (&[State::Completed], &[("queues", "'q1'"), ("finalized_to", "'2010-01-01'")], Few),
    (&[State::Discarded, State::Cancelled], &[("queues", "'q1'"), ("finalized_from", "'2030-01-01'")], Few),
    (&[State::Completed], &[("finalized_from", "'2030-01-01'")], Unknown),
    (&[], &[("queues", "'rare'")], Unknown),
    (&[], &[("workers", "'nobody'"), ("created_from", "'2040-01-01'")], Unknown),
];

/// The statements that take a filter, and whether they want the rows in order of their ids.
const STATEMENTS: [(&str, bool); 4] =
    [("list_jobs", true), ("list_ids", true), ("delete_jobs", true), ("count_jobs", false)];

/// A filter as the library puts it together.
fn text(dialect: Dialect, states: &[State], criteria: Criteria, by_id: bool) -> String {
    let given = |name: &str| criteria.iter().any(|(given, _)| given.starts_with(name));
    let all = |which: fn(&State) -> bool| !states.is_empty() && states.iter().all(which);
    let names: Vec<_> = states.iter().map(|state| format!("'{state}'")).collect();
    let mut filter = String::new();
    let mut put = |name: &str, place: &str, value: &str| {
        let text = statement::criterion(dialect, name).unwrap_or_default();
        filter += &text.replace(place, value);
    };
    if !states.is_empty() {
        put("states", "{states}", &names.join(", "));
    }
    for (hint, fits) in [
        ("available", all(|state| *state == State::Available)),
        ("seldom", all(|state| !matches!(state, State::Available | State::Completed))),
        ("final", all(|state| state.is_final()) && (!by_id || given("queues") || given("finalized"))),
    ] {
        if fits {
            put(hint, "", "");
        }
    }
    for (name, value) in criteria {
        put(name, &format!(":{name}"), value);
    }
    filter
}

/// Every statement with every filter; nothing that leaves little is looked for in all there is.
pub(super) fn check(db: &Db) {
    let jobs = db.jobs();
    for (states, criteria, leaves) in FILTERS {
        for (name, by_id) in STATEMENTS {
            // It counts one state at a time.
            if name == "count_jobs" && states.len() != 1 {
                continue;
            }
            let filter = text(db.dialect, states, criteria, by_id);
            let whole = statement::filtered(db.dialect, name, &filter, |name| format!(":{name}")).unwrap();
            // As many as a page or a batch; some that were found by the same filter.
            let whole = whole.replace(":limit", "1000").replace(":found", "'[5, 7, 700000]'");
            for plan in plans(db, &|_| Some(whole.clone()), false, jobs <= SMALL) {
                judge(&plan, leaves, jobs, &format!("{name}{filter} where {jobs} jobs are:\n{}", plan.text));
            }
        }
    }
}

fn judge(plan: &Plan, leaves: Leaves, jobs: i64, about: &str) {
    // Of a thousand jobs all are soon read.
    if leaves == Few && jobs > SMALL {
        assert!(!plan.walks && !plan.scans, "a table scan in {about}");
        assert!(plan.is_answer || !plan.indexes.is_empty(), "no index in {about}");
    }
}

/// No statement has this form yet; the index is there for it.
pub(super) fn retention_has_its_index(db: &Db) {
    let final_too = statement::criterion(db.dialect, "final").unwrap_or_default();
    let sql = format!(
        "DELETE FROM drip_job WHERE state = 'completed'{final_too} AND queue = 'q1' AND finalized_at < '2010-01-01'"
    );
    for plan in plans(db, &|_| Some(sql.clone()), false, false) {
        assert!(plan.indexes == [FINAL] && !plan.sorts && !plan.scans && !plan.walks, "{}", plan.text);
    }
}
