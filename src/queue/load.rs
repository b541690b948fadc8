//! Inserting as many jobs as there are, as fast as the database takes them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{new_row::millis, read};
use crate::{
    AnySession, Error, NewJob, Result, Session, State,
    clock::after,
    dialect::{LOADED_COLUMNS, Sql, Statement, Value, statement, truncated},
    new_job::{Checked, Due},
};

static LOAD_JOBS: Statement = statement!("load_jobs");
static NOTIFY: Statement = statement!("notify_queues" of postgres);

/// Inserts any number of jobs, all or none, and answers only how many: the fastest way in. With `COPY` on PostgreSQL, in bulk
/// packets on MariaDB, row by row through one prepared statement on SQLite.
///
/// Every option of a job counts, but it cannot be unique; for that, and for the jobs themselves,
/// see [`insert_many`](crate::insert_many). Nothing is told of each to subscribers.
///
/// It is one transaction. On SQLite nobody else can write meanwhile, and others wait for 10 s: load hundreds of thousands in
/// parts.
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
/// # client.migrate()?;
/// let letters = (0..1000).map(|n| drip::NewJob::new("letter", serde_json::json!({"to": n})));
/// assert_eq!(drip::insert_many_fast(&client, letters)?, 1000);
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`insert_many`](crate::insert_many); [`is_invalid_input`](Error::is_invalid_input) for a unique job.
pub fn insert_many_fast<J: Into<NewJob>>(on: impl Session, jobs: impl IntoIterator<Item = J>) -> Result<usize> {
    let session = on.any();
    let check = |(index, job): (usize, J)| check(&session, job.into()).map_err(|error| error.of_job(index));
    let jobs = jobs.into_iter().enumerate().map(check).collect::<Result<Vec<_>>>()?;
    if jobs.is_empty() {
        return Ok(0);
    }
    let client = session.client();
    let queues = session.write(|sql| load(sql, &jobs))?;
    if let Some(client) = client {
        client.events().count_inserted(jobs.iter().map(|checked| &checked.job));
        client.announce(queues.into_iter());
    }
    Ok(jobs.len())
}

fn check(session: &AnySession<'_>, job: NewJob) -> Result<Checked> {
    let checked = session.check(job)?;
    match checked.job.unique {
        Some(_) => Err(Error::invalid("unique", "jobs cannot be inserted this way; see insert_many")),
        None => Ok(checked),
    }
}

/// Answers the queues whose workers should know.
fn load<'j>(sql: &mut Sql<'_>, jobs: &'j [Checked]) -> Result<BTreeSet<&'j str>> {
    sql.prove_open()?;
    let now = read::current_time(sql)?;
    let rows = jobs.iter().map(|job| (job, Placed::of(&job.job, now)));
    let mut queues = BTreeSet::new();
    let mut rows = rows.inspect(|(checked, placed)| {
        if checked.job.notify && placed.state == State::Available {
            queues.insert(&*checked.job.queue);
        }
    });
    let loaded = sql.load(&LOAD_JOBS, &mut || rows.next().map(|(checked, placed)| row(checked, &placed, now)))?;
    drop(rows);
    if loaded != jobs.len() as u64 {
        return Err(Error::corrupt(format!("{loaded} rows were inserted for {} jobs", jobs.len())));
    }
    if sql.notifies() && sql.dialect().signal() == crate::dialect::Signal::Notifications && !queues.is_empty() {
        let names = serde_json::json!(queues).to_string();
        sql.rows(&NOTIFY, &[("queues", Value::Json(Some(&names)))])?;
    }
    Ok(queues)
}

/// When a job is due, and so where it begins.
struct Placed {
    state: State,
    scheduled_at: Timestamp,
}

impl Placed {
    fn of(job: &NewJob, now: Timestamp) -> Placed {
        let scheduled_at = match job.due {
            Due::Now => now,
            Due::At(at) => truncated(at),
            Due::In(delay) => after(now, delay),
        };
        let state = match job.pending {
            true => State::Pending,
            false if scheduled_at > now => State::Scheduled,
            false => State::Available,
        };
        Placed { state, scheduled_at }
    }
}

/// In the order of the statement's columns.
fn row<'j>(checked: &'j Checked, placed: &Placed, now: Timestamp) -> [Value<'j>; LOADED_COLUMNS] {
    let job = &checked.job;
    [
        Value::Text(Some(placed.state.name())),
        Value::Text(Some(&job.queue)),
        Value::Text(Some(&job.kind)),
        Value::Small(job.priority.into()),
        Value::Json(Some(&checked.args)),
        Value::Json(Some(&checked.metadata)),
        Value::Json(Some(&checked.tags)),
        Value::Int(Some(job.max_attempts.into())),
        Value::Time(Some(placed.scheduled_at)),
        Value::Time(Some(now)),
        Value::Time(job.ttl.map(|ttl| after(now, ttl))),
        Value::Int(job.timeout.map(millis)),
        Value::Bool(job.ephemeral),
    ]
}
