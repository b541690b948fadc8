//! Drawing: a frame around each screen, which says where one is, what can be done, and how old all of it is.

mod dialog;
mod help;
pub mod job;
mod jobs;
mod overview;
mod queues;
mod schedules;
#[cfg(all(test, feature = "sqlite"))]
mod tests;
mod workers;

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Clear,
};

use super::{
    human::lasting,
    state::{Dialog, Looked, PATIENCE, Tab, Ui},
    theme::Theme,
};
use crate::{
    cells::{cut, width, worded},
    escape::{escaped, without_passwords},
};

/// The least that all of it fits into.
const SMALLEST: (u16, u16) = (60, 16);
/// Above every screen, and below it.
const FRAME: u16 = 2;
/// A message takes no more of the screen.
const MOST_LINES: usize = 6;
const SPINNER: [&str; 8] = ["⣷", "⣯", "⣟", "⡿", "⢿", "⣻", "⣽", "⣾"];

/// How many rows of a tab's list are on a screen of this size.
pub fn height(tab: Tab, (_, height): (u16, u16)) -> usize {
    let above = match tab {
        Tab::Overview => 0,
        Tab::Jobs => jobs::ABOVE,
        Tab::Queues | Tab::Schedules | Tab::Workers => 2,
    };
    height.saturating_sub(FRAME + above).into()
}

/// Draws everything.
pub fn draw(frame: &mut Frame, ui: &Ui, theme: Theme) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(frame, area);
    }
    let [top, body, bottom] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    title(frame, top, ui, theme);
    match (&ui.job, ui.tab) {
        (Some(job), _) => job::draw(frame, body, ui, job, theme),
        (None, Tab::Overview) => overview::draw(frame, body, ui, theme),
        (None, Tab::Jobs) => jobs::draw(frame, body, ui, theme),
        (None, Tab::Queues) => queues::draw(frame, body, ui, theme),
        (None, Tab::Schedules) => schedules::draw(frame, body, ui, theme),
        (None, Tab::Workers) => workers::draw(frame, body, ui, theme),
    }
    status(frame, bottom, ui, theme);
    match &ui.dialog {
        None => {}
        Some(Dialog::Help) => help::draw(frame, body, theme),
        Some(Dialog::Confirm(change)) => dialog::confirm(frame, body, change, theme),
        Some(Dialog::Filter(prompt, problem)) => {
            dialog::filter(frame, bottom, body, prompt, problem.as_deref(), theme);
        }
    }
}

fn too_small(frame: &mut Frame, area: Rect) {
    let (width, height) = SMALLEST;
    let words = [
        "This terminal is too small.".to_owned(),
        format!("It has {} × {}, and {width} × {height} are needed.", area.width, area.height),
        "Make it larger, or q to quit.".to_owned(),
    ];
    for (line, place) in words.iter().zip(area.rows()) {
        frame.render_widget(Line::raw(line.as_str()), place);
    }
}

fn title(frame: &mut Frame, area: Rect, ui: &Ui, theme: Theme) {
    let mut spans = vec![Span::styled(" drip ", theme.strong()), Span::raw(" ")];
    for (index, tab) in Tab::ALL.into_iter().enumerate() {
        let style = if tab == ui.tab { theme.cursor() } else { theme.plain() };
        spans.push(Span::styled(format!(" {} {} ", index + 1, tab.name()), style));
    }
    frame.render_widget(Line::from(spans), area);
    right(frame, area, Span::styled(format!("{} ", ui.database), theme.dim()));
}

/// What has come of a change, what is wrong, or what can be done; and how old the figures are.
fn status(frame: &mut Frame, area: Rect, ui: &Ui, theme: Theme) {
    let fresh = freshness(ui, theme);
    let room = usize::from(area.width).saturating_sub(fresh.width() + 3);
    let (text, style) = match (&ui.notice, ui.trouble()) {
        _ if ui.changing > 0 => ("… being done".to_owned(), theme.accent()),
        (Some((Ok(done), _)), _) => (format!("✓ {done}"), theme.good()),
        (Some((Err(problem), _)), _) => (format!("✗ {problem}"), theme.warning()),
        (None, Some(trouble)) => (format!("✗ {trouble}"), theme.bad()),
        (None, None) => (hints(ui).to_owned(), theme.dim()),
    };
    let lines = worded(&escaped(&without_passwords(&text)), room);
    // What takes more than a line covers what is above.
    let above = (lines.len().min(MOST_LINES) - 1) as u16;
    let place = Rect { y: area.y.saturating_sub(above), height: above + 1, ..area };
    frame.render_widget(Clear, place);
    let last = lines.len() > MOST_LINES;
    for (index, (line, place)) in lines.iter().zip(place.rows()).enumerate() {
        let more = if last && index + 1 == MOST_LINES { "…" } else { "" };
        frame.render_widget(Line::styled(format!(" {}{more}", cut(line, room - more.len().min(1))), style), place);
    }
    right(frame, area, fresh);
}

