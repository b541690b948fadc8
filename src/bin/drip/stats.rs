//! `drip stats`: how the queue stands, once or again and again.

use std::time::Duration;

use clap::Args;
use drip::{Client, JobCounts, JobFilter, QueueSummary, State, WorkerInfo};
use jiff::Timestamp;

use crate::{
    app::App,
    failure::Outcome,
    interrupt::Interrupt,
    json::StatsDocument,
    queues,
    table::{Table, number, state},
    time::{duration, local_with_zone},
    workers,
};

#[derive(Debug, Args)]
pub struct StatsCommand {
    /// Again and again, until Ctrl+C; how often, by default every 2 s
    #[arg(long, short, value_name = "DURATION", value_parser = duration, num_args = 0..=1, default_missing_value = "2s")]
    watch: Option<Duration>,
}

/// How the queue stands at a moment.
pub struct Stats {
    pub at: Timestamp,
    pub counts: JobCounts,
    pub queues: Vec<QueueSummary>,
    pub workers: Vec<WorkerInfo>,
}

impl Stats {
    fn read(client: &Client) -> Outcome<Stats> {
        Ok(Stats {
            at: drip::database_time(client)?,
            counts: drip::count_jobs(client, &JobFilter::new())?,
            queues: drip::list_queues(client)?,
            workers: drip::list_workers(client)?,
        })
    }
}

impl StatsCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let client = app.client()?;
        let Some(interval) = self.watch else {
            return show(app, &Stats::read(&client)?);
        };
        let interrupt = Interrupt::watch()?;
        let file = app.watched()?;
        loop {
            file.iter().try_for_each(|file| file.check())?;
            // All of it first, so that a slow database leaves no empty screen.
            let stats = Stats::read(&client)?;
            app.output.clear()?;
            show(app, &stats)?;
            app.output.flush()?;
            if interrupt.wait(interval) {
                return Ok(());
            }
        }
    }
}

fn show(app: &mut App, stats: &Stats) -> Outcome {
    app.output.one(&StatsDocument::from(stats), |output| {
        output.line(format!("{}, by the database's clock", local_with_zone(stats.at)))?;
        output.line("")?;
        let mut table = Table::new(&["STATE", "JOBS"]);
        for one in State::ALL {
            table.row([state(one), number(stats.counts.in_state(one))]);
        }
        output.table(table)?;
        if !stats.queues.is_empty() {
            output.line("")?;
            output.table(queues::table(&stats.queues))?;
        }
        output.line("")?;
        match stats.workers.is_empty() {
            true => output.line("No workers."),
            false => output.table(workers::table(&stats.workers, stats.at)),
        }
    })
}
