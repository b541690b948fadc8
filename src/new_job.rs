//! A job to be inserted: its payload and its options, checked before anything is sent.

use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Error, Result, Unique,
    duration::MAX_DURATION,
    json::{self, JsonProblem},
    name,
};

/// The most tags one job may have.
const MAX_TAGS: usize = 1000;

/// A payload that knows its kind.
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct WelcomeEmail {
///     user_id: i64,
/// }
///
/// impl drip::JobArgs for WelcomeEmail {
///     const KIND: &'static str = "welcome_email";
///
///     // Optional: what every job of this kind starts from.
///     fn defaults(job: drip::NewJob) -> drip::NewJob {
///         job.queue("email").max_attempts(5)
///     }
/// }
///
/// let job = drip::NewJob::from(WelcomeEmail { user_id: 7 }).priority(2);
/// ```
pub trait JobArgs: Serialize {
    /// The kind of the job: which handler runs it. 1 to 127 bytes. Stored with each job, so keep it when the type is
    /// renamed.
    const KIND: &'static str;

    /// The options that jobs of this kind start from; what is set at an insert comes on top.
    fn defaults(job: NewJob) -> NewJob {
        job
    }
}

/// A job to be inserted.
///
/// Every setter states its default. Nothing is checked before the insert, which answers an error that names the option
/// and its limit.
#[derive(Debug, Clone)]
#[must_use = "a new job does nothing until it is inserted"]
pub struct NewJob {
    pub(crate) kind: Cow<'static, str>,
    args: Result<String, JsonProblem>,
    pub(crate) queue: Cow<'static, str>,
    pub(crate) priority: u8,
    pub(crate) max_attempts: u32,
    pub(crate) due: Due,
    pub(crate) tags: Vec<String>,
    metadata: Result<String, JsonProblem>,
    pub(crate) unique: Option<Unique>,
    pub(crate) ephemeral: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) pending: bool,
    pub(crate) notify: bool,
}

/// When a job is due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Due {
    Now,
    At(Timestamp),
    In(Duration),
}

/// What the checks leave: text ready to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) job: NewJob,
    pub(crate) args: String,
    pub(crate) metadata: String,
    pub(crate) tags: String,
}

impl NewJob {
    /// A job of `kind` with `args`, which must be a JSON object of at most 1 MiB, nested at most 31 deep, without NUL
    /// characters; integers from `i64::MIN` to `u64::MAX`.
    pub fn new(kind: impl Into<Cow<'static, str>>, args: Value) -> Self {
        NewJob::with(kind, json::check_value(args, json::MAX_BYTES))
    }

    /// As [`new`](NewJob::new), with the args as JSON text, which is stored as it is. Keys may not occur twice.
    pub fn from_json(kind: impl Into<Cow<'static, str>>, args: impl AsRef<[u8]>) -> Self {
        NewJob::with(kind, json::check_text(args.as_ref(), json::MAX_BYTES))
    }

    fn with(kind: impl Into<Cow<'static, str>>, args: Result<String, JsonProblem>) -> Self {
        NewJob {
            kind: kind.into(),
            args,
            queue: "default".into(),
            priority: 1,
            max_attempts: 25,
            due: Due::Now,
            tags: Vec::new(),
            metadata: Ok("{}".to_owned()),
            unique: None,
            ephemeral: false,
            timeout: None,
            ttl: None,
            pending: false,
            notify: true,
        }
    }

