//! Claiming: taking available jobs so that nobody else does.

use jiff::Timestamp;
use serde_json::json;

use super::{
    complete::{Claim, claim_list},
    stretch::{Bound, Position, Stretch, stretches},
    workers::{self, Registration},
};
use crate::{
    Error, Job, Result, Session, State,
    dialect::{ClaimStyle, Row, Sql, Statement, Value, statement, time_text},
    name,
};

static CLAIM_JOBS: Statement = statement!("claim_jobs" of postgres);
static PICK_JOBS: Statement = statement!("pick_jobs" of mariadb sqlite);
static FIND_JOBS: Statement = statement!("find_jobs" of mariadb);
static PICK_FOUND: Statement = statement!("pick_found" of mariadb);
static MARK_JOBS: Statement = statement!("mark_jobs" of mariadb sqlite);
static READ_CLAIMS: Statement = statement!("read_claims" of sqlite);
static READY_QUEUES: Statement = statement!("ready_queues");
static MORE_READY_QUEUES: Statement = statement!("more_ready_queues" of mariadb);
static UNKNOWN_KINDS: Statement = statement!("unknown_kinds");

/// The most jobs that one [`fetch_jobs`] takes.
const MAX_FETCH: usize = 10_000;

/// So many queues in which jobs are available MariaDB names one by one, and then all others at once.
const NAMED_SINGLY: usize = 16;

/// How many jobs of a queue are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) queue: String,
    pub(crate) limit: usize,
    /// Where to look for them; `None`: from the head.
    pub(crate) beyond: Option<Bound>,
}

impl Wanted {
    pub(crate) fn new(queue: impl Into<String>, limit: usize) -> Wanted {
        Wanted { queue: queue.into(), limit, beyond: None }
    }

    /// Asks stretch by stretch, until there are enough; each answers how many it has brought.
    fn by_stretch(&self, mut ask: impl FnMut(Stretch, usize) -> Result<usize>) -> Result<()> {
        let mut left = self.limit;
        for stretch in stretches(self.beyond.as_ref()) {
            if left > 0 {
                left = left.saturating_sub(ask(stretch, left)?);
            }
        }
        Ok(())
    }
}

/// What a claim has brought.
#[derive(Debug)]
pub(crate) enum Catch {
    Jobs(Vec<Job>),
    /// Still to be read: on SQLite, where everybody waits for the write lock, by a worker that no longer has it. Of the time
    /// for which a drain held it, reading them under it took a seventh.
    Claims(Vec<Claim>),
}

impl Catch {
    pub(crate) fn len(&self) -> usize {
        match self {
            Catch::Jobs(jobs) => jobs.len(),
            Catch::Claims(claims) => claims.len(),
        }
    }
}

/// The jobs of claims, but for those whose claims have ended meanwhile.
pub(crate) fn read_claims(sql: &mut Sql<'_>, claims: &[Claim]) -> Result<Vec<Job>> {
    let claims = claim_list(sql, claims.to_vec());
    sql.rows(&READ_CLAIMS, &[("claims", Value::Json(Some(&claims)))], Job::read)
}

/// In order of queue as wanted, priority, due time and id.
pub(crate) fn in_order(mut jobs: Vec<Job>, wanted: &[Wanted]) -> Vec<Job> {
    let place = |job: &Job| wanted.iter().position(|one| one.queue == job.queue);
    jobs.sort_by_cached_key(|job| (place(job), job.priority, job.scheduled_at, job.id));
    jobs
}

/// Who claims, and what it can run.
pub(crate) struct Claimant<'a> {
    pub(crate) worker: &'a str,
    /// A JSON array of the kinds that it handles; `None`: any.
    pub(crate) kinds: Option<&'a str>,
    /// Only jobs with which a worker has died, or only others; `None`: any.
    pub(crate) suspects: Option<bool>,
}

impl<'a> Claimant<'a> {
    /// Which jobs it wants.
    fn params(&self) -> [(&'static str, Value<'a>); 2] {
        [("kinds", Value::Json(self.kinds)), ("suspects", Value::Int(self.suspects.map(i64::from)))]
    }
}

