//! Whether the tables are what the migrations make them.

use std::collections::BTreeSet;

use super::{Seen, Severity, read};
use crate::{
    Client, Result,
    dialect::{Statement, statement},
    migrate::{self, Part},
};

static SCHEMA_PARTS: Statement = statement!("examine/schema_parts");
static STORAGE: Statement = statement!("examine/storage" of postgres);

pub(super) fn version(client: &Client) -> Result<Vec<Seen>> {
    let (version, newest) = (client.schema_version()?, Client::SCHEMA_VERSION);
    let seen = if version == 0 {
        let what = "the queue's tables are not there, or this role may not see them";
        Seen::new(Severity::Problem, what).advise("drip migrate")
    } else if !client.pending_migrations()?.is_empty() {
        let what = format!("the schema has version {version}, this program needs {newest}");
        Seen::new(Severity::Problem, what).advise("drip migrate")
    } else if version > newest {
        let what = format!("the schema has version {version}, this program knows {newest}: it is older");
        Seen::new(Severity::Warning, what).advise("update this program, and what else is older")
    } else {
        return Ok(Seen::fine(format!("the schema has version {version}")));
    };
    Ok(vec![seen])
}

pub(super) fn drift(client: &Client) -> Result<Vec<Seen>> {
    let there =
        read(client, |sql| Ok(sql.rows(&SCHEMA_PARTS, &[], |row| row.text())?.into_iter().collect::<BTreeSet<_>>()))?;
    let made = migrate::parts(client.dialect(), client.schema_version()?);
    let count = made.len();
    let missing: Vec<_> = made.into_iter().filter(|part| !there.contains(&part.name)).collect();
    if missing.is_empty() {
        return Ok(Seen::fine(format!("all {count} columns and indexes are there")));
    }
    let seen = |part: Part| {
        Seen::new(Severity::Problem, format!("{} is missing, or cannot be used", part.name)).advise(part.sql)
    };
    Ok(missing.into_iter().map(seen).collect())
}

pub(super) fn storage(client: &Client) -> Result<Vec<Seen>> {
    let seen = read(client, |sql| {
        sql.rows(&STORAGE, &[], |row| {
            let (name, wanted, found) = (row.text()?, row.text()?, row.text_or_null()?);
            let what = match found {
                Some(found) => format!("{name} of the job table is {found}, not {wanted}"),
                None => format!("{name} of the job table is not set; it should be {wanted}"),
            };
            Ok(Seen::new(Severity::Warning, what).advise(row.text()?))
        })
    })?;
    Ok(if seen.is_empty() { Seen::fine("the job table's storage parameters are set") } else { seen })
}
