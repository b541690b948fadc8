//! All there is to know of a job: where it stands and why, what happened to it and when, what it was given and answered.

use drip::{Job, State, Why};
use jiff::{Timestamp, tz::TimeZone};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use serde_json::Value;

use super::{FRAME, nothing, right, section};
use crate::{
    cells::{cut, folded, padded, width},
    escape::{escaped, escaped_json, escaped_lines},
    tui::{
        human::{between, moment, relative},
        state::{Looked, Ui},
        theme::Theme,
    },
};

/// The names of fields.
const NAME: usize = 11;
/// The parts of a field: its name, its value, and a gap.
const FIELD: usize = 3;
/// Two fields a line, from this width on.
const TWO_COLUMNS: usize = 70;

/// How many lines are on the screen.
pub fn height((_, height): (u16, u16)) -> usize {
    height.saturating_sub(FRAME + 1).into()
}

/// How many lines there are.
pub fn length(ui: &Ui, job: &Looked) -> usize {
    let width = ui.size.0.saturating_sub(2).into();
    job.found.as_ref().map_or(0, |found| Page::of(found, ui, width, Theme::new(false)).lines.len())
}

pub fn draw(frame: &mut Frame, area: Rect, ui: &Ui, job: &Looked, theme: Theme) {
    let gone = if job.gone { ": it is no longer there; this is how it was" } else { "" };
    let inner = section(frame, area, &format!("Job {}{gone}", job.id), theme);
    let Some(found) = &job.found else {
        let words = if job.gone { "There is no such job." } else { "…" };
        return nothing(frame, inner, true, words, theme);
    };
    let page = Page::of(found, ui, inner.width.into(), theme);
    let (first, all) = (job.scroll.cursor, page.lines.len());
    if all > usize::from(inner.height) {
        let last = (first + usize::from(inner.height)).min(all);
        let place = Span::styled(format!(" {}–{last} of {all} ", first + 1), theme.dim());
        right(frame, Rect { height: 1, ..area }, place);
    }
    for (line, place) in page.lines.into_iter().skip(first).zip(inner.rows()) {
        frame.render_widget(line, place);
    }
}

/// The lines, as they come to be.
struct Page {
    lines: Vec<Line<'static>>,
    width: usize,
    theme: Theme,
    now: Timestamp,
    zone: TimeZone,
}

impl Page {
    fn of((job, why): &(Job, Why), ui: &Ui, width: usize, theme: Theme) -> Page {
        let mut page = Page { lines: Vec::new(), width, theme, now: ui.now(), zone: ui.zone.clone() };
        page.standing(job, why);
        page.fields(job);
        page.timeline(job);
        page.json("Args", job.args(), job.args_text());
        let mut metadata = job.metadata().unwrap_or_default();
        if let Some(output) = metadata.remove("output") {
            page.json("Output", Ok(output), "");
        }
        if !metadata.is_empty() {
            page.json("Metadata", Ok(Value::Object(metadata)), "");
        }
        page.errors(job);
        page
    }

    fn push(&mut self, text: impl Into<String>, style: Style) {
        self.lines.push(Line::styled(text.into(), style));
    }

    fn heading(&mut self, text: &str) {
        self.push("", self.theme.plain());
        self.push(text, self.theme.strong());
    }

    /// Text of several lines, harmless already, as long as need be.
    fn block(&mut self, text: &str, style: Style) {
        for piece in folded(text, self.width.saturating_sub(2)) {
            self.push(format!("  {piece}"), style);
        }
    }

    /// Its state, and why it is not running.
    fn standing(&mut self, job: &Job, why: &Why) {
        let style = self.theme.state(job.state).patch(self.theme.strong());
        let text = reason(job, why, self.now);
        let room = self.width.saturating_sub(NAME + 1);
        for (index, piece) in folded(&escaped(&text), room).into_iter().enumerate() {
            let state = if index == 0 { job.state.name() } else { "" };
            let state = Span::styled(padded(state, NAME + 1, false), style);
            self.lines.push(Line::from(vec![state, Span::raw(piece)]));
        }
    }

    fn fields(&mut self, job: &Job) {
        let columns = if self.width >= TWO_COLUMNS { 2 } else { 1 };
        let room = (self.width / columns).saturating_sub(NAME + 3);
        let mut row: Vec<Span<'static>> = Vec::new();
        for (name, value) in fields(job, self.now) {
            let value = escaped(&value);
            if width(&value) > room || row.len() == columns * FIELD {
                self.lines.extend((!row.is_empty()).then(|| Line::from(std::mem::take(&mut row))));
            }
            if width(&value) > room {
                self.long_field(name, &value);
                continue;
            }
            row.push(Span::styled(padded(name, NAME + 1, false), self.theme.dim()));
            row.push(Span::raw(padded(&value, room, false)));
            row.push(Span::raw("  "));
        }
        self.lines.extend((!row.is_empty()).then(|| Line::from(row)));
    }