fn hints(ui: &Ui) -> &'static str {
    match (&ui.job, ui.tab) {
        (Some(Looked { gone: true, .. }), _) => "esc back  ? keys",
        (Some(_), _) => "c cancel  t retry  d discard  x delete  esc back  ? keys",
        (None, Tab::Overview) => "enter open  / filter  r refresh  a auto  q quit  ? keys",
        (None, Tab::Jobs) => "enter open  / filter  space select  c cancel  t retry  ? keys",
        (None, Tab::Queues) => "p pause or resume  P all  enter jobs  ? keys",
        (None, Tab::Schedules) => "n run now  p pause or resume  enter jobs  ? keys",
        (None, Tab::Workers) => "enter jobs  ? keys",
    }
}

fn freshness(ui: &Ui, theme: Theme) -> Span<'static> {
    let (waiting, age) = ui.freshness();
    if let Some(waiting) = waiting.filter(|waiting| *waiting >= PATIENCE) {
        let turn = SPINNER[(ui.clock.as_millis() / 250) as usize % SPINNER.len()];
        return Span::styled(format!("{turn} asking for {} ", seconds(waiting)), theme.warning());
    }
    let auto = if ui.auto { "" } else { "stopped, " };
    match age {
        None => Span::styled("… ", theme.dim()),
        Some(age) => {
            let style = if age > ui.refresh * 3 { theme.warning() } else { theme.dim() };
            Span::styled(format!("{auto}{} old ", seconds(age)), style)
        }
    }
}

fn seconds(time: Duration) -> String {
    lasting(Duration::from_secs(time.as_secs()))
}

fn right(frame: &mut Frame, area: Rect, span: Span<'static>) {
    let width = u16::try_from(span.width()).unwrap_or(area.width).min(area.width);
    let place = Rect { x: area.right() - width, width, ..area };
    frame.render_widget(Line::from(span), place);
}

/// A heading with a rule after it, and what is left below; all a column from the edge.
fn section(frame: &mut Frame, area: Rect, heading: &str, theme: Theme) -> Rect {
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let rule = usize::from(area.width).saturating_sub(width(heading) + 1);
    let line = Line::from(vec![
        Span::styled(heading.to_owned(), theme.strong()),
        Span::styled(format!(" {}", "─".repeat(rule)), theme.dim()),
    ]);
    frame.render_widget(line, Rect { height: area.height.min(1), ..area });
    Rect { y: area.y + 1.min(area.height), height: area.height.saturating_sub(1), ..area }
}

/// In the heading of a table: which of its rows are on the screen, where that is not all.
fn part(frame: &mut Frame, area: Rect, first: usize, all: usize, theme: Theme) {
    // The heading, and the names of the columns.
    let shown = usize::from(area.height).saturating_sub(2);
    if all > shown {
        let words = format!(" {}–{} of {all} ", first + 1, (first + shown).min(all));
        right(frame, Rect { height: area.height.min(1), ..area }, Span::styled(words, theme.dim()));
    }
}

/// In place of a list: why there is none.
fn nothing(frame: &mut Frame, area: Rect, asked: bool, words: &str, theme: Theme) {
    let words = if asked { words } else { "…" };
    frame.render_widget(Line::styled(words.to_owned(), theme.dim()), Rect { height: area.height.min(1), ..area });
}

/// An empty box in the middle.
fn popup(frame: &mut Frame, area: Rect, width: u16, height: u16, title: &str, theme: Theme) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let block = ratatui::widgets::Block::bordered()
        .border_type(ratatui::widgets::BorderType::Rounded)
        .border_style(theme.accent())
        .title(Span::styled(format!(" {title} "), theme.strong()));
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}
