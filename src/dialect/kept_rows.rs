//! Rows that are kept as they are, to be read when nobody waits for that.

use std::ops::Range;

use jiff::Timestamp;

use super::{Cell, Cells, Row};
use crate::Result;

/// Rows with the same columns, end to end.
#[derive(Debug, Default)]
pub(crate) struct KeptRows {
    slots: Vec<Slot>,
    text: String,
    bytes: Vec<u8>,
    rows: usize,
}

/// A cell, or where its text or its bytes lie.
#[derive(Debug)]
enum Slot {
    Null,
    Int(i64),
    Time(Timestamp),
    Text(Range<usize>),
    Bytes(Range<usize>),
}

impl KeptRows {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Keeps a row of which nothing has been read.
    pub(crate) fn keep(&mut self, row: &mut Row<'_>) -> Result<()> {
        for cell in row.rest() {
            let slot = match cell? {
                Cell::Null => Slot::Null,
                Cell::Int(number) => Slot::Int(number),
                Cell::Time(time) => Slot::Time(time),
                Cell::Text(text) => {
                    self.text.push_str(text);
                    Slot::Text(self.text.len() - text.len()..self.text.len())
                }
                Cell::Bytes(bytes) => {
                    self.bytes.extend_from_slice(bytes);
                    Slot::Bytes(self.bytes.len() - bytes.len()..self.bytes.len())
                }
            };
            self.slots.push(slot);
        }
        self.rows += 1;
        Ok(())
    }

    /// All of them, as `read` answers them.
    pub(crate) fn read<T>(&self, mut read: impl FnMut(&mut Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        (0..self.rows).map(|index| read(&mut Row::new(&self.row(index)))).collect()
    }

    /// The first of them, if there is one.
    pub(crate) fn first<T>(&self, read: impl FnOnce(&mut Row<'_>) -> Result<T>) -> Result<Option<T>> {
        (self.rows > 0).then(|| read(&mut Row::new(&self.row(0)))).transpose()
    }

    fn row(&self, index: usize) -> KeptRow<'_> {
        let width = self.slots.len() / self.rows;
        KeptRow { kept: self, slots: &self.slots[index * width..][..width] }
    }
}

struct KeptRow<'k> {
    kept: &'k KeptRows,
    slots: &'k [Slot],
}

impl Cells for KeptRow<'_> {
    fn width(&self) -> usize {
        self.slots.len()
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>> {
        Ok(match &self.slots[index] {
            Slot::Null => Cell::Null,
            Slot::Int(number) => Cell::Int(*number),
            Slot::Time(time) => Cell::Time(*time),
            Slot::Text(place) => Cell::Text(&self.kept.text[place.clone()]),
            Slot::Bytes(place) => Cell::Bytes(&self.kept.bytes[place.clone()]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_were_kept() {
        let now = Timestamp::UNIX_EPOCH;
        let rows: [Vec<Cell<'_>>; 2] = [
            vec![Cell::Text("für"), Cell::Null, Cell::Bytes(&[1, 255]), Cell::Int(-1), Cell::Time(now)],
            vec![Cell::Text(""), Cell::Text("x"), Cell::Bytes(&[]), Cell::Int(i64::MAX), Cell::Null],
        ];
        let mut kept = KeptRows::default();
        rows.iter().for_each(|row| kept.keep(&mut Row::new(row)).unwrap());
        assert_eq!(kept.len(), 2);
        let read = kept
            .read(|row| Ok((row.text()?, row.text_or_null()?, row.bytes_or_null()?, row.int()?, row.time_or_null()?)));
        let first = ("für".to_owned(), None, Some(vec![1, 255]), -1, Some(now));
        let second = (String::new(), Some("x".to_owned()), Some(vec![]), i64::MAX, None);
        assert_eq!(read.unwrap(), [first, second]);
        assert_eq!(kept.first(|row| row.last().time()).unwrap(), Some(now));
        assert_eq!(KeptRows::default().first(|row| row.int()).unwrap(), None);
        assert!(KeptRows::default().read(|row| row.int()).unwrap().is_empty());
    }
}
