//! Schedules: declaring them, reading them, pausing them, and running one by hand. What their slots yield is in
//! [`fire`](super::fire).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    insert::{Inserted, insert_one, tell_inserted},
    new_row::millis,
    read::current_time,
};
use crate::{
    Error, Result, Schedule, ScheduleInfo, Session, Undeclared,
    dialect::{Sql, Statement, Value, statement},
    name,
    schedule::{Declared, Slots, marked},
    session::checked,
};

static UPSERT_SCHEDULE: Statement = statement!("upsert_schedule");
static GET_SCHEDULE: Statement = statement!("get_schedule");
static LOCK_SCHEDULE: Statement = statement!("lock_schedule");
static LIST_SCHEDULES: Statement = statement!("list_schedules");
static PAUSE_SCHEDULE: Statement = statement!("pause_schedule");
static RESUME_SCHEDULE: Statement = statement!("resume_schedule");
static DELETE_SCHEDULE: Statement = statement!("delete_schedule");
pub(super) static MOVE_SCHEDULE: Statement = statement!("move_schedule");
static RETIRE_SCHEDULES: Statement = statement!("retire_schedules");
static REMOVE_SCHEDULES: Statement = statement!("remove_schedules");

/// For how long a declaration may have waited for the row of its schedule.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(1);

/// Declares a schedule: it is there from now on, and as this says. May be called at every start, by many processes at once.
///
/// A new one begins with its first slot from now. One that is there with the same rule keeps its place, so that no restart
/// loses or repeats a slot, and those that were missed meanwhile are made up for as [`Missed`](crate::Missed) says; with
/// another rule it goes on with that one's first slot from now. A pause is kept.
///
/// Its jobs are inserted by whoever looks after schedules: [`Periodic`](crate::Periodic), in any process, or
/// [`fire_schedules`](crate::fire_schedules).
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
/// # client.migrate()?;
/// use drip::{NewJob, Rule, Schedule};
///
/// let tidy = NewJob::new("tidy", serde_json::json!({}));
/// let info = drip::upsert_schedule(&client, Schedule::new("tidy up", Rule::every("6h"), tidy))?;
/// assert_eq!(info.next_slots(4)?.len(), 4);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`is_invalid_input`](Error::is_invalid_input), before anything is sent;
/// [`is_transaction_lost`](Error::is_transaction_lost), with nothing written.
pub fn upsert_schedule(on: impl Session, schedule: Schedule) -> Result<ScheduleInfo> {
    let declared = schedule.check()?;
    on.any().write(|sql| upsert(sql, &declared, None))
}

/// The schedule of this name, if there is one.
///
/// # Errors
/// [`is_invalid_input`](Error::is_invalid_input) for an empty name.
pub fn get_schedule(on: impl Session, name: &str) -> Result<Option<ScheduleInfo>> {
    name::check_sought("name", name)?;
    on.any().read(|sql| by_name(sql, name))
}

/// All schedules, in the order of their names' bytes.
///
/// # Errors
/// When the database cannot be asked.
pub fn list_schedules(on: impl Session) -> Result<Vec<ScheduleInfo>> {
    on.any().read(|sql| sql.rows(&LIST_SCHEDULES, &[], ScheduleInfo::read))
}

/// Pauses a schedule: none of its slots yields a job until it is resumed. Jobs that are there already are run. Pausing one
/// that is paused changes nothing.
///
/// # Errors
/// [`is_not_found`](Error::is_not_found); [`is_invalid_input`](Error::is_invalid_input) for an empty name;
/// [`is_transaction_lost`](Error::is_transaction_lost), with nothing written.
pub fn pause_schedule(on: impl Session, name: &str) -> Result<ScheduleInfo> {
    name::check_sought("name", name)?;
    on.any().write(|sql| {
        sql.prove_open()?;
        sql.change(&PAUSE_SCHEDULE, &[("name", Value::Text(sql.dialect().sought(name))), sql.now_param()])?;
        found(sql, name)
    })
}

/// Resumes a schedule, also one that its owner does not declare any more: it goes on with its first slot from now, and
/// those until now yield nothing. Resuming one that is not paused changes nothing.
///
/// To pause and resume it is also how a schedule is brought back that waits for a time far ahead, because the database's
/// clock was once wrong.
///
/// # Errors
/// As [`pause_schedule`]; and when its row was written by hand and its rule is none.
pub fn resume_schedule(on: impl Session, name: &str) -> Result<ScheduleInfo> {
    name::check_sought("name", name)?;
    on.any().write(|sql| {
        sql.prove_open()?;
        let (info, now) = locked(sql, name)?;
        if !info.is_paused() {
            return Ok(info);
        }
        let next_at = next_after(&info.rule().slots()?, now)?;
        let params = [("name", Value::Text(Some(name))), ("next_at", Value::Time(Some(next_at))), sql.now_param()];
        sql.change(&RESUME_SCHEDULE, &params)?;
        found(sql, name)
    })
}

/// Inserts the job of a schedule at once, beside those of its slots, and also while it is paused. It is due now, and its
/// metadata names no slot.
///
/// # Errors
/// [`is_not_found`](Error::is_not_found); else as [`insert_job`](crate::insert_job).
pub fn run_schedule_now(on: impl Session, name: &str) -> Result<Inserted> {
    name::check_sought("name", name)?;
    let session = on.any();
    let (client, hooks) = (session.client(), session.hooks());
    let (entered, checked) = session.write(|sql| {
        sql.prove_open()?;
        let job = marked(found(sql, name)?.job()?, name, None);
        let checked = checked(hooks, job)?;
        Ok((insert_one(sql, &checked)?, checked))
    })?;
    let notify = checked.job.notify;
    let inserted = entered.with(checked);
    if let Some(client) = client {
        tell_inserted(client, std::iter::once((&inserted, notify)));
    }
    Ok(inserted)
}

