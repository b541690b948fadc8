//! What travels to a database and what comes back: the few types that all three share.
//!
//! Every value knows its type even when it is null, because PostgreSQL wants to be told before it plans.

use jiff::Timestamp;

use crate::{Error, Result};

/// A parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Bool(bool),
    Int(Option<i64>),
    /// For a column of that width, where rows are sent as they are stored.
    Small(i16),
    Text(Option<&'a str>),
    /// JSON text.
    Json(Option<&'a str>),
    Bytes(Option<&'a [u8]>),
    Time(Option<Timestamp>),
}

/// A cell of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Time(Timestamp),
}

/// A row of a result, read from left to right.
pub struct Row(std::vec::IntoIter<Cell>);

impl Row {
    pub(crate) fn new(cells: Vec<Cell>) -> Row {
        Row(cells.into_iter())
    }

    fn cell(&mut self) -> Result<Cell> {
        self.0.next().ok_or_else(|| Error::corrupt("a row has fewer columns than its statement selects"))
    }

    pub(crate) fn int(&mut self) -> Result<i64> {
        self.int_or_null()?.ok_or_else(|| unexpected("a number", &Cell::Null))
    }

    pub(crate) fn int_or_null(&mut self) -> Result<Option<i64>> {
        match self.cell()? {
            Cell::Null => Ok(None),
            Cell::Int(number) => Ok(Some(number)),
            other => Err(unexpected("a number", &other)),
        }
    }

    pub(crate) fn bool(&mut self) -> Result<bool> {
        Ok(self.int()? != 0)
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        self.text_or_null()?.ok_or_else(|| unexpected("text", &Cell::Null))
    }

    pub(crate) fn text_or_null(&mut self) -> Result<Option<String>> {
        match self.cell()? {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text)),
            Cell::Bytes(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(error) => Err(Error::corrupt("a text is not UTF-8").because(error)),
            },
            other => Err(unexpected("text", &other)),
        }
    }

    pub(crate) fn bytes_or_null(&mut self) -> Result<Option<Vec<u8>>> {
        match self.cell()? {
            Cell::Null => Ok(None),
            Cell::Bytes(bytes) => Ok(Some(bytes)),
            Cell::Text(text) => Ok(Some(text.into_bytes())),
            other => Err(unexpected("bytes", &other)),
        }
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp> {
        self.time_or_null()?.ok_or_else(|| unexpected("a time", &Cell::Null))
    }

    pub(crate) fn time_or_null(&mut self) -> Result<Option<Timestamp>> {
        match self.cell()? {
            Cell::Null => Ok(None),
            Cell::Time(time) => Ok(Some(time)),
            Cell::Text(text) => match text.parse() {
                Ok(time) => Ok(Some(time)),
                Err(error) => Err(Error::corrupt(format!("{text:?} is not a time")).because(error)),
            },
            other => Err(unexpected("a time", &other)),
        }
    }
}

fn unexpected(wanted: &str, found: &Cell) -> Error {
    Error::corrupt(format!("a column holds {found:?}, not {wanted}"))
}

/// A time as text of fixed width, `YYYY-MM-DDTHH:MM:SS.ffffffZ`: on SQLite the order of the texts is then the order of
/// the times (`…00Z` would sort after `…00.5Z`), and the same form travels inside JSON to all three.
pub(crate) fn time_text(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_of_texts_is_the_order_of_times(a in 0i64..253_402_207_200_000_000, b in 0i64..253_402_207_200_000_000) {
            let text = |us| time_text(Timestamp::from_microsecond(us).unwrap());
            prop_assert_eq!(text(a).cmp(&text(b)), a.cmp(&b));
            prop_assert_eq!(text(a).len(), 27);
            prop_assert_eq!(text(a).parse::<Timestamp>().unwrap().as_microsecond(), a);
        }
    }
}
