//! What is to be changed in a job that waits or has ended.

use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    Error, Job, Result, State,
    clock::after,
    dialect::truncated,
    json::{self, JsonProblem},
    name,
    new_job::{check_attempts, check_priority, check_span, check_tags, in_field},
    state::Verb,
};

/// What is to be changed in a job. What is not named stays as it is; the kind cannot be changed, and neither can what
/// makes a job unique: its key stays the one that it was inserted with.
///
/// ```
/// use drip::JobUpdate;
///
/// let update = JobUpdate::new().priority(1).queue("urgent");
/// # let _ = update;
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct JobUpdate {
    args: Option<Result<String, JsonProblem>>,
    metadata: Option<Metadata>,
    queue: Option<Cow<'static, str>>,
    priority: Option<u8>,
    max_attempts: Option<u32>,
    tags: Option<Vec<String>>,
    scheduled_at: Option<Timestamp>,
    timeout: Option<Option<Duration>>,
    ttl: Option<Option<Duration>>,
    ephemeral: Option<bool>,
}

#[derive(Debug, Clone)]
enum Metadata {
    Replaced(Result<String, JsonProblem>),
    Merged(Result<String, JsonProblem>),
}

impl JobUpdate {
    /// Changes nothing.
    pub fn new() -> Self {
        JobUpdate::default()
    }

    /// Other args: a JSON object, within the limits of [`NewJob::new`](crate::NewJob::new). Those of a job that has ended
    /// are history, and stay.
    pub fn args(mut self, args: Value) -> Self {
        self.args = Some(json::check_value(args, json::MAX_BYTES));
        self
    }

    /// Other metadata, in place of all there is, the output included.
    pub fn metadata(mut self, metadata: Value) -> Self {
        self.metadata = Some(Metadata::Replaced(json::check_value(metadata, json::MAX_BYTES)));
        self
    }

    /// Further metadata: each key at the top takes the place of the one of that name, and a key that is null takes it
    /// away. What lies deeper is replaced as a whole.
    pub fn merge_metadata(mut self, metadata: Value) -> Self {
        self.metadata = Some(Metadata::Merged(json::check_value(metadata, json::MAX_BYTES)));
        self
    }

    /// Another queue.
    pub fn queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Another priority, from 1 (served first) to 4.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// After so many failed attempts in all the job is discarded; at least 1.
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = Some(max_attempts);
        self
    }

    /// Other tags, in place of all there are.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Another due time: a job that waits becomes scheduled, or available if that time has come. One that is pending stays
    /// so; one that has ended refuses.
    pub fn scheduled_at(mut self, at: Timestamp) -> Self {
        self.scheduled_at = Some(at);
        self
    }

    /// How long one attempt may take, from 1 ms to 10 years; `None`: as the worker says.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = Some(timeout.into());
        self
    }

    /// How long after its insert the job may begin at the latest, from 1 ms to 10 years; `None`: for ever.
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.ttl = Some(ttl.into());
        self
    }

    /// Whether the row goes away when the job completes.
    pub fn ephemeral(mut self, ephemeral: bool) -> Self {
        self.ephemeral = Some(ephemeral);
        self
    }

    /// Checks everything that can be checked without the job.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(Err(problem)) = &self.args {
            return Err(in_field("args", problem));
        }
        if let Some(Metadata::Replaced(Err(problem)) | Metadata::Merged(Err(problem))) = &self.metadata {
            return Err(in_field("metadata", problem));
        }
        self.queue.iter().try_for_each(|queue| name::check("queue", queue))?;
        self.priority.map_or(Ok(()), check_priority)?;
        self.max_attempts.map_or(Ok(()), check_attempts)?;
        self.tags.as_deref().map_or(Ok(()), check_tags)?;
        match self.scheduled_at {
            Some(at) if at < Timestamp::UNIX_EPOCH => {
                return Err(Error::invalid("scheduled_at", format!("is {at}; not before 1970")));
            }
            _ => {}
        }
        check_span("timeout", self.timeout.flatten(), Duration::from_millis(1))?;
        check_span("ttl", self.ttl.flatten(), Duration::from_millis(1))
    }

    /// The job as this leaves it; it has been checked.
    pub(crate) fn apply(self, job: &mut Job, now: Timestamp) -> Result<()> {
        if self.args.is_some() && job.state.is_final() {
            return Err(Error::wrong_state(Verb::Update, job.id, job.state));
        }
        if let Some(at) = self.scheduled_at {
            reschedule(job, truncated(at), now)?;
        }
        match self.metadata {
            Some(Metadata::Replaced(Ok(metadata))) => job.metadata = metadata,
            Some(Metadata::Merged(Ok(further))) => job.metadata = merged(job, &further)?,
            _ => {}
        }
        put(&mut job.args, self.args.and_then(Result::ok));
        put(&mut job.queue, self.queue.map(Cow::into_owned));
        put(&mut job.priority, self.priority);
        put(&mut job.max_attempts, self.max_attempts);
        put(&mut job.tags, self.tags);
        put(&mut job.timeout, self.timeout.map(|timeout| timeout.map(in_millis)));
        let created_at = job.created_at;
        put(&mut job.expires_at, self.ttl.map(|ttl| ttl.map(|ttl| after(created_at, ttl))));
        put(&mut job.ephemeral, self.ephemeral);
        Ok(())
    }
}

fn put<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn in_millis(timeout: Duration) -> Duration {
    Duration::from_millis(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX))
}

fn reschedule(job: &mut Job, at: Timestamp, now: Timestamp) -> Result<()> {
    job.state = match job.state {
        State::Available | State::Scheduled | State::Retryable if at > now => State::Scheduled,
        State::Available | State::Scheduled | State::Retryable => State::Available,
        State::Pending => State::Pending,
        ended => return Err(Error::wrong_state(Verb::Update, job.id, ended)),
    };
    job.scheduled_at = at;
    Ok(())
}

/// One rule for all databases: theirs differ, in what becomes of a null and of what lies deeper.
fn merged(job: &Job, further: &str) -> Result<String> {
    let mut metadata = job.metadata()?;
    let further: serde_json::Map<String, Value> = serde_json::from_str(further)
        .map_err(|error| Error::corrupt("checked metadata cannot be read").because(error))?;
    for (key, value) in further {
        match value {
            Value::Null => drop(metadata.remove(&key)),
            value => drop(metadata.insert(key, value)),
        }
    }
    json::check_value(Value::Object(metadata), json::MAX_BYTES).map_err(|problem| in_field("metadata", &problem))
}
