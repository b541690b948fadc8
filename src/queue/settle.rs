//! Settling: how a job's attempt ends, and every other move of a job that exists.
//!
//! The rows are read under a lock, what becomes of each is decided ([`Ending::decide`]), and all are written back
//! in one statement. The one exception is the most frequent ending, which needs nothing but the claim: see
//! [`complete`](super::complete).

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{
    ending::{Ending, Move},
    read,
};
use crate::{
    Client, Error, Job, JobEvent, Result,
    dialect::{Sql, Statement, Value, statement},
    event::{News, Timing},
    state::{Answer, State},
};

static LOCK_JOBS: Statement = statement!("lock_jobs");
static MOVE_JOBS: Statement = statement!("move_jobs");
static DROP_JOBS: Statement = statement!("drop_jobs");

/// Which job a verb is about, and by whose right.
///
/// Made of a `&Job` it is that very claim of it: the verb acts only while that stands, and answers
/// [`is_lost_claim`](Error::is_lost_claim) otherwise. Made of an id it is an operator's, and ends any claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub(crate) id: i64,
    pub(crate) claim_seq: Option<i64>,
}

impl From<&Job> for Target {
    fn from(job: &Job) -> Target {
        Target { id: job.id, claim_seq: Some(job.claim_seq) }
    }
}

impl From<i64> for Target {
    fn from(id: i64) -> Target {
        Target { id, claim_seq: None }
    }
}

/// One job and what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Settlement {
    pub(crate) target: Target,
    pub(crate) ending: Ending,
}

/// Settles jobs; each answer is the job as it now stands, or why that one was refused.
///
/// # Errors
/// When nothing at all was settled.
pub(crate) fn settle(sql: &mut Sql<'_>, settlements: &[Settlement]) -> Result<Vec<Result<Job>>> {
    sql.prove_open()?;
    let (found, now) = lock(sql, settlements.iter().map(|settlement| settlement.target.id))?;
    let mut batch = Vec::new();
    let mut answers = Vec::with_capacity(settlements.len());
    for Settlement { target, ending } in settlements {
        answers.push(match decide(&found, *target, ending, now) {
            Ok(Some(moved)) => {
                let job = moved.job.clone();
                if moved.takes_key() {
                    match take_key(sql, moved, &found[&target.id], now) {
                        // Not this job's alone: the transaction may be gone, and the others must not be written then.
                        Err(error) if !error.is_unique_conflict() => return Err(error),
                        answer => answer,
                    }
                } else {
                    batch.push(moved);
                    Ok(job)
                }
            }
            Ok(None) => Ok(found[&target.id].clone()),
            Err(error) => Err(error),
        });
    }
    write(sql, &batch)?;
    Ok(answers)
}

/// Settles jobs by their ids, all in the same way.
pub(crate) fn settle_each(sql: &mut Sql<'_>, ids: &[i64], ending: &Ending) -> Result<Vec<Result<Job>>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let settlement = |id: &i64| Settlement { target: (*id).into(), ending: ending.clone() };
    settle(sql, &ids.iter().map(settlement).collect::<Vec<_>>())
}

/// Wakes workers for jobs that have moved, once that is committed.
pub(super) fn wake_for<'j>(client: &Client, jobs: impl Iterator<Item = &'j Job>) {
    wake_queues(client, &available_queues(jobs));
}

/// Tells those who watch of jobs that were taken from their workers, and wakes others for them, once that is committed.
pub(crate) fn tell_rescued(client: &Client, rescued: &[Job]) {
    let events = client.events();
    let told = |job: &Job| events.tell_job(News::Rescued, job, &Timing::default(), || JobEvent::of(job));
    rescued.iter().for_each(told);
    if !rescued.is_empty() {
        wake_for(client, rescued.iter());
    }
}

/// As [`wake_for`], for the queues of such jobs.
pub(super) fn wake_queues(client: &Client, queues: &BTreeSet<String>) {
    if queues.is_empty() {
        return client.wake().wake_all();
    }
    client.wake().wake_for_reopened();
    client.announce(queues.iter().map(String::as_str));
}

