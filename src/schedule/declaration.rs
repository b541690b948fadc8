//! A schedule to be declared: its rule, its job, and what becomes of slots that nobody was there for.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Options, Rule, Slots};
use crate::{Error, NewJob, Result, name, new_job::Due};

/// Under these keys the metadata of its jobs says which schedule they are of, and which slot.
const NAME_KEY: &str = "schedule";
const SLOT_KEY: &str = "slot";

/// The most slots that are made up for.
const MAX_CATCH_UP: u32 = 100;

const MAX_GRACE: Duration = Duration::from_secs(7 * 24 * 3600);
/// So many slots of an interval may lie in the grace, each of which yields its job in one transaction.
const MAX_SLOTS_IN_GRACE: u32 = 1000;

const MAX_JITTER: Duration = Duration::from_secs(24 * 3600);

/// A job that comes again and again: declared with [`upsert_schedule`](crate::upsert_schedule) it is a row, and each of its
/// slots yields one job, whoever and however many look after it.
///
/// ```
/// # fn main() -> drip::Result<()> {
/// use drip::{Missed, NewJob, Rule, Schedule};
/// use std::time::Duration;
///
/// let report = NewJob::new("report", serde_json::json!({"of": "sales"})).queue("reports");
/// let schedule = Schedule::new("sales report", Rule::cron("0 9 * * mon-fri", "Europe/Paris"), report)
///     .missed(Missed::Skip)
///     .jitter(Duration::from_secs(60));
/// # let _ = schedule;
/// # Ok(()) }
/// ```
///
/// Its jobs are ordinary ones, with all their options. Of two schedules that share a kind each yields its own. Their
/// metadata names the schedule and the slot: `{"schedule": "sales report", "slot": "2030-01-02T08:00:00Z"}`; those keys
/// cannot be used otherwise. A job is due at its slot, and so is served before younger ones of its queue and priority.
///
/// Nothing is checked before it is declared.
#[derive(Debug, Clone)]
#[must_use = "a schedule does nothing until it is declared"]
pub struct Schedule {
    name: String,
    rule: Rule,
    job: NewJob,
    missed: Missed,
    grace: Duration,
    jitter: Duration,
    paused: bool,
}

/// What becomes of slots that were missed: for which nobody was there in time ([`Schedule::grace`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Missed {
    /// They yield nothing.
    Skip,
    /// However many they were, the latest of them yields its job.
    #[default]
    Once,
    /// Each yields its job; of many only so many of the latest, from 1 to 100.
    All(u32),
}

impl Missed {
    pub(super) fn of(catch_up: i64) -> Missed {
        match u32::try_from(catch_up) {
            Ok(0) | Err(_) => Missed::Skip,
            Ok(1) => Missed::Once,
            Ok(count) => Missed::All(count),
        }
    }

    fn catch_up(self) -> Result<i64> {
        match self {
            Missed::Skip => Ok(0),
            Missed::Once => Ok(1),
            Missed::All(count @ 1..=MAX_CATCH_UP) => Ok(count.into()),
            Missed::All(count) => Err(Error::invalid("missed", format!("is all of {count}; from 1 to {MAX_CATCH_UP}"))),
        }
    }
}

/// A schedule that was checked, as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) slots: Slots,
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) args: String,
    pub(crate) metadata: String,
    pub(crate) options: String,
    pub(crate) catch_up: i64,
    pub(crate) grace: Duration,
    pub(crate) jitter: Duration,
    pub(crate) paused: bool,
}

impl Schedule {
    /// A schedule by this name, as a queue's: 1 to 127 bytes, no control characters, no space at either end. It is what the
    /// schedule is known by: another rule or job under the same name is the same schedule, changed.
    pub fn new(name: impl Into<String>, rule: Rule, job: impl Into<NewJob>) -> Self {
        Schedule {
            name: name.into(),
            rule,
            job: job.into(),
            missed: Missed::default(),
            grace: Duration::from_secs(60),
            jitter: Duration::ZERO,
            paused: false,
        }
    }

