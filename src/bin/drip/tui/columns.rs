//! Tables: columns as wide as what stands in them, narrowed where there is no room, and one row the cursor's.

use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{list::List, theme::Theme};
use crate::{
    cells::{padded, width},
    escape::escaped,
};

/// Between two columns.
const GAP: usize = 2;
/// No column is narrower, unless nothing longer stands in it.
const NARROWEST: usize = 6;

/// What stands in a row, in one column. It is harmless for a terminal.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

/// The name of a column, and how it is set.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    right: bool,
    shrinks: bool,
}

impl Cell {
    /// Whatever comes from the database.
    pub fn new(text: impl AsRef<str>) -> Cell {
        Cell { text: escaped(text.as_ref()), style: Style::new() }
    }

    pub fn styled(text: impl AsRef<str>, style: Style) -> Cell {
        Cell { style, ..Cell::new(text) }
    }
}

impl Column {
    /// Words, which may be cut where there is no room.
    pub const fn text(title: &'static str) -> Column {
        Column { title, right: false, shrinks: true }
    }

    /// Words that are not cut.
    pub const fn word(title: &'static str) -> Column {
        Column { title, right: false, shrinks: false }
    }

    /// Figures, in the right of the column.
    pub const fn figure(title: &'static str) -> Column {
        Column { title, right: true, shrinks: false }
    }
}

/// Draws the names of the columns and as many rows as there is room for; `at` is where one is, if that is shown.
pub fn draw(frame: &mut Frame, area: Rect, theme: Theme, columns: &[Column], rows: &[Vec<Cell>], at: Option<List>) {
    let widths = widths(columns, rows, area.width.into());
    let header: Vec<Cell> = columns.iter().map(|column| Cell::styled(column.title, theme.dim())).collect();
    let mut lines = area.rows();
    if let Some(top) = lines.next() {
        frame.render_widget(line(columns, &widths, &header), top);
    }
    let List { cursor, offset } = at.unwrap_or(List { cursor: usize::MAX, offset: 0 });
    for ((index, row), place) in rows.iter().enumerate().skip(offset).zip(lines) {
        frame.render_widget(line(columns, &widths, row), place);
        if index == cursor {
            frame.buffer_mut().set_style(place, theme.cursor());
        }
    }
}

fn line(columns: &[Column], widths: &[usize], cells: &[Cell]) -> Line<'static> {
    let mut spans = Vec::with_capacity(cells.len() * 2);
    for ((column, width), cell) in columns.iter().zip(widths).zip(cells) {
        if !spans.is_empty() {
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        spans.push(Span::styled(padded(&cell.text, *width, column.right), cell.style));
    }
    Line::from(spans)
}

/// As wide as the widest cell each; where that is too much, the widest of those that shrink gives way first.
fn widths(columns: &[Column], rows: &[Vec<Cell>], room: usize) -> Vec<usize> {
    let widest = |(index, column): (usize, &Column)| {
        rows.iter().filter_map(|row| row.get(index)).map(|cell| width(&cell.text)).fold(column.title.len(), usize::max)
    };
    let mut widths: Vec<usize> = columns.iter().enumerate().map(widest).collect();
    let mut room = room.saturating_sub(GAP * columns.len().saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let shrinking = widths.iter_mut().zip(columns).filter(|(width, column)| column.shrinks && **width > NARROWEST);
        match shrinking.max_by_key(|(width, _)| **width) {
            Some((width, _)) => *width -= 1,
            None => room = usize::MAX,
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_column_gives_way() {
        let columns = [Column::figure("ID"), Column::text("KIND"), Column::text("QUEUE")];
        let rows = [vec![Cell::new("12345678"), Cell::new("k".repeat(30)), Cell::new("q".repeat(10))]];
        assert_eq!(widths(&columns, &rows, 100), [8, 30, 10]);
        assert_eq!(widths(&columns, &rows, 32), [8, 10, 10]);
        assert_eq!(widths(&columns, &rows, 10), [8, 6, 6]);
        assert_eq!(widths(&columns, &[], 10), [2, 4, 5]);
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        assert_eq!(Cell::new("a\u{1b}[2J").text, r"a\u{1b}[2J");
    }
}
