//! Changing what a job is, rather than where it stands; and removing it.

use serde_json::Value as Json;

use super::{
    new_row::millis,
    settle::{lock, naming_holder, wake_for},
};
use crate::{
    Error, Job, JobUpdate, Result, Session,
    dialect::{Sql, Statement, Value, statement},
    state::{Answer, Verb},
};

static EDIT_JOB: Statement = statement!("edit_job");
static DELETE_JOB: Statement = statement!("delete_job");

/// Changes a job that is not running, and answers it as it now stands.
///
/// # Errors
/// [`is_invalid_input`](Error::is_invalid_input); [`is_not_found`](Error::is_not_found);
/// [`is_wrong_state`](Error::is_wrong_state) for one that is running, or args or a due time for one that has ended;
/// [`is_unique_conflict`](Error::is_unique_conflict) if it would take a unique key that another holds, and the job then
/// stays as it was.
pub fn update_job(on: impl Session, id: i64, update: JobUpdate) -> Result<Job> {
    update.check()?;
    edit(on, id, |_| Ok(update.clone()))
}

/// Changes a job that is not running as a closure says, which is shown the job as it is: nobody else changes it meanwhile,
/// so that of changes made at the same time each is built on the one before.
///
/// Outside of a caller's transaction the closure may be called again, when the database asks for the transaction to be
/// repeated.
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
/// # client.migrate()?;
/// # let job = drip::insert_job(&client, drip::NewJob::new("mail", serde_json::json!({"to": ["ada"]})))?.into_job();
/// use drip::JobUpdate;
///
/// drip::swap_job(&client, job.id, |job| {
///     let mut args = job.args()?;
///     args["to"].as_array_mut().unwrap().push("grace".into());
///     Ok(JobUpdate::new().args(args))
/// })?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`update_job`]; the closure's own, and nothing is changed then.
pub fn swap_job(on: impl Session, id: i64, change: impl FnMut(&Job) -> Result<JobUpdate>) -> Result<Job> {
    edit(on, id, change)
}

/// Removes a job that is not running, and answers it as it was.
///
/// # Errors
/// [`is_not_found`](Error::is_not_found); [`is_wrong_state`](Error::is_wrong_state) for one that is running: cancel it
/// first.
pub fn delete_job(on: impl Session, id: i64) -> Result<Job> {
    on.any().write(|sql| {
        let (job, _) = locked(sql, id, Verb::Delete)?;
        sql.change(&DELETE_JOB, &[("id", Value::Int(Some(id))), ("claim_seq", Value::Int(Some(job.claim_seq)))])?;
        Ok(job)
    })
}

fn edit(on: impl Session, id: i64, mut change: impl FnMut(&Job) -> Result<JobUpdate>) -> Result<Job> {
    let session = on.any();
    let client = session.client();
    let job = session.write(|sql| {
        let (before, now) = locked(sql, id, Verb::Update)?;
        let update = change(&before)?;
        update.check()?;
        let mut job = before.clone();
        update.apply(&mut job, now)?;
        if job != before {
            write(sql, &before, &job)?;
        }
        Ok(job)
    })?;
    if let Some(client) = client {
        wake_for(client, std::iter::once(&job));
    }
    Ok(job)
}

/// Reads a job under a lock, if the verb has a meaning for it; with the time.
fn locked(sql: &mut Sql<'_>, id: i64, verb: Verb) -> Result<(Job, jiff::Timestamp)> {
    sql.prove_open()?;
    let (mut found, now) = lock(sql, std::iter::once(id))?;
    let job = found.remove(&id).ok_or_else(|| Error::not_found(id))?;
    match verb.on(job.state) {
        Answer::Refuse => Err(Error::wrong_state(verb, id, job.state)),
        _ => Ok((job, now)),
    }
}

/// Behind a savepoint, if it may take a key that another holds.
fn write(sql: &mut Sql<'_>, before: &Job, job: &Job) -> Result<()> {
    let takes_key = job.holds_key_in(job.state) && !before.holds_key_in(before.state);
    let written = if takes_key { sql.savepoint(|sql| edit_job(sql, job)) } else { edit_job(sql, job) };
    match written {
        Err(error) if error.is_unique_conflict() => Err(naming_holder(sql, job, error)?),
        written => written,
    }
}

fn edit_job(sql: &mut Sql<'_>, job: &Job) -> Result<()> {
    let tags = Json::from(job.tags.clone()).to_string();
    sql.change(
        &EDIT_JOB,
        &[
            ("id", Value::Int(Some(job.id))),
            ("claim_seq", Value::Int(Some(job.claim_seq))),
            ("state", Value::Text(Some(job.state.name()))),
            ("queue", Value::Text(Some(&job.queue))),
            ("priority", Value::Int(Some(job.priority.into()))),
            ("args", Value::Json(Some(&job.args))),
            ("metadata", Value::Json(Some(&job.metadata))),
            ("tags", Value::Json(Some(&tags))),
            ("max_attempts", Value::Int(Some(job.max_attempts.into()))),
            ("scheduled_at", Value::Time(Some(job.scheduled_at))),
            ("expires_at", Value::Time(job.expires_at)),
            ("timeout_ms", Value::Int(job.timeout.map(millis))),
            ("ephemeral", Value::Bool(job.ephemeral)),
        ],
    )?;
    Ok(())
}
