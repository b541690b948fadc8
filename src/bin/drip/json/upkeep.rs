//! The schema, upkeep, and what `drip doctor` has seen.

use drip::{Finding, Migration, TaskInfo};
use jiff::Timestamp;
use serde::Serialize;

/// The tasks of upkeep.
#[derive(Debug, Serialize)]
pub struct TasksDocument {
    pub tasks: Vec<TaskDocument>,
}

/// A task of upkeep.
#[derive(Debug, Serialize)]
pub struct TaskDocument {
    task: String,
    #[serde(serialize_with = "super::utc")]
    next_at: Timestamp,
    runner: Option<String>,
    #[serde(serialize_with = "super::utc_or_null")]
    lease_until: Option<Timestamp>,
    runs: u64,
    #[serde(serialize_with = "super::utc_or_null")]
    started_at: Option<Timestamp>,
    #[serde(serialize_with = "super::utc_or_null")]
    finished_at: Option<Timestamp>,
    changed: Option<u64>,
    error: Option<String>,
}

impl From<&TaskInfo> for TaskDocument {
    fn from(task: &TaskInfo) -> TaskDocument {
        let TaskInfo { task, next_at, runner, lease_until, runs, started_at, finished_at, changed, error, .. } =
            task.clone();
        TaskDocument { task, next_at, runner, lease_until, runs, started_at, finished_at, changed, error }
    }
}

/// A task of upkeep that was done by hand.
#[derive(Debug, Serialize)]
pub struct RanDocument {
    pub task: String,
    pub changed: u64,
}

/// The schema, and what is to be done to it.
#[derive(Debug, Serialize)]
pub struct SchemaDocument {
    pub version: u32,
    pub newest: u32,
    pub pending: Vec<MigrationDocument>,
}

/// A step between two versions of the schema.
#[derive(Debug, Serialize)]
pub struct MigrationDocument {
    pub version: u32,
    pub name: &'static str,
    pub sql: &'static str,
}

impl From<Migration> for MigrationDocument {
    fn from(migration: Migration) -> MigrationDocument {
        let Migration { version, name, sql, .. } = migration;
        MigrationDocument { version, name, sql }
    }
}

/// What `drip doctor` has seen.
#[derive(Debug, Serialize)]
pub struct FindingsDocument {
    pub worst: &'static str,
    pub findings: Vec<FindingDocument>,
}

/// What one check has seen.
#[derive(Debug, Serialize)]
pub struct FindingDocument {
    check: &'static str,
    severity: &'static str,
    what: String,
    why: &'static str,
    advice: Option<String>,
}

impl From<&Finding> for FindingDocument {
    fn from(finding: &Finding) -> FindingDocument {
        FindingDocument {
            check: finding.check,
            severity: finding.severity.name(),
            what: finding.what.clone(),
            why: finding.why,
            advice: finding.advice.clone(),
        }
    }
}
