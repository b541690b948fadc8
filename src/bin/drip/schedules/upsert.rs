//! `drip schedules upsert`: a schedule, declared by hand.

use std::time::Duration;

use clap::{ArgGroup, Args};
use drip::{Missed, NewJob, Rule, Schedule};

use crate::{app::App, escape::name, failure::Outcome, number::up_to, time::duration};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("rule").required(true).args(["every", "cron"])))]
pub struct UpsertCommand {
    /// The schedule
    #[arg(value_name = "SCHEDULE", value_parser = name)]
    name: String,
    /// The kind of its jobs
    #[arg(value_parser = name)]
    kind: String,
    /// Their args, a JSON object
    #[arg(default_value = "{}")]
    args: String,
    /// An interval, aligned to 1970 in UTC
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    every: Option<Duration>,
    /// Moves the slots of an interval
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "every")]
    offset: Option<Duration>,
    /// Minute, hour, day of the month, month, day of the week, such as "0 9 * * mon-fri"
    #[arg(long, value_name = "PATTERN")]
    cron: Option<String>,
    /// The zone of the pattern's clock, such as Europe/Paris
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    /// The queue of its jobs
    #[arg(long, short, default_value = "default", value_parser = name)]
    queue: String,
    /// So many of the latest slots that were missed are made up for, up to 100
    #[arg(long, value_name = "SLOTS", default_value_t = 1, value_parser = up_to::<100>)]
    missed: u32,
    /// How late a slot may be noticed and was not missed
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1m")]
    grace: Duration,
    /// How long after its slot a job is due at the most
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    jitter: Duration,
    /// If it is new, it is paused
    #[arg(long)]
    paused: bool,
}

impl UpsertCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let schedule = drip::upsert_schedule(&app.client()?, self.schedule())?;
        super::show(app, &schedule)
    }

    fn schedule(self) -> Schedule {
        let rule = match (self.every, self.cron) {
            (Some(every), _) => self.offset.into_iter().fold(Rule::every(every), Rule::offset),
            (None, pattern) => Rule::cron(pattern.unwrap_or_default(), self.zone),
        };
        let job = NewJob::from_json(self.kind, self.args).queue(self.queue);
        let missed = match self.missed {
            0 => Missed::Skip,
            1 => Missed::Once,
            slots => Missed::All(slots),
        };
        let schedule = Schedule::new(self.name, rule, job).missed(missed).grace(self.grace).jitter(self.jitter);
        if self.paused { schedule.paused() } else { schedule }
    }
}
