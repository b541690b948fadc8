//! A change of all jobs that a filter leaves: first said, then asked, then done, slice by slice.

use std::{fmt::Write, time::Duration};

use drip::{Client, Count, Dialect, JobCounts, JobFilter, Page};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::{
    change::{Change, One},
    slices::{Slice, Slices},
};
use crate::{
    app::App,
    failure::{Failure, NOT_FOUND, Outcome, REFUSED},
    interrupt::Interrupt,
    json::ChangedDocument,
    table::{Table, counted, figure, number, state, text},
};

/// How many jobs are read at a time where they are changed one by one.
const PAGE: usize = 1000;

pub fn run(app: &mut App, filter: &JobFilter, change: &Change<'_>, dry_run: bool, yes: bool) -> Outcome {
    let client = app.client()?;
    let counts = drip::count_jobs(&client, filter)?;
    let total = counts.total();
    if dry_run {
        return say(app, &counts, change);
    }
    if total.number > 0 {
        let question = format!("{} {}?", capital(change.verb.name()), jobs(total));
        app.confirm(&question, "say --yes if that is what you want, or --dry-run to see what it would do", yes)?;
    }
    let mut work = Work::new(total.number, total.capped)?;
    let done = match change.all {
        Some(all) => Slices::new(&client, filter, total.number)?.try_for_each(|slice| {
            if client.dialect() == Dialect::Sqlite && work.changed > 0 {
                std::thread::sleep(BREATHER);
            }
            work.slice(slice, |filter| all(&client, filter))
        }),
        None => one_by_one(&client, filter, change.one, &mut work),
    };
    work.bar.finish_and_clear();
    tell(app, change, &counts, &work)?;
    done
}

/// How long others are let in between two slices, where there is one writer at a time: longer than SQLite sleeps before it
/// asks for the lock again.
const BREATHER: Duration = Duration::from_millis(120);

/// Long work: how far it is, and whether it should go on.
struct Work {
    bar: ProgressBar,
    changed: u64,
    skipped: u64,
    interrupt: Interrupt,
}

impl Work {
    fn new(total: u64, capped: bool) -> Outcome<Work> {
        Ok(Work { bar: bar(total, capped), changed: 0, skipped: 0, interrupt: Interrupt::watch()? })
    }

    fn slice(&mut self, slice: &mut Slice<'_>, all: impl FnOnce(&JobFilter) -> drip::Result<drip::Changed>) -> Outcome {
        let changed = all(&slice.filter())?;
        slice.found = changed.changed + changed.skipped;
        self.count(changed.changed, changed.skipped)
    }

    fn count(&mut self, changed: usize, skipped: usize) -> Outcome {
        self.changed += changed as u64;
        self.skipped += skipped as u64;
        self.bar.set_position(self.changed + self.skipped);
        match self.interrupt.is_asked() {
            true => Err(Failure::failed("interrupted").advise("the same command goes on with the rest")),
            false => Ok(()),
        }
    }
}

/// On standard error, and only on a terminal.
fn bar(total: u64, capped: bool) -> ProgressBar {
    let (bar, template) = match capped {
        true => (ProgressBar::new_spinner(), "{spinner} {human_pos} jobs, {rate}"),
        false => (ProgressBar::new(total), "[{bar:40}] {human_pos} of {human_len} jobs, {rate}, {eta} left"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, to: &mut dyn Write| {
        let _ = write!(to, "{:.0} a second", state.per_sec());
    };
    bar.with_style(style.with_key("rate", rate))
}

/// Page by page; what cannot be changed is passed over.
fn one_by_one(client: &Client, filter: &JobFilter, one: &One<'_>, work: &mut Work) -> Outcome {
    let mut page = Page::oldest_first().limit(PAGE);
    loop {
        let listed = drip::list_jobs(client, filter, page)?;
        for job in &listed.jobs {
            match one(client, job.id) {
                Ok(_) => work.count(1, 0)?,
                Err(failure) if [NOT_FOUND, REFUSED].contains(&failure.code()) => work.count(0, 1)?,
                Err(failure) => return Err(failure),
            }
        }
        match listed.next {
            Some(next) => page = page.at(next),
            None => return Ok(()),
        }
    }
}

fn say(app: &mut App, counts: &JobCounts, change: &Change<'_>) -> Outcome {
    let total = counts.total();
    let document = ChangedDocument::new(change.verb, true, total);
    app.output.one(&document, |output| {
        if total.number == 0 {
            return output.line("No jobs.");
        }
        let mut table = Table::new(&["STATE", "QUEUE", "JOBS"]);
        for count in &counts.counts {
            table.row([state(count.state), text(&count.queue), number(count.count)]);
        }
        output.table(table)?;
        output.line(format!("{} would be {}.", jobs(total), change.done))
    })
}

fn tell(app: &mut App, change: &Change<'_>, counts: &JobCounts, work: &Work) -> Outcome {
    let document = ChangedDocument::new(change.verb, false, counts.total()).done(work.changed, work.skipped);
    app.output.one(&document, |output| {
        output.line(format!("{} {}.", counted(work.changed, "job"), change.done))?;
        match work.skipped {
            0 => Ok(()),
            1 => output.line("1 stays as it was: it has moved meanwhile, or another holds its unique key."),
            skipped => output.line(format!(
                "{} stay as they were: they have moved meanwhile, or others hold their unique keys.",
                figure(skipped)
            )),
        }
    })?;
    Ok(app.output.flush()?)
}

fn jobs(count: Count) -> String {
    format!("{count} {}", if count.number == 1 && !count.capped { "job" } else { "jobs" })
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}