    /// The queue to wait in: 1 to 127 bytes, no control characters, no space at either end, and not `*`.
    /// Default: `default`.
    pub fn queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.queue = queue.into();
        self
    }

    /// From 1 (served first) to 4. Default: 1.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// After so many failed attempts the job is discarded. At least 1. Default: 25.
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// When the job is due, from 1970 to the end of 9999; cut to whole microseconds. A time in the past means now.
    /// Default: now, by the database's clock.
    pub fn scheduled_at(mut self, at: Timestamp) -> Self {
        self.due = Due::At(at);
        self
    }

    /// The job is due this long after it was inserted, by the database's clock. At most 10 years.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.due = Due::In(delay);
        self
    }

    /// Words to find the job by: at most 1000, each as a queue's name and without a comma. Default: none.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Anything that the application wants to keep beside the args: a JSON object with the limits of args.
    /// Default: `{}`.
    pub fn metadata(mut self, metadata: Value) -> Self {
        self.metadata = json::check_value(metadata, json::MAX_BYTES);
        self
    }

    /// What makes the job unique. Default: nothing.
    pub fn unique(mut self, unique: Unique) -> Self {
        self.unique = Some(unique);
        self
    }

    /// The row goes away when the job completes. Default: it stays.
    pub fn ephemeral(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    /// How long one attempt may take: from 1 ms to 10 years. Default: that of the worker for this kind.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// If the job has not begun this long after its insert, it never begins: from 1 ms to 10 years. Default: it may
    /// wait for ever.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The job is held until it is released. Default: it is not.
    pub fn pending(mut self) -> Self {
        self.pending = true;
        self
    }

    /// PostgreSQL: do not send a notification with this insert. A worker then sees the job when it next polls. For
    /// transactions that are to be prepared (two-phase commit), and for the heaviest inserting. Default: one is sent.
    pub fn without_notification(mut self) -> Self {
        self.notify = false;
        self
    }

    /// Other args, with the limits of [`new`](NewJob::new). Default: those that the job was made with.
    pub fn args(mut self, args: Value) -> Self {
        self.args = json::check_value(args, json::MAX_BYTES);
        self
    }

    /// One more entry in the metadata, or another value for one that is there.
    pub fn metadata_entry(mut self, key: impl Into<String>, value: Value) -> Self {
        self.metadata = self.metadata.and_then(|text| {
            let mut entries: serde_json::Map<_, _> = serde_json::from_str(&text).unwrap_or_default(); // was checked
            entries.insert(key.into(), value);
            json::check_value(Value::Object(entries), json::MAX_BYTES)
        });
        self
    }

    /// The kind of the job.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The queue in which it is to wait.
    pub fn queue_name(&self) -> &str {
        &self.queue
    }

    /// The args as they will be stored, unless they are such that the insert will refuse them.
    pub fn args_text(&self) -> Option<&str> {
        self.args.as_deref().ok()
    }

    /// The metadata as it will be stored, unless it is such that the insert will refuse it.
    pub fn metadata_text(&self) -> Option<&str> {
        self.metadata.as_deref().ok()
    }

    /// Whether it is available from the beginning, for ever, and beside any other.
    pub(crate) fn is_available_at_once(&self) -> bool {
        self.due == Due::Now && self.ttl.is_none() && self.unique.is_none() && !self.pending
    }

    /// Checks everything that can be checked without a database.
    pub(crate) fn check(mut self) -> Result<Checked> {
        name::check("kind", &self.kind)?;
        name::check_queue(&self.queue)?;
        self.check_numbers()?;
        check_tags(&self.tags)?;
        if let Some(unique) = &self.unique {
            unique.check()?;
        }
        let args = std::mem::replace(&mut self.args, Ok(String::new())).map_err(|p| in_field("args", &p))?;
        let metadata =
            std::mem::replace(&mut self.metadata, Ok(String::new())).map_err(|p| in_field("metadata", &p))?;
        let tags = match &self.tags[..] {
            [] => "[]".to_owned(),
            tags => serde_json::to_string(tags).map_err(|error| Error::invalid("tags", error.to_string()))?,
        };
        Ok(Checked { job: self, args, metadata, tags })
    }

    fn check_numbers(&self) -> Result<()> {
        check_priority(self.priority)?;
        check_attempts(self.max_attempts)?;
        match self.due {
            Due::At(at) if at < Timestamp::UNIX_EPOCH => {
                return Err(Error::invalid("scheduled_at", format!("is {at}; not before 1970")));
            }
            Due::In(delay) => check_span("delay", Some(delay), Duration::ZERO)?,
            _ => {}
        }
        check_span("timeout", self.timeout, Duration::from_millis(1))?;
        check_span("ttl", self.ttl, Duration::from_millis(1))
    }
}

pub(crate) fn check_priority(priority: u8) -> Result<()> {
    match priority {
        1..=4 => Ok(()),
        _ => Err(Error::invalid("priority", format!("is {priority}; from 1 (served first) to 4"))),
    }
}

pub(crate) fn check_attempts(max_attempts: u32) -> Result<()> {
    match max_attempts {
        0 => Err(Error::invalid("max_attempts", "is 0; at least 1")),
        _ => Ok(()),
    }
}

pub(crate) fn check_tags(tags: &[String]) -> Result<()> {
    if tags.len() > MAX_TAGS {
        return Err(Error::invalid("tags", format!("are {}; the limit is {MAX_TAGS}", tags.len())));
    }
    for tag in tags {
        name::check("tags", tag)?;
        if tag.contains(',') {
            return Err(Error::invalid("tags", format!("{tag:?} holds a comma, which separates tags in lists")));
        }
    }
    Ok(())
}

/// A duration of at most ten years.
pub(crate) fn check_span(field: &'static str, span: Option<Duration>, least: Duration) -> Result<()> {
    match span {
        Some(span) if span < least || span > MAX_DURATION => {
            Err(Error::invalid(field, format!("is {span:?}; from {least:?} to 10 years")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn in_field(field: &'static str, problem: &JsonProblem) -> Error {
    Error::invalid(field, problem.to_string())
}

impl<T: JobArgs> From<T> for NewJob {
    /// A job with the payload's kind and the defaults that its type declares.
    fn from(args: T) -> Self {
        T::defaults(NewJob::with(T::KIND, json::check_typed(&args, json::MAX_BYTES)))
    }
}
