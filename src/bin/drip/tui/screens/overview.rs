//! Everything at a glance: states, rates, queues, workers, schedules.

use drip::{JobCounts, ScheduleInfo, State, WorkerInfo};
use jiff::Timestamp;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{RenderDirection, Sparkline},
};

use super::{nothing, queues, section};
use crate::tui::{
    columns::{self, Cell, Column, padded},
    human::relative,
    list::List,
    question::Overview,
    rates::History,
    state::Ui,
    theme::Theme,
};

/// The heading and a row for each state.
const STATES: u16 = 1 + State::ALL.len() as u16;
const STATES_WIDTH: u16 = 36;
/// What is below a heading is two columns narrower.
const BAR: usize = 8;

pub fn draw(frame: &mut Frame, area: Rect, ui: &Ui, theme: Theme) {
    let gap = Constraint::Length(1);
    let lower = Constraint::Length((area.height.saturating_sub(STATES + 2)) / 2);
    let [top, _, middle, _, bottom] =
        Layout::vertical([Constraint::Length(STATES), gap, Constraint::Fill(1), gap, lower]).areas(area);
    let [left, right] = Layout::horizontal([Constraint::Length(STATES_WIDTH), Constraint::Fill(1)]).areas(top);
    let empty = Overview::default();
    let overview = ui.overview.as_deref().unwrap_or(&empty);
    let asked = ui.overview.is_some();
    states(frame, left, &overview.counts, ui.list().cursor, theme);
    rates(frame, right, ui, theme);

    let inner = section(frame, middle, "Queues", theme);
    let at = ui.list().cursor.checked_sub(State::ALL.len()).map(|cursor| {
        let mut list = List { cursor, offset: 0 };
        list.settle(overview.queues.len(), usize::from(inner.height).saturating_sub(1));
        list
    });
    match overview.queues.is_empty() {
        true => nothing(frame, inner, asked, "No queue has a row, and in none a job waits.", theme),
        false => queues::table(frame, inner, &overview.queues, at, ui.now(), theme),
    }

    let [left, right] = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(bottom);
    let inner = section(frame, left, "Workers", theme);
    match overview.workers.is_empty() {
        true => nothing(frame, inner, asked, "Nobody is at work.", theme),
        false => workers(frame, inner, &overview.workers, ui.now(), theme),
    }
    let inner = section(frame, right, "Schedules", theme);
    match overview.schedules.is_empty() {
        true => nothing(frame, inner, asked, "There is no schedule.", theme),
        false => schedules(frame, inner, &overview.schedules, ui.now(), theme),
    }
}

fn states(frame: &mut Frame, area: Rect, counts: &JobCounts, cursor: usize, theme: Theme) {
    let inner = section(frame, area, "States", theme);
    let all = counts.total().number.max(1);
    for ((index, state), place) in State::ALL.into_iter().enumerate().zip(inner.rows()) {
        let count = counts.in_state(state);
        let style = if count.number == 0 { theme.dim() } else { theme.state(state) };
        let bar = (count.number * BAR as u64).div_ceil(all) as usize;
        let line = Line::from(vec![
            Span::styled(padded(state.name(), 11, false), style),
            Span::styled(padded(&count.to_string(), 11, true), if count.number == 0 { style } else { theme.plain() }),
            Span::raw("  "),
            Span::styled("▄".repeat(bar), style),
        ]);
        frame.render_widget(line, place);
        if index == cursor {
            frame.buffer_mut().set_style(place, theme.cursor());
        }
    }
}

fn rates(frame: &mut Frame, area: Rect, ui: &Ui, theme: Theme) {
    let inner = section(frame, area, "Jobs per second", theme);
    let rates = [
        ("inserted", &ui.rates.inserted, theme.state(State::Available)),
        ("completed", &ui.rates.completed, theme.accent()),
        ("discarded", &ui.rates.discarded, theme.state(State::Discarded)),
    ];
    // Two rows each, with one between them: the height of the states.
    for (index, (name, history, style)) in rates.into_iter().enumerate() {
        let place = Rect { y: inner.y + 3 * index as u16, height: 2, ..inner };
        rate(frame, place.intersection(inner), name, history, style, theme);
    }
}

fn rate(frame: &mut Frame, area: Rect, name: &str, history: &History, style: Style, theme: Theme) {
    let [label, graph] = Layout::horizontal([Constraint::Length(12), Constraint::Fill(1)]).areas(area);
    for (line, place) in [(name.to_owned(), theme.plain()), (history.latest(), theme.strong())]
        .map(|(text, style)| Line::styled(padded(&text, 10, true), style))
        .into_iter()
        .zip(label.rows())
    {
        frame.render_widget(line, place);
    }
    let bars = Sparkline::default().data(history.bars()).direction(RenderDirection::RightToLeft).style(style);
    frame.render_widget(bars, graph);
}

fn workers(frame: &mut Frame, area: Rect, workers: &[WorkerInfo], now: Timestamp, theme: Theme) {
    let columns = [Column::text("WORKER"), Column::figure("THREADS"), Column::figure("HEARD OF")];
    let row = |worker: &WorkerInfo| {
        let style = if worker.is_alive(now) { theme.plain() } else { theme.bad() };
        vec![
            Cell::new(&worker.label),
            Cell::new(worker.concurrency.map_or_else(|| "–".to_owned(), |threads| threads.to_string())),
            Cell::styled(relative(worker.heartbeat_at, now), style),
        ]
    };
    columns::draw(frame, area, theme, &columns, &workers.iter().map(row).collect::<Vec<_>>(), None);
}

fn schedules(frame: &mut Frame, area: Rect, schedules: &[ScheduleInfo], now: Timestamp, theme: Theme) {
    let columns = [Column::text("SCHEDULE"), Column::text("RULE"), Column::figure("NEXT")];
    // Who comes first stands first; who does not come, last.
    let mut sorted: Vec<&ScheduleInfo> = schedules.iter().collect();
    sorted.sort_by_key(|schedule| (schedule.is_paused(), schedule.next_at));
    let row = |schedule: &ScheduleInfo| {
        let next = match schedule.is_paused() {
            true => Cell::styled("paused", theme.warning()),
            false => Cell::new(relative(schedule.next_at, now)),
        };
        vec![Cell::new(&schedule.name), Cell::styled(schedule.rule().to_string(), theme.dim()), next]
    };
    columns::draw(frame, area, theme, &columns, &sorted.into_iter().map(row).collect::<Vec<_>>(), None);
}