/// Claims up to `limit` jobs of any kind for a worker made by hand: marks them running, and answers them in order.
///
/// Each must be settled by one of the verbs that take `&Job`. In a caller's transaction the claim counts when that
/// commits.
///
/// The jobs are this worker's for 30 s, and for 30 s more from each further call, or for as long as
/// [`renew_lease`](crate::renew_lease) says, which is also how to prolong claims made in a transaction of the caller's. After that any [`Worker`](crate::Worker) of this database gives them to others.
///
/// # Errors
/// [`is_invalid_input`](Error::is_invalid_input) for a name that is none, or a limit outside 1 to 10,000.
pub fn fetch_jobs(on: impl Session, queue: &str, worker_id: &str, limit: usize) -> Result<Vec<Job>> {
    name::check_queue(queue)?;
    name::check("worker_id", worker_id)?;
    if !(1..=MAX_FETCH).contains(&limit) {
        return Err(Error::invalid("limit", format!("is {limit}; from 1 to {MAX_FETCH}")));
    }
    let wanted = [Wanted::new(queue, limit)];
    on.any().write(|sql| {
        sql.prove_open()?;
        // In a caller's transaction the worker's row would stay locked until that ends, for all who claim under its name;
        // a worker without a row is missed after a lease as well.
        if !sql.is_callers() {
            workers::register(sql, &Registration::by_hand(worker_id, workers::LEASE))?;
        }
        claim_carefully(sql, &wanted, &Claimant { worker: worker_id, kinds: None, suspects: None })
    })
}

/// Claims, and where two jobs of the batch exclude each other goes on one by one.
fn claim_carefully(sql: &mut Sql<'_>, wanted: &[Wanted], claimant: &Claimant<'_>) -> Result<Vec<Job>> {
    match sql.savepoint(|sql| claim_and_read(sql, wanted, claimant)) {
        Err(error) if error.is_unique_conflict() => claim_singly(sql, wanted, claimant),
        claimed => claimed,
    }
}

