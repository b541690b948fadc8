//! What the migrations make, read from their texts: columns and indexes. A schema that lacks one has drifted.

use super::{STEPS, statements};
use crate::Dialect;

/// A column, as `table.column`, or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// What makes it: a statement, or a line of one.
    pub(crate) sql: String,
}

/// What the steps up to a version make in the tables whose names are ours.
pub(crate) fn parts(dialect: Dialect, version: u32) -> Vec<Part> {
    let steps = STEPS.iter().filter(|step| step.version <= version);
    let statements = steps.flat_map(|step| statements(step.up[dialect as usize]));
    let mut parts = Vec::new();
    for statement in statements {
        let statement = without_comments(statement);
        let (what, name) = subject(&statement);
        match what {
            Some("TABLE") => parts.extend(of_table(name, &statement)),
            Some("INDEX") => parts.push(Part { name: name.to_owned(), sql: statement.clone() }),
            _ => {}
        }
    }
    parts
}

fn without_comments(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default().trim_end());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// What is created, and its name.
fn subject(statement: &str) -> (Option<&str>, &str) {
    let mut words = statement.split_whitespace().skip_while(|word| !["TABLE", "INDEX"].contains(word));
    let what = words.next();
    let name = words.find(|word| word.starts_with("drip_")).unwrap_or_default();
    (what.filter(|_| statement.starts_with("CREATE")), name)
}

/// A column is a line of its own, and begins in lower case; an index is a `KEY` with a name.
fn of_table(table: &str, statement: &str) -> Vec<Part> {
    let lines = statement.lines().skip(1).take_while(|line| !line.starts_with(')'));
    let own = lines.filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with(' '));
    let part = |line: &str| {
        let first = line.split_whitespace().next()?;
        let key = line.split_whitespace().skip_while(|word| *word != "KEY").nth(1);
        let name = match key.filter(|name| name.starts_with("drip_")) {
            Some(key) => key.to_owned(),
            None if first.starts_with(|c: char| c.is_ascii_lowercase()) => format!("{table}.{first}"),
            None => return None,
        };
        Some(Part { name, sql: format!("-- a line of {table}: {}", line.trim_end_matches(',')) })
    };
    own.filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Client;

    #[test]
    fn what_is_made_is_read_alike_in_every_dialect() {
        let names = |dialect| {
            let parts = parts(dialect, Client::SCHEMA_VERSION);
            parts.into_iter().map(|part| part.name).collect::<Vec<_>>()
        };
        let columns = |dialect| {
            let mut columns = names(dialect);
            columns.retain(|name| name.contains('.') && !name.ends_with(".unique_active"));
            columns
        };
        assert!(columns(Dialect::Postgres).len() > 50);
        assert_eq!(columns(Dialect::Postgres), columns(Dialect::Mariadb));
        assert_eq!(columns(Dialect::Postgres), columns(Dialect::Sqlite));
        for dialect in [Dialect::Postgres, Dialect::Mariadb, Dialect::Sqlite] {
            for index in ["drip_job_claim", "drip_job_due", "drip_job_final", "drip_job_unique", "drip_schedule_due"] {
                assert!(names(dialect).iter().any(|name| name == index), "{dialect:?}: {index}");
            }
        }
        assert_eq!(parts(Dialect::Postgres, 0), []);
    }
}
