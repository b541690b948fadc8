//! `drip schedules`: jobs that come again and again.

mod upsert;

use clap::{Args, Subcommand};
use drip::{Inserted, Missed, ScheduleInfo};

use crate::{
    app::App,
    escape::{escaped, escaped_json, name, quoted},
    failure::{Failure, Outcome},
    json::{InsertedDocument, ScheduleDocument, SchedulesDocument, SlotsDocument, Utc},
    number::limit,
    output::Output,
    table::{Table, text, time},
    time::{local, local_or_dash, local_with_zone, span},
};

/// The commands of `drip schedules`.
#[derive(Debug, Subcommand)]
pub enum SchedulesCommand {
    /// Show all schedules
    #[command(visible_alias = "ls")]
    List,
    /// Show a schedule
    Get(Name),
    /// Show the next slots of a schedule
    Next(NextCommand),
    /// Declare a schedule: it is there from now on, and as this says
    Upsert(upsert::UpsertCommand),
    /// Stop a schedule: none of its slots yields a job until it is resumed
    Pause(Name),
    /// Go on with the first slot from now
    Resume(Name),
    /// Insert a job of a schedule at once, beside those of its slots
    Run(Name),
    /// Remove a schedule; its jobs stay. Whoever declares it brings it back
    Delete(DeleteCommand),
}

#[derive(Debug, Args)]
pub struct Name {
    /// The schedule
    #[arg(value_name = "SCHEDULE", value_parser = name)]
    name: String,
}

#[derive(Debug, Args)]
pub struct NextCommand {
    /// The schedule
    #[arg(value_name = "SCHEDULE", value_parser = name)]
    name: String,
    /// How many, at most 1000
    #[arg(long, short = 'n', default_value_t = 10, value_name = "SLOTS", value_parser = limit)]
    limit: usize,
}

#[derive(Debug, Args)]
pub struct DeleteCommand {
    /// The schedule
    #[arg(value_name = "SCHEDULE", value_parser = name)]
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl SchedulesCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        match self {
            SchedulesCommand::List => list(app),
            SchedulesCommand::Get(Name { name }) => show(app, &found(app, &name)?),
            SchedulesCommand::Next(command) => next(app, &command),
            SchedulesCommand::Upsert(command) => command.run(app),
            SchedulesCommand::Pause(Name { name }) => show(app, &drip::pause_schedule(&app.client()?, &name)?),
            SchedulesCommand::Resume(Name { name }) => show(app, &drip::resume_schedule(&app.client()?, &name)?),
            SchedulesCommand::Run(Name { name }) => run_now(app, &name),
            SchedulesCommand::Delete(command) => {
                found(app, &command.name)?;
                let question = format!("Delete schedule {}?", escaped(&command.name));
                app.confirm(&question, "say --yes if that is what you want", command.yes)?;
                show(app, &drip::delete_schedule(&app.client()?, &command.name)?)
            }
        }
    }
}

fn found(app: &App, name: &str) -> Outcome<ScheduleInfo> {
    let missing = || {
        Failure::not_found(format!("there is no schedule {}", quoted(name)))
            .advise("`drip schedules list` shows which there are")
    };
    drip::get_schedule(&app.client()?, name)?.ok_or_else(missing)
}

fn list(app: &mut App) -> Outcome {
    let schedules = drip::list_schedules(&app.client()?)?;
    let document = SchedulesDocument { schedules: schedules.iter().map(ScheduleDocument::from).collect() };
    if !app.output.is_for_people() {
        return app.output.many(&document, &document.schedules);
    }
    if schedules.is_empty() {
        return app.output.line("No schedules.");
    }
    let mut table = Table::new(&["SCHEDULE", "RULE", "KIND", "QUEUE", "NEXT", "LAST", "PAUSED"]);
    table = table.sparing(&["LAST", "QUEUE", "KIND"]);
    for schedule in &schedules {
        table.row([
            text(&schedule.name),
            text(schedule.rule().to_string()),
            text(&schedule.kind),
            text(&schedule.queue),
            time(if schedule.is_paused() { "-".to_owned() } else { local(schedule.next_at) }),
            time(local_or_dash(schedule.last_slot_at)),
            time(paused(schedule)),
        ]);
    }
    app.output.table(table)
}

fn paused(schedule: &ScheduleInfo) -> String {
    match (schedule.paused_at, schedule.retired_at) {
        (Some(at), _) => format!("since {}", local(at)),
        (None, Some(at)) => format!("not declared since {}", local(at)),
        (None, None) => "-".to_owned(),
    }
}

fn next(app: &mut App, command: &NextCommand) -> Outcome {
    let schedule = found(app, &command.name)?;
    let slots = schedule.next_slots(command.limit)?;
    let slots = slots.into_iter().map(Utc).collect();
    let document = SlotsDocument { schedule: schedule.name.clone(), slots };
    if !app.output.is_for_people() {
        return app.output.many(&document, &document.slots);
    }
    if schedule.is_paused() {
        return app.output.line("It is paused: no slot yields a job.");
    }
    document.slots.iter().try_for_each(|slot| app.output.line(local_with_zone(slot.0)))
}

fn run_now(app: &mut App, name: &str) -> Outcome {
    let inserted = drip::run_schedule_now(&app.client()?, name)?;
    app.output.one(&InsertedDocument::from(&inserted), |output| match &inserted {
        Inserted::Duplicate(job) => output.line(format!("job {} is the same, and {}", job.id, job.state)),
        inserted => output.line(format!("job {} is {}", inserted.job().id, inserted.job().state)),
    })
}

fn show(app: &mut App, schedule: &ScheduleInfo) -> Outcome {
    app.output.one(&ScheduleDocument::from(schedule), |output| lines(output, schedule))
}

fn lines(output: &mut Output, schedule: &ScheduleInfo) -> Outcome {
    let job = schedule.job().ok();
    let args = job.as_ref().and_then(|job| job.args_text()).unwrap_or_default();
    let missed = match schedule.missed {
        Missed::Skip => "skipped".to_owned(),
        Missed::Once => "the latest is made up for".to_owned(),
        Missed::All(most) => format!("the latest {most} are made up for"),
        _ => "?".to_owned(),
    };
    output.fields(&[
        ("schedule", escaped(&schedule.name)),
        ("rule", escaped(&schedule.rule().to_string())),
        ("kind", escaped(&schedule.kind)),
        ("queue", escaped(&schedule.queue)),
        ("args", escaped_json(args)),
        ("paused", paused(schedule)),
        ("next_at", if schedule.is_paused() { "-".to_owned() } else { local_with_zone(schedule.next_at) }),
        ("last_slot_at", schedule.last_slot_at.map_or_else(|| "-".to_owned(), local_with_zone)),
        ("last_job_id", schedule.last_job_id.map_or_else(|| "-".to_owned(), |id| id.to_string())),
        ("missed slots", missed),
        ("grace", span(schedule.grace)),
        ("jitter", span(schedule.jitter)),
        ("owner", schedule.owner.as_deref().map_or_else(|| "-".to_owned(), escaped)),
    ])
}
