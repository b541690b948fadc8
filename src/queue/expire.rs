//! Jobs that had a time to live, and have not begun within it.

use super::{ending::Ending, settle::settle_each};
use crate::{
    Result, Session,
    dialect::{Sql, Statement, Value, statement},
    session::Repeat,
};

static EXPIRED_JOBS: Statement = statement!("expired_jobs");

/// How many jobs one transaction discards.
const BATCH: usize = 1000;

/// Discards jobs whose time to live has passed before they began; answers how many. They are not claimed in any case: this
/// only says so in their rows.
///
/// Given a client, each thousand jobs are a transaction of their own.
///
/// # Errors
/// When the database cannot be asked.
pub fn expire_jobs(on: impl Session) -> Result<usize> {
    expire(on.any())
}

pub(crate) fn expire(on: impl Repeat) -> Result<usize> {
    let mut total = 0;
    on.repeat(
        (),
        |sql, ()| expire_some(sql).map(|count| (count, (count == BATCH).then_some(()))),
        |count| total += count,
    )?;
    Ok(total)
}

fn expire_some(sql: &mut Sql<'_>) -> Result<usize> {
    sql.prove_open()?;
    let params = [("limit", Value::Int(Some(BATCH as i64))), sql.now_param()];
    let ids = sql.rows(&EXPIRED_JOBS, &params, |row| row.int())?;
    Ok(settle_each(sql, &ids, &Ending::Expire)?.iter().flatten().count())
}
