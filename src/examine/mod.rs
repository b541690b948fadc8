//! What slows or stops the queue in a database, looked for in one go: the question of whoever is called at night.
//!
//! A check is a line of [`CHECKS`]: its name, where it applies, why it matters, and what looks. What it sees is a
//! [`Seen`]; one that may not look says so, and keeps no other from looking.

mod database;
mod finding;
#[cfg(feature = "postgres")]
mod listen;
mod schema;
mod settings;
mod transactions;
mod work;

pub use self::{
    finding::{Finding, Severity},
    settings::{Setting, database_settings},
};
use crate::{Client, Dialect, Result, dialect::Sql, session::AnySession};

/// One thing to be looked for.
struct Check {
    name: &'static str,
    of: &'static [Dialect],
    /// Why it matters.
    why: &'static str,
    look: fn(&Client) -> Result<Vec<Seen>>,
}

/// What a check has seen.
struct Seen {
    severity: Severity,
    what: String,
    /// What to type.
    advice: Option<String>,
}

impl Seen {
    fn new(severity: Severity, what: impl Into<String>) -> Seen {
        Seen { severity, what: what.into(), advice: None }
    }

    fn fine(what: impl Into<String>) -> Vec<Seen> {
        vec![Seen::new(Severity::Fine, what)]
    }

    fn advise(self, advice: impl Into<String>) -> Seen {
        Seen { advice: Some(advice.into()), ..self }
    }
}

use Dialect::{Mariadb, Postgres, Sqlite};

const ALL: &[Dialect] = &[Postgres, Mariadb, Sqlite];

/// In the order in which they are told.
const CHECKS: &[Check] = &[
    Check {
        name: "schema_version",
        of: ALL,
        why: "Programs of a newer version than the schema fail; those of an older one may.",
        look: schema::version,
    },
    Check {
        name: "schema_drift",
        of: ALL,
        why: "Without a column nothing works; without an index claims read the whole table, or fail.",
        look: schema::drift,
    },
    Check {
        name: "storage",
        of: &[Postgres],
        why: "Each job is written three times: without room on its page, and an early vacuum, the table grows.",
        look: schema::storage,
    },
    Check {
        name: "autovacuum",
        of: &[Postgres],
        why: "What nobody clears away is read again by every claim.",
        look: database::autovacuum,
    },
    Check {
        name: "dead_tuples",
        of: &[Postgres],
        why: "Dead rows make indexes and claims slow until they are cleared away.",
        look: database::dead_tuples,
    },
    Check {
        name: "claim_plan",
        of: &[Postgres, Mariadb],
        why: "A claim that does not read its index in order sorts all that waits, and locks it.",
        look: database::claim_plan,
    },
    Check {
        name: "oldest_transaction",
        of: &[Postgres, Mariadb],
        why: "As long as it is open no row that was written since can be cleared away, in any table.",
        look: transactions::oldest,
    },
    Check {
        name: "notify_queue",
        of: &[Postgres],
        why: "When the queue of notifications is full, every transaction that inserts a job fails at its commit.",
        look: database::notify_queue,
    },
    #[cfg(feature = "postgres")]
    Check {
        name: "listen",
        of: &[Postgres],
        why: "Through a pooler in transaction mode no notification arrives: workers learn of jobs by polling only.",
        look: listen::look,
    },
    Check {
        name: "isolation",
        of: &[Postgres, Mariadb],
        why: "Under a stricter isolation, transactions of the application that insert jobs fail now and then, or wait.",
        look: database::isolation,
    },
    Check {
        name: "sql_mode",
        of: &[Mariadb],
        why: "Without a strict mode MariaDB cuts what is too long and goes on.",
        look: database::sql_mode,
    },
    Check {
        name: "history_list",
        of: &[Mariadb],
        why: "Old versions of rows that were not purged yet are read again by every claim.",
        look: database::history_list,
    },
    Check {
        name: "journal",
        of: &[Sqlite],
        why: "Without the write-ahead log readers and writers wait for each other; a long one makes reading slow.",
        look: database::journal,
    },
    Check {
        name: "clock",
        of: ALL,
        why: "The database's clock decides what is due; due times that this machine reckons are off by the difference.",
        look: database::clock,
    },
    Check {
        name: "workers",
        of: ALL,
        why: "Without a worker no job runs; jobs of one that is silent wait until another notices that it has died.",
        look: work::workers,
    },
    Check { name: "paused", of: ALL, why: "Jobs of a paused queue wait until it is resumed.", look: work::paused },
    Check { name: "queues", of: ALL, why: "Jobs that nobody serves wait for ever.", look: work::unserved_queues },
    Check { name: "kinds", of: ALL, why: "Jobs that nobody handles wait for ever.", look: work::unhandled_kinds },
    Check {
        name: "unique_conflicts",
        of: ALL,
        why: "A job that is due and whose unique key another holds waits until that one has ended.",
        look: work::blocked,
    },
    Check {
        name: "schedules",
        of: ALL,
        why: "Slots of schedules that nobody looks after yield no jobs.",
        look: work::schedules,
    },
    Check {
        name: "upkeep",
        of: ALL,
        why: "What upkeep does not do piles up: jobs that have ended, indexes that have grown.",
        look: work::upkeep,
    },
];

/// Looks for what slows or stops the queue: in the schema, in the database's settings and state, and among workers, queues
/// and schedules. Answers what each check has seen, also where all is well.
///
/// It changes nothing, and reads little: figures that the database keeps anyway, and the ends of indexes. What the role may
/// not look at is a finding of its own ([`Severity::Unknown`]). Where the tables are not there, that is the only one.
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
/// # client.migrate()?;
/// use drip::Severity;
///
/// for finding in drip::examine(&client)? {
///     if finding.severity >= Severity::Warning {
///         println!("{} {} {:?}", finding.what, finding.why, finding.advice);
///     }
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// When the database cannot be reached.
pub fn examine(client: &Client) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let is_empty = match client.schema_version() {
        Err(error) if error.is_unavailable() => return Err(error),
        version => version.is_ok_and(|version| version == 0),
    };
    let here = CHECKS.iter().filter(|check| check.of.contains(&client.dialect()));
    for check in here.take(if is_empty { 1 } else { CHECKS.len() }) {
        let seen = match (check.look)(client) {
            Err(error) if error.is_unavailable() => return Err(error),
            Err(error) => vec![Seen::new(Severity::Unknown, format!("could not look: {error}"))],
            Ok(seen) => seen,
        };
        findings.extend(seen.into_iter().map(|seen| Finding {
            check: check.name,
            severity: seen.severity,
            what: seen.what,
            why: check.why,
            advice: seen.advice,
        }));
    }
    Ok(findings)
}

/// Reads something on a connection of the client's.
fn read<T>(client: &Client, work: impl FnMut(&mut Sql<'_>) -> Result<T>) -> Result<T> {
    AnySession::new(client).searching().read(work)
}
