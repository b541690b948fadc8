//! Whether PostgreSQL's notifications arrive: a pooler that lends its connections by the transaction accepts `LISTEN`, and
//! swallows everything.

use std::time::{Duration, Instant};

use postgres::fallible_iterator::FallibleIterator;

use super::{Seen, Severity};
use crate::{Client, Error, Result, dialect::Connection, duration::format_duration, notify};

/// How long a notification may take to arrive.
const PATIENCE: Duration = Duration::from_secs(2);

/// As a worker does: listens on one connection, and sends on another.
pub(super) fn look(client: &Client) -> Result<Vec<Seen>> {
    let mut connection = client.dedicated()?;
    connection.link().control("LISTEN drip_wake")?;
    notify::probe(client)?;
    let sent = Instant::now();
    if arrives(&mut *connection)? {
        return Ok(Seen::fine(format!("a notification arrives after {}", format_duration(sent.elapsed()))));
    }
    let within = format_duration(PATIENCE);
    let what = format!("no notification has arrived within {within}: is there a pooler in transaction mode?");
    let advice = "give workers a URL that leads to PostgreSQL itself, or to a pool in session mode";
    Ok(vec![Seen::new(Severity::Warning, what).advise(advice)])
}

fn arrives(connection: &mut (dyn Connection + '_)) -> Result<bool> {
    let client = connection.as_postgres().ok_or_else(|| Error::unsupported("only PostgreSQL has notifications"))?;
    Ok(client.notifications().timeout_iter(PATIENCE).next()?.is_some())
}
