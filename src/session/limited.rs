//! Work that is given up when it takes too long: searches, which may have to read the whole table.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Mode, own};
use crate::{
    Error, Result,
    dialect::{Connection, Sql, Statement, Value, statement},
};

static LIMIT_TIME: Statement = statement!("limit_time" of postgres);

/// Runs `work` on a connection of our own, as [`own`] does; no statement of it takes longer than `limit`.
pub(super) fn own_within<T>(
    connection: &mut (dyn Connection + '_),
    now: Option<Timestamp>,
    mode: Mode,
    limit: Duration,
    work: &mut dyn FnMut(&mut Sql<'_>) -> Result<T>,
) -> Result<T> {
    let began = Instant::now();
    let answer = match connection.dialect().limits_transactions() {
        true => own(connection, now, Mode::Transaction, &mut |sql| {
            let limit = limit.as_millis().to_string();
            sql.row(&LIMIT_TIME, &[("limit_ms", Value::Text(Some(&limit)))], |_| Ok(()))?;
            work(sql)
        }),
        false => {
            let limited = connection.limit_time(Some(limit));
            let answer = limited.and_then(|()| own(connection, now, mode, work));
            if connection.limit_time(None).is_err() {
                connection.give_up();
            }
            answer
        }
    };
    match answer {
        Err(error) if error.is_cancelled() && began.elapsed() >= limit => Err(Error::too_long(limit)),
        answer => answer,
    }
}
