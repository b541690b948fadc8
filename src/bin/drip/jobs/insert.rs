//! `drip jobs insert`: a job.

use std::{io::Read, time::Duration};

use clap::Args;
use drip::{Inserted, NewJob, State};
use jiff::Timestamp;
use serde_json::Value;

use super::unique::UniqueOptions;
use crate::{
    app::App,
    escape::name,
    failure::{Failure, Outcome},
    json::InsertedDocument,
    number::{attempts, priority},
    time::{duration, moment},
};

#[derive(Debug, Args)]
pub struct InsertCommand {
    /// What kind of work it is
    #[arg(value_parser = name)]
    kind: String,
    /// The args, a JSON object; - reads them from standard input
    #[arg(default_value = "{}")]
    args: String,
    /// The queue; by default `default`
    #[arg(long, short, value_parser = name)]
    queue: Option<String>,
    /// 1 (served first, the default) to 4
    #[arg(long, value_parser = priority)]
    priority: Option<u8>,
    /// After so many failed attempts it is discarded; by default 25
    #[arg(long, value_name = "ATTEMPTS", value_parser = attempts)]
    max_attempts: Option<u32>,
    /// When it is due
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// How long until it is due
    #[arg(long = "in", value_name = "DURATION", value_parser = duration, conflicts_with = "at")]
    delay: Option<Duration>,
    /// Words to find it by
    #[arg(long, value_name = "TAG", value_delimiter = ',', value_parser = name)]
    tag: Vec<String>,
    /// The metadata, a JSON object
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
    /// How long an attempt may take
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// How long from now it may begin at the latest
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    ttl: Option<Duration>,
    /// Remove the row when the job completes
    #[arg(long)]
    ephemeral: bool,
    /// Hold it until `drip jobs release`
    #[arg(long)]
    pending: bool,
    #[command(flatten)]
    unique: UniqueOptions,
}

impl InsertCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let replaces = self.unique.replaces();
        let job = self.job()?;
        let inserted = drip::insert_job(&app.client()?, job)?;
        app.output.one(&InsertedDocument::from(&inserted), |output| match &inserted {
            Inserted::Duplicate(job) if replaces && waits(job.state) => output
                .line(format!("job {} was there already, and holds what was given now; it is {}", job.id, job.state)),
            Inserted::Duplicate(job) if replaces => {
                output.line(format!("job {} has started, and stays as it is: {}", job.id, job.state))
            }
            Inserted::Duplicate(job) => output.line(format!("job {} is the same, and {}", job.id, job.state)),
            inserted => output.line(format!("job {} is {}", inserted.job().id, inserted.job().state)),
        })
    }

    fn job(self) -> Outcome<NewJob> {
        let args = if self.args == "-" { standard_input()? } else { self.args };
        let mut job = NewJob::from_json(self.kind, args);
        job = set(self.queue, job, NewJob::queue);
        job = set(self.priority, job, NewJob::priority);
        job = set(self.max_attempts, job, NewJob::max_attempts);
        job = set(self.at, job, NewJob::scheduled_at);
        job = set(self.delay, job, NewJob::delay);
        job = set(self.timeout, job, NewJob::timeout);
        job = set(self.ttl, job, NewJob::ttl);
        job = if self.tag.is_empty() { job } else { job.tags(self.tag) };
        job = set(self.metadata.as_deref().map(|text| json("metadata", text)).transpose()?, job, NewJob::metadata);
        job = if self.ephemeral { job.ephemeral() } else { job };
        job = if self.pending { job.pending() } else { job };
        Ok(self.unique.apply(job))
    }
}

/// Whether a duplicate puts its content into the job that is there, if it was asked to.
fn waits(state: State) -> bool {
    !state.is_final() && state != State::Running
}

fn set<T>(value: Option<T>, job: NewJob, set: impl FnOnce(NewJob, T) -> NewJob) -> NewJob {
    match value {
        Some(value) => set(job, value),
        None => job,
    }
}

/// What was typed for a field.
pub fn json(field: &str, text: &str) -> Outcome<Value> {
    serde_json::from_str(text).map_err(|error| Failure::usage(format!("{field}: is not JSON: {error}")))
}

fn standard_input() -> Outcome<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| Failure::usage(format!("cannot read: {error}")))?;
    Ok(text)
}
