//! The workers: who they are, what they serve, and when they were last heard of.

use drip::WorkerInfo;
use ratatui::{Frame, layout::Rect};

use super::{nothing, part, section};
use crate::tui::{
    columns::{self, Cell, Column},
    human::relative,
    state::Ui,
    theme::Theme,
};

const COLUMNS: [Column; 8] = [
    Column::text("WORKER"),
    Column::text("HOST"),
    Column::figure("PID"),
    Column::text("QUEUES"),
    Column::text("KINDS"),
    Column::figure("THREADS"),
    Column::figure("STARTED"),
    Column::figure("HEARD OF"),
];

pub fn draw(frame: &mut Frame, area: Rect, ui: &Ui, theme: Theme) {
    let workers = ui.workers.as_deref().unwrap_or_default();
    let inner = section(frame, area, "Workers", theme);
    part(frame, area, ui.list().offset, workers.len(), theme);
    if workers.is_empty() {
        return nothing(frame, inner, ui.workers.is_some(), "Nobody is at work.", theme);
    }
    let rows: Vec<Vec<Cell>> = workers.iter().map(|worker| row(worker, ui, theme)).collect();
    columns::draw(frame, inner, theme, &COLUMNS, &rows, Some(ui.list()));
}

fn row(worker: &WorkerInfo, ui: &Ui, theme: Theme) -> Vec<Cell> {
    let dash = || "–".to_owned();
    let any = |names: &[String]| if names.is_empty() { "any".to_owned() } else { names.join(", ") };
    let silent = !worker.is_alive(ui.now());
    vec![
        Cell::new(&worker.label),
        Cell::new(worker.host.as_deref().unwrap_or("–")),
        Cell::new(worker.pid.map_or_else(dash, |pid| pid.to_string())),
        Cell::new(any(&worker.queues)),
        Cell::new(any(&worker.kinds)),
        Cell::new(worker.concurrency.map_or_else(dash, |threads| threads.to_string())),
        Cell::new(relative(worker.started_at, ui.now())),
        // Beyond its lease its jobs go to others.
        Cell::styled(relative(worker.heartbeat_at, ui.now()), if silent { theme.bad() } else { theme.plain() }),
    ]
}