/// Removes a schedule, and answers it as it was. Its jobs stay.
///
/// # Errors
/// As [`pause_schedule`].
pub fn delete_schedule(on: impl Session, name: &str) -> Result<ScheduleInfo> {
    name::check_sought("name", name)?;
    on.any().write(|sql| {
        sql.prove_open()?;
        let (info, _) = locked(sql, name)?;
        sql.change(&DELETE_SCHEDULE, &[("name", Value::Text(Some(name)))])?;
        Ok(info)
    })
}

/// Declares a schedule that has been checked.
pub(crate) fn upsert(sql: &mut Sql<'_>, declared: &Declared, owner: Option<&str>) -> Result<ScheduleInfo> {
    sql.prove_open()?;
    let next_at = next_after(&declared.slots, current_time(sql)?)?;
    let (every_ms, offset_ms, cron, time_zone) = match &declared.slots {
        Slots::Every { every_ms, offset_ms } => (Some(*every_ms), *offset_ms, None, None),
        Slots::Cron { pattern, zone_name, .. } => (None, 0, Some(&**pattern), Some(&**zone_name)),
    };
    let span = |span: Duration| Value::Int(Some(millis(span)));
    let params = [
        ("name", Value::Text(Some(&declared.name))),
        ("every_ms", Value::Int(every_ms)),
        ("offset_ms", Value::Int(Some(offset_ms))),
        ("cron", Value::Text(cron)),
        ("time_zone", Value::Text(time_zone)),
        ("kind", Value::Text(Some(&declared.kind))),
        ("queue", Value::Text(Some(&declared.queue))),
        ("args", Value::Json(Some(&declared.args))),
        ("metadata", Value::Json(Some(&declared.metadata))),
        ("options", Value::Json(Some(&declared.options))),
        ("catch_up", Value::Int(Some(declared.catch_up))),
        ("grace_ms", span(declared.grace)),
        ("jitter_ms", span(declared.jitter)),
        ("next_at", Value::Time(Some(next_at))),
        ("paused", Value::Bool(declared.paused)),
        ("owner", Value::Text(owner)),
        sql.now_param(),
    ];
    sql.change(&UPSERT_SCHEDULE, &params)?;
    let info = found(sql, &declared.name)?;
    let yielded = info.last_slot_at.filter(|last| *last >= info.next_at && is_recent(*last, info.next_at));
    let Some(last) = yielded else { return Ok(info) };
    // Its slot came after the time was asked for, and before the row was ours.
    let next_at = Value::Time(Some(next_after(&declared.slots, last)?));
    let name = ("name", Value::Text(Some(&declared.name)));
    sql.change(&MOVE_SCHEDULE, &[name, ("next_at", next_at), ("slot", Value::Time(None)), ("job", Value::Int(None))])?;
    found(sql, &declared.name)
}

/// Whether a slot that has yielded its job is so little ahead that the clock need not have been put back since.
fn is_recent(last: Timestamp, next_at: Timestamp) -> bool {
    last.duration_since(next_at) < LONGEST_WAIT
}

/// Declares all schedules of an owner, and does with its others as told.
pub(crate) fn declare(
    sql: &mut Sql<'_>,
    declared: &[Declared],
    owner: Option<&str>,
    undeclared: Undeclared,
) -> Result<()> {
    for one in declared {
        let info = upsert(sql, one, owner)?;
        if let (Some(mine), Some(other)) = (owner, info.owner.as_deref().filter(|other| owner != Some(*other))) {
            let problem = format!("{:?} is a schedule of {other:?}, and so cannot be one of {mine:?} too", info.name);
            return Err(Error::invalid("name", problem));
        }
    }
    let statement = match undeclared {
        Undeclared::Keep => return Ok(()),
        Undeclared::Pause => &RETIRE_SCHEDULES,
        Undeclared::Remove => &REMOVE_SCHEDULES,
    };
    let names = declared.iter().map(|one| &*one.name).collect::<serde_json::Value>().to_string();
    sql.change(statement, &[("owner", Value::Text(owner)), ("names", Value::Json(Some(&names))), sql.now_param()])?;
    Ok(())
}

/// The first slot after `time`, of a rule that has one as long as there is time.
pub(super) fn next_after(slots: &Slots, time: Timestamp) -> Result<Timestamp> {
    slots.next_after(time).ok_or_else(|| Error::unsupported(format!("there is no slot after {time}")))
}

fn by_name(sql: &mut Sql<'_>, name: &str) -> Result<Option<ScheduleInfo>> {
    sql.row(&GET_SCHEDULE, &[("name", Value::Text(sql.dialect().sought(name)))], ScheduleInfo::read)
}

fn found(sql: &mut Sql<'_>, name: &str) -> Result<ScheduleInfo> {
    by_name(sql, name)?.ok_or_else(|| Error::no_schedule(name))
}

fn locked(sql: &mut Sql<'_>, name: &str) -> Result<(ScheduleInfo, Timestamp)> {
    let params = [("name", Value::Text(sql.dialect().sought(name))), sql.now_param()];
    let locked = sql.row(&LOCK_SCHEDULE, &params, |row| Ok((ScheduleInfo::read(row)?, row.time()?)))?;
    locked.ok_or_else(|| Error::no_schedule(name))
}
