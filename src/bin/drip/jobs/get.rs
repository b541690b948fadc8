//! `drip jobs get`: all there is to know of a job.

use clap::Args;
use drip::{Client, Job};

use crate::{
    app::App,
    escape::{escaped, escaped_json, escaped_lines},
    failure::{Failure, Outcome},
    json::JobDocument,
    number::id,
    output::Output,
    time::{local_with_zone, span},
};

#[derive(Debug, Args)]
pub struct GetCommand {
    /// The job's id
    #[arg(value_parser = id)]
    id: i64,
}

impl GetCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let client = app.client()?;
        let job = found(&client, self.id)?;
        app.output.one(&JobDocument::from(&job), |output| show(output, &job))
    }
}

/// The job with this id.
pub fn found(client: &Client, id: i64) -> Outcome<Job> {
    let missing =
        || Failure::not_found(format!("there is no job {id}")).advise("it may have been removed after its end");
    drip::get_job(client, id)?.ok_or_else(missing)
}

fn show(output: &mut Output, job: &Job) -> Outcome {
    output.fields(&fields(job))?;
    output.line("")?;
    json(output, "args", job.args(), job.args_text())?;
    let metadata = job.metadata().unwrap_or_default();
    if !metadata.is_empty() {
        json(output, "metadata", Ok(metadata.into()), "")?;
    }
    errors(output, job)
}

fn fields(job: &Job) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("id", job.id.to_string()),
        ("state", job.state.to_string()),
        ("kind", escaped(&job.kind)),
        ("queue", escaped(&job.queue)),
        ("priority", job.priority.to_string()),
        ("attempt", format!("{} of {}", job.attempt, job.max_attempts)),
        ("scheduled_at", local_with_zone(job.scheduled_at)),
        ("created_at", local_with_zone(job.created_at)),
    ];
    let times =
        [("attempted_at", job.attempted_at), ("finalized_at", job.finalized_at), ("expires_at", job.expires_at)];
    fields.extend(times.into_iter().filter_map(|(name, time)| Some((name, local_with_zone(time?)))));
    fields.extend(job.attempted_by.iter().map(|worker| ("attempted_by", escaped(worker))));
    fields.extend(job.timeout.map(|timeout| ("timeout", span(timeout))));
    let rare = [("snoozed", job.snooze_count), ("crashes", job.crash_count)];
    fields.extend(rare.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count.to_string())));
    fields.extend(job.ephemeral.then(|| ("ephemeral", "yes".to_owned())));
    fields.extend(job.unique_key.is_some().then(|| ("unique", "yes".to_owned())));
    fields.extend((!job.tags.is_empty()).then(|| ("tags", escaped(&job.tags.join(", ")))));
    fields
}

fn json(output: &mut Output, name: &str, value: drip::Result<serde_json::Value>, text: &str) -> Outcome {
    output.line(name)?;
    match value.map(|value| serde_json::to_string_pretty(&value)) {
        Ok(Ok(pretty)) => escaped_json(&pretty).lines().try_for_each(|line| output.line(format!("  {line}"))),
        // Written by hand.
        _ => output.line(format!("  {}", escaped(text))),
    }
}

fn errors(output: &mut Output, job: &Job) -> Outcome {
    if let Some(text) = job.errors_text() {
        output.line("")?;
        output.line("errors, as they stand in the table, where they cannot be read")?;
        output.line(format!("  {}", escaped(text)))?;
    }
    for error in &job.errors {
        output.line("")?;
        output.line(format!("attempt {} failed, {}", error.attempt, local_with_zone(error.at)))?;
        escaped_lines(&error.error).try_for_each(|line| output.line(format!("  {line}")))?;
        escaped_lines(&error.trace).try_for_each(|line| output.line(format!("    {line}")))?;
    }
    Ok(())
}
