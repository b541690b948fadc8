//! Tables for people: one line a row, as wide as the terminal at the most, and as wide as need be where there is none.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Row, presets};
use drip::{Severity, State};

use crate::escape::escaped;

/// A table that is being filled.
pub struct Table(comfy_table::Table);

impl Table {
    pub fn new(columns: &[&str]) -> Table {
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::NOTHING).set_truncation_indicator("…");
        table.set_header(columns.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Table(table)
    }

    /// Adds a row; its cells are made by [`text`], [`number`] and [`state`].
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row = Row::from(cells.into_iter().collect::<Vec<_>>());
        row.max_height(1);
        self.0.add_row(row);
    }

    /// As text, without the end of its last line.
    pub fn render(mut self, colours: bool) -> String {
        let width = self.0.width().filter(|width| *width > 0);
        match width {
            Some(width) => self.0.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => self.0.set_content_arrangement(ContentArrangement::Disabled),
        };
        if !colours {
            self.0.force_no_tty();
        }
        self.0.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }
}

/// Whatever comes from the database.
pub fn text(text: impl AsRef<str>) -> Cell {
    Cell::new(escaped(text.as_ref()))
}

/// A figure, in the right of its column.
pub fn number(number: impl ToString) -> Cell {
    Cell::new(number).set_alignment(CellAlignment::Right)
}

/// With commas between the thousands.
pub fn figure(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// So many of something: `1 job`, `2,000 jobs`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", figure(count), if count == 1 { "" } else { "s" })
}

/// A state, in its colour.
pub fn state(state: State) -> Cell {
    let cell = Cell::new(state);
    match state {
        State::Available => cell.fg(Color::Green),
        State::Running => cell.fg(Color::Blue),
        State::Scheduled | State::Retryable => cell.fg(Color::Yellow),
        State::Discarded | State::Cancelled => cell.fg(Color::Red),
        State::Pending => cell.fg(Color::Cyan),
        _ => cell.add_attribute(Attribute::Dim),
    }
}

/// The number of a severity's colour among those of a terminal.
pub fn colour(severity: Severity) -> u8 {
    match severity {
        Severity::Fine => 32,
        Severity::Unknown => 36,
        Severity::Warning => 33,
        _ => 31,
    }
}
