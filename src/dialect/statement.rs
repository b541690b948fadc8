//! A statement: one `.sql` file per dialect under `sql/`, with named parameters, turned into the placeholders of the
//! driver when it is first used.
//!
//! Names (`:queue`) rather than numbers, so that the three files of a statement can be read side by side, be reordered,
//! and be tried out in `psql` or `sqlite3` as they are.

use std::sync::OnceLock;

use super::{Dialect, Value};
use crate::{Error, Result};

/// The columns of a job, in the order in which [`Job`](crate::Job) reads them; `{job}` in a statement stands for it.
const JOB_COLUMNS: &str = include_str!("../../sql/job_columns.sql");

/// The columns of a schedule, as [`ScheduleInfo`](crate::ScheduleInfo) reads them; `{schedule}` in a statement.
const SCHEDULE_COLUMNS: &str = include_str!("../../sql/schedule_columns.sql");

/// Whether a row holds its unique key, in the words of the partial index; `{active}` in a statement stands for it.
const ACTIVE: &str = include_str!("../../sql/active.sql");

/// One statement in its three spellings.
pub struct Statement {
    pub(crate) name: &'static str,
    pub(crate) sources: [&'static str; 3],
    pub(crate) texts: [OnceLock<Text>; 3],
}

/// A statement as its driver wants it.
pub struct Text {
    /// What it is remembered by where it is prepared; one without is sent as it is.
    pub(crate) name: Option<&'static str>,
    pub(crate) sql: String,
    /// The parameter behind each placeholder, in order; a name may occur more than once.
    names: Vec<String>,
}

/// The parameters of one execution.
pub type Params<'a> = [(&'static str, Value<'a>)];

/// Declares a statement by the name of its files; one that only some dialects have names those.
macro_rules! statement {
    (@source postgres $name:literal) => { include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/postgres/", $name, ".sql")) };
    (@source mariadb $name:literal) => { include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/mariadb/", $name, ".sql")) };
    (@source sqlite $name:literal) => { include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/sqlite/", $name, ".sql")) };
    (@index postgres) => { $crate::dialect::Dialect::Postgres as usize };
    (@index mariadb) => { $crate::dialect::Dialect::Mariadb as usize };
    (@index sqlite) => { $crate::dialect::Dialect::Sqlite as usize };
    ($name:literal of $($dialect:ident)+) => {
        $crate::dialect::Statement {
            name: $name,
            sources: {
                let mut sources = [""; 3];
                $( sources[statement!(@index $dialect)] = statement!(@source $dialect $name); )+
                sources
            },
            texts: [const { std::sync::OnceLock::new() }; 3],
        }
    };
    ($name:literal) => { statement!($name of postgres mariadb sqlite) };
}
pub(crate) use statement;

impl Statement {
    /// This statement's text for one dialect.
    pub(crate) fn text(&self, dialect: Dialect) -> &Text {
        self.texts[dialect as usize].get_or_init(|| Text {
            name: Some(self.name),
            ..Text::parse(&with_fragments(self.sources[dialect as usize]), dialect)
        })
    }
}

impl Text {
    /// Reads what a file of ours says, or what was put together from such.
    pub(super) fn parse(source: &str, dialect: Dialect) -> Text {
        let mut text = Text { name: None, sql: String::with_capacity(source.len()), names: Vec::new() };
        for piece in pieces(source) {
            match piece {
                Piece::Sql(sql) => text.sql.push_str(sql),
                Piece::Parameter(name) => {
                    let place = text.place(name, dialect);
                    text.sql.push_str(&place);
                }
            }
        }
        text
    }

    /// With the row of placeholders that follows `VALUES` so many times, some of them replaced by `DEFAULT`.
    #[cfg(feature = "mariadb")]
    pub(super) fn of_rows(&self, count: usize, is_default: impl Fn(usize) -> bool) -> String {
        let (head, rest) = self.sql.split_once("VALUES (").unwrap_or_default();
        let (row, tail) = rest.split_once(')').unwrap_or_default();
        let place = |(index, place)| if is_default(index) { "DEFAULT" } else { place };
        let places: Vec<&str> = row.split(',').enumerate().map(place).collect();
        let rows = vec![format!("({})", places.join(",")); count].join(",");
        format!("{head}VALUES {rows}{tail}")
    }

    /// With these columns only, of those that its first parentheses list.
    #[cfg(feature = "postgres")]
    pub(super) fn of_columns(&self, wanted: &[usize]) -> String {
        let (head, rest) = self.sql.split_once('(').unwrap_or_default();
        let (columns, tail) = rest.split_once(')').unwrap_or_default();
        let columns: Vec<&str> = columns.split(',').map(str::trim).collect();
        let wanted: Vec<&str> = wanted.iter().filter_map(|&index| columns.get(index).copied()).collect();
        format!("{head}({}){tail}", wanted.join(", "))
    }

    /// The placeholder for `name`; PostgreSQL and SQLite number theirs, so that a repeated one is sent once.
    fn place(&mut self, name: &str, dialect: Dialect) -> String {
        let known = self.names.iter().position(|known| known == name);
        let number = match (dialect, known) {
            (Dialect::Postgres | Dialect::Sqlite, Some(index)) => index + 1,
            _ => {
                self.names.push(name.to_owned());
                self.names.len()
            }
        };
        match dialect {
            Dialect::Postgres => format!("${number}"),
            Dialect::Mariadb => "?".to_owned(),
            Dialect::Sqlite => format!("?{number}"),
        }
    }

    /// The values in the order of the placeholders.
    ///
    /// # Errors
    /// A statement that names a parameter nobody gave: a defect of this crate, which the conformance suite shows.
    pub(crate) fn bind<'p, 'v, N: AsRef<str>>(&self, params: &'p [(N, Value<'v>)]) -> Result<Vec<&'p Value<'v>>> {
        let find = |name: &String| {
            let given = params.iter().find(|(given, _)| given.as_ref() == name);
            given.map(|(_, value)| value).ok_or_else(|| Error::corrupt(format!("no value for :{name}")))
        };
        self.names.iter().map(find).collect()
    }
}

pub(super) fn with_fragments(sql: &str) -> String {
    let sql = sql.replace("{job}", JOB_COLUMNS.trim()).replace("{active}", ACTIVE.trim());
    sql.replace("{schedule}", SCHEDULE_COLUMNS.trim())
}

enum Piece<'s> {
    Sql(&'s str),
    Parameter(&'s str),
}

/// Cuts a statement at its parameters. Comments are dropped; quoted text and `::` casts are left alone.
fn pieces(source: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find([':', '\'', '-']) {
        let (before, from) = rest.split_at(at);
        pieces.push(Piece::Sql(before));
        let (piece, after) = special(from);
        pieces.extend(piece);
        rest = after;
    }
    pieces.push(Piece::Sql(rest.trim_end()));
    pieces
}

/// What starts with `:`, `'` or `-`: a parameter, a cast, a literal, a comment, or just that character.
fn special(from: &str) -> (Option<Piece<'_>>, &str) {
    if from.starts_with("--") {
        return (None, from.find('\n').map_or("", |end| &from[end..]));
    }
    if let Some(after) = from.strip_prefix("::") {
        return (Some(Piece::Sql("::")), after);
    }
    if let Some(literal) = from.strip_prefix('\'') {
        let end = literal.find('\'').map_or(from.len(), |end| end + 2);
        return (Some(Piece::Sql(&from[..end])), &from[end..]);
    }
    let name_end = from[1..].find(|c: char| !c.is_ascii_lowercase() && c != '_').map_or(from.len(), |end| end + 1);
    if from.starts_with(':') && name_end > 1 {
        return (Some(Piece::Parameter(&from[1..name_end])), &from[name_end..]);
    }
    (Some(Piece::Sql(&from[..1])), &from[1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "-- who: it's me\nSELECT ':no', a::text - 1 FROM t WHERE b = :b AND c = :c_d OR b = :b";

    #[test]
    fn parameters_are_numbered_or_repeated() {
        let text = Text::parse(SOURCE, Dialect::Postgres);
        assert_eq!(text.sql.trim(), "SELECT ':no', a::text - 1 FROM t WHERE b = $1 AND c = $2 OR b = $1");
        assert_eq!(text.names, ["b", "c_d"]);
        let text = Text::parse(SOURCE, Dialect::Mariadb);
        assert!(text.sql.ends_with("WHERE b = ? AND c = ? OR b = ?"));
        assert_eq!(text.names, ["b", "c_d", "b"]);
    }

    #[test]
    fn what_only_looks_like_a_parameter_stays() {
        let text = Text::parse("SELECT ':ab':b, x-y, z[1:2], ':", Dialect::Postgres);
        assert_eq!(text.sql.trim(), "SELECT ':ab'$1, x-y, z[1:2], ':");
        assert_eq!(text.names, ["b"]);
    }

    #[cfg(feature = "mariadb")]
    #[test]
    fn a_row_is_repeated() {
        let text = Text::parse("INSERT INTO t (a, b)\nVALUES (:a,\n :b)\nRETURNING id", Dialect::Mariadb);
        let sql = text.of_rows(2, |index| index == 0);
        assert_eq!(sql, "INSERT INTO t (a, b)\nVALUES (DEFAULT,\n ?),(DEFAULT,\n ?)\nRETURNING id");
    }

    #[test]
    fn a_parameter_without_a_value_is_named() {
        let text = Text::parse("SELECT :a", Dialect::Sqlite);
        assert!(text.bind(&[("b", Value::Int(Some(1)))]).unwrap_err().to_string().contains(":a"));
    }
}
