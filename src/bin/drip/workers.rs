//! `drip workers`: who is at work.

use clap::Subcommand;
use drip::WorkerInfo;
use jiff::Timestamp;

use crate::{
    app::App,
    failure::Outcome,
    json::{WorkerDocument, WorkersDocument},
    table::{Table, number, text, time},
    time::{local, span_between},
};

/// The commands of `drip workers`.
#[derive(Debug, Subcommand)]
pub enum WorkersCommand {
    /// Show the workers that live, or have not been missed yet
    #[command(visible_alias = "ls")]
    List,
}

impl WorkersCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let WorkersCommand::List = self;
        let client = app.client()?;
        let (workers, now) = (drip::list_workers(&client)?, drip::database_time(&client)?);
        let documents = workers.iter().map(|worker| WorkerDocument::new(worker, now)).collect();
        let document = WorkersDocument { workers: documents };
        if !app.output.is_for_people() {
            return app.output.many(&document, &document.workers);
        }
        if workers.is_empty() {
            return app.output.line("No workers.");
        }
        app.output.table(table(&workers, now))
    }
}

/// The workers, as `drip stats` shows them too.
pub fn table(workers: &[WorkerInfo], now: Timestamp) -> Table {
    let mut table = Table::new(&["WORKER", "HOST", "PID", "QUEUES", "KINDS", "THREADS", "STARTED", "HEARD OF"]);
    table = table.sparing(&["STARTED", "PID", "KINDS", "HOST"]);
    for worker in workers {
        let heard = format!("{} ago", span_between(worker.heartbeat_at, now));
        table.row([
            text(&worker.label),
            text(worker.host.as_deref().unwrap_or("-")),
            number(worker.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string())),
            text(if worker.queues.is_empty() { "any".to_owned() } else { worker.queues.join(", ") }),
            text(if worker.kinds.is_empty() { "any".to_owned() } else { worker.kinds.join(", ") }),
            number(worker.concurrency.map_or_else(|| "-".to_owned(), |threads| threads.to_string())),
            time(local(worker.started_at)),
            time(if worker.is_alive(now) { heard } else { format!("{heard}: silent beyond its lease") }),
        ]);
    }
    table
}
