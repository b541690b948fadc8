//! The database's settings, and the state that it is in.

use std::time::Duration;

use jiff::Timestamp;

use super::{Seen, Severity, read};
use crate::{
    Client, Dialect, Error, Result,
    dialect::{Row, Statement, statement},
    duration::format_duration,
    queue::{read::current_time, tidy},
    session::{Mode, own},
};

static AUTOVACUUM: Statement = statement!("examine/autovacuum" of postgres);
static DEAD_TUPLES: Statement = statement!("examine/dead_tuples" of postgres);
static CLAIM_PLAN: Statement = statement!("examine/claim_plan" of postgres mariadb);
static NOTIFY_QUEUE: Statement = statement!("examine/notify_queue" of postgres);
static ISOLATION: Statement = statement!("examine/isolation" of postgres mariadb);
static SQL_MODE: Statement = statement!("examine/sql_mode" of mariadb);
static HISTORY_LIST: Statement = statement!("examine/history_list" of mariadb);
static JOURNAL: Statement = statement!("examine/journal" of sqlite);

/// So many dead rows slow claims that have to step over them; more, if there are fewer live ones.
const MANY_DEAD: i64 = 50_000;
/// How full, in percent, the queue of notifications may be.
const FILLING: i64 = 10;
const FULL: i64 = 50;
/// So many versions of rows: purging is behind, or held up.
const LONG_HISTORY: i64 = 100_000;
const TOO_LONG_HISTORY: i64 = 1_000_000;
/// A write-ahead log of so many bytes was not copied into the file for long.
const LARGE_LOG: u64 = 64 * 1024 * 1024;
/// By how much clocks may differ.
const OFF: Duration = Duration::from_secs(1);
const FAR_OFF: Duration = Duration::from_secs(60);

pub(super) fn autovacuum(client: &Client) -> Result<Vec<Seen>> {
    let (server, table, for_server, for_table) =
        only_row(client, &AUTOVACUUM, |row| Ok((row.bool()?, row.bool()?, row.text()?, row.text()?)))?;
    let off =
        |what: &str, command| Seen::new(Severity::Problem, format!("autovacuum is off for {what}")).advise(command);
    let mut seen = Vec::new();
    seen.extend((!server).then(|| off("the whole server", for_server)));
    seen.extend((!table).then(|| off("the job table", for_table)));
    Ok(if seen.is_empty() { Seen::fine("autovacuum is on") } else { seen })
}

pub(super) fn dead_tuples(client: &Client) -> Result<Vec<Seen>> {
    let (mut seen, mut total) = (Vec::new(), 0);
    let tables = read(client, |sql| {
        sql.rows(&DEAD_TUPLES, &[], |row| Ok((row.text()?, row.int()?, row.int()?, row.time_or_null()?, row.text()?)))
    })?;
    for (table, live, dead, cleared, command) in tables {
        total += dead;
        if dead >= MANY_DEAD && dead * 5 > live {
            let since = cleared.map_or_else(|| "never cleared away".to_owned(), |at| format!("cleared away at {at}"));
            let what = format!("{table} has {dead} dead rows beside {live} live ones; {since}");
            let severity = if dead > live.saturating_mul(5) { Severity::Problem } else { Severity::Warning };
            seen.push(Seen::new(severity, what).advise(command));
        }
    }
    Ok(if seen.is_empty() { Seen::fine(format!("dead rows in all: {total}")) } else { seen })
}

/// On a connection like those of a worker, which have plans of their own.
pub(super) fn claim_plan(client: &Client) -> Result<Vec<Seen>> {
    let mut connection = client.dedicated()?;
    let plan = own(&mut *connection, None, Mode::Read, &mut |sql| {
        Ok(sql.rows(&CLAIM_PLAN, &[], |row| row.text())?.join("\n"))
    })?;
    let sorts = plan.contains("Sort") || plan.contains("filesort");
    Ok(match plan.contains("drip_job_claim") && !sorts {
        true => Seen::fine("claims read drip_job_claim in order"),
        false => {
            let what = format!("a claim does not read drip_job_claim in order, but so: {plan}");
            vec![
                Seen::new(Severity::Problem, what)
                    .advise("see schema_drift; else the planner lacks statistics: ANALYZE drip_job;"),
            ]
        }
    })
}

