//! Inserting jobs, one or many, unique or not.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    new_row::{Placed, Times, json_row, micros, millis},
    read,
    replace::replace_if_asked,
};
use crate::{
    Client, Error, Job, Result, Session, State,
    clock::after,
    dialect::{Sql, Statement, Value, statement},
    event::{JobEvent, News, Timing},
    new_job::{Checked, Due, NewJob},
};

static INSERT_AVAILABLE: Statement = statement!("insert_available");
static INSERT_JOB: Statement = statement!("insert_job");
static INSERT_JOBS: Statement = statement!("insert_jobs");

/// How often an insert that lost to a duplicate looks for it, when each one it finds is gone a moment later.
const TRIES: usize = 5;

/// The most rows of one statement, and the most bytes: MariaDB refuses packets over 16 MiB by default.
const CHUNK_ROWS: usize = 1000;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// What an insert has led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Inserted {
    /// The job is new.
    New(Job),
    /// Nothing was inserted: this job is there already and is the same (see [`Unique`](crate::Unique)).
    Duplicate(Job),
}

impl Inserted {
    /// The job, new or not.
    pub fn job(&self) -> &Job {
        match self {
            Inserted::New(job) | Inserted::Duplicate(job) => job,
        }
    }

    /// The job, new or not.
    pub fn into_job(self) -> Job {
        match self {
            Inserted::New(job) | Inserted::Duplicate(job) => job,
        }
    }

    /// Whether the job was there already.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Inserted::Duplicate(_))
    }
}

/// Inserts a job: in the caller's transaction, where it comes to be when that commits, or in one of its own.
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("app.db");
/// # drip::Client::connect(&format!("sqlite://{}", path.display()))?.migrate()?;
/// let mut connection = rusqlite::Connection::open(&path)?;
/// let mut tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
/// tx.execute("CREATE TABLE orders (id INTEGER)", [])?;
/// let inserted = drip::insert_job(&mut tx, drip::NewJob::new("invoice", serde_json::json!({"order": 7})))?;
/// assert!(!inserted.is_duplicate());
/// tx.commit()?; // without this there would be neither the table nor the job
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`is_invalid_input`](Error::is_invalid_input), before anything is sent;
/// [`is_transaction_lost`](Error::is_transaction_lost), with nothing written;
/// [`is_transient`](Error::is_transient), for a unique job in a transaction of REPEATABLE READ or stricter which cannot
/// see the duplicate; or what an [insert hook](crate::ClientBuilder::on_insert) answers.
pub fn insert_job(on: impl Session, job: impl Into<NewJob>) -> Result<Inserted> {
    let session = on.any();
    let checked = session.check(job.into())?;
    let client = session.client();
    let inserted = match &checked.job.unique {
        None => session.once(|sql| insert_one(sql, &checked))?,
        Some(_) => session.write(|sql| insert_one(sql, &checked))?,
    };
    if let (Some(client), Inserted::New(job)) = (client, &inserted) {
        tell(client, std::iter::once((job, &checked)));
    }
    Ok(inserted)
}

/// Inserts any number of jobs, all or none, in order; the answers are in the order of the jobs.
///
/// Thousands of jobs go into one statement. Jobs with [unique](NewJob::unique) options take one statement each.
///
/// # Errors
/// As [`insert_job`]; a job that is refused is named by its place in the batch, which starts at 0.
pub fn insert_many<J: Into<NewJob>>(on: impl Session, jobs: impl IntoIterator<Item = J>) -> Result<Vec<Inserted>> {
    let session = on.any();
    let check = |(index, job): (usize, J)| session.check(job.into()).map_err(|error| error.of_job(index));
    let checked = jobs.into_iter().enumerate().map(check).collect::<Result<Vec<_>>>()?;
    if checked.is_empty() {
        return Ok(Vec::new());
    }
    let client = session.client();
    let inserted = session.write(|sql| insert_all(sql, &checked))?;
    if let Some(client) = client {
        tell_inserted(client, &inserted, &checked);
    }
    Ok(inserted)
}

/// Tells subscribers of those that are new of jobs that have been committed, and wakes the workers.
pub(super) fn tell_inserted<'j>(
    client: &Client,
    inserted: impl IntoIterator<Item = &'j Inserted>,
    checked: impl IntoIterator<Item = &'j Checked>,
) {
    let asked = inserted.into_iter().zip(checked);
    tell(client, asked.filter(|(it, _)| !it.is_duplicate()).map(|(it, checked)| (it.job(), checked)));
}

