//! Building the indexes anew, beside those who use them.

use crate::{
    Client, Error, Result,
    dialect::{Sql, Statement, statement},
    session::{Mode, own},
};

static LEFTOVERS: Statement = statement!("reindex_leftovers" of postgres);
static INDEXES: Statement = statement!("reindex_indexes" of postgres);

/// Builds the indexes of the queue's tables anew, one after the other, while others go on using them; answers their names.
/// Indexes of the application's own are left alone.
///
/// PostgreSQL 12 or newer, by `REINDEX INDEX CONCURRENTLY`: where a transaction was open for long, they have grown by what
/// could not be cleared away. What an earlier run has left that failed is removed first. Each index waits for the transactions
/// that are open when its turn comes; who runs this must own the tables.
///
/// On MariaDB and SQLite nothing is done, and no index answered: InnoDB merges pages that have become empty by itself, and
/// SQLite uses its free pages again, while rebuilding would keep all others from writing.
///
/// # Errors
/// On PostgreSQL 10 and 11, which can only do this while nobody writes. When the database refuses: the index that was being
/// built then stays as it was.
pub fn reindex(client: &Client) -> Result<Vec<String>> {
    let mut connection = client.dedicated()?;
    let mut run = |work: &mut dyn FnMut(&mut Sql<'_>) -> Result<()>| own(&mut *connection, None, Mode::Read, work);
    reindex_by(client, &mut run, &|| true)
}

/// Runs a piece of work outside of any transaction.
pub(crate) type Outside<'a> = dyn FnMut(&mut dyn FnMut(&mut Sql<'_>) -> Result<()>) -> Result<()> + 'a;

/// As [`reindex`], as long as it may `go_on`.
pub(crate) fn reindex_by(client: &Client, run: &mut Outside<'_>, go_on: &dyn Fn() -> bool) -> Result<Vec<String>> {
    let mut done = Vec::new();
    if !client.dialect().reindexes() {
        return Ok(done);
    }
    let (mut leftovers, mut indexes) = (Vec::new(), Vec::new());
    run(&mut |sql| {
        leftovers = named_commands(sql, &LEFTOVERS)?;
        indexes = own_indexes(sql)?;
        Ok(())
    })?;
    for (_, command) in leftovers {
        run(&mut |sql| sql.control(&command))?;
    }
    for (name, command) in indexes {
        if !go_on() {
            break;
        }
        run(&mut |sql| sql.control(&command))?;
        done.push(name);
    }
    Ok(done)
}

type Commands = Vec<(String, String)>;

fn named_commands(sql: &mut Sql<'_>, statement: &Statement) -> Result<Commands> {
    sql.rows(statement, &[], |row| Ok((row.text()?, row.text()?)))
}

fn own_indexes(sql: &mut Sql<'_>) -> Result<Commands> {
    sql.rows(&INDEXES, &[], |row| {
        let index = (row.text()?, row.text()?);
        match row.bool()? {
            true => Ok(index),
            false => Err(Error::unsupported("indexes are built anew beside others only by PostgreSQL 12 or newer")),
        }
    })
}
