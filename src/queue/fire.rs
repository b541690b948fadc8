//! What the slots of schedules yield: each at most one job, in the transaction that moves the schedule past it.
//!
//! A schedule's `next_at` is all that anybody knows of what has been done: it only goes forward, but for a new rule or a
//! resumption. So neither a second scheduler, nor a restart, nor a job that retention has removed, nor a clock that is put
//! back brings a slot twice; and whoever comes too late finds in it what was missed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    insert::{Entered, Inserted, insert_all, tell_inserted},
    schedules::{MOVE_SCHEDULE, next_after},
};
use crate::{
    Client, Count, Error, Event, Missed, Result, ScheduleInfo, Session,
    clock::after,
    dialect::{Sql, Statement, Value, statement},
    new_job::Checked,
    schedule::{Slots, check_grace, marked},
    session::{Repeat, checked},
};

static DUE_SCHEDULE: Statement = statement!("due_schedule");
static NEXT_SLOT: Statement = statement!("next_slot");

/// The most schedules of one call, so that it comes to an end however often they are due.
const MOST: usize = 10_000;

/// How far missed slots are counted.
const COUNTED: u64 = 10_000;

/// What a schedule that was due has led to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fired {
    /// The schedule.
    pub schedule: String,
    /// The slots that have yielded their jobs, oldest first, and what became of those: a job that is a
    /// [duplicate](Inserted::Duplicate) is not inserted, and its slot is done with.
    pub slots: Vec<(Timestamp, Inserted)>,
    /// How many slots were missed, including those that were made up for.
    pub missed: Count,
    /// Why it can yield nothing: its row was written by hand, or by a newer version, or on a machine that knows more time
    /// zones; an insert hook has refused its job; or the database has. It stays due, and is tried again next time.
    pub error: Option<Error>,
    notify: Vec<bool>,
}

/// Which schedules have been looked at: those that have been due for longer than this one.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    at: Timestamp,
    name: String,
    left: usize,
}

impl Place {
    /// Before all schedules: in the year 1000, where the time of all databases begins.
    pub(crate) fn first() -> Place {
        let at = Timestamp::from_second(-30_610_224_000).unwrap_or(Timestamp::UNIX_EPOCH);
        Place { at, name: String::new(), left: MOST }
    }
}

/// Inserts the jobs of all slots that have come, in all schedules, and answers what was done for each schedule that was
/// due.
///
/// [`Periodic`](crate::Periodic) does this by itself, when it is time. It can be called by any number of processes at once:
/// each slot yields at most one job, for that is inserted in the same transaction that moves its schedule past the slot.
/// Through a client each schedule has a transaction of its own. A schedule that somebody else is at is passed over.
///
/// Insert hooks of the client are run in that transaction; a panic of theirs is an error of the schedule.
///
/// # Errors
/// When the database cannot be asked; what was done before is done. One schedule that can yield nothing is no error, but
/// in its [`Fired::error`].
pub fn fire_schedules(on: impl Session) -> Result<Vec<Fired>> {
    let session = on.any();
    let (client, hooks) = (session.client(), session.hooks());
    let mut all = Vec::new();
    session.repeat(
        Place::first(),
        |sql, place| Ok(fire_next(sql, hooks, place)?.map_or((None, None), |(fired, place)| (Some(fired), place))),
        |fired| {
            if let (Some(client), Some(fired)) = (client, &fired) {
                fired.tell(client);
                fired.tell_failure(client);
            }
            all.extend(fired);
        },
    )?;
    Ok(all)
}

/// Fires the next schedule that is due; answers from where to go on.
pub(crate) fn fire_next(
    sql: &mut Sql<'_>,
    hooks: Option<&Client>,
    place: &Place,
) -> Result<Option<(Fired, Option<Place>)>> {
    sql.prove_open()?;
    let params = [("at", Value::Time(Some(place.at))), ("after", Value::Text(Some(&place.name))), sql.now_param()];
    // What cannot be read of one schedule is its own failure.
    let due =
        sql.row(&DUE_SCHEDULE, &params, |row| Ok((row.text()?, row.time()?, row.time()?, ScheduleInfo::read(row))))?;
    let Some((name, at, now, info)) = due else { return Ok(None) };
    // A hook's error is the schedule's, whatever it may say of whose database.
    let planned = info.and_then(|info| {
        let plan = Plan::of(&info, now)?;
        Ok((plan.jobs(&info, hooks)?, plan, info))
    });
    let fired = match planned.map(|(jobs, plan, info)| fire(sql, &info, plan, jobs)) {
        Ok(Err(error)) if error.is_transient() => return Err(error),
        Ok(Err(error)) | Err(error) => Fired::failed(&name, error),
        Ok(Ok(fired)) => fired,
    };
    let next = Place { at, name, left: place.left - 1 };
    Ok(Some((fired, Some(next).filter(|next| next.left > 0))))
}