fn tell<'j>(client: &Client, jobs: impl Iterator<Item = (&'j Job, &'j Checked)>) {
    let jobs = jobs.inspect(|(job, _)| {
        tell_one(client, job);
        if job.scheduled_at < job.created_at {
            client.wake().wake_for_reopened();
        }
    });
    let notified = |(job, checked): &(&Job, &Checked)| checked.job.notify && job.state == State::Available;
    let queues: Vec<&str> = jobs.filter(notified).map(|(job, _)| job.queue.as_str()).collect();
    // A job for later needs a worker too, if only to be told when that is.
    client.wake().wake_all();
    if !queues.is_empty() {
        client.announce(queues.into_iter());
    }
}

fn tell_one(client: &Client, job: &Job) {
    client.events().tell_job(News::Inserted, job, &Timing::default(), || JobEvent::of(job));
}

/// Inserts one job; the caller has seen to a transaction if it is unique.
pub(super) fn insert_one(sql: &mut Sql<'_>, checked: &Checked) -> Result<Inserted> {
    let unique_key = unique_key(sql, checked)?;
    let Some(key) = &unique_key else {
        if checked.job.is_available_at_once() {
            return insert_available(sql, checked).map(Inserted::New);
        }
        return match try_insert(sql, checked, None)? {
            Some(job) => Ok(Inserted::New(job)),
            None => Err(Error::corrupt("a job without a unique key was not inserted")),
        };
    };
    for _ in 0..TRIES {
        if let Some(job) = try_insert(sql, checked, Some(key))? {
            return Ok(Inserted::New(job));
        }
        if let Some(holder) = read::holder(sql, key)? {
            return Ok(Inserted::Duplicate(replace_if_asked(sql, holder, checked)?));
        }
    }
    Err(Error::transient("jobs with the same unique key come and go too fast; try again"))
}

/// Inserts many: runs of ordinary jobs together, unique ones one by one in between.
pub(super) fn insert_all(sql: &mut Sql<'_>, jobs: &[Checked]) -> Result<Vec<Inserted>> {
    let mut inserted = Vec::with_capacity(jobs.len());
    for run in jobs.chunk_by(|a, b| a.job.unique.is_none() && b.job.unique.is_none()) {
        match run {
            [single] => inserted.push(insert_one(sql, single)?),
            many => insert_run(sql, many, &mut inserted)?,
        }
    }
    Ok(inserted)
}

fn insert_run(sql: &mut Sql<'_>, mut jobs: &[Checked], inserted: &mut Vec<Inserted>) -> Result<()> {
    while !jobs.is_empty() {
        let (chunk, rest) = jobs.split_at(chunk_length(jobs));
        insert_chunk(sql, chunk, inserted)?;
        jobs = rest;
    }
    Ok(())
}

/// How many of these jobs fit into one statement; at least one.
fn chunk_length(jobs: &[Checked]) -> usize {
    let mut bytes = 0;
    let fits = |job: &&Checked| {
        // Twice: quotes and backslashes are doubled on their way.
        bytes += 2 * (job.args.len() + job.metadata.len() + job.tags.len()) + 512;
        bytes <= CHUNK_BYTES
    };
    jobs.iter().take(CHUNK_ROWS).take_while(fits).count().max(1)
}

fn insert_chunk(sql: &mut Sql<'_>, jobs: &[Checked], inserted: &mut Vec<Inserted>) -> Result<()> {
    prove_open_for_insert(sql)?;
    let rows: Vec<_> = jobs.iter().enumerate().map(|(n, checked)| json_row(sql, n, checked)).collect();
    let rows = serde_json::Value::from(rows).to_string();
    let notified =
        jobs.iter().filter(|checked| sql.notifies() && checked.job.notify).map(|checked| &*checked.job.queue);
    let notified = serde_json::Value::from_iter(notified.collect::<BTreeSet<_>>()).to_string();
    let found = sql.rows(
        &INSERT_JOBS,
        &[
            ("jobs", Value::Json(Some(&rows))),
            ("notified", Value::Json(Some(&notified))),
            ("callers", Value::Bool(sql.is_callers())),
            sql.now_param(),
        ],
    )?;
    let mut placed = found.into_iter().map(Placed::read).collect::<Result<Vec<_>>>()?;
    match placed.len() {
        count if count == jobs.len() => {}
        0 => return Err(Error::transaction_lost()),
        count => return Err(Error::corrupt(format!("{count} rows were inserted for {} jobs", jobs.len()))),
    }
    // The engines do not promise an order of answers, but ids are given in the order of the rows.
    placed.sort_by_key(|placed| placed.id);
    inserted.extend(placed.into_iter().zip(jobs).map(|(placed, checked)| Inserted::New(placed.job(checked, None))));
    Ok(())
}

