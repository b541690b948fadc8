//! `drip queues`: what waits in each, and pausing them.

use clap::{Args, Subcommand};
use drip::{Client, JobFilter, Page, QueueInfo, QueueSummary, State};
use serde_json::Map;

use crate::{
    app::App,
    escape::{escaped, escaped_json, name, quoted},
    failure::{Failure, Outcome},
    jobs::json_of,
    json::{QueueDocument, QueueSummaryDocument, QueuesDocument},
    output::Output,
    table::{Table, number, text, time},
    time::{local, local_with_zone, span},
};

/// The commands of `drip queues`.
#[derive(Debug, Subcommand)]
pub enum QueuesCommand {
    /// Show the queues that have a row or in which jobs wait
    #[command(visible_alias = "ls")]
    List,
    /// Show what is kept with a queue
    Get(Name),
    /// Keep metadata with a queue, in place of all that was kept with it
    Upsert(UpsertCommand),
    /// Stop serving a queue, or all, within a second
    Pause(PauseCommand),
    /// Serve a queue again, or all
    Resume(NameOrAll),
}

#[derive(Debug, Args)]
pub struct Name {
    /// The queue
    #[arg(value_name = "QUEUE", value_parser = name)]
    name: String,
}

#[derive(Debug, Args)]
pub struct UpsertCommand {
    /// The queue
    #[arg(value_name = "QUEUE", value_parser = name)]
    name: String,
    /// A JSON object
    #[arg(value_name = "METADATA", default_value = "{}")]
    metadata: String,
}

#[derive(Debug, Args)]
#[group(required = true)]
pub struct NameOrAll {
    /// The queue
    #[arg(value_name = "QUEUE", value_parser = name)]
    name: Option<String>,
    /// All queues, by a switch of its own, which leaves that of each as it is
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub struct PauseCommand {
    #[command(flatten)]
    which: NameOrAll,
    /// Also a queue that has neither a row nor a job yet: from its first job on it is paused
    #[arg(long, conflicts_with = "all")]
    create: bool,
}

impl QueuesCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        match self {
            QueuesCommand::List => list(app),
            QueuesCommand::Get(Name { name }) => {
                let queue = drip::get_queue(&app.client()?, &name)?;
                show(app, &queue.ok_or_else(|| unknown(&name))?)
            }
            QueuesCommand::Upsert(command) => {
                let metadata = json_of("metadata", &command.metadata)?;
                let queue = drip::upsert_queue(&app.client()?, &command.name, metadata)?;
                show(app, &queue)
            }
            QueuesCommand::Pause(command) => {
                let hint = "`drip queues list` shows which there are; --create pauses it before its first job, and \
                            `drip queues upsert` makes it";
                switch(app, command.which, true, Some(hint).filter(|_| !command.create))
            }
            QueuesCommand::Resume(which) => {
                switch(app, which, false, Some("`drip queues list` shows which there are; a new one is not paused"))
            }
        }
    }
}

fn unknown(name: &str) -> Failure {
    Failure::not_found(format!("queue {} has no row", quoted(name)))
        .advise("only queues that were upserted, paused or resumed have one; `drip queues list` shows where jobs wait")
}

/// With a `hint`, it must be there.
fn switch(app: &mut App, which: NameOrAll, pause: bool, hint: Option<&str>) -> Outcome {
    let client = app.client()?;
    let Some(name) = which.name else {
        if pause {
            drip::pause_all(&client)?
        } else {
            drip::resume_all(&client)?
        }
        return list(app);
    };
    if let Some(hint) = hint
        && !is_known(&client, &name)?
    {
        return Err(Failure::not_found(format!("there is no queue {}", quoted(&name))).advise(hint));
    }
    let queue = if pause { drip::pause_queue(&client, &name) } else { drip::resume_queue(&client, &name) }?;
    app.output.one(&QueueDocument::from(&queue), |output| {
        output.line(format!(
            "queue {} is {}",
            escaped(&queue.name),
            if queue.is_paused() { "paused" } else { "served" }
        ))?;
        match queue.all_paused_at.filter(|_| !pause) {
            Some(_) => output.line("All queues are paused: `drip queues resume --all`"),
            None => Ok(()),
        }
    })
}

/// Whether it has a row or a job. By groups of states: there is no index of queues alone.
fn is_known(client: &Client, name: &str) -> Outcome<bool> {
    if drip::get_queue(client, name)?.is_some() {
        return Ok(true);
    }
    let (ended, others): (Vec<_>, Vec<_>) =
        State::ALL.into_iter().filter(|state| *state != State::Available).partition(|state| state.is_final());
    for states in [vec![State::Available], ended, others] {
        let filter = JobFilter::new().states(states).queue(name);
        if !drip::list_jobs(client, &filter, Page::newest_first().limit(1))?.jobs.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn list(app: &mut App) -> Outcome {
    let queues = drip::list_queues(&app.client()?)?;
    let document = QueuesDocument { queues: queues.iter().map(QueueSummaryDocument::from).collect() };
    if !app.output.is_for_people() {
        return app.output.many(&document, &document.queues);
    }
    if queues.is_empty() {
        return app.output.line("No queues.");
    }
    app.output.table(table(&queues))
}

/// The queues, as `drip stats` shows them too.
pub fn table(queues: &[QueueSummary]) -> Table {
    let mut table = Table::new(&["QUEUE", "AVAILABLE", "SCHEDULED", "RETRYABLE", "OLDEST", "PAUSED"]);
    table = table.sparing(&["RETRYABLE", "SCHEDULED"]);
    for queue in queues {
        table.row([
            text(&queue.name),
            number(queue.available),
            number(queue.scheduled),
            number(queue.retryable),
            number(queue.oldest.map_or_else(|| "-".to_owned(), span)),
            time(match (queue.all_paused_at, queue.paused_at) {
                (Some(_), _) => "all are".to_owned(),
                (None, Some(at)) => format!("since {}", local(at)),
                (None, None) => "-".to_owned(),
            }),
        ]);
    }
    table
}

fn show(app: &mut App, queue: &QueueInfo) -> Outcome {
    app.output.one(&QueueDocument::from(queue), |output| lines(output, queue))
}

fn lines(output: &mut Output, queue: &QueueInfo) -> Outcome {
    let paused = match (queue.all_paused_at, queue.paused_at) {
        (Some(at), _) => format!("with all others, since {}", local_with_zone(at)),
        (None, Some(at)) => format!("since {}", local_with_zone(at)),
        (None, None) => "no".to_owned(),
    };
    let metadata = serde_json::Value::Object(queue.metadata().unwrap_or_else(|_| Map::new()));
    output.fields(&[
        ("queue", escaped(&queue.name)),
        ("paused", paused),
        ("created_at", local_with_zone(queue.created_at)),
        ("updated_at", local_with_zone(queue.updated_at)),
        ("metadata", escaped_json(&metadata.to_string())),
    ])
}
