//! What keeps the tables healthy, as far as the engine does not see to it.

use crate::{
    Client, Error, Result,
    dialect::{Connection, Row, Sql, Statement, Tidying, statement},
    session::{Mode, own},
};

static UNANALYSED_TABLES: Statement = statement!("unanalysed_tables" of postgres);
static CHECKPOINT_LOG: Statement = statement!("checkpoint_log" of sqlite);
static TRUNCATE_LOG: Statement = statement!("truncate_log" of sqlite);
static FILE_NAME: Statement = statement!("file_name" of sqlite);
static BUSY_TIMEOUT: Statement = statement!("busy_timeout" of sqlite);
static PAGE_COUNTS: Statement = statement!("page_counts" of sqlite);
static GIVE_BACK_PAGES: Statement = statement!("give_back_pages" of sqlite);

/// A write-ahead log that has grown beyond this, in bytes, is cut off.
const LARGE_LOG: u64 = 64 * 1024 * 1024;

/// For how many milliseconds readers may keep everybody from writing meanwhile.
const PATIENCE: i64 = 50;

/// So many pages stay free, for the jobs to come; and how many times some are given back at a time.
const SPARE_PAGES: i64 = 1000;
const STEPS: usize = 20;

/// Does for the tables what the database does not do by itself; answers how many measures were taken.
///
/// - PostgreSQL: gives the planner its first statistics of the jobs, if autovacuum has not come by yet. The rest is
///   autovacuum's, which the schema sets up for a table that changes this fast.
/// - SQLite: copies the write-ahead log into the file, without waiting for anybody; cuts it off if it has grown beyond
///   64 MB, for which others wait 50 ms at most; and gives free pages back, in small steps, if the file's `auto_vacuum` is
///   incremental. It makes no statistics: they would be the whole file's, and the statements name their indexes.
/// - MariaDB: nothing. InnoDB clears away what was deleted, and renews its statistics when a tenth of a table has changed;
///   the statements name their indexes, and `ANALYZE TABLE` would commit and go to the replicas.
///
/// # Errors
/// When the database refuses.
pub fn tidy(client: &Client) -> Result<usize> {
    tidy_on(&mut *client.dedicated()?)
}

/// As [`tidy`], on a connection of our own.
pub(crate) fn tidy_on(connection: &mut (dyn Connection + '_)) -> Result<usize> {
    match connection.dialect().tidying() {
        Tidying::Statistics => outside(connection, &mut analyse),
        Tidying::Nothing => Ok(0),
        Tidying::File => Ok(outside(connection, &mut tidy_log)? + give_back_pages(connection)?),
    }
}

fn outside<T>(connection: &mut (dyn Connection + '_), work: &mut dyn FnMut(&mut Sql<'_>) -> Result<T>) -> Result<T> {
    own(connection, None, Mode::Read, work)
}

fn analyse(sql: &mut Sql<'_>) -> Result<usize> {
    let commands = sql.rows(&UNANALYSED_TABLES, &[], |row| row.text())?;
    commands.iter().try_for_each(|command| sql.control(command))?;
    Ok(commands.len())
}

fn tidy_log(sql: &mut Sql<'_>) -> Result<usize> {
    if checkpoint(sql, &CHECKPOINT_LOG)? || log_bytes(sql)? <= LARGE_LOG {
        return Ok(0);
    }
    let before = sql.row(&BUSY_TIMEOUT, &[], |row| row.int())?.ok_or_else(unanswered)?;
    set_busy_timeout(sql, PATIENCE)?;
    let cut = checkpoint(sql, &TRUNCATE_LOG);
    set_busy_timeout(sql, before)?;
    match cut {
        Ok(held_up) => Ok(usize::from(!held_up)),
        Err(error) if error.is_transient() => Ok(0),
        Err(error) => Err(error),
    }
}

/// Whether somebody kept the log from being copied as a whole.
fn checkpoint(sql: &mut Sql<'_>, statement: &Statement) -> Result<bool> {
    let held_up = |row: &mut Row<'_>| {
        let (busy, pages, copied) = (row.bool()?, row.int()?, row.int()?);
        Ok(busy || copied < pages)
    };
    sql.row(statement, &[], held_up)?.ok_or_else(unanswered)
}

/// How large the log is on disk. How many pages it holds does not say that: it is filled again from its beginning.
pub(crate) fn log_bytes(sql: &mut Sql<'_>) -> Result<u64> {
    let file = sql.row(&FILE_NAME, &[], |row| row.text())?.ok_or_else(unanswered)?;
    // Asked for by its name: to open and close it would undo SQLite's locks.
    Ok(std::fs::metadata(file + "-wal").map_or(0, |log| log.len()))
}

fn set_busy_timeout(sql: &mut Sql<'_>, millis: i64) -> Result<()> {
    sql.control(&format!("PRAGMA busy_timeout = {millis}"))
}

struct PageCounts {
    free: i64,
    is_incremental: bool,
}

fn page_counts(sql: &mut Sql<'_>) -> Result<PageCounts> {
    let read = |row: &mut Row<'_>| Ok(PageCounts { free: row.int()?, is_incremental: row.int()? == 2 });
    sql.row(&PAGE_COUNTS, &[], read)?.ok_or_else(unanswered)
}

fn give_back_pages(connection: &mut (dyn Connection + '_)) -> Result<usize> {
    for step in 0..STEPS {
        let counts = outside(connection, &mut page_counts)?;
        if !counts.is_incremental || counts.free <= SPARE_PAGES {
            return Ok(step);
        }
        own(connection, None, Mode::Transaction, &mut |sql| sql.rows(&GIVE_BACK_PAGES, &[], |_| Ok(())).map(drop))?;
    }
    Ok(STEPS)
}

fn unanswered() -> Error {
    Error::corrupt("SQLite does not answer what it was asked of the file")
}
