//! The queues: how much waits in each, for how long, and which are paused.

use drip::QueueSummary;
use jiff::Timestamp;
use ratatui::{Frame, layout::Rect};

use super::{nothing, part, section};
use crate::tui::{
    columns::{self, Cell, Column},
    human::{lasting, relative},
    list::List,
    state::Ui,
    theme::Theme,
};

const COLUMNS: [Column; 6] = [
    Column::text("QUEUE"),
    Column::figure("AVAILABLE"),
    Column::figure("SCHEDULED"),
    Column::figure("RETRYABLE"),
    Column::figure("OLDEST"),
    Column::word("PAUSED"),
];

pub fn draw(frame: &mut Frame, area: Rect, ui: &Ui, theme: Theme) {
    let queues = ui.queues.as_deref().unwrap_or_default();
    let inner = section(frame, area, heading(queues), theme);
    part(frame, area, ui.list().offset, queues.len(), theme);
    match queues.is_empty() {
        true => nothing(frame, inner, ui.queues.is_some(), "No queue has a row, and in none a job waits.", theme),
        false => table(frame, inner, queues, Some(ui.list()), ui.now(), theme),
    }
}

pub fn heading(queues: &[QueueSummary]) -> &'static str {
    let all = queues.iter().any(|queue| queue.all_paused_at.is_some());
    if all { "Queues: all are paused" } else { "Queues" }
}

/// As the overview has them too.
pub fn table(frame: &mut Frame, area: Rect, queues: &[QueueSummary], at: Option<List>, now: Timestamp, theme: Theme) {
    let row = |queue: &QueueSummary| {
        let count = |count: drip::Count| {
            Cell::styled(count.to_string(), if count.number == 0 { theme.dim() } else { theme.plain() })
        };
        vec![
            Cell::new(&queue.name),
            count(queue.available),
            count(queue.scheduled),
            count(queue.retryable),
            Cell::new(queue.oldest.map_or_else(|| "–".to_owned(), lasting)),
            match (queue.paused_at, queue.all_paused_at) {
                (Some(at), _) => Cell::styled(relative(at, now), theme.warning()),
                (None, Some(_)) => Cell::styled("with all", theme.warning()),
                (None, None) => Cell::styled("–", theme.dim()),
            },
        ]
    };
    columns::draw(frame, area, theme, &COLUMNS, &queues.iter().map(row).collect::<Vec<_>>(), at);
}
