//! A statement that is put together when it is needed, of fragments that are on file: a filter has too many shapes to
//! have a file for each.
//!
//! Only text of ours becomes part of the statement; whatever comes from a caller is a parameter.

use super::{
    Dialect, Statement, Value,
    statement::{Text, with_fragments},
};

/// The fragments in a file, each under its own heading `-- [name]`.
pub struct Fragments {
    pub(crate) sources: [&'static str; 3],
}

/// Declares fragments by the name of their files.
macro_rules! fragments {
    ($name:literal) => {
        $crate::dialect::Fragments {
            sources: [
                statement!(@source postgres $name),
                statement!(@source mariadb $name),
                statement!(@source sqlite $name),
            ],
        }
    };
}
pub(crate) use fragments;

impl Fragments {
    /// The text under a heading; empty if there is none, which the conformance suite would show.
    pub(crate) fn text(&self, dialect: Dialect, name: &str) -> &'static str {
        let heading = format!("-- [{name}]\n");
        let after = self.sources[dialect as usize].split_once(&heading).map_or("", |(_, after)| after);
        after.split("-- [").next().unwrap_or_default().trim_end()
    }
}

/// A statement in the making.
pub struct Assembled<'v> {
    source: String,
    pub(super) params: Vec<(String, Value<'v>)>,
}

impl<'v> Assembled<'v> {
    /// Begins with a statement that has places in it: `{name}`.
    pub(crate) fn of(statement: &Statement, dialect: Dialect) -> Assembled<'v> {
        Assembled::new(statement.sources[dialect as usize])
    }

    fn new(source: &str) -> Assembled<'v> {
        Assembled { source: source.to_owned(), params: Vec::new() }
    }

    /// Puts text of ours in a place.
    pub(crate) fn put(&mut self, place: &str, text: &str) -> &mut Self {
        self.source = self.source.replace(&format!("{{{place}}}"), text);
        self
    }

    /// Gives a parameter its value.
    pub(crate) fn set(&mut self, name: &str, value: Value<'v>) -> &mut Self {
        self.params.push((name.to_owned(), value));
        self
    }

    /// Gives a parameter several values, one placeholder each: `IN (:kinds)`.
    pub(crate) fn set_all(&mut self, name: &str, values: impl IntoIterator<Item = Value<'v>>) -> &mut Self {
        let mut places = Vec::new();
        for value in values {
            let numbered = format!("{name}_{}", letters(places.len()));
            places.push(format!(":{numbered}"));
            self.params.push((numbered, value));
        }
        self.source = self.source.replace(&format!("(:{name})"), &format!("({})", places.join(", ")));
        self
    }

    pub(super) fn text(&self, dialect: Dialect) -> Text {
        Text::parse(&with_fragments(&self.source), dialect)
    }
}

/// A number as a parameter's name can hold it: in lower-case letters.
pub(crate) fn letters(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn places_take_text_and_parameters_take_values() {
        let mut query = Assembled::new("SELECT a FROM t WHERE true {filter} LIMIT :limit");
        query.put("filter", "AND kind IN (:kinds) AND at > :at");
        query.set_all("kinds", ["x", "':limit"].map(|kind| Value::Text(Some(kind))));
        query.set("at", Value::Time(Some(Timestamp::UNIX_EPOCH))).set("limit", Value::Int(Some(1)));
        let text = query.text(Dialect::Postgres);
        assert_eq!(text.sql, "SELECT a FROM t WHERE true AND kind IN ($1, $2) AND at > $3 LIMIT $4");
        assert!(matches!(text.bind(&query.params).unwrap()[1], Value::Text(Some("':limit"))));
    }
}
