//! Who keeps dead rows from being cleared away.

use std::time::Duration;

use super::{Seen, Severity, read};
use crate::{
    Client, Dialect, Result,
    dialect::{Row, Statement, statement},
    duration::format_duration,
};

static SEES_OTHERS: Statement = statement!("examine/sees_others" of postgres);
static OLDEST: Statement = statement!("examine/oldest_transaction" of postgres mariadb);

/// A transaction that is open for longer is a warning, or a problem.
const LONG: Duration = Duration::from_secs(5 * 60);
const TOO_LONG: Duration = Duration::from_secs(3600);

/// A replication slot that is so many transactions behind.
const FAR: i64 = 1_000_000;
const TOO_FAR: i64 = 20_000_000;

pub(super) fn oldest(client: &Client) -> Result<Vec<Seen>> {
    let mut seen = read(client, |sql| {
        let now = [sql.now_param()];
        sql.rows(&OLDEST, &now, holder)
    })?;
    seen.retain(|seen| seen.severity > Severity::Fine);
    if seen.is_empty() {
        seen = Seen::fine(format!("no transaction is older than {}", format_duration(LONG)));
    }
    if client.dialect() == Dialect::Postgres
        && let Some(role) = blind(client)?
    {
        let what = "this role sees the transactions of its own sessions only";
        seen.push(Seen::new(Severity::Unknown, what).advise(format!("GRANT pg_read_all_stats TO {role};")));
    }
    Ok(seen)
}

fn holder(row: &mut Row<'_>) -> Result<Seen> {
    let (who, seconds, transactions, command) = (row.text()?, row.int_or_null()?, row.int_or_null()?, row.text()?);
    let age = Duration::from_secs(u64::try_from(seconds.unwrap_or(0)).unwrap_or(0));
    let behind = transactions.unwrap_or(0);
    let severity = if age >= TOO_LONG || behind >= TOO_FAR {
        Severity::Problem
    } else if age >= LONG || behind >= FAR {
        Severity::Warning
    } else {
        Severity::Fine
    };
    let what = match transactions {
        Some(behind) => format!("{who} is {behind} transactions behind"),
        None => format!("{who} has had a transaction open for {}", format_duration(age)),
    };
    Ok(Seen::new(severity, what).advise(command))
}

/// The role, if it does not see what others do.
fn blind(client: &Client) -> Result<Option<String>> {
    let answer = read(client, |sql| sql.row(&SEES_OTHERS, &[], |row| Ok((row.bool()?, row.text()?))))?;
    Ok(answer.and_then(|(sees, role)| (!sees).then_some(role)))
}
