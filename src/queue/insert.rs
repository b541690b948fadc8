//! Inserting jobs, one or many, unique or not.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    load::notify,
    new_row::{DEFAULTS, Placed, Start, Times, micros, millis, record},
    read,
    replace::replace_if_asked,
};
use crate::{
    Client, Error, Job, Result, Session, State,
    clock::after,
    dialect::{Record, Sql, Statement, Value, statement},
    new_job::{Checked, Due, NewJob},
};

static INSERT_AVAILABLE: Statement = statement!("insert_available" of postgres mariadb);
static INSERT_JOB: Statement = statement!("insert_job");
static INSERT_ROWS: Statement = statement!("insert_rows");

/// How often an insert that lost to a duplicate looks for it, when each one it finds is gone a moment later.
const TRIES: usize = 5;

/// The most rows of one statement, and the most bytes: MariaDB refuses packets over 16 MiB by default.
const CHUNK_ROWS: usize = 1024;
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

/// What has become of a job in a transaction that may yet be run again, for which the job is kept.
pub(super) enum Entered {
    New(Placed),
    Duplicate(Box<Job>),
}

impl Entered {
    pub(super) fn id(&self) -> i64 {
        match self {
            Entered::New(placed) => placed.id,
            Entered::Duplicate(job) => job.id,
        }
    }

    /// What is answered, once the transaction will not be run again.
    pub(super) fn with(self, checked: Checked) -> Inserted {
        match self {
            Entered::New(placed) => Inserted::New(placed.job(checked)),
            Entered::Duplicate(job) => Inserted::Duplicate(*job),
        }
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
    let entered = match &checked.job.unique {
        None => session.once(|sql| insert_one(sql, &checked))?,
        Some(_) => session.write(|sql| insert_one(sql, &checked))?,
    };
    let notify = checked.job.notify;
    let inserted = entered.with(checked);
    if let Some(client) = client.filter(|_| !inserted.is_duplicate()) {
        tell(client, std::iter::once((inserted.job(), notify)));
    }
    Ok(inserted)
}

/// Inserts any number of jobs, all or none, in order; the answers are in the order of the jobs.
///
/// A thousand jobs go into one statement. Jobs with [unique](NewJob::unique) options take one statement each.
///
/// # Errors
/// As [`insert_job`]; a job that is refused is named by its place in the batch, which starts at 0.
pub fn insert_many<J: Into<NewJob>>(on: impl Session, jobs: impl IntoIterator<Item = J>) -> Result<Vec<Inserted>> {
    let session = on.any();
    let jobs = jobs.into_iter();
    let mut checked = Vec::with_capacity(jobs.size_hint().0);
    for (index, job) in jobs.enumerate() {
        checked.push(session.check(job.into()).map_err(|error| error.of_job(index))?);
    }
    if checked.is_empty() {
        return Ok(Vec::new());
    }
    let client = session.client();
    let entered = session.write(|sql| match &checked[..] {
        [single] => Ok(vec![insert_one(sql, single)?]),
        many => sql.all_or_nothing(|sql| insert_all(sql, many)),
    })?;
    let notify: Vec<_> = checked.iter().map(|checked| checked.job.notify).collect();
    let inserted: Vec<_> = entered.into_iter().zip(checked).map(|(entered, checked)| entered.with(checked)).collect();
    if let Some(client) = client {
        tell_inserted(client, inserted.iter().zip(notify.iter().copied()));
    }
    Ok(inserted)
}

/// Tells subscribers of those that are new of jobs that have been committed, and wakes the workers, if each is to.
pub(super) fn tell_inserted<'j>(client: &Client, inserted: impl Iterator<Item = (&'j Inserted, bool)> + Clone) {
    let new = inserted.filter(|(it, _)| !it.is_duplicate());
    tell(client, new.map(|(it, notify)| (it.job(), notify)));
}

fn tell<'j>(client: &Client, jobs: impl Iterator<Item = (&'j Job, bool)> + Clone) {
    client.events().tell_inserted(jobs.clone().map(|(job, _)| job));
    if jobs.clone().any(|(job, _)| job.scheduled_at < job.created_at) {
        client.wake().wake_for_reopened();
    }
    let notified = jobs.filter(|(job, notify)| *notify && job.state == State::Available);
    let queues: BTreeSet<&str> = notified.map(|(job, _)| job.queue.as_str()).collect();
    // A job for later needs a worker too, if only to be told when that is.
    client.wake().wake_all();
    if !queues.is_empty() {
        client.announce(queues.into_iter());
    }
}