    /// One that needs a line for itself, or several.
    fn long_field(&mut self, name: &str, value: &str) {
        for (index, piece) in folded(value, self.width.saturating_sub(NAME + 1)).into_iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            let name = Span::styled(padded(name, NAME + 1, false), self.theme.dim());
            self.lines.push(Line::from(vec![name, Span::raw(piece)]));
        }
    }

    fn timeline(&mut self, job: &Job) {
        self.heading("Timeline");
        let moments = moments(job);
        let times: Vec<String> = moments.iter().map(|moment| self::moment(moment.at, self.now, &self.zone)).collect();
        let widest = times.iter().map(String::len).max().unwrap_or(0);
        let mut before: Option<Timestamp> = None;
        for (moment, time) in moments.into_iter().zip(times) {
            let after = match before {
                Some(before) if moment.at <= self.now => format!("+{}", between(before, moment.at)),
                _ => relative(moment.at, self.now),
            };
            before = Some(moment.at);
            let start = format!("  {}  {}  ", padded(&time, widest, true), padded(&after, 10, true));
            let room = self.width.saturating_sub(start.len() + 2);
            let sign = Span::styled(format!("{} ", moment.sign), moment.style(self.theme));
            let start = Span::styled(start, self.theme.dim());
            self.lines.push(Line::from(vec![start, sign, Span::raw(cut(&moment.text, room))]));
        }
    }

    fn json(&mut self, name: &str, value: drip::Result<Value>, text: &str) {
        self.heading(name);
        match value.map(|value| serde_json::to_string_pretty(&value)) {
            Ok(Ok(pretty)) => {
                escaped_json(&pretty).lines().for_each(|line| self.block(line, self.theme.plain()));
            }
            // Written by hand.
            _ => self.block(&escaped(text), self.theme.plain()),
        }
    }

    /// The latest first: that is what is looked for.
    fn errors(&mut self, job: &Job) {
        if let Some(text) = job.errors_text() {
            self.heading("Errors, as they stand in the table, where they cannot be read");
            self.block(&escaped(text), self.theme.plain());
        }
        for error in job.errors.iter().rev() {
            self.heading(&format!("Attempt {} failed, {}", error.attempt, relative(error.at, self.now)));
            escaped_lines(&error.error).for_each(|line| self.block(&line, self.theme.state(State::Discarded)));
            escaped_lines(&error.trace).for_each(|line| self.block(&line, self.theme.dim()));
        }
    }
}

/// Why it is not running, with times that go on.
fn reason(job: &Job, why: &Why, now: Timestamp) -> String {
    match why {
        Why::Finished { at: Some(at), .. } => relative(*at, now),
        Why::Running { since: Some(since), alive, .. } => {
            let silent = if *alive { "" } else { ", but its worker has not been heard of within its lease" };
            format!("for {}{silent}", between(*since, now))
        }
        Why::NotDue { failed: 0, .. } => format!("due {}", relative(job.scheduled_at, now)),
        Why::NotDue { failed, .. } => {
            let times = if *failed == 1 { "once".to_owned() } else { format!("{failed} times") };
            format!("it has failed {times}, and is tried again {}", relative(job.scheduled_at, now))
        }
        Why::Expired { at } => format!("its time to begin was over {}", relative(*at, now)),
        why => why.to_string(),
    }
}

fn fields(job: &Job, now: Timestamp) -> Vec<(&'static str, String)> {
    let yes = || "yes".to_owned();
    let mut fields = vec![
        ("kind", job.kind.clone()),
        ("queue", job.queue.clone()),
        ("attempt", format!("{} of {}", job.attempt, job.max_attempts)),
        ("priority", job.priority.to_string()),
    ];
    fields.extend((!job.tags.is_empty()).then(|| ("tags", job.tags.join(", "))));
    fields.extend(job.attempted_by.iter().map(|worker| ("claimed by", worker.clone())));
    fields.extend(job.timeout.map(|timeout| ("timeout", crate::time::span(timeout))));
    fields.extend(job.expires_at.map(|at| ("expires", relative(at, now))));
    let rare = [("snoozed", job.snooze_count), ("crashes", job.crash_count)];
    fields.extend(rare.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count.to_string())));
    fields.extend(job.ephemeral.then(|| ("ephemeral", yes())));
    fields.extend(job.unique_key.is_some().then(|| ("unique", yes())));
    fields
}

/// Something that happened, or will.
struct Moment {
    at: Timestamp,
    sign: &'static str,
    state: Option<State>,
    text: String,
}

impl Moment {
    fn new(at: Timestamp, sign: &'static str, state: Option<State>, text: impl Into<String>) -> Moment {
        Moment { at, sign, state, text: text.into() }
    }

    fn style(&self, theme: Theme) -> Style {
        self.state.map_or(theme.dim(), |state| theme.state(state))
    }
}

/// What the row knows of its past and future, in order.
fn moments(job: &Job) -> Vec<Moment> {
    let mut moments = vec![Moment::new(job.created_at, "○", None, "inserted")];
    moments.extend(job.errors.iter().map(|error| {
        let first = escaped_lines(&error.error).next().unwrap_or_default();
        let text = format!("attempt {} failed: {first}", error.attempt);
        Moment::new(error.at, "✗", Some(State::Discarded), text)
    }));
    moments.extend(job.attempted_at.map(|at| {
        let by = job.attempted_by.as_deref().map_or_else(String::new, |worker| format!(" by {}", escaped(worker)));
        Moment::new(at, "▸", Some(State::Running), format!("claimed for attempt {}{by}", job.attempt))
    }));
    moments.sort_by_key(|moment| moment.at);
    let waits = matches!(job.state, State::Available | State::Scheduled | State::Retryable);
    moments.extend(
        (waits && job.scheduled_at > job.created_at).then(|| {
            Moment::new(job.scheduled_at, "◇", Some(job.state), format!("attempt {} is due", job.attempt + 1))
        }),
    );
    moments.extend(job.finalized_at.map(|at| Moment::new(at, "●", Some(job.state), job.state.name())));
    moments
}
