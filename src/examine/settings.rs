//! Which server it is, and what its commits are worth: without that no figure says anything.

use super::read;
use crate::{
    Client, Result,
    dialect::{Statement, statement},
};

static SETTINGS: Statement = statement!("examine/settings");

/// A setting of the database, by the database's own name for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// Such as `fsync`; `version` is that of the server, or of SQLite.
    pub name: String,
    /// As the database says it.
    pub value: String,
}

/// The version of the database, and its settings that decide whether a commit survives a loss of power, as they are for a
/// connection of this client.
///
/// PostgreSQL: `fsync`, `synchronous_commit`, `full_page_writes`; MariaDB: `innodb_flush_log_at_trx_commit`,
/// `innodb_doublewrite`, `log_bin`, `sync_binlog`; SQLite: `journal_mode`, `synchronous`.
///
/// # Errors
/// When the database cannot be asked.
pub fn database_settings(client: &Client) -> Result<Vec<Setting>> {
    read(client, |sql| sql.rows(&SETTINGS, &[], |row| Ok(Setting { name: row.text()?, value: row.text()? })))
}
