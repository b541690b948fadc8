//! The schedules: what each inserts, and when next.

use drip::ScheduleInfo;
use ratatui::{Frame, layout::Rect};

use super::{nothing, part, section};
use crate::tui::{
    columns::{self, Cell, Column},
    human::{moment, relative},
    state::Ui,
    theme::Theme,
};

/// How many of the next times of the one that is chosen.
const NEXT: usize = 5;

pub fn draw(frame: &mut Frame, area: Rect, ui: &Ui, theme: Theme) {
    let schedules = ui.schedules.as_deref().unwrap_or_default();
    let inner = section(frame, area, "Schedules", theme);
    part(frame, area, ui.list().offset, schedules.len(), theme);
    if schedules.is_empty() {
        return nothing(frame, inner, ui.schedules.is_some(), "There is no schedule.", theme);
    }
    let columns = [
        Column::text("SCHEDULE"),
        Column::text("RULE"),
        Column::text("KIND"),
        Column::text("QUEUE"),
        Column::word("NEXT"),
        Column::word("LAST"),
    ];
    let row = |schedule: &ScheduleInfo| row(schedule, ui, theme);
    columns::draw(frame, inner, theme, &columns, &schedules.iter().map(row).collect::<Vec<_>>(), Some(ui.list()));
    if let Some(schedule) = schedules.get(ui.list().cursor) {
        let used = schedules.len() as u16 + 2;
        let room = Rect { y: inner.y + used, height: inner.height.saturating_sub(used), ..inner };
        if inner.height > used {
            coming(frame, room, schedule, ui, theme);
        }
    }
}

fn row(schedule: &ScheduleInfo, ui: &Ui, theme: Theme) -> Vec<Cell> {
    let next = match (schedule.retired_at, schedule.paused_at) {
        (Some(_), _) => Cell::styled("retired", theme.warning()),
        (None, Some(_)) => Cell::styled("paused", theme.warning()),
        (None, None) => Cell::new(relative(schedule.next_at, ui.now())),
    };
    vec![
        Cell::new(&schedule.name),
        Cell::styled(schedule.rule().to_string(), theme.dim()),
        Cell::new(&schedule.kind),
        Cell::new(&schedule.queue),
        next,
        Cell::new(schedule.last_slot_at.map_or_else(|| "–".to_owned(), |at| relative(at, ui.now()))),
    ]
}

/// The times to come, where there is room below the list.
fn coming(frame: &mut Frame, area: Rect, schedule: &ScheduleInfo, ui: &Ui, theme: Theme) {
    // The area is inset already.
    let area = Rect { x: area.x - 1, width: area.width + 2, ..area };
    let inner = section(frame, area, "Comes next", theme);
    let slots = match schedule.next_slots(NEXT) {
        _ if schedule.is_paused() => return nothing(frame, inner, true, "It is paused: nothing comes.", theme),
        Err(error) => return nothing(frame, inner, true, &crate::escape::escaped(&error.to_string()), theme),
        Ok(slots) => slots,
    };
    let rows: Vec<Vec<Cell>> = slots
        .into_iter()
        .map(|slot| {
            vec![Cell::new(moment(slot, ui.now(), &ui.zone)), Cell::styled(relative(slot, ui.now()), theme.dim())]
        })
        .collect();
    columns::draw(frame, inner, theme, &[Column::word("TIME"), Column::word("")], &rows, None);
}
