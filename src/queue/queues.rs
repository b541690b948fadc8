//! Queues: what is kept with them, and pausing them.
//!
//! There are two switches, and a queue is served while neither is off: its own, and the one for all, which is the row
//! named `*`. Neither moves the other. The claim looks at both.

use serde_json::Value as Json;

use super::list;
use crate::{
    Error, Event, JobFilter, QueueInfo, Result, Session,
    dialect::{Sql, Statement, Value, statement},
    json,
    name::{self, ALL_QUEUES},
    new_job::in_field,
};

static UPSERT_QUEUE: Statement = statement!("upsert_queue");
static GET_QUEUE: Statement = statement!("get_queue");
static PAUSE_QUEUE: Statement = statement!("pause_queue");
static RESUME_QUEUE: Statement = statement!("resume_queue");
static PAUSED_QUEUES: Statement = statement!("paused_queues");

/// Keeps `metadata` with a queue, in place of all that was kept with it before. Whether it is paused stays as it is.
///
/// A JSON object with the limits of a job's args. A queue that plain SQL has given a name that is none keeps it: it can be
/// upserted, paused and resumed once it has a row or a job.
///
/// # Errors
/// [`is_invalid_input`](Error::is_invalid_input) for a name or an object that is none;
/// [`is_transaction_lost`](Error::is_transaction_lost), with nothing written.
pub fn upsert_queue(on: impl Session, queue: &str, metadata: Json) -> Result<QueueInfo> {
    let metadata = json::check_value(metadata, json::MAX_BYTES).map_err(|problem| in_field("metadata", &problem));
    name::check_sought_queue(queue)?;
    let metadata = metadata?;
    on.any().write(|sql| {
        sql.prove_open()?;
        check_given(sql, queue)?;
        let params = [("name", Value::Text(Some(queue))), ("metadata", Value::Json(Some(&metadata))), sql.now_param()];
        sql.change(&UPSERT_QUEUE, &params)?;
        written(sql, queue)
    })
}

/// The queue of this name, if it has a row: if it was ever upserted, paused or resumed.
///
/// # Errors
/// [`is_invalid_input`](Error::is_invalid_input) for an empty name, and for `*`.
pub fn get_queue(on: impl Session, queue: &str) -> Result<Option<QueueInfo>> {
    name::check_sought_queue(queue)?;
    on.any().read(|sql| by_name(sql, queue))
}

/// Pauses a queue, one that nobody has seen before included: from now on no job of it is claimed.
///
/// What runs may end; jobs go on being inserted and becoming due. A job that a worker has claimed ahead and not begun
/// begins within a second, in whichever process, or not at all: it is given back. Pausing a queue that is paused already
/// changes nothing.
///
/// In a caller's transaction all of this counts when that commits.
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
/// # client.migrate()?;
/// drip::pause_queue(&client, "mail")?;
/// assert!(drip::get_queue(&client, "mail")?.is_some_and(|queue| queue.is_paused()));
/// drip::resume_queue(&client, "mail")?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`upsert_queue`].
pub fn pause_queue(on: impl Session, queue: &str) -> Result<QueueInfo> {
    name::check_sought_queue(queue)?;
    pause(on, queue)
}

/// Resumes a queue, one that nobody has seen before included. Workers of this process, and on PostgreSQL all others,
/// look for its jobs at once, the rest at their next poll.
///
/// While [all queues](pause_all) are paused it stays so with them, and
/// [`is_paused`](QueueInfo::is_paused) says so; it is then served after [`resume_all`].
///
/// # Errors
/// As [`upsert_queue`].
pub fn resume_queue(on: impl Session, queue: &str) -> Result<QueueInfo> {
    name::check_sought_queue(queue)?;
    resume(on, queue)
}

/// Pauses all queues, those that nobody has seen before included, as [`pause_queue`] pauses one.
///
/// This is a switch of its own, and none of any queue: [`resume_all`] leaves each as it was before.
///
/// # Errors
/// [`is_transaction_lost`](Error::is_transaction_lost), with nothing written.
pub fn pause_all(on: impl Session) -> Result<()> {
    pause(on, ALL_QUEUES).map(drop)
}

/// Takes [`pause_all`] back. A queue that was also paused by itself stays so.
///
/// # Errors
/// As [`pause_all`].
pub fn resume_all(on: impl Session) -> Result<()> {
    resume(on, ALL_QUEUES).map(drop)
}

fn pause(on: impl Session, name: &str) -> Result<QueueInfo> {
    let session = on.any();
    let client = session.client();
    let paused = session.write(|sql| {
        sql.prove_open()?;
        check_given(sql, name)?;
        sql.change(&PAUSE_QUEUE, &[("name", Value::Text(Some(name))), sql.now_param()])?;
        written(sql, name)
    })?;
    if let Some(client) = client {
        client.events().tell(|| Event::QueuePaused { queue: name.to_owned() });
    }
    Ok(paused)
}

fn resume(on: impl Session, name: &str) -> Result<QueueInfo> {
    let session = on.any();
    let client = session.client();
    let resumed = session.write(|sql| {
        sql.prove_open()?;
        check_given(sql, name)?;
        let notify = Value::Bool(sql.notifies());
        sql.change(&RESUME_QUEUE, &[("name", Value::Text(Some(name))), ("notify", notify), sql.now_param()])?;
        written(sql, name)
    })?;
    if let Some(client) = client {
        client.events().tell(|| Event::QueueResumed { queue: name.to_owned() });
        client.wake().wake_for_reopened();
        client.announce(std::iter::once(name));
    }
    Ok(resumed)
}

/// The names of the queues that are paused; [`ALL_QUEUES`] among them, if all are.
pub(crate) fn paused(sql: &mut Sql<'_>) -> Result<Vec<String>> {
    sql.rows(&PAUSED_QUEUES, &[], |row| row.text())
}

/// Checks the name of a queue that is about to be given a row: a new one as any new name. One that plain SQL has brought in
/// must not be out of reach for that.
fn check_given(sql: &mut Sql<'_>, name: &str) -> Result<()> {
    match name::check_queue(name) {
        Err(error) if name != ALL_QUEUES && !is_known(sql, name)? => Err(error),
        _ => Ok(()),
    }
}

/// Whether it has a row or a job.
fn is_known(sql: &mut Sql<'_>, name: &str) -> Result<bool> {
    if by_name(sql, name)?.is_some() {
        return Ok(true);
    }
    let filter = JobFilter::new().queue(name);
    Ok(!list::read(sql, &filter, true, 1)?.is_empty())
}

fn by_name(sql: &mut Sql<'_>, name: &str) -> Result<Option<QueueInfo>> {
    sql.row(&GET_QUEUE, &[("name", Value::Text(sql.dialect().sought(name)))], QueueInfo::read)
}

/// A queue that has just been written.
fn written(sql: &mut Sql<'_>, name: &str) -> Result<QueueInfo> {
    by_name(sql, name)?.ok_or_else(|| Error::transient("the queue's row went away in this moment; try again"))
}
