//! Jobs that had a time to live, and have not begun within it.

use super::{
    ending::Ending,
    settle::{Settlement, settle},
};
use crate::{
    AnySession, Result, Session,
    dialect::{Sql, Statement, Value, statement},
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
    let session = on.any();
    let mut total = 0;
    match session.client() {
        Some(client) => loop {
            let expired = AnySession::new_at(client, session.time()).write(expire)?;
            total += expired;
            if expired < BATCH {
                return Ok(total);
            }
        },
        None => session.write(|sql| {
            loop {
                let expired = expire(sql)?;
                total += expired;
                if expired < BATCH {
                    return Ok(total);
                }
            }
        }),
    }
}

fn expire(sql: &mut Sql<'_>) -> Result<usize> {
    sql.prove_open()?;
    let mut rows = sql.rows(&EXPIRED_JOBS, &[("limit", Value::Int(Some(BATCH as i64))), sql.now_param()])?;
    let ids = rows.iter_mut().map(|row| row.int()).collect::<Result<Vec<_>>>()?;
    let settlements: Vec<_> =
        ids.iter().map(|id| Settlement { target: (*id).into(), ending: Ending::Expire }).collect();
    if settlements.is_empty() {
        return Ok(0);
    }
    Ok(settle(sql, &settlements)?.iter().flatten().count())
}
