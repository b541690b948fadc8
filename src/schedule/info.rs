//! A schedule as the database knows it.

use std::time::Duration;

use jiff::Timestamp;

use super::{Missed, Options, Rule};
use crate::{Error, NewJob, Result, dialect::Row};

/// The most slots that are told of in advance.
const MAX_NEXT_SLOTS: usize = 1000;

/// A schedule as it was when it was read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ScheduleInfo {
    /// Its name.
    pub name: String,
    /// The kind of its jobs.
    pub kind: String,
    /// The queue of its jobs.
    pub queue: String,
    /// What becomes of slots that were missed.
    pub missed: Missed,
    /// How late a slot may be noticed and was not missed.
    pub grace: Duration,
    /// How long after its slot a job is due at the most.
    pub jitter: Duration,
    /// The next slot; no slot before this yields a job any more. Long in the past: nobody looks after schedules.
    pub next_at: Timestamp,
    /// The latest slot that has yielded a job, or met a duplicate.
    pub last_slot_at: Option<Timestamp>,
    /// The job of that slot; it may be gone.
    pub last_job_id: Option<i64>,
    /// Since when it is paused, by [`pause_schedule`](crate::pause_schedule).
    pub paused_at: Option<Timestamp>,
    /// Since when its owner does not declare it any more, and so no slot yields a job.
    pub retired_at: Option<Timestamp>,
    /// Who declares it, if that has a name.
    pub owner: Option<String>,
    /// When it was first declared.
    pub created_at: Timestamp,
    /// When it was last declared, paused or resumed, whether or not that changed anything.
    pub updated_at: Timestamp,
    rule: Rule,
    args: String,
    metadata: String,
    options: String,
}

impl ScheduleInfo {
    /// When its jobs come. One that was written by hand need not be a rule.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Whether its slots yield nothing: it is paused, or not declared any more.
    pub fn is_paused(&self) -> bool {
        self.paused_at.or(self.retired_at).is_some()
    }

    /// The next slots, at most 1000; none while it is paused. The first may have passed, if nobody has looked yet.
    ///
    /// # Errors
    /// When the row was written by hand, or on a machine that knows more time zones, and its rule is none here.
    pub fn next_slots(&self, count: usize) -> Result<Vec<Timestamp>> {
        let slots = self.rule.slots()?;
        let count = if self.is_paused() { 0 } else { count.min(MAX_NEXT_SLOTS) };
        Ok(slots.between(self.next_at, Timestamp::MAX).take(count).collect())
    }

    /// The job that it inserts, but for what differs from slot to slot: when it is due, and what its metadata says of the
    /// schedule.
    ///
    /// # Errors
    /// When the row was written by hand, or by a newer version, and holds options that are none here.
    pub fn job(&self) -> Result<NewJob> {
        let metadata = serde_json::from_str(&self.metadata)
            .map_err(|error| Error::corrupt("the metadata of its jobs is not JSON").because(error))?;
        let job = NewJob::from_json(self.kind.clone(), &self.args).queue(self.queue.clone()).metadata(metadata);
        Options::read(&self.options)?.apply(job)
    }

    /// As the statements select it.
    pub(crate) fn read(row: &mut Row<'_>) -> Result<ScheduleInfo> {
        let name = row.text()?;
        let (every_ms, offset_ms) = (row.int_or_null()?, row.int()?);
        let rule = rule(every_ms, offset_ms, row.text_or_null()?, row.text_or_null()?);
        Ok(ScheduleInfo {
            name,
            rule,
            kind: row.text()?,
            queue: row.text()?,
            args: row.text()?,
            metadata: row.text()?,
            options: row.text()?,
            missed: Missed::of(row.int()?),
            grace: millis(row.int()?),
            jitter: millis(row.int()?),
            next_at: row.time()?,
            last_slot_at: row.time_or_null()?,
            last_job_id: row.int_or_null()?,
            paused_at: row.time_or_null()?,
            retired_at: row.time_or_null()?,
            owner: row.text_or_null()?,
            created_at: row.time()?,
            updated_at: row.time()?,
        })
    }
}

fn rule(every_ms: Option<i64>, offset_ms: i64, cron: Option<String>, time_zone: Option<String>) -> Rule {
    match (every_ms, cron) {
        (None, Some(pattern)) => Rule::cron(pattern, time_zone.unwrap_or_default()),
        (every_ms, _) => match millis(offset_ms) {
            Duration::ZERO => Rule::every(millis(every_ms.unwrap_or_default())),
            offset => Rule::every(millis(every_ms.unwrap_or_default())).offset(offset),
        },
    }
}

/// A length that was written by hand may be less than nothing; it is then no rule.
fn millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
