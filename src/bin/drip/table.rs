//! Tables for people: one line a row, as wide as the terminal at the most, and as wide as need be where there is none.
//!
//! Where there is no room, words are cut, with a sign that they are; then the least important columns fall away. Numbers and
//! times are never cut: part of one is another.

use drip::{Severity, State};
use ratatui::crossterm::terminal;

use crate::{
    cells::{padded, width},
    escape::escaped,
};

/// Between two columns.
const GAP: usize = 2;
/// To this words are cut, before a column falls away.
const NARROWEST: usize = 8;

const BOLD: u8 = 1;
const DIM: u8 = 2;
const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const BLUE: u8 = 34;
const CYAN: u8 = 36;

/// A table that is being filled.
pub struct Table {
    titles: Vec<&'static str>,
    /// The least important first.
    spare: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// What stands in a row, in one column.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    right: bool,
    whole: bool,
    colour: Option<u8>,
}

/// A column as it is shown.
struct Column {
    index: usize,
    width: usize,
    right: bool,
}

impl Table {
    pub fn new(titles: &[&'static str]) -> Table {
        Table { titles: titles.to_vec(), spare: Vec::new(), rows: Vec::new() }
    }

    /// Which columns fall away where there is no room, the least important first.
    pub fn sparing(self, titles: &[&'static str]) -> Table {
        Table { spare: titles.to_vec(), ..self }
    }

    /// Adds a row; its cells are made by [`text`], [`number`], [`time`] and [`state`].
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// As text, without the end of its last line.
    pub fn render(self, colours: bool, terminal: bool) -> String {
        let room = terminal.then(terminal::size).and_then(Result::ok).map(|(width, _)| usize::from(width));
        self.fitted(room.filter(|width| *width > 0).unwrap_or(usize::MAX), colours)
    }

    fn fitted(self, room: usize, colours: bool) -> String {
        let columns = self.columns(room);
        let head = |index: usize| Cell { colour: Some(BOLD), ..fixed(self.titles[index]) };
        let header: Vec<Cell> = (0..self.titles.len()).map(head).collect();
        let lines = std::iter::once(&header).chain(&self.rows).map(|row| line(row, &columns, colours));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn columns(&self, room: usize) -> Vec<Column> {
        let mut left: Vec<usize> = (0..self.titles.len()).collect();
        let mut spare = self.spare.iter();
        loop {
            let columns: Vec<Column> = left.iter().map(|index| self.column(*index)).collect();
            let fits = self.narrowed(columns, room);
            let next = spare.next().and_then(|title| self.titles.iter().position(|other| other == title));
            match (fits, next) {
                (Ok(columns), _) | (Err(columns), None) => return columns,
                (Err(_), Some(index)) => left.retain(|one| *one != index),
            }
        }
    }

    fn cells(&self, index: usize) -> impl Iterator<Item = &Cell> {
        self.rows.iter().filter_map(move |row| row.get(index))
    }

    fn column(&self, index: usize) -> Column {
        let widest = self.cells(index).map(|cell| width(&cell.text)).fold(width(self.titles[index]), usize::max);
        Column { index, width: widest, right: self.cells(index).any(|cell| cell.right) }
    }

    /// Of those that hold words only, the widest gives way first; as narrow as may be, if that is not enough.
    fn narrowed(&self, mut columns: Vec<Column>, room: usize) -> Result<Vec<Column>, Vec<Column>> {
        let room = room.saturating_sub(GAP * columns.len().saturating_sub(1));
        let cuttable = |column: &Column| {
            let least = NARROWEST.max(width(self.titles[column.index]));
            column.width > least && self.cells(column.index).all(|cell| !cell.whole)
        };
        while columns.iter().map(|column| column.width).sum::<usize>() > room {
            match columns.iter_mut().filter(|column| cuttable(column)).max_by_key(|column| column.width) {
                Some(column) => column.width -= 1,
                None => return Err(columns),
            }
        }
        Ok(columns)
    }
}

fn line(row: &[Cell], columns: &[Column], colours: bool) -> String {
    let mut line = String::new();
    let cells = columns.iter().filter_map(|column| Some((column, row.get(column.index)?)));
    for (position, (column, cell)) in cells.enumerate() {
        line += if position > 0 { "  " } else { "" };
        let text = padded(&cell.text, column.width, column.right);
        match cell.colour.filter(|_| colours) {
            Some(colour) => line += &format!("\x1b[{colour}m{text}\x1b[0m"),
            None => line += &text,
        }
    }
    line.truncate(line.trim_end().len());
    line
}

fn fixed(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), right: false, whole: true, colour: None }
}

/// Whatever comes from the database.
pub fn text(text: impl AsRef<str>) -> Cell {
    Cell { whole: false, ..fixed(escaped(text.as_ref())) }
}

/// A figure, in the right of its column.
pub fn number(number: impl ToString) -> Cell {
    Cell { right: true, ..fixed(number.to_string()) }
}

/// A moment, or what else makes no sense in part.
pub fn time(text: impl Into<String>) -> Cell {
    fixed(text)
}

/// With commas between the thousands.
pub fn figure(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// So many of something: `1 job`, `2,000 jobs`, `0 indexes`.
pub fn counted(count: u64, what: &str) -> String {
    let plural = if what.ends_with('x') { "es" } else { "s" };
    format!("{} {what}{}", figure(count), if count == 1 { "" } else { plural })
}

/// A state, in its colour.
pub fn state(state: State) -> Cell {
    let colour = match state {
        State::Available => GREEN,
        State::Running => BLUE,
        State::Scheduled | State::Retryable => YELLOW,
        State::Discarded | State::Cancelled => RED,
        State::Pending => CYAN,
        _ => DIM,
    };
    Cell { colour: Some(colour), ..fixed(state.name()) }
}

/// The number of a severity's colour among those of a terminal.
pub fn colour(severity: Severity) -> u8 {
    match severity {
        Severity::Fine => GREEN,
        Severity::Unknown => CYAN,
        Severity::Warning => YELLOW,
        _ => RED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["ID", "KIND", "STATE", "SCHEDULED"]).sparing(&["STATE", "SCHEDULED"]);
        table.row([number(17), text("k".repeat(30)), state(State::Available), time("2030-01-31 09:00:00")]);
        table
    }

    #[test]
    fn words_give_way_first_then_columns_and_numbers_and_times_never() {
        for (room, row) in [
            (usize::MAX, "17  kkkkkkkkkkkkkkkkkkkkkkkkkkkkkk  available  2030-01-31 09:00:00"),
            (60, "17  kkkkkkkkkkkkkkkkkkkkkkk…  available  2030-01-31 09:00:00"),
            (44, "17  kkkkkkk…  available  2030-01-31 09:00:00"),
            (43, "17  kkkkkkkkkkkkkkkkk…  2030-01-31 09:00:00"),
            (20, "17  kkkkkkkkkkkkkkk…"),
            (12, "17  kkkkkkk…"),
            (3, "17  kkkkkkk…"),
        ] {
            let lines = table().fitted(room, false);
            assert_eq!(lines.lines().nth(1), Some(row), "{room}");
            assert!(lines.lines().all(|line| width(line) <= room.max(12)), "{room}: {lines}");
        }
    }

    #[test]
    fn colours_are_put_around_what_is_seen() {
        let lines = table().fitted(usize::MAX, true);
        assert!(lines.starts_with("\x1b[1mID\x1b[0m") && lines.contains("\x1b[32mavailable\x1b[0m"), "{lines:?}");
        assert!(!table().fitted(usize::MAX, false).contains('\x1b'));
    }
}