/// Where a statement cannot ask by itself whether the transaction is still open, it is asked before.
fn prove_open_for_insert(sql: &mut Sql<'_>) -> Result<()> {
    match sql.dialect() {
        crate::Dialect::Sqlite => sql.prove_open(),
        _ => Ok(()),
    }
}

/// Inserts a job of which everything but its id and the time is known.
fn insert_available(sql: &mut Sql<'_>, checked: &Checked) -> Result<Job> {
    prove_open_for_insert(sql)?;
    let mut params = columns(checked).to_vec();
    params.extend([
        ("notify", Value::Bool(sql.notifies() && checked.job.notify)),
        ("callers", Value::Bool(sql.is_callers())),
        sql.now_param(),
    ]);
    let row = sql.row(&INSERT_AVAILABLE, &params)?.ok_or_else(|| Error::corrupt("a job was not inserted"))?;
    Ok(Placed::read_available(row)?.job(checked, None))
}

/// What every insert of a single job writes.
fn columns(checked: &Checked) -> [(&'static str, Value<'_>); 9] {
    let job = &checked.job;
    [
        ("queue", Value::Text(Some(&job.queue))),
        ("kind", Value::Text(Some(&job.kind))),
        ("priority", Value::Int(Some(job.priority.into()))),
        ("args", Value::Json(Some(&checked.args))),
        ("metadata", Value::Json(Some(&checked.metadata))),
        ("tags", Value::Json(Some(&checked.tags))),
        ("max_attempts", Value::Int(Some(job.max_attempts.into()))),
        ("timeout_ms", Value::Int(job.timeout.map(millis))),
        ("ephemeral", Value::Bool(job.ephemeral)),
    ]
}

/// Inserts, unless the key is held.
fn try_insert(sql: &mut Sql<'_>, checked: &Checked, unique_key: Option<&[u8]>) -> Result<Option<Job>> {
    prove_open_for_insert(sql)?;
    let job = &checked.job;
    let times = Times::of(sql, job);
    let unique_states = unique_key.and(job.unique.as_ref()).map(|unique| unique.states().into());
    let mut params = columns(checked).to_vec();
    params.extend([
        ("scheduled_at", Value::Time(times.scheduled_at)),
        ("delay_us", Value::Int(times.delay_us)),
        ("expires_at", Value::Time(times.expires_at)),
        ("ttl_us", Value::Int(job.ttl.map(micros))),
        ("pending", Value::Bool(job.pending)),
        ("unique_key", Value::Bytes(unique_key)),
        ("unique_states", Value::Int(unique_states)),
        ("notify", Value::Bool(sql.notifies() && job.notify)),
        ("callers", Value::Bool(sql.is_callers())),
        sql.now_param(),
    ]);
    let row = sql.row(&INSERT_JOB, &params);
    match row {
        Ok(Some(row)) => Ok(Some(Placed::read(row)?.job(checked, unique_key))),
        Ok(None) => Ok(None),
        Err(error) if error.is_unique_conflict() => Ok(None),
        Err(error) => Err(error),
    }
}

fn unique_key(sql: &mut Sql<'_>, checked: &Checked) -> Result<Option<Vec<u8>>> {
    let job = &checked.job;
    let Some(unique) = &job.unique else { return Ok(None) };
    let due = match job.due {
        Due::At(at) => at,
        _ if !unique.needs_time() => Timestamp::UNIX_EPOCH,
        Due::Now => read::current_time(sql)?,
        Due::In(delay) => after(read::current_time(sql)?, delay),
    };
    Ok(Some(unique.key(&job.kind, &job.queue, &checked.args, due)))
}
