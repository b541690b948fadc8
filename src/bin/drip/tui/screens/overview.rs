//! Everything at a glance: states, rates, queues, workers, schedules.

use drip::{JobCounts, ScheduleInfo, State, WorkerInfo};
use jiff::Timestamp;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{RenderDirection, Sparkline},
};

use super::{nothing, part, queues, section};
use crate::{
    cells::padded,
    tui::{
        columns::{self, Cell, Column},
        human::relative,
        list::List,
        question::Overview,
        rates::{History, Rates},
        state::Ui,
        theme::Theme,
    },
};

/// The heading, and a row for each state.
const STATES: u16 = 1 + State::ALL.len() as u16;
/// On a screen of this height the rates have more room.
const TALL: u16 = 40;
const TALL_RATES: u16 = 15;
const STATES_WIDTH: u16 = 36;
/// The longest bar.
const BAR: usize = 8;
/// What stands before a graph.
const LABEL: u16 = 12;

pub fn draw(frame: &mut Frame, area: Rect, ui: &Ui, theme: Theme) {
    let gap = Constraint::Length(1);
    let upper = if area.height >= TALL { TALL_RATES } else { STATES };
    let lower = Constraint::Length(area.height.saturating_sub(upper + 2) / 2);
    let [top, _, middle, _, bottom] =
        Layout::vertical([Constraint::Length(upper), gap, Constraint::Fill(1), gap, lower]).areas(area);
    let [left, right] = Layout::horizontal([Constraint::Length(STATES_WIDTH), Constraint::Fill(1)]).areas(top);
    let empty = Overview::default();
    let overview = ui.overview.as_deref().unwrap_or(&empty);
    let asked = ui.overview.is_some();
    states(frame, left, &overview.counts, ui.list().cursor, theme);
    rates(frame, right, ui, theme);

    let inner = section(frame, middle, queues::heading(&overview.queues), theme);
    let at = ui.list().cursor.checked_sub(State::ALL.len()).map(|cursor| {
        let mut list = List { cursor, offset: 0 };
        list.settle(overview.queues.len(), usize::from(inner.height).saturating_sub(1));
        list
    });
    part(frame, middle, at.map_or(0, |list| list.offset), overview.queues.len(), theme);
    match overview.queues.is_empty() {
        true => nothing(frame, inner, asked, "No queue has a row, and in none a job waits.", theme),
        false => queues::table(frame, inner, &overview.queues, at, ui.now(), theme),
    }

    let [left, right] = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(bottom);
    let inner = section(frame, left, "Workers", theme);
    part(frame, left, 0, overview.workers.len(), theme);
    match overview.workers.is_empty() {
        true => nothing(frame, inner, asked, "Nobody is at work.", theme),
        false => workers(frame, inner, &overview.workers, ui.now(), theme),
    }
    let inner = section(frame, right, "Schedules", theme);
    part(frame, right, 0, overview.schedules.len(), theme);
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
    let Rates { inserted, completed, discarded } = &ui.rates;
    // What comes and what goes are to be compared.
    let shown = usize::from(inner.width);
    let peak = inserted.peak(shown).max(completed.peak(shown));
    let rates = [
        ("inserted", inserted, peak, theme.state(State::Available)),
        ("completed", completed, peak, theme.accent()),
        ("discarded", discarded, discarded.peak(shown), theme.state(State::Discarded)),
    ];
    let each = (inner.height + 1) / rates.len() as u16;
    for (index, (name, history, peak, style)) in rates.into_iter().enumerate() {
        let place = Rect { y: inner.y + each * index as u16, height: each - 1, ..inner };
        rate(frame, place.intersection(inner), name, history, theme);
        let graph = Rect { x: place.x + LABEL, width: place.width.saturating_sub(LABEL), ..place };
        let bars = Sparkline::default().data(history.bars()).max(peak).direction(RenderDirection::RightToLeft);
        frame.render_widget(bars.style(style), graph.intersection(inner));
    }
}

/// Its name, and below it how it is now.
fn rate(frame: &mut Frame, area: Rect, name: &str, history: &History, theme: Theme) {
    let lines = [(name.to_owned(), theme.plain()), (history.latest(), theme.strong())];
    for ((text, style), place) in lines.into_iter().zip(area.rows()) {
        frame.render_widget(Line::styled(padded(&text, usize::from(LABEL) - 2, true), style), place);
    }
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
