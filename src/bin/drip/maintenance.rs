//! `drip maintenance`: upkeep, by hand.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use drip::{Client, RescueAfter, Retention, TaskInfo};

use crate::{
    app::App,
    failure::{Failure, Outcome},
    json::{RanDocument, TaskDocument, TasksDocument},
    table::{Table, counted, figure, number, text, time},
    time::{duration, local, local_or_dash},
};

/// The commands of `drip maintenance`.
#[derive(Debug, Subcommand)]
pub enum MaintenanceCommand {
    /// Show when upkeep was done, and how it went
    #[command(visible_alias = "ls")]
    List,
    /// Do a task of upkeep now
    Run(RunCommand),
}

#[derive(Debug, Args)]
pub struct RunCommand {
    /// Which one
    #[arg(value_enum)]
    task: Task,
    /// retain: how long completed jobs stay; `none` for ever
    #[arg(long, value_name = "DURATION", value_parser = limit, default_value = "24h")]
    completed: Limit,
    /// retain: how long cancelled jobs stay
    #[arg(long, value_name = "DURATION", value_parser = limit, default_value = "24h")]
    cancelled: Limit,
    /// retain: how long discarded jobs stay
    #[arg(long, value_name = "DURATION", value_parser = limit, default_value = "7d")]
    discarded: Limit,
    /// rescue: jobs that have been running for longer are given back
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    after: Option<Duration>,
}

/// A task of upkeep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Task {
    /// Remove jobs that have ended, after a time
    Retain,
    /// Discard jobs that have not begun within their time to live
    Expire,
    /// Give back jobs that have been running for longer than --after, whoever runs them
    Rescue,
    /// Make jobs available that are due
    Promote,
    /// Insert the jobs of schedules whose slots have come
    Fire,
    /// Build the indexes anew beside those who use them (PostgreSQL)
    Reindex,
    /// Do what the engine leaves to others: first statistics, SQLite's log and free pages
    Tidy,
}

/// A span of time, or none.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<Duration>);

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" { Ok(Limit(None)) } else { duration(text).map(|limit| Limit(Some(limit))) }
}

impl MaintenanceCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        match self {
            MaintenanceCommand::List => list(app),
            MaintenanceCommand::Run(command) => command.run(app),
        }
    }
}

impl RunCommand {
    fn run(self, app: &mut App) -> Outcome {
        let client = app.client()?;
        let changed = self.change(&client)? as u64;
        let document = RanDocument { task: self.task.name(), changed };
        let (what, done) = match self.task {
            Task::Retain => ("job", "removed"),
            Task::Expire => ("job", "discarded"),
            Task::Rescue => ("job", "given back"),
            Task::Promote => ("job", "made available"),
            Task::Fire => ("job", "inserted"),
            Task::Reindex => ("index", "built anew"),
            Task::Tidy => ("measure", "taken"),
        };
        app.output.one(&document, |output| output.line(format!("{} {done}.", counted(changed, what))))
    }

    fn change(&self, client: &Client) -> Outcome<usize> {
        Ok(match self.task {
            Task::Retain => {
                let retention = Retention::default().completed(self.completed.0).cancelled(self.cancelled.0);
                drip::retain_jobs(client, &retention.discarded(self.discarded.0))?
            }
            Task::Expire => drip::expire_jobs(client)?,
            Task::Rescue => {
                let missing = || Failure::usage("after how long?").advise("say --after DURATION, such as --after 6h");
                drip::rescue_overdue_jobs(client, &RescueAfter::new(self.after.ok_or_else(missing)?))?
            }
            Task::Promote => drip::promote_jobs(client)?,
            Task::Fire => fire(client)?,
            Task::Reindex => drip::reindex(client)?.len(),
            Task::Tidy => drip::tidy(client)?,
        })
    }
}

/// Each schedule that yields nothing is said, and the last decides.
fn fire(client: &Client) -> Outcome<usize> {
    let (mut inserted, mut failed) = (0, None);
    for fired in drip::fire_schedules(client)? {
        inserted += fired.slots.iter().filter(|(_, inserted)| !inserted.is_duplicate()).count();
        if let Some(error) = fired.error {
            failed = Some(Failure::failed(format!("schedule {:?}: {error}", fired.schedule)));
            failed.iter().for_each(Failure::tell);
        }
    }
    match failed {
        Some(_) => Err(Failure::silent(crate::failure::FAILED)),
        None => Ok(inserted),
    }
}

impl Task {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

fn list(app: &mut App) -> Outcome {
    let tasks = drip::list_tasks(&app.client()?)?;
    let document = TasksDocument { tasks: tasks.iter().map(TaskDocument::from).collect() };
    if !app.output.is_for_people() {
        return app.output.many(&document, &document.tasks);
    }
    if tasks.is_empty() {
        return app.output.line("No tasks: nobody has offered to do any upkeep yet.");
    }
    app.output.table(table(&tasks))
}

fn table(tasks: &[TaskInfo]) -> Table {
    let mut table = Table::new(&["TASK", "RUNS", "FINISHED", "CHANGED", "NEXT", "RUNNER", "ERROR"]);
    table = table.sparing(&["RUNNER", "RUNS", "CHANGED"]);
    for task in tasks {
        table.row([
            text(&task.task),
            number(figure(task.runs)),
            time(local_or_dash(task.finished_at)),
            number(task.changed.map_or_else(|| "-".to_owned(), figure)),
            time(local(task.next_at)),
            text(task.runner.as_deref().unwrap_or("-")),
            text(task.error.as_deref().unwrap_or("-")),
        ]);
    }
    table
}
