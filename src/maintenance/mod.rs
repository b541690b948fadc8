//! Upkeep that no worker sees to: what has ended goes away, what has run for too long goes back, and the tables stay healthy.
//!
//! Each task has a thread of its own, so that a long one holds up no other, and a row on the timetable
//! ([`queue::timetable`](crate::queue::timetable)), so that of all processes that offer to do it one does.

mod keeper;
mod task;
mod tasks;

use std::{sync::Arc, time::Duration};

use crate::{
    Background, Client, RescueAfter, Result, Retention, dialect::Tidying, machine::Owner, new_job::check_span,
    retention::STATES,
};

use keeper::Busy;
use task::Task;

const MINUTE: Duration = Duration::from_secs(60);

/// What is done for the tables every so often, by threads in the background.
///
/// ```no_run
/// use drip::{Client, Maintenance, Retention};
/// use std::time::Duration;
///
/// # fn main() -> drip::Result<()> {
/// # let client = Client::connect("sqlite://app.db")?;
/// let maintenance = Maintenance::new(&client)
///     .retention(Retention::default().completed(Duration::from_secs(3600)))
///     .start()?;
/// // …
/// maintenance.stop(Duration::from_secs(5));
/// # Ok(()) }
/// ```
///
/// Start it in as many processes as you like: each task is done once per interval, by whichever is first
/// ([`list_tasks`](crate::list_tasks)); where intervals differ, the shortest counts. Each run goes by the settings of
/// whoever does it, so give all the same. If that process dies, another takes over
/// within 30 s. Without it workers rescue the jobs of those that die, and never begin jobs that have expired; but jobs that
/// have ended stay for ever. It does not do the workers' part: where no [`Worker`](crate::Worker) runs, nobody is missed, and
/// [`rescue_jobs`](crate::rescue_jobs) does it by hand.
///
/// Each task has a thread, and a connection while it is at work. A task that fails is reported
/// ([`Event::MaintenanceFailed`](crate::Event::MaintenanceFailed)) and tried again after its interval; one that finds the
/// database away goes on when it is back.
#[derive(Debug, Clone)]
#[must_use = "nothing is done until it is started"]
pub struct Maintenance {
    client: Client,
    rescue_after: RescueAfter,
    rescue_interval: Duration,
    retention: Retention,
    retention_interval: Duration,
    expiry_interval: Option<Duration>,
    reindex_interval: Option<Duration>,
    tidy_interval: Option<Duration>,
}

impl Maintenance {
    /// Maintenance of this client's database, with the defaults of each setting.
    pub fn new(client: &Client) -> Self {
        Maintenance {
            client: client.clone(),
            rescue_after: RescueAfter::default(),
            rescue_interval: MINUTE,
            retention: Retention::default(),
            retention_interval: MINUTE,
            expiry_interval: Some(MINUTE),
            reindex_interval: None,
            tidy_interval: Some(10 * MINUTE),
        }
    }

    /// For how long a job may run before it is made available again though its worker lives: from 1 ms to 10 years, `None`
    /// for as long as it takes. Default: `None`; workers that die are missed by other workers in any case.
    ///
    /// Unlike an attempt that ends with its worker this one counts: a job that has none left is discarded.
    ///
    /// A handler that is still at work on such a job loses its claim: see [`rescue_overdue_jobs`](crate::rescue_overdue_jobs).
    pub fn rescue_after(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.rescue_after.in_others(after.into());
        self
    }

    /// As [`rescue_after`](Maintenance::rescue_after), for the jobs of one queue, whatever is said of the others.
    pub fn rescue_after_in(mut self, queue: impl Into<String>, after: impl Into<Option<Duration>>) -> Self {
        self.rescue_after = self.rescue_after.in_queue(queue, after);
        self
    }

    /// How often such jobs are looked for, if any are: from 100 ms to 10 years. Default: 1 min.
    pub fn rescue_interval(mut self, interval: Duration) -> Self {
        self.rescue_interval = interval;
        self
    }

    /// For how long jobs stay that have ended. Default: completed and cancelled ones 24 h, discarded ones 7 days.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// How often those are looked for that are to go: from 100 ms to 10 years. Default: 1 min.
    pub fn retention_interval(mut self, interval: Duration) -> Self {
        self.retention_interval = interval;
        self
    }

    /// How often jobs are discarded that had a time to live and did not begin within it: from 100 ms to 10 years, `None` for
    /// never. Default: 1 min.
    pub fn expiry_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.expiry_interval = interval.into();
        self
    }

    /// How often the indexes are built anew, on PostgreSQL 12 or newer: see [`reindex`](crate::reindex). From 100 ms to 10
    /// years, `None` for never. Default: `None`.
    pub fn reindex_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.reindex_interval = interval.into();
        self
    }

    /// How often what the engine leaves to others is done for the tables: see [`tidy`](crate::tidy). From 100 ms to 10 years,
    /// `None` for never. Default: 10 min.
    pub fn tidy_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.tidy_interval = interval.into();
        self
    }

    /// Starts the threads.
    ///
    /// The database need not be there: they wait for it. [`stop`](Background::stop) ends them between two batches; a statement
    /// that is under way, such as one that builds an index, is not broken off.
    ///
    /// # Errors
    /// [`is_invalid_input`](crate::Error::is_invalid_input) for a setting outside its range or the name of a queue that is
    /// none; [`is_unavailable`](crate::Error::is_unavailable) if a thread cannot be started.
    pub fn start(&self) -> Result<Background> {
        self.check()?;
        let busy = Arc::new(Busy::new());
        let keep = busy.clone();
        let keeper: Work = Box::new(move |owner| keeper::run(&owner, &keep));
        let work = self.tasks().into_iter().map(|task| {
            let (name, busy) = (format!("drip-{}", task.name), busy.clone());
            let run: Work = Box::new(move |owner| task::run(task, &owner, &busy));
            (name, run)
        });
        let owner = Owner::new(&self.client, "maintenance");
        Background::start(owner, work.chain([("drip-keep".to_owned(), keeper)]))
    }

    fn check(&self) -> Result<()> {
        const LEAST: Duration = Duration::from_millis(100);
        for (field, interval) in [
            ("rescue_interval", Some(self.rescue_interval)),
            ("retention_interval", Some(self.retention_interval)),
            ("expiry_interval", self.expiry_interval),
            ("reindex_interval", self.reindex_interval),
            ("tidy_interval", self.tidy_interval),
        ] {
            check_span(field, interval, LEAST)?;
        }
        self.rescue_after.check()?;
        self.retention.check()
    }

    /// What is to be done, as far as there is anything in it.
    fn tasks(&self) -> Vec<Task> {
        let dialect = self.client.dialect();
        let mut tasks = Vec::new();
        if self.rescue_after.shortest().is_some() {
            tasks.push(tasks::rescue(self.rescue_after.clone(), self.rescue_interval));
        }
        if (0..STATES.len()).any(|state| self.retention.concerns(state)) {
            tasks.push(tasks::retain(self.retention.clone(), self.retention_interval));
        }
        if let Some(interval) = self.expiry_interval {
            tasks.push(tasks::expire(interval));
        }
        if let Some(interval) = self.reindex_interval.filter(|_| dialect.reindexes()) {
            tasks.push(tasks::reindex(interval));
        }
        if let Some(interval) = self.tidy_interval.filter(|_| dialect.tidying() != Tidying::Nothing) {
            tasks.push(tasks::tidy(interval));
        }
        tasks
    }
}

/// What a thread does.
type Work = Box<dyn FnOnce(Arc<Owner>) + Send>;
