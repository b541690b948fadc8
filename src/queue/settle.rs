//! Settling: how a job's attempt ends, and every other move of a job that exists.
//!
//! The rows are read under a lock, what becomes of each is decided here ([`Ending::decide`]), and all are written back
//! in one statement. The one exception is the most frequent ending, which needs nothing but the claim: see
//! [`complete`](super::complete).

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::read;
use crate::{
    Client, Error, Job, Result, RetryPolicy,
    clock::after,
    dialect::{Sql, Statement, Value, statement, time_text},
    errors,
    job::AttemptError,
    state::{Answer, State, Verb},
};

static LOCK_JOBS: Statement = statement!("lock_jobs");
static MOVE_JOBS: Statement = statement!("move_jobs");
static DROP_JOBS: Statement = statement!("drop_jobs");

/// The shortest snooze: a job that put itself off by nothing would spin.
pub(crate) const MIN_SNOOZE: Duration = Duration::from_millis(100);

/// How often a worker may die while it runs a job as its only suspect, before the job is given up.
const MAX_CRASHES: u32 = 3;

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

/// Why an attempt failed, and when the next may begin.
#[derive(Debug, Clone)]
#[must_use]
pub struct Failure {
    error: String,
    trace: String,
    retry: RetryPolicy,
}

impl Failure {
    /// A failure with this text, retried by the default policy. Text that no database can hold is mended, and cut after
    /// 8 KiB.
    pub fn new(error: impl Into<String>) -> Self {
        Failure { error: error.into(), trace: String::new(), retry: RetryPolicy::default() }
    }

    /// What led to it; cut after 8 KiB. Default: nothing.
    pub fn trace(mut self, trace: impl Into<String>) -> Self {
        self.trace = trace.into();
        self
    }

    /// When the next attempt may begin. Default: [`RetryPolicy::default`].
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }
}

impl From<&str> for Failure {
    fn from(error: &str) -> Self {
        Failure::new(error)
    }
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Failure::new(error)
    }
}

/// What becomes of a job.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    Complete {
        output: Option<Json>,
    },
    Fail(Failure),
    Snooze {
        delay: Duration,
    },
    Cancel {
        reason: Option<String>,
    },
    Discard {
        reason: Option<String>,
    },
    /// To the queue, as if it had not been claimed.
    GiveBack,
    Retry {
        completed_too: bool,
    },
    Release,
    /// To the queue, with what is known of how it was lost. `crashed`: its worker died.
    Rescue {
        evidence: String,
        crashed: bool,
    },
    /// It may not begin any more.
    Expire,
    /// None: it goes on as it was, with something to show.
    Output(Json),
}

/// One job and what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Settlement {
    pub(crate) target: Target,
    pub(crate) ending: Ending,
}

