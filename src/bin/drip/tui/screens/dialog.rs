//! What is asked of whoever sits there: whether to go on, and which jobs.

use ratatui::{
    Frame,
    layout::{Position, Rect},
    text::{Line, Span},
    widgets::Clear,
};

use super::{help, popup};
use crate::{
    cells::{width, worded},
    escape::escaped,
    tui::{change::Change, prompt::Prompt, theme::Theme},
};

const WIDTH: u16 = 56;

/// Yes or no.
pub fn confirm(frame: &mut Frame, area: Rect, change: &Change, theme: Theme) {
    let lines = worded(&escaped(&change.question()), usize::from(WIDTH) - 4);
    let inner = popup(frame, area, WIDTH, lines.len() as u16 + 4, "Sure?", theme);
    let mut rows = inner.rows();
    for (line, place) in lines.into_iter().zip(rows.by_ref()) {
        frame.render_widget(Line::styled(line, theme.strong()), place);
    }
    let answers = [("y", " yes      "), ("n", " no")];
    let spans: Vec<Span> =
        answers.iter().flat_map(|(key, word)| [Span::styled(*key, theme.accent()), Span::raw(*word)]).collect();
    if let Some(place) = rows.nth(1) {
        frame.render_widget(Line::from(spans), place);
    }
}

/// A line to type a filter in, over the status; above it how, or what is wrong.
pub fn filter(frame: &mut Frame, area: Rect, body: Rect, prompt: &Prompt, problem: Option<&str>, theme: Theme) {
    const LABEL: &str = " Filter: ";
    let (words, style) = match problem {
        Some(problem) => (problem.to_owned(), theme.bad()),
        None => (help::criteria(), theme.dim()),
    };
    let lines = worded(&escaped(&words), usize::from(body.width) - 2);
    let height = (lines.len() as u16).min(body.height);
    let above = Rect { y: body.bottom() - height, height, ..body };
    frame.render_widget(Clear, above);
    for (line, place) in lines.iter().zip(above.rows()) {
        frame.render_widget(Line::styled(format!(" {line}"), style), place);
    }
    frame.render_widget(Clear, area);
    // What is before the cursor is always to be seen, if not from its beginning.
    let room = usize::from(area.width).saturating_sub(LABEL.len() + 1);
    let before = escaped(prompt.before());
    let hidden = width(&before).saturating_sub(room);
    let text: String = skipped(&escaped(&prompt.text), hidden);
    frame.render_widget(Line::from(vec![Span::styled(LABEL, theme.accent()), Span::raw(text)]), area);
    let x = LABEL.len() + width(&before) - hidden;
    frame.set_cursor_position(Position { x: area.x + x as u16, y: area.y });
}

/// Without what stands in the first cells.
fn skipped(text: &str, mut cells: usize) -> String {
    let rest = text.trim_start_matches(|c: char| {
        let skip = cells > 0;
        cells = cells.saturating_sub(width(c.encode_utf8(&mut [0; 4])));
        skip
    });
    rest.to_owned()
}