pub(super) fn notify_queue(client: &Client) -> Result<Vec<Seen>> {
    let percent = only_row(client, &NOTIFY_QUEUE, |row| row.int())?;
    let severity = match percent {
        ..FILLING => return Ok(Seen::fine(format!("{percent} % of the queue of notifications is in use"))),
        FILLING..FULL => Severity::Warning,
        _ => Severity::Problem,
    };
    let what =
        format!("{percent} % of the queue of notifications is in use: a session that listens has a transaction open");
    Ok(vec![Seen::new(severity, what).advise("see oldest_transaction, and end it")])
}

/// Ours are READ COMMITTED, whatever the server's.
pub(super) fn isolation(client: &Client) -> Result<Vec<Seen>> {
    let level = only_row(client, &ISOLATION, |row| row.text())?.replace(['-', '_'], " ").to_uppercase();
    let usual = match client.dialect() {
        // InnoDB's own default; its gap locks make inserts of others wait, and no more.
        Dialect::Mariadb => ["READ COMMITTED", "REPEATABLE READ"].contains(&level.as_str()),
        _ => level == "READ COMMITTED",
    };
    Ok(match usual {
        true => Seen::fine(format!("transactions are {level} unless they say otherwise")),
        false => {
            let what = format!("transactions are {level} unless they say otherwise");
            vec![Seen::new(Severity::Warning, what).advise(
                "begin transactions that insert jobs as READ COMMITTED, and try them again where an error is_transient",
            )]
        }
    })
}

pub(super) fn sql_mode(client: &Client) -> Result<Vec<Seen>> {
    let mode = only_row(client, &SQL_MODE, |row| row.text())?;
    Ok(match mode.contains("STRICT_TRANS_TABLES") || mode.contains("STRICT_ALL_TABLES") {
        true => Seen::fine("the sql_mode is strict"),
        false => {
            let what = format!("the sql_mode of the server is not strict: {mode:?}");
            vec![
                Seen::new(Severity::Warning, what)
                    .advise("SET GLOBAL sql_mode = CONCAT('STRICT_TRANS_TABLES,', @@GLOBAL.sql_mode); -- and in the server's configuration"),
            ]
        }
    })
}

pub(super) fn history_list(client: &Client) -> Result<Vec<Seen>> {
    let length = only_row(client, &HISTORY_LIST, |row| row.int())?;
    let severity = match length {
        ..LONG_HISTORY => return Ok(Seen::fine(format!("old versions that wait to be purged: {length}"))),
        LONG_HISTORY..TOO_LONG_HISTORY => Severity::Warning,
        _ => Severity::Problem,
    };
    let what = format!("{length} old versions of rows wait to be purged");
    Ok(vec![Seen::new(severity, what).advise("see oldest_transaction, and end it")])
}

pub(super) fn journal(client: &Client) -> Result<Vec<Seen>> {
    let mode = only_row(client, &JOURNAL, |row| row.text())?;
    if mode != "wal" {
        let what = format!("the journal's mode is {mode}, not wal");
        return Ok(vec![Seen::new(Severity::Problem, what).advise("drip migrate")]);
    }
    let bytes = read(client, tidy::log_bytes)?;
    let mib = bytes.div_ceil(1024 * 1024);
    Ok(match bytes > LARGE_LOG {
        true => {
            let what =
                format!("the write-ahead log holds {mib} MiB: a reader has been at it for long, or nobody tidies");
            vec![Seen::new(Severity::Warning, what).advise("drip maintenance run tidy")]
        }
        false => Seen::fine(format!("the write-ahead log is on, and holds {mib} MiB")),
    })
}

/// The answer has been given between the two moments at which it was asked for and came.
pub(super) fn clock(client: &Client) -> Result<Vec<Seen>> {
    // The first question may open a connection, and prepare.
    read(client, current_time)?;
    let before = Timestamp::now();
    let theirs = read(client, current_time)?;
    let ours = before + before.duration_until(Timestamp::now()) / 2;
    let apart = theirs.duration_since(ours).unsigned_abs();
    let severity = if apart >= FAR_OFF {
        Severity::Problem
    } else if apart >= OFF {
        Severity::Warning
    } else {
        return Ok(Seen::fine("this machine's clock and the database's agree"));
    };
    let way = if theirs > ours { "ahead of" } else { "behind" };
    let what = format!("the database's clock is {} {way} this machine's", format_duration(apart));
    Ok(vec![Seen::new(severity, what).advise("see on both machines: timedatectl")])
}

fn only_row<T>(
    client: &Client,
    statement: &Statement,
    mut read_row: impl FnMut(&mut Row<'_>) -> Result<T>,
) -> Result<T> {
    let answer = read(client, |sql| sql.row(statement, &[], &mut read_row))?;
    answer.ok_or_else(|| Error::unsupported("the database does not tell"))
}