/// A job as it is to be written.
struct Move {
    from: State,
    job: Job,
    errors_changed: bool,
    metadata_changed: bool,
    mask_changed: bool,
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
                if takes_key(&moved) {
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

/// Wakes workers for jobs that have moved, once that is committed.
pub(super) fn wake_for<'j>(client: &Client, jobs: impl Iterator<Item = &'j Job>) {
    client.wake().wake_all();
    let queues: BTreeSet<&str> =
        jobs.filter(|job| job.state == State::Available).map(|job| job.queue.as_str()).collect();
    if !queues.is_empty() {
        client.announce(queues.into_iter());
    }
}

/// Settles one job.
pub(crate) fn settle_one(sql: &mut Sql<'_>, target: Target, ending: Ending) -> Result<Job> {
    let answers = settle(sql, &[Settlement { target, ending }])?;
    answers.into_iter().next().unwrap_or_else(|| Err(Error::not_found(target.id)))
}

/// Reads jobs so that nobody changes them before this transaction ends; with the time.
pub(super) fn lock(sql: &mut Sql<'_>, ids: impl Iterator<Item = i64>) -> Result<(HashMap<i64, Job>, Timestamp)> {
    let ids = Json::from_iter(ids).to_string();
    let rows = sql.rows(&LOCK_JOBS, &[("ids", Value::Json(Some(&ids))), sql.now_param()])?;
    let mut now = Timestamp::UNIX_EPOCH;
    let mut jobs = HashMap::with_capacity(rows.len());
    for mut row in rows {
        let job = Job::read(&mut row)?;
        now = row.time()?;
        jobs.insert(job.id, job);
    }
    Ok((jobs, now))
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

impl Ending {
    pub(super) fn verb(&self) -> Verb {
        match self {
            Ending::Complete { .. } => Verb::Complete,
            Ending::Fail(_) => Verb::Fail,
            Ending::Snooze { .. } => Verb::Snooze,
            Ending::Cancel { .. } => Verb::Cancel,
            Ending::Discard { .. } => Verb::Discard,
            Ending::GiveBack => Verb::GiveBack,
            Ending::Retry { .. } => Verb::Retry,
            Ending::Release => Verb::Release,
            Ending::Rescue { .. } => Verb::Rescue,
            Ending::Expire => Verb::Expire,
            Ending::Output(_) => Verb::Output,
        }
    }

    fn answer(&self, state: State) -> Answer {
        match self {
            Ending::Retry { completed_too: true } if state == State::Completed => Answer::Move,
            _ => self.verb().on(state),
        }
    }

    /// The job as this ending leaves it.
    fn decide(&self, before: Job, now: Timestamp) -> Result<Move> {
        let mut moved = Move::of(before);
        match self {
            Ending::Complete { output } => moved.complete(output.as_ref(), now)?,
            Ending::Fail(failure) => moved.fail(failure, now),
            Ending::Snooze { delay } => moved.snooze(*delay, now),
            Ending::Cancel { reason } => moved.end(State::Cancelled, reason.as_deref(), now),
            Ending::Discard { reason } => moved.end(State::Discarded, reason.as_deref(), now),
            Ending::GiveBack => moved.give_back(),
            Ending::Retry { .. } => moved.retry(now),
            Ending::Release => moved.wait(now),
            Ending::Rescue { evidence, crashed } => moved.rescue(evidence, *crashed, now),
            Ending::Expire => {
                moved.end(State::Discarded, Some("expired: it had not begun within its time to live"), now)
            }
            Ending::Output(output) => moved.put_output(output)?,
        }
        Ok(moved)
    }
}

impl Move {
    fn of(job: Job) -> Move {
        Move { from: job.state, job, errors_changed: false, metadata_changed: false, mask_changed: false }
    }

    fn complete(&mut self, output: Option<&Json>, now: Timestamp) -> Result<()> {
        output.map_or(Ok(()), |output| self.put_output(output))?;
        self.finish(State::Completed, now);
        Ok(())
    }

    /// In the place of any before it.
    fn put_output(&mut self, output: &Json) -> Result<()> {
        let mut metadata = self.job.metadata()?;
        metadata.insert("output".to_owned(), output.clone());
        self.job.metadata = crate::json::check_value(Json::Object(metadata), crate::json::MAX_BYTES)
            .map_err(|problem| crate::new_job::in_field("output", &problem))?;
        self.metadata_changed = true;
        Ok(())
    }

    /// For its time, if that has not come.
    fn wait(&mut self, now: Timestamp) {
        self.job.state = if self.job.scheduled_at > now { State::Scheduled } else { State::Available };
    }

    fn fail(&mut self, failure: &Failure, now: Timestamp) {
        self.job.crash_count = 0;
        let delay = failure.retry.delay(self.job.attempt, &failure.error);
        self.record(&failure.error, &failure.trace, now);
        if self.job.attempt >= self.job.max_attempts {
            self.finish(State::Discarded, now);
        } else {
            self.job.state = State::Retryable;
            self.job.scheduled_at = after(now, delay);
        }
    }

    fn snooze(&mut self, delay: Duration, now: Timestamp) {
        self.job.crash_count = 0;
        self.job.state = State::Scheduled;
        self.job.scheduled_at = after(now, delay.max(MIN_SNOOZE));
        self.job.attempt = self.job.attempt.saturating_sub(1);
        self.job.snooze_count = self.job.snooze_count.saturating_add(1);
    }

    fn end(&mut self, state: State, reason: Option<&str>, now: Timestamp) {
        if let Some(reason) = reason {
            self.record(reason, "", now);
        }
        self.finish(state, now);
    }

    /// To its old place in the queue, which it would lose if it were due only now.
    fn give_back(&mut self) {
        self.job.state = State::Available;
        self.job.attempt = self.job.attempt.saturating_sub(1);
    }

    /// The attempt does not count. A suspect that was lost with its worker is charged for that; with none to spare, it is
    /// not run again.
    fn rescue(&mut self, evidence: &str, crashed: bool, now: Timestamp) {
        self.record(evidence, "", now);
        self.job.crash_count = self.job.crash_count.saturating_add(u32::from(crashed));
        if self.job.crash_count > MAX_CRASHES {
            let reason = format!("given up: its worker died {MAX_CRASHES} times while it ran as the only suspect");
            return self.end(State::Discarded, Some(&reason), now);
        }
        self.give_back();
    }

    fn retry(&mut self, now: Timestamp) {
        self.job.crash_count = 0;
        self.job.state = State::Available;
        self.job.scheduled_at = now;
        self.job.finalized_at = None;
        if self.job.attempt >= self.job.max_attempts {
            self.job.max_attempts = self.job.attempt.saturating_add(1);
        }
    }

    fn finish(&mut self, state: State, now: Timestamp) {
        self.job.state = state;
        self.job.finalized_at = Some(now);
    }

    /// Takes the move back, but for what the attempt has left in errors and metadata. Discarded, the job must stand
    /// beside whoever holds its key there; in every other state it still has to be unique.
    fn give_up_place(&mut self, before: &Job) {
        self.job = Job {
            errors: std::mem::take(&mut self.job.errors),
            metadata: std::mem::take(&mut self.job.metadata),
            unique_states: before.unique_states & !State::Discarded.bit(),
            ..before.clone()
        };
        self.mask_changed = true;
    }

    fn record(&mut self, error: &str, trace: &str, at: Timestamp) {
        errors::append(&mut self.job.errors, AttemptError::new(self.job.attempt, at, error, trace));
        self.errors_changed = true;
    }

    /// As a row of the statement's array. JSON travels as text: nested, it would be too deep for MariaDB.
    fn json(&self) -> Json {
        let job = &self.job;
        json!({
            "id": job.id,
            "from_state": self.from.name(),
            "claim_seq": job.claim_seq,
            "state": job.state.name(),
            "attempt": job.attempt,
            "max_attempts": job.max_attempts,
            "snooze_count": job.snooze_count,
            "crash_count": job.crash_count,
            "scheduled_at": time_text(job.scheduled_at),
            "finalized_at": job.finalized_at.map(time_text),
            "errors": self.errors_changed.then(|| json!(job.errors).to_string()),
            "metadata": self.metadata_changed.then_some(&job.metadata),
            "unique_states": self.mask_changed.then_some(job.unique_states),
        })
    }

    /// Whether the row goes away instead of being written.
    fn drops(&self) -> bool {
        self.job.ephemeral && self.job.state == State::Completed
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

/// Whether the move takes a unique key that the job does not hold now, and that another may hold.
fn takes_key(moved: &Move) -> bool {
    !moved.drops() && moved.job.holds_key_in(moved.job.state) && !moved.job.holds_key_in(moved.from)
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
        Err(error) if error.is_unique_conflict() => {
            let holder = moved.job.unique_key.as_deref().map(|key| read::holder(sql, key)).transpose()?.flatten();
            Err(Error::unique_conflict(holder.map(|holder| holder.id)).because(error))
        }
        Err(error) => Err(error),
    }
}
