//! Reading jobs.

use jiff::Timestamp;

use crate::{
    Error, Job, Result, Session,
    dialect::{Sql, Statement, Value, statement},
};

static GET_JOB: Statement = statement!("get_job");
static FIND_HOLDER: Statement = statement!("find_holder");
static CURRENT_TIME: Statement = statement!("current_time");

/// The job with this id, if there is one.
///
/// # Errors
/// When the database cannot be asked.
pub fn get_job(on: impl Session, id: i64) -> Result<Option<Job>> {
    on.any().read(|sql| by_id(sql, id))
}

pub(crate) fn by_id(sql: &mut Sql<'_>, id: i64) -> Result<Option<Job>> {
    sql.row(&GET_JOB, &[("id", Value::Int(Some(id)))], Job::read)
}

/// The job that holds a unique key.
pub(crate) fn holder(sql: &mut Sql<'_>, unique_key: &[u8]) -> Result<Option<Job>> {
    sql.row(&FIND_HOLDER, &[("unique_key", Value::Bytes(Some(unique_key)))], Job::read)
}

/// The time by the clock that decides what is due and who is alive: the database server's, on SQLite this machine's.
///
/// # Errors
/// When the database cannot be asked.
pub fn database_time(on: impl Session) -> Result<Timestamp> {
    on.any().read(current_time)
}

/// The time by the clock that decides.
pub(crate) fn current_time(sql: &mut Sql<'_>) -> Result<Timestamp> {
    if let Some(now) = sql.now() {
        return Ok(now);
    }
    let time = sql.row(&CURRENT_TIME, &[sql.now_param()], |row| row.time())?;
    time.ok_or_else(|| Error::corrupt("the database does not know the time"))
}