/// Inserts one job; the caller has seen to a transaction if it is unique.
pub(super) fn insert_one(sql: &mut Sql<'_>, checked: &Checked) -> Result<Entered> {
    let unique_key = unique_key(sql, checked)?;
    let Some(key) = &unique_key else {
        if sql.dialect().shares_our_clock() {
            sql.prove_open()?;
            let mut entered = Vec::with_capacity(1);
            insert_run(sql, std::slice::from_ref(checked), &mut entered)?;
            return entered.pop().ok_or_else(|| Error::corrupt("a job was not inserted"));
        }
        if checked.job.is_available_at_once() {
            return insert_available(sql, checked).map(Entered::New);
        }
        return match try_insert(sql, checked, None)? {
            Some(placed) => Ok(Entered::New(placed)),
            None => Err(Error::corrupt("a job without a unique key was not inserted")),
        };
    };
    for _ in 0..TRIES {
        if let Some(placed) = try_insert(sql, checked, Some(key))? {
            return Ok(Entered::New(placed));
        }
        if let Some(holder) = read::holder(sql, key)? {
            return Ok(Entered::Duplicate(Box::new(replace_if_asked(sql, holder, checked)?)));
        }
    }
    Err(Error::transient("jobs with the same unique key come and go too fast; try again"))
}

/// Inserts many: runs of ordinary jobs together, unique ones one by one in between. The caller has proven the transaction
/// open, and sees to it that what fails leaves nothing behind.
pub(super) fn insert_all(sql: &mut Sql<'_>, jobs: &[Checked]) -> Result<Vec<Entered>> {
    let mut entered = Vec::with_capacity(jobs.len());
    for run in jobs.chunk_by(|a, b| a.job.unique.is_none() && b.job.unique.is_none()) {
        match run {
            [single] => entered.push(insert_one(sql, single)?),
            many => insert_run(sql, many, &mut entered)?,
        }
    }
    Ok(entered)
}

/// Asks the time first, so that of what is inserted only the ids are to be answered.
fn insert_run(sql: &mut Sql<'_>, jobs: &[Checked], entered: &mut Vec<Entered>) -> Result<()> {
    let now = read::current_time(sql)?;
    let mut queues = BTreeSet::new();
    let mut rest = jobs;
    while !rest.is_empty() {
        let (chunk, others) = rest.split_at(chunk_length(rest));
        let starts: Vec<_> = chunk.iter().map(|checked| Start::of(&checked.job, now)).collect();
        let started = || chunk.iter().zip(&starts);
        let available = started().filter(|(checked, start)| checked.job.notify && start.state == State::Available);
        queues.extend(available.map(|(checked, _)| &*checked.job.queue));
        let ids = insert_chunk(sql, &started().map(|(checked, start)| record(checked, start)).collect::<Vec<_>>())?;
        let placed = ids.into_iter().zip(starts).map(|(id, start)| Placed { id, start, unique_key: None });
        entered.extend(placed.map(Entered::New));
        rest = others;
    }
    notify(sql, &queues)
}

fn insert_chunk(sql: &mut Sql<'_>, rows: &[Record<'_>]) -> Result<Vec<i64>> {
    let mut ids = sql.insert(&INSERT_ROWS, rows, &DEFAULTS)?;
    if ids.len() != rows.len() {
        return Err(Error::corrupt(format!("{} rows were inserted for {} jobs", ids.len(), rows.len())));
    }
    // The engines do not promise an order of answers, but ids are given in the order of the rows.
    ids.sort_unstable();
    Ok(ids)
}

/// How many of these jobs fit into one statement; at least one.
fn chunk_length(jobs: &[Checked]) -> usize {
    let mut bytes = 0;
    let fits = |job: &&Checked| {
        bytes += job.args.len() + job.metadata.len() + job.tags.len() + 512;
        bytes <= CHUNK_BYTES
    };
    jobs.iter().take(CHUNK_ROWS).take_while(fits).count().max(1)
}

/// Where a statement cannot ask by itself whether the transaction is still open, it is asked before.
fn prove_open_for_insert(sql: &mut Sql<'_>) -> Result<()> {
    match sql.dialect() {
        crate::Dialect::Sqlite => sql.prove_open(),
        _ => Ok(()),
    }
}

/// Inserts a job of which everything but its id and the time is known.
fn insert_available(sql: &mut Sql<'_>, checked: &Checked) -> Result<Placed> {
    let mut params = columns(checked).to_vec();
    params.extend([
        ("notify", Value::Bool(sql.notifies() && checked.job.notify)),
        ("callers", Value::Bool(sql.is_callers())),
        sql.now_param(),
    ]);
    let placed = sql.row(&INSERT_AVAILABLE, &params, |row| Placed::read_available(row, &checked.job))?;
    placed.ok_or_else(|| Error::corrupt("a job was not inserted"))
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
fn try_insert(sql: &mut Sql<'_>, checked: &Checked, unique_key: Option<&[u8]>) -> Result<Option<Placed>> {
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
    match sql.row(&INSERT_JOB, &params, |row| Placed::read(row, unique_key)) {
        Err(error) if error.is_unique_conflict() => Ok(None),
        placed => placed,
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
