//! `drip jobs list`: jobs, page by page.

use clap::Args;
use drip::{Cursor, Job, Listed, Page};

use super::filter::FilterOptions;
use crate::{
    app::App,
    failure::Outcome,
    json::JobsDocument,
    number::limit,
    output::Format,
    table::{Table, number, state, text, time},
    time::local,
};

/// The most jobs that are asked for at a time.
const PAGE: usize = 1000;

#[derive(Debug, Args)]
pub struct ListCommand {
    /// How many at the most
    #[arg(long, short = 'n', default_value_t = 50, value_name = "JOBS", value_parser = limit)]
    limit: usize,
    /// All there are, however many
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// The oldest first
    #[arg(long)]
    oldest_first: bool,
    /// From where the list goes on: what the page before says
    #[arg(long, value_name = "CURSOR")]
    at: Option<Cursor>,
    #[command(flatten)]
    filter: FilterOptions,
}

impl ListCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let client = app.client()?;
        let filter = self.filter.filter().unwrap_or_default();
        let mut page = if self.oldest_first { Page::oldest_first() } else { Page::newest_first() };
        page = self.at.map_or(page, |cursor| page.at(cursor));
        let mut left = if self.all { usize::MAX } else { self.limit };
        // A document is whole; tables and lines can be shown as they come.
        let mut whole: Option<Listed> = None;
        loop {
            let listed = drip::list_jobs(&client, &filter, page.limit(left.min(PAGE)))?;
            left -= listed.jobs.len();
            let next = listed.next.filter(|_| left > 0);
            match app.output.format() {
                Format::Json => whole = Some(joined(whole, listed)),
                _ => show(app, &listed, next.is_none())?,
            }
            match next {
                Some(cursor) => page = page.at(cursor),
                None => break,
            }
        }
        whole.map_or(Ok(()), |listed| app.output.document(&JobsDocument::from(&listed)))
    }
}

fn joined(before: Option<Listed>, mut listed: Listed) -> Listed {
    if let Some(mut whole) = before {
        whole.jobs.append(&mut listed.jobs);
        (listed.jobs, listed.previous) = (whole.jobs, whole.previous);
    }
    listed
}

fn show(app: &mut App, listed: &Listed, is_last: bool) -> Outcome {
    let document = || JobsDocument::from(listed);
    if !app.output.is_for_people() {
        let document = document();
        return app.output.many(&document, &document.jobs);
    }
    if listed.jobs.is_empty() {
        return app.output.line("No jobs.");
    }
    app.output.table(table(&listed.jobs))?;
    match listed.next.filter(|_| is_last) {
        Some(next) => app.output.remark(format!("There are more: --at {next}")),
        None => Ok(()),
    }
}

fn table(jobs: &[Job]) -> Table {
    let mut table = Table::new(&["ID", "STATE", "KIND", "QUEUE", "PRI", "ATTEMPT", "SCHEDULED", "CREATED"]);
    table = table.sparing(&["CREATED", "PRI", "ATTEMPT", "QUEUE"]);
    for job in jobs {
        table.row([
            number(job.id),
            state(job.state),
            text(&job.kind),
            text(&job.queue),
            number(job.priority),
            number(format!("{}/{}", job.attempt, job.max_attempts)),
            time(local(job.scheduled_at)),
            time(local(job.created_at)),
        ]);
    }
    table
}
