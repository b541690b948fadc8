//! `drip jobs update`: jobs that are not running, changed; and `drip jobs output` and `fail`, what handlers say else.

use std::time::Duration;

use clap::Args;
use drip::{Client, Failure as Failed, JobUpdate, Verb};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{change::Which, insert, verbs};
use crate::{
    app::App,
    escape::name,
    failure::{Failure, Outcome},
    number::{attempts, id, priority},
    time::{duration, moment},
};

#[derive(Debug, Args)]
#[command(next_help_heading = "What is changed")]
pub struct UpdateCommand {
    /// Other args, a JSON object
    #[arg(long = "set-args", value_name = "JSON")]
    args: Option<String>,
    /// Other metadata, in place of all there is
    #[arg(long = "set-metadata", value_name = "JSON")]
    metadata: Option<String>,
    /// Further metadata: each key takes the place of the one of that name; null takes it away
    #[arg(long, value_name = "JSON", conflicts_with = "metadata")]
    merge_metadata: Option<String>,
    /// Another queue
    #[arg(id = "set_queue", long = "set-queue", value_name = "QUEUE", value_parser = name)]
    queue: Option<String>,
    /// Another priority, 1 (served first) to 4
    #[arg(id = "set_priority", long = "set-priority", value_name = "PRIORITY", value_parser = priority)]
    priority: Option<u8>,
    /// After so many failed attempts in all it is discarded
    #[arg(long = "set-max-attempts", value_name = "ATTEMPTS", value_parser = attempts)]
    max_attempts: Option<u32>,
    /// Other tags, in place of all there are; "" for none
    #[arg(long = "set-tags", value_name = "TAGS", value_delimiter = ',', value_parser = name)]
    tags: Option<Vec<String>>,
    /// When it is due
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// How long until it is due
    #[arg(long = "in", value_name = "DURATION", value_parser = duration, conflicts_with = "at")]
    delay: Option<Duration>,
    /// How long an attempt may take; `none`: as the worker says
    #[arg(long = "set-timeout", value_name = "DURATION", value_parser = limit)]
    timeout: Option<Limit>,
    /// How long after its insert it may begin at the latest; `none`: for ever
    #[arg(long = "set-ttl", value_name = "DURATION", value_parser = limit)]
    ttl: Option<Limit>,
    /// Whether the row goes away when the job completes
    #[arg(long = "set-ephemeral", value_name = "BOOL")]
    ephemeral: Option<bool>,
    #[command(flatten)]
    which: Which,
}

/// A span of time, or none.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<Duration>);

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" { Ok(Limit(None)) } else { duration(text).map(|limit| Limit(Some(limit))) }
}

impl UpdateCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let update = self.update()?;
        verbs::each(self.which, app, Verb::Update, "updated", &|on, id| Ok(drip::update_job(on, id, update.clone())?))
    }

    fn update(&self) -> Outcome<JobUpdate> {
        let mut changes: Vec<Box<dyn FnOnce(JobUpdate) -> JobUpdate>> = Vec::new();
        let mut json = |field, text: &Option<String>, set: fn(JobUpdate, Value) -> JobUpdate| -> Outcome {
            if let Some(text) = text {
                let value = insert::json(field, text)?;
                changes.push(Box::new(move |update| set(update, value)));
            }
            Ok(())
        };
        json("args", &self.args, JobUpdate::args)?;
        json("metadata", &self.metadata, JobUpdate::metadata)?;
        json("metadata", &self.merge_metadata, JobUpdate::merge_metadata)?;
        changes.extend(self.plain());
        if changes.is_empty() {
            return Err(Failure::usage("nothing is to be changed").advise("say what, such as --set-priority 1"));
        }
        Ok(changes.into_iter().fold(JobUpdate::new(), |update, change| change(update)))
    }

    fn plain(&self) -> impl Iterator<Item = Box<dyn FnOnce(JobUpdate) -> JobUpdate>> + use<> {
        let soon = self.delay.map(|delay| {
            Timestamp::now().saturating_add(SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX))
        });
        let at = self.at.or(soon.and_then(Result::ok));
        let tags = self.tags.clone().map(|tags| tags.into_iter().filter(|tag| !tag.is_empty()).collect::<Vec<_>>());
        let changes = [
            set(self.queue.clone(), JobUpdate::queue),
            set(self.priority, JobUpdate::priority),
            set(self.max_attempts, JobUpdate::max_attempts),
            set(tags, JobUpdate::tags),
            set(at, JobUpdate::scheduled_at),
            set(self.timeout, |update, limit| update.timeout(limit.0)),
            set(self.ttl, |update, limit| update.ttl(limit.0)),
            set(self.ephemeral, JobUpdate::ephemeral),
        ];
        changes.into_iter().flatten()
    }
}

fn set<T: 'static>(
    value: Option<T>,
    set: impl FnOnce(JobUpdate, T) -> JobUpdate + 'static,
) -> Option<Box<dyn FnOnce(JobUpdate) -> JobUpdate>> {
    value.map(|value| Box::new(move |update| set(update, value)) as Box<dyn FnOnce(JobUpdate) -> JobUpdate>)
}

/// Record what a job has to show, under "output" in its metadata
#[derive(Debug, Args)]
pub struct OutputCommand {
    /// The job's id
    #[arg(value_parser = id)]
    id: i64,
    /// Any JSON
    output: String,
}

impl OutputCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let output = insert::json("output", &self.output)?;
        let job = drip::record_output(&app.client()?, self.id, output)?;
        app.output.one(&crate::json::JobDocument::from(&job), |to| to.line(format!("job {} has its output", job.id)))
    }
}

/// Say that running jobs have failed: they are tried again later, or discarded after their last attempt
#[derive(Debug, Args)]
pub struct FailCommand {
    /// What went wrong
    #[arg(long, value_name = "TEXT")]
    error: String,
    #[command(flatten)]
    which: Which,
}

impl FailCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let fail = |on: &Client, id| Ok(drip::fail_job(on, id, Failed::new(self.error.as_str()))?);
        verbs::each(self.which, app, Verb::Fail, "failed", &fail)
    }
}
