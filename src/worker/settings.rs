//! How a worker is to be, and whether it can be so.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{
    handler::{Handlers, Run},
    middleware::Middleware,
    queues::Queue,
};
use crate::{Dialect, Error, Job, Result, RetryPolicy, name, new_job::check_span, queue::workers::LEASE};

/// The most threads of one worker, replacements not counted.
const MAX_CONCURRENCY: usize = 10_000;

/// The shortest lease. Shorter ones would be lost to a busy machine.
const MIN_LEASE: Duration = Duration::from_millis(100);

/// What is set before the start and then stays.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) handlers: Handlers,
    /// The outermost first.
    pub(super) middleware: Vec<Arc<Middleware>>,
    pub(super) queues: Vec<Queue>,
    pub(super) any_queue: bool,
    pub(super) strict: bool,
    pub(super) concurrency: usize,
    pub(super) poll_interval: Duration,
    pub(super) stuck_after: Duration,
    pub(super) max_replacements: usize,
    pub(super) lease: Duration,
    pub(super) retry: RetryPolicy,
    pub(super) retry_by_kind: HashMap<String, RetryPolicy>,
    pub(super) timeout: Option<Duration>,
    pub(super) timeout_by_kind: HashMap<String, Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            handlers: Handlers::default(),
            middleware: Vec::new(),
            queues: Vec::new(),
            any_queue: false,
            strict: false,
            concurrency: 10,
            poll_interval: Duration::from_secs(1),
            stuck_after: Duration::from_secs(5),
            max_replacements: usize::MAX,
            lease: LEASE,
            retry: RetryPolicy::default(),
            retry_by_kind: HashMap::new(),
            timeout: None,
            timeout_by_kind: HashMap::new(),
        }
    }
}

impl Settings {
    /// Everything that can be wrong before a start.
    pub(super) fn check(&self, dialect: Dialect) -> Result<()> {
        if !(1..=MAX_CONCURRENCY).contains(&self.concurrency) {
            let problem = format!("is {}; from 1 to {MAX_CONCURRENCY} threads", self.concurrency);
            return Err(Error::invalid("concurrency", problem));
        }
        let poll_range = Duration::from_millis(1)..=Duration::from_secs(3600);
        if !poll_range.contains(&self.poll_interval) {
            let problem = format!("is {:?}; from 1 ms to 1 h", self.poll_interval);
            return Err(Error::invalid("poll_interval", problem));
        }
        if !(MIN_LEASE..=Duration::from_secs(3600)).contains(&self.lease) {
            return Err(Error::invalid("lease", format!("is {:?}; from 100 ms to 1 h", self.lease)));
        }
        check_span("timeout", self.timeout, Duration::from_millis(1))?;
        for timeout in self.timeout_by_kind.values() {
            check_span("timeout_for", Some(*timeout), Duration::from_millis(1))?;
        }
        check_queues(self)?;
        check_handlers(self, dialect)
    }

    /// How long an attempt at this job may take.
    pub(super) fn timeout(&self, job: &Job) -> Option<Duration> {
        job.timeout.or_else(|| self.timeout_by_kind.get(&job.kind).copied()).or(self.timeout)
    }

    /// The kinds that it handles, as a JSON array.
    pub(super) fn kinds(&self) -> String {
        serde_json::Value::from_iter(self.handlers.keys().cloned()).to_string()
    }

    /// The names of the queues that it serves.
    pub(super) fn queue_names(&self) -> Vec<String> {
        match self.queues.is_empty() {
            true => vec!["default".to_owned()],
            false => self.queues.iter().map(|queue| queue.name.to_string()).collect(),
        }
    }

    /// Whether this is one of them.
    pub(super) fn serves(&self, queue: &str) -> bool {
        self.any_queue || self.queues.iter().any(|served| served.name == queue)
    }

    pub(super) fn retry(&self, kind: &str) -> &RetryPolicy {
        self.retry_by_kind.get(kind).unwrap_or(&self.retry)
    }
}

fn check_queues(settings: &Settings) -> Result<()> {
    let mut names = HashSet::new();
    for queue in &settings.queues {
        name::check_queue(&queue.name)?;
        if !names.insert(&queue.name) {
            return Err(Error::invalid("queue", format!("{:?} is named twice", queue.name)));
        }
        if queue.limit == Some(0) {
            return Err(Error::invalid("limit", format!("of the queue {:?} is 0; at least 1", queue.name)));
        }
        if !(1..=1000).contains(&queue.weight) {
            let problem = format!("of the queue {:?} is {}; from 1 to 1000", queue.name, queue.weight);
            return Err(Error::invalid("weight", problem));
        }
    }
    if settings.any_queue && !names.is_empty() {
        return Err(Error::invalid("queue", "a worker of any queue names none"));
    }
    Ok(())
}

fn check_handlers(settings: &Settings, dialect: Dialect) -> Result<()> {
    if settings.handlers.is_empty() {
        return Err(Error::invalid("handler", "there is none: the worker would run nothing"));
    }
    for (field, kinds) in [
        ("retry_for", settings.retry_by_kind.keys().collect::<Vec<_>>()),
        ("timeout_for", settings.timeout_by_kind.keys().collect()),
    ] {
        if let Some(kind) = kinds.into_iter().find(|kind| !settings.handlers.contains_key(*kind)) {
            return Err(Error::invalid(field, format!("of {kind:?}: there is no handler of that kind")));
        }
    }
    for (kind, run) in &settings.handlers {
        name::check("kind", kind)?;
        match run {
            Run::Transactional(driver, _) if *driver != dialect => {
                let problem =
                    format!("of {kind:?} wants a {} transaction, the client is of {}", driver.name(), dialect.name());
                return Err(Error::invalid("handler", problem));
            }
            _ => {}
        }
    }
    Ok(())
}
