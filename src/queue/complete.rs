//! Completing many claims at once: the hot path, which reads nothing.

use std::fmt::Write;

use crate::{
    Job, Result, State,
    dialect::{ClaimList, Sql, Statement, Value, statement},
};

static COMPLETE_JOBS: Statement = statement!("complete_jobs");
static COMPLETE_JOB: Statement = statement!("complete_job");
static DROP_CLAIMS: Statement = statement!("drop_claims");
static COMPLETED_CLAIMS: Statement = statement!("completed_claims");
static STANDING_CLAIMS: Statement = statement!("standing_claims");

/// Whether a claimed job can be completed by its claim alone: its row stays, and takes no unique key by being completed.
pub(crate) fn is_plain(job: &Job) -> bool {
    !job.ephemeral
        && (job.unique_key.is_none() || !job.holds_key_in(State::Completed) || job.holds_key_in(State::Running))
}

/// A claim: the job's id, and which claim of it. Of one job there may be several in a batch, of which one stands at most.
pub(crate) type Claim = (i64, i64);

/// The claim that a claimed job is.
pub(crate) fn claim_of(job: &Job) -> Claim {
    (job.id, job.claim_seq)
}

/// Completes those of these claims that still stand, and answers the others, sorted.
///
/// A claim that its own handler has completed already counts as completed.
pub(crate) fn complete<'j>(
    sql: &mut Sql<'_>,
    jobs: impl ExactSizeIterator<Item = &'j Job> + Clone,
) -> Result<Vec<Claim>> {
    // Alone, as most are where there is little to do, and much cheaper then.
    if let (1, Some(job)) = (jobs.len(), jobs.clone().next())
        && complete_one(sql, job)?
    {
        return Ok(Vec::new());
    }
    let claims = claims(sql, jobs.clone());
    let count = jobs.len() as u64;
    let completed = sql.change(&COMPLETE_JOBS, &[("claims", Value::Json(Some(&claims))), sql.now_param()])?;
    if completed == count { Ok(Vec::new()) } else { without(sql, &COMPLETED_CLAIMS, &claims, jobs) }
}

/// Completes this claim; answers whether it still stood. One statement, which needs no transaction around it.
pub(crate) fn complete_one(sql: &mut Sql<'_>, job: &Job) -> Result<bool> {
    let id = ("id", Value::Int(Some(job.id)));
    let claim_seq = ("claim_seq", Value::Int(Some(job.claim_seq)));
    Ok(sql.change(&COMPLETE_JOB, &[id, claim_seq, sql.now_param()])? == 1)
}

/// Completes claims of ephemeral jobs, whose rows go; answers how many of them still stood. Which ones those were cannot be
/// found out any more.
pub(crate) fn drop<'j>(sql: &mut Sql<'_>, jobs: impl Iterator<Item = &'j Job>) -> Result<u64> {
    let claims = claims(sql, jobs);
    sql.change(&DROP_CLAIMS, &[("claims", Value::Json(Some(&claims)))])
}

/// Those of these claims that no longer stand, sorted.
pub(crate) fn ended<'j>(sql: &mut Sql<'_>, jobs: impl ExactSizeIterator<Item = &'j Job> + Clone) -> Result<Vec<Claim>> {
    let claims = claims(sql, jobs.clone());
    without(sql, &STANDING_CLAIMS, &claims, jobs)
}

/// Those of the claims that a statement about them does not name.
fn without<'j>(
    sql: &mut Sql<'_>,
    statement: &Statement,
    claims: &str,
    jobs: impl Iterator<Item = &'j Job>,
) -> Result<Vec<Claim>> {
    let params = [("claims", Value::Json(Some(claims)))];
    let mut named: Vec<Claim> = sql.rows(statement, &params, |row| Ok((row.int()?, row.int()?)))?;
    named.sort_unstable();
    let mut others: Vec<Claim> = jobs.map(claim_of).filter(|claim| named.binary_search(claim).is_err()).collect();
    others.sort_unstable();
    Ok(others)
}

fn claims<'j>(sql: &Sql<'_>, jobs: impl Iterator<Item = &'j Job>) -> String {
    claim_list(sql, jobs.map(claim_of).collect())
}

/// `[[id, claim_seq], …]`, or `{"id": claim_seq, …}`. Written straight away: as a tree first it takes three times as long.
/// By id, for in this order MariaDB locks them, and others lock theirs in that of their ids.
pub(super) fn claim_list(sql: &Sql<'_>, mut claims: Vec<Claim>) -> String {
    claims.sort_unstable();
    let [open, left, middle, right, close] = match sql.dialect().claim_list() {
        ClaimList::Pairs => ["[", "[", ",", "]", "]"],
        ClaimList::Object => ["{", "\"", "\":", "", "}"],
    };
    let mut text = open.to_owned();
    for (id, claim_seq) in claims {
        let comma = if text.len() > 1 { "," } else { "" };
        let _ = write!(text, "{comma}{left}{id}{middle}{claim_seq}{right}"); // into a string: cannot fail
    }
    text + close
}
