//! The list of jobs.

use drip::{Job, State};
use jiff::Timestamp;
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

use super::{nothing, right};
use crate::{
    cells::cut,
    escape::escaped,
    table::counted,
    tui::{
        columns::{self, Cell, Column},
        human::{between, relative},
        state::Ui,
        theme::Theme,
    },
};

/// The line about the filter, and the names of the columns.
pub const ABOVE: u16 = 2;
/// From this width on there is room for more columns.
const WIDE: u16 = 110;
/// So much of the args or the error is looked at.
const GIST: usize = 200;

pub fn draw(frame: &mut Frame, area: Rect, ui: &Ui, theme: Theme) {
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    summary(frame, Rect { height: 1, ..area }, ui, theme);
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if ui.jobs.rows().is_empty() {
        let words = if ui.jobs.typed.is_empty() { "There is no job." } else { "The filter leaves no job." };
        return nothing(frame, below, ui.jobs.listed.is_some(), words, theme);
    }
    let wide = area.width >= WIDE;
    let rows: Vec<Vec<Cell>> = ui.jobs.rows().iter().map(|job| row(job, ui, wide, theme)).collect();
    columns::draw(frame, below, theme, &columns(wide), &rows, Some(ui.jobs.list));
}

/// Which jobs these are, how many there are, and how many are selected.
fn summary(frame: &mut Frame, area: Rect, ui: &Ui, theme: Theme) {
    let jobs = &ui.jobs;
    let mut words = Vec::new();
    match &jobs.total {
        _ if jobs.all => words.push("all selected".to_owned()),
        _ if !jobs.marked.is_empty() => words.push(format!("{} selected", jobs.marked.len())),
        _ => {}
    }
    words.extend(jobs.total.as_ref().map(|total| match total.total() {
        total if total.capped => format!("{total} jobs"),
        total => counted(total.number, "job"),
    }));
    words.push(format!("page {}", jobs.page + 1));
    let words = Span::styled(words.join(" · "), theme.dim());
    let room = usize::from(area.width).saturating_sub(words.width() + 2);
    let filter = match jobs.typed.is_empty() {
        true => Span::styled("all jobs, newest first", theme.dim()),
        false => Span::styled(cut(&escaped(&jobs.typed), room), theme.accent()),
    };
    frame.render_widget(Line::from(filter), area);
    right(frame, area, words);
}

fn columns(wide: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::word(" "),
        Column::figure("ID"),
        Column::text("KIND"),
        Column::text("QUEUE"),
        Column::word("STATE"),
        Column::figure("P"),
        Column::figure("TRY"),
        Column::figure("WHEN"),
    ];
    if wide {
        columns.extend([Column::figure("INSERTED"), Column::text("TAGS"), Column::text("ERROR, OR ARGS")]);
    }
    columns
}

fn row(job: &Job, ui: &Ui, wide: bool, theme: Theme) -> Vec<Cell> {
    let marked = ui.jobs.all || ui.jobs.marked.contains(&job.id);
    let mut row = vec![
        Cell::styled(if marked { "●" } else { " " }, theme.accent()),
        Cell::new(job.id.to_string()),
        Cell::new(&job.kind),
        Cell::new(&job.queue),
        Cell::styled(job.state.name(), theme.state(job.state)),
        Cell::new(job.priority.to_string()),
        Cell::new(format!("{}/{}", job.attempt, job.max_attempts)),
        Cell::new(when(job, ui.now())),
    ];
    if wide {
        row.push(Cell::new(relative(job.created_at, ui.now())));
        row.push(Cell::styled(job.tags.join(", "), theme.accent()));
        row.push(gist(job, theme));
    }
    row
}

/// The time that matters in its state.
fn when(job: &Job, now: Timestamp) -> String {
    match job.state {
        State::Running => format!("for {}", between(job.attempted_at.unwrap_or(now), now)),
        State::Pending => relative(job.created_at, now),
        State::Available | State::Scheduled | State::Retryable => relative(job.scheduled_at, now),
        _ => relative(job.finalized_at.unwrap_or(job.created_at), now),
    }
}

fn gist(job: &Job, theme: Theme) -> Cell {
    let short = |text: &str| text.chars().take(GIST).collect::<String>();
    match job.errors.last() {
        Some(error) if job.state != State::Completed => {
            Cell::styled(short(&error.error), theme.state(State::Discarded))
        }
        _ => Cell::styled(short(job.args_text()), theme.dim()),
    }
}