/// Claims one at a time: of two jobs which hold the same key once they run, the second is passed over.
pub(super) fn claim_singly(sql: &mut Sql<'_>, wanted: &[Wanted], claimant: &Claimant<'_>) -> Result<Vec<Job>> {
    let mut claimed = Vec::new();
    for several in wanted {
        let one = [Wanted { limit: 1, ..several.clone() }];
        for _ in 0..several.limit {
            match sql.savepoint(|sql| claim_and_read(sql, &one, claimant)) {
                Ok(job) if job.is_empty() => break,
                Ok(job) => claimed.extend(job),
                Err(error) if error.is_unique_conflict() => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(claimed)
}

/// As [`claim`], with the jobs in order of queue as wanted, priority, due time and id.
pub(crate) fn claim_and_read(sql: &mut Sql<'_>, wanted: &[Wanted], claimant: &Claimant<'_>) -> Result<Vec<Job>> {
    let jobs = match claim(sql, wanted, claimant)? {
        Catch::Jobs(jobs) => jobs,
        Catch::Claims(claims) => read_claims(sql, &claims)?,
    };
    Ok(in_order(jobs, wanted))
}

/// Claims jobs of several queues, each up to its limit.
///
/// A unique conflict is an error that leaves the transaction to be rolled back.
pub(crate) fn claim(sql: &mut Sql<'_>, wanted: &[Wanted], claimant: &Claimant<'_>) -> Result<Catch> {
    let caught = match sql.dialect().claim_style() {
        ClaimStyle::AllQueues => Catch::Jobs(claim_at_once(sql, wanted, claimant)?),
        ClaimStyle::QueueByQueue => Catch::Jobs(pick_and_read(sql, wanted, claimant)?),
        ClaimStyle::StretchByStretch => Catch::Claims(pick_unread(sql, wanted, claimant)?),
    };
    let (count, most) = (caught.len(), wanted.iter().map(|one| one.limit).sum::<usize>());
    match count > most {
        true => Err(Error::corrupt(format!("{count} jobs were claimed where {most} were wanted"))),
        false => Ok(caught),
    }
}

fn claim_at_once(sql: &mut Sql<'_>, wanted: &[Wanted], claimant: &Claimant<'_>) -> Result<Vec<Job>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let all = serde_json::Value::from_iter(wanted.iter().map(|one| {
        let stretches = stretches(one.beyond.as_ref()).into_iter().map(|stretch| {
            json!({
                "from_priority": stretch.from_priority,
                "from_at": time_text(stretch.from.at),
                "from_id": stretch.from.id,
                "to_priority": stretch.to_priority,
            })
        });
        json!({"queue": one.queue, "limit": one.limit, "stretches": stretches.collect::<Vec<_>>()})
    }));
    let all = all.to_string();
    let [kinds, suspects] = claimant.params();
    let worker = ("worker", Value::Text(Some(claimant.worker)));
    let params = [("wanted", Value::Json(Some(&all))), kinds, suspects, worker, sql.now_param()];
    sql.rows(&CLAIM_JOBS, &params, Job::read)
}

/// The jobs as the marking leaves them; their rows are locked, so nobody else has changed them meanwhile.
fn pick_and_read(sql: &mut Sql<'_>, wanted: &[Wanted], claimant: &Claimant<'_>) -> Result<Vec<Job>> {
    let picked = pick_all(sql, wanted, claimant, &mut |row| Ok((Job::read(row)?, row.time()?)))?;
    let at = picked.first().map(|(_, at)| *at);
    mark(sql, picked.iter().map(|(job, _)| job.id), at, claimant.worker)?;
    let marked = |job: Job| Job {
        state: State::Running,
        attempt: job.attempt.saturating_add(1),
        claim_seq: job.claim_seq + 1,
        attempted_at: at,
        attempted_by: Some(claimant.worker.to_owned()),
        ..job
    };
    Ok(picked.into_iter().map(|(job, _)| marked(job)).collect())
}

fn pick_unread(sql: &mut Sql<'_>, wanted: &[Wanted], claimant: &Claimant<'_>) -> Result<Vec<Claim>> {
    let claims = pick_all(sql, wanted, claimant, &mut |row| Ok((row.int()?, row.int()? + 1)))?;
    let at = sql.now();
    mark(sql, claims.iter().map(|(id, _)| *id), at, claimant.worker)?;
    Ok(claims)
}

fn mark(sql: &mut Sql<'_>, ids: impl ExactSizeIterator<Item = i64>, at: Option<Timestamp>, worker: &str) -> Result<()> {
    if ids.len() == 0 {
        return Ok(());
    }
    let ids = serde_json::Value::from_iter(ids).to_string();
    let marks = [("ids", Value::Json(Some(&ids))), ("at", Value::Time(at)), ("worker", Value::Text(Some(worker)))];
    sql.change(&MARK_JOBS, &marks).map(drop)
}

/// Reads what has been picked.
type Read<'r, T> = dyn FnMut(&mut Row<'_>) -> Result<T> + 'r;

/// Picks jobs of several queues, each up to its limit.
fn pick_all<T>(
    sql: &mut Sql<'_>,
    wanted: &[Wanted],
    claimant: &Claimant<'_>,
    read: &mut Read<'_, T>,
) -> Result<Vec<T>> {
    let finds = sql.dialect().claim_style() == ClaimStyle::QueueByQueue;
    let mut picked = Vec::new();
    for one in wanted {
        one.by_stretch(|stretch, limit| {
            let before = picked.len();
            match finds && one.beyond.is_some() {
                false => picked.append(&mut pick(sql, within(&one.queue, stretch, limit), claimant, read)?),
                true => find_then_pick(sql, &one.queue, stretch, limit, claimant, read, &mut picked)?,
            }
            Ok(picked.len() - before)
        })?;
    }
    Ok(picked)
}

/// Picks jobs of a stretch of a queue.
fn pick<T>(sql: &mut Sql<'_>, within: Within<'_>, claimant: &Claimant<'_>, read: &mut Read<'_, T>) -> Result<Vec<T>> {
    let [queue, limit, from_priority, from_at, from_id, to_priority] = within;
    let [kinds, suspects] = claimant.params();
    let params = [queue, limit, from_priority, from_at, from_id, to_priority, kinds, suspects, sql.now_param()];
    sql.rows(&PICK_JOBS, &params, read)
}

/// Goes on behind what has been found as long as others take it first.
fn find_then_pick<T>(
    sql: &mut Sql<'_>,
    queue: &str,
    mut stretch: Stretch,
    limit: usize,
    claimant: &Claimant<'_>,
    read: &mut Read<'_, T>,
    picked: &mut Vec<T>,
) -> Result<()> {
    let enough = picked.len() + limit;
    loop {
        let wanted = enough - picked.len();
        let [name, most, from_priority, from_at, from_id, _] = within(queue, stretch, wanted);
        let [kinds, suspects] = claimant.params();
        let params = [name, most, from_priority, from_at, from_id, kinds, suspects, sql.now_param()];
        let found = sql.rows(&FIND_JOBS, &params, |row| Ok(Position { id: row.int()?, at: row.time()? }))?;
        let Some(&last) = found.last() else { return Ok(()) };
        let places = found.iter().map(|place| json!({"id": place.id, "at": time_text(place.at)}));
        let places = serde_json::Value::from_iter(places).to_string();
        let params = [("places", Value::Json(Some(&places))), name, from_priority, sql.now_param()];
        picked.append(&mut sql.rows(&PICK_FOUND, &params, &mut *read)?);
        // A due time that is none is read as one that may lie before it, behind which it would be found again and again.
        let is_stuck = last <= stretch.from;
        if picked.len() >= enough || found.len() < wanted || is_stuck {
            return Ok(());
        }
        stretch.from = last;
    }
}

/// As `within` answers it.
type Within<'a> = [(&'static str, Value<'a>); 6];

/// Where a statement looks that reads one stretch of one queue.
fn within(queue: &str, stretch: Stretch, limit: usize) -> Within<'_> {
    [
        ("queue", Value::Text(Some(queue))),
        ("limit", Value::Int(Some(limit as i64))),
        ("from_priority", Value::Int(Some(stretch.from_priority))),
        ("from_at", Value::Time(Some(stretch.from.at))),
        ("from_id", Value::Int(Some(stretch.from.id))),
        ("to_priority", Value::Int(Some(stretch.to_priority))),
    ]
}