/// What there is to do: whether a schedule is due, and how long after now the next slot comes that has not come yet.
pub(crate) fn outlook(sql: &mut Sql<'_>) -> Result<(bool, Option<Duration>)> {
    let outlook = sql.row(&NEXT_SLOT, &[sql.now_param()], |row| Ok((row.bool()?, row.time_or_null()?, row.time()?)))?;
    let (is_due, next_at, now) = outlook.ok_or_else(|| Error::corrupt("the database does not know the time"))?;
    Ok((is_due, next_at.map(|next_at| Duration::try_from(next_at.duration_since(now)).unwrap_or_default())))
}

/// Inserts the jobs of the slots that have come and moves the schedule past them: both or neither.
fn fire(sql: &mut Sql<'_>, info: &ScheduleInfo, plan: Plan, jobs: Vec<Checked>) -> Result<Fired> {
    // What this database refuses of one schedule is undone, and hinders no other.
    let entered = sql.savepoint(|sql| {
        let entered = insert_all(sql, &jobs)?;
        let job = entered.last().map(Entered::id);
        let params = [
            ("name", Value::Text(Some(&info.name))),
            ("next_at", Value::Time(Some(plan.next_at))),
            ("slot", Value::Time(plan.slots.last().copied())),
            ("job", Value::Int(job)),
        ];
        sql.change(&MOVE_SCHEDULE, &params)?;
        Ok(entered)
    })?;
    let notify = jobs.iter().map(|checked| checked.job.notify).collect();
    let inserted = entered.into_iter().zip(jobs).map(|(entered, checked)| entered.with(checked));
    Ok(Fired {
        schedule: info.name.clone(),
        slots: plan.slots.into_iter().zip(inserted).collect(),
        missed: plan.missed,
        error: None,
        notify,
    })
}

/// Runs insert hooks: one that panics must not end the thread that looks after all schedules.
fn guarded<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        // To drop what it carries might panic again.
        std::mem::forget(payload);
        Err(Error::other("an insert hook has panicked"))
    })
}

/// A random part of a jitter, in whole milliseconds.
fn some_of(jitter: Duration) -> Duration {
    Duration::from_millis(fastrand::u64(0..=u64::try_from(jitter.as_millis()).unwrap_or(u64::MAX)))
}

/// Which slots of a schedule yield a job now.
struct Plan {
    slots: Vec<Timestamp>,
    missed: Count,
    next_at: Timestamp,
}

impl Plan {
    fn of(info: &ScheduleInfo, now: Timestamp) -> Result<Plan> {
        let rule: Slots = info.rule().slots()?;
        check_grace(&rule, info.grace)?;
        let grace = SignedDuration::try_from(info.grace).unwrap_or(SignedDuration::ZERO);
        let in_time = now.saturating_sub(grace).unwrap_or(now).max(info.next_at);
        let catch_up = match info.missed {
            Missed::Skip => 0,
            Missed::Once => 1,
            Missed::All(count) => count as usize,
        };
        let missed = rule.between(info.next_at, in_time).take(COUNTED as usize).count();
        let mut slots = rule.latest(info.next_at, in_time, catch_up);
        let next_at = next_after(&rule, now)?;
        slots.extend(rule.between(in_time, next_at));
        Ok(Plan { slots, missed: Count::up_to(COUNTED, missed as u64), next_at })
    }

    /// The jobs of these slots, as the insert hooks leave them.
    fn jobs(&self, info: &ScheduleInfo, hooks: Option<&Client>) -> Result<Vec<Checked>> {
        let template = info.job()?;
        let job_of = |slot: &Timestamp| {
            let job = marked(template.clone(), &info.name, Some(*slot));
            guarded(|| checked(hooks, job.scheduled_at(after(*slot, some_of(info.jitter)))))
        };
        self.slots.iter().map(job_of).collect()
    }
}

impl Fired {
    fn failed(schedule: &str, error: Error) -> Fired {
        let (slots, notify) = (Vec::new(), Vec::new());
        Fired { schedule: schedule.to_owned(), slots, missed: Count::default(), error: Some(error), notify }
    }

    /// Tells subscribers what has been committed, and wakes the workers.
    pub(crate) fn tell(&self, client: &Client) {
        tell_inserted(client, self.slots.iter().map(|(_, inserted)| inserted).zip(self.notify.iter().copied()));
        let schedule = || self.schedule.clone();
        if self.missed.number > 0 {
            client.events().tell(|| Event::SlotsMissed { schedule: schedule(), count: self.missed });
        }
        for (slot, inserted) in &self.slots {
            let (job, is_duplicate) = (inserted.job().id, inserted.is_duplicate());
            client.events().tell(|| Event::SlotFired { schedule: schedule(), slot: *slot, job, is_duplicate });
        }
    }

    /// Tells subscribers why it can yield nothing, if it cannot.
    pub(crate) fn tell_failure(&self, client: &Client) {
        if let Some(error) = &self.error {
            let schedule = || self.schedule.clone();
            client.events().tell(|| Event::ScheduleFailed { schedule: schedule(), error: error.to_string() });
        }
    }
}
