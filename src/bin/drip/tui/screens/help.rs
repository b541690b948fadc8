//! Which key does what.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

use super::popup;
use crate::{
    cells::padded,
    tui::{filter::CRITERIA, keys::KEYS, theme::Theme},
};

/// As wide as the longest of the keys.
const KEYS_WIDTH: usize = 20;

pub fn draw(frame: &mut Frame, area: Rect, theme: Theme) {
    let inner = popup(frame, area, 80, KEYS.len() as u16 + 2, "Keys", theme);
    // On a low screen the keys stand closer; what does not fit is the way out, which everybody finds.
    for ((keys, what), place) in KEYS.iter().zip(inner.rows()) {
        let line = vec![Span::styled(padded(keys, KEYS_WIDTH, false), theme.accent()), Span::raw(*what)];
        frame.render_widget(Line::from(line), place);
    }
}

/// How a filter is written.
pub fn criteria() -> String {
    format!("{CRITERIA}, or an id, a state, a kind")
}