/// The queues in which jobs are available, by name.
pub(crate) fn ready_queues(sql: &mut Sql<'_>) -> Result<Vec<String>> {
    let asks_singly = sql.dialect().claim_style() == ClaimStyle::QueueByQueue;
    let mut queues = Vec::<String>::new();
    loop {
        let after = queues.last().map_or("", String::as_str);
        let statement = if queues.len() < NAMED_SINGLY { &READY_QUEUES } else { &MORE_READY_QUEUES };
        let more = sql.rows(statement, &[("after", Value::Text(Some(after)))], |row| row.text())?;
        let is_last = !asks_singly || more.is_empty() || queues.len() >= NAMED_SINGLY;
        queues.extend(more);
        if is_last {
            return Ok(queues);
        }
    }
}

/// Queues and kinds of jobs that wait at the head of these queues, and that the claimant does not handle.
pub(crate) fn unknown_kinds(sql: &mut Sql<'_>, queues: &[String], kinds: &str) -> Result<Vec<(String, String)>> {
    let queues = json!(queues).to_string();
    let params = [("queues", Value::Json(Some(&queues))), ("kinds", Value::Json(Some(kinds)))];
    sql.rows(&UNKNOWN_KINDS, &params, |row| Ok((row.text()?, row.text()?)))
}