/// The queues in which there are available ones among these jobs.
pub(super) fn available_queues<'j>(jobs: impl Iterator<Item = &'j Job>) -> BTreeSet<String> {
    jobs.filter(|job| job.state == State::Available).map(|job| job.queue.clone()).collect()
}

/// Settles one job.
pub(crate) fn settle_one(sql: &mut Sql<'_>, target: Target, ending: Ending) -> Result<Job> {
    let answers = settle(sql, &[Settlement { target, ending }])?;
    answers.into_iter().next().unwrap_or_else(|| Err(Error::not_found(target.id)))
}

/// Reads jobs so that nobody changes them before this transaction ends; with the time.
pub(super) fn lock(sql: &mut Sql<'_>, ids: impl Iterator<Item = i64>) -> Result<(HashMap<i64, Job>, Timestamp)> {
    let ids = Json::from_iter(ids).to_string();
    let mut now = Timestamp::UNIX_EPOCH;
    let jobs = sql.rows(&LOCK_JOBS, &[("ids", Value::Json(Some(&ids))), sql.now_param()], |row| {
        let job = Job::read(row)?;
        now = row.time()?;
        Ok(job)
    })?;
    Ok((jobs.into_iter().map(|job| (job.id, job)).collect(), now))
}

/// What is to be written for one job; nothing if it already stands where it should.
fn decide(found: &HashMap<i64, Job>, target: Target, ending: &Ending, now: Timestamp) -> Result<Option<Move>> {
    let job = match (found.get(&target.id), target.claim_seq) {
        (Some(job), Some(seq)) if job.state != State::Running || job.claim_seq != seq => {
            return Err(Error::lost_claim(target.id));
        }
        (None, Some(_)) => return Err(Error::lost_claim(target.id)),
        (None, None) => return Err(Error::not_found(target.id)),
        (Some(job), _) => job,
    };
    match ending.answer(job.state) {
        Answer::Move => ending.decide(job.clone(), now).map(Some),
        Answer::Already => Ok(None),
        Answer::Refuse => Err(Error::wrong_state(ending.verb(), job.id, job.state)),
    }
}

fn write(sql: &mut Sql<'_>, moves: &[Move]) -> Result<()> {
    let (dropped, moved): (Vec<_>, Vec<_>) = moves.iter().partition(|moved| moved.drops());
    if !dropped.is_empty() {
        let ids = Json::from_iter(dropped.iter().map(|moved| moved.job.id)).to_string();
        sql.change(&DROP_JOBS, &[("ids", Value::Json(Some(&ids)))])?;
    }
    if !moved.is_empty() {
        let rows = Json::from_iter(moved.iter().map(|moved| moved.json())).to_string();
        sql.change(&MOVE_JOBS, &[("moves", Value::Json(Some(&rows)))])?;
    }
    Ok(())
}

/// Writes a move that may collide. A job that leaves `running` must leave it, and is discarded if its place is taken;
/// any other stays where it is.
fn take_key(sql: &mut Sql<'_>, mut moved: Move, before: &Job, now: Timestamp) -> Result<Job> {
    let one = std::slice::from_ref(&moved);
    match sql.savepoint(|sql| write(sql, one)) {
        Ok(()) => Ok(moved.job),
        Err(error) if error.is_unique_conflict() && moved.from == State::Running => {
            moved.give_up_place(before);
            moved.end(State::Discarded, Some("unique_conflict: another job holds the same unique key"), now);
            write(sql, std::slice::from_ref(&moved))?;
            Ok(moved.job)
        }
        Err(error) if error.is_unique_conflict() => Err(naming_holder(sql, &moved.job, error)?),
        Err(error) => Err(error),
    }
}

/// A unique conflict, with the job that holds the key.
pub(super) fn naming_holder(sql: &mut Sql<'_>, job: &Job, conflict: Error) -> Result<Error> {
    let holder = job.unique_key.as_deref().map(|key| read::holder(sql, key)).transpose()?.flatten();
    Ok(Error::unique_conflict(holder.map(|holder| holder.id)).because(conflict))
}