    /// What becomes of slots that were missed. Default: [`Missed::Once`].
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// How late a slot may be noticed and still yield its job like any other: it was not missed then. From 0 to 7 days, and
    /// of an interval at most 1000 slots; whole milliseconds. Default: 1 min.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Each job is due a random while after its slot, at most this: so that not everybody begins at midnight. The slots
    /// themselves stay where they are. Less than an interval, with a pattern at most 24 h; whole milliseconds. Default: 0.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// It begins paused. Counts only when the schedule is new: one that is there already stays paused, or not. Default: it
    /// is not.
    pub fn paused(mut self) -> Self {
        self.paused = true;
        self
    }

    /// The name of the schedule.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When its jobs come.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Checks everything, which takes no database.
    pub(crate) fn check(self) -> Result<Declared> {
        name::check("name", &self.name)?;
        let slots = self.rule.slots()?;
        let catch_up = self.missed.catch_up()?;
        check_grace(&slots, self.grace)?;
        check_jitter(&slots, self.jitter)?;
        check_due(&self.job)?;
        check_metadata(&self.name, &self.job)?;
        let options = Options::of(&self.job).text()?;
        let checked = self.job.check()?;
        Ok(Declared {
            name: self.name,
            slots,
            kind: checked.job.kind.into_owned(),
            queue: checked.job.queue.into_owned(),
            args: checked.args,
            metadata: checked.metadata,
            options,
            catch_up,
            grace: self.grace,
            jitter: self.jitter,
            paused: self.paused,
        })
    }
}

pub(crate) fn check_grace(slots: &Slots, grace: Duration) -> Result<()> {
    if grace > MAX_GRACE || !is_whole(grace) {
        return Err(Error::invalid("grace", format!("is {grace:?}; from 0 to 7 days, in whole milliseconds")));
    }
    match slots.interval() {
        Some(interval) if grace > interval.saturating_mul(MAX_SLOTS_IN_GRACE) => Err(Error::invalid(
            "grace",
            format!("is {grace:?}; at most {MAX_SLOTS_IN_GRACE} slots, of {interval:?} each"),
        )),
        _ => Ok(()),
    }
}

fn check_jitter(slots: &Slots, jitter: Duration) -> Result<()> {
    if !is_whole(jitter) {
        return Err(Error::invalid("jitter", format!("is {jitter:?}; whole milliseconds")));
    }
    match slots.interval() {
        Some(interval) if jitter >= interval => {
            Err(Error::invalid("jitter", format!("is {jitter:?}; it must be less than the interval, {interval:?}")))
        }
        None if jitter > MAX_JITTER => Err(Error::invalid("jitter", format!("is {jitter:?}; from 0 to 24 h"))),
        _ => Ok(()),
    }
}

fn is_whole(span: Duration) -> bool {
    span.subsec_nanos().is_multiple_of(1_000_000)
}

/// When a job is due the schedule decides.
fn check_due(job: &NewJob) -> Result<()> {
    let field = match job.due {
        Due::At(_) => "scheduled_at",
        Due::In(_) => "delay",
        Due::Now if job.pending => "pending",
        Due::Now => return Ok(()),
    };
    Err(Error::invalid(field, "cannot be set for a schedule, which decides when its jobs are due"))
}

/// With what each job adds to it, it must still be metadata.
fn check_metadata(name: &str, job: &NewJob) -> Result<()> {
    let Some(text) = job.metadata_text() else { return Ok(()) }; // whose problem is told below
    let entries: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    if let Some(key) = [NAME_KEY, SLOT_KEY].into_iter().find(|key| entries.contains_key(*key)) {
        return Err(Error::invalid("metadata", format!("may not hold {key:?}, where each job says what it is of")));
    }
    marked(job.clone(), name, Some(Timestamp::MAX)).check().map(drop)
}

/// The job with what says of which schedule and slot it is.
pub(crate) fn marked(job: NewJob, name: &str, slot: Option<Timestamp>) -> NewJob {
    let job = job.metadata_entry(NAME_KEY, name.into());
    match slot {
        Some(slot) => job.metadata_entry(SLOT_KEY, slot.to_string().into()),
        None => job,
    }
}
