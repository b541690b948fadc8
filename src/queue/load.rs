//! Inserting as many jobs as there are, as fast as the database takes them.

use std::collections::BTreeSet;

use super::{
    new_row::{DEFAULTS, Start, record},
    read,
};
use crate::{
    AnySession, Error, NewJob, Result, Session, State,
    dialect::{Signal, Sql, Statement, Value, statement},
    new_job::Checked,
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
    let queues = session.write(|sql| sql.all_or_nothing(|sql| load(sql, &jobs)))?;
    if let Some(client) = client {
        client.events().count_loaded(jobs.iter().map(|checked| &checked.job));
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
    let now = read::current_time(sql)?;
    let mut queues = BTreeSet::new();
    let mut other = [false; DEFAULTS.len()];
    for checked in jobs {
        let start = Start::of(&checked.job, now);
        if checked.job.notify && start.state == State::Available {
            queues.insert(&*checked.job.queue);
        }
        for (other, (value, default)) in other.iter_mut().zip(record(checked, &start).iter().zip(&DEFAULTS)) {
            *other |= value != default;
        }
    }
    let other: Vec<usize> = (0..other.len()).filter(|&index| other[index]).collect();
    let mut rows = jobs.iter().map(|checked| record(checked, &Start::of(&checked.job, now)));
    let loaded = sql.load(&LOAD_JOBS, &mut || rows.next(), &other)?;
    if loaded != jobs.len() as u64 {
        return Err(Error::corrupt(format!("{loaded} rows were inserted for {} jobs", jobs.len())));
    }
    notify(sql, &queues)?;
    Ok(queues)
}

/// Notifies of these queues with the commit, where nobody announces them after it.
pub(super) fn notify(sql: &mut Sql<'_>, queues: &BTreeSet<&str>) -> Result<()> {
    if sql.notifies() && sql.dialect().signal() == Signal::Notifications && !queues.is_empty() {
        let names = serde_json::json!(queues).to_string();
        sql.rows(&NOTIFY, &[("queues", Value::Json(Some(&names)))], |_| Ok(()))?;
    }
    Ok(())
}
