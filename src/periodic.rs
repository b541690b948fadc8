//! What looks after schedules: a thread that inserts the jobs of slots when they come.
//!
//! Any number of them may be at it, in any number of processes: who inserts the job of a slot is decided in the database.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    AnySession, Background, Client, Error, Result, Schedule,
    machine::{Owner, lifeline::Lifeline},
    name,
    queue::{
        fire::{self, Place},
        schedules,
    },
    schedule::Declared,
    session::{Mode, own},
};

/// Within which time a schedule is seen that somebody else has declared, resumed or put right.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// Looks after jobs that come again and again: declares schedules, and inserts their jobs when it is time.
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
/// # client.migrate()?;
/// use drip::{NewJob, Periodic, Rule, Schedule};
/// use serde_json::json;
/// use std::time::Duration;
///
/// let periodic = Periodic::new(&client)
///     .schedule(Schedule::new("tidy up", Rule::every("6h"), NewJob::new("tidy", json!({}))))
///     .schedule(Schedule::new("report", Rule::cron("0 9 * * mon-fri", "Europe/Paris"), NewJob::new("report", json!({}))))
///     .start()?;
/// // … until the program is told to stop …
/// assert!(periodic.stop(Duration::from_secs(5)));
/// # Ok(()) }
/// ```
///
/// Start one in every process that might as well do it: a slot yields one job however many there are, and when one of them
/// dies the others go on. Each looks after *all* schedules in the database, not only those that it declares. The jobs are
/// run by any [`Worker`](crate::Worker) of their queues.
///
/// A slot is noticed when it comes, by the database's clock; one of a schedule that somebody else has declared or resumed,
/// within 10 s. When the database is away it goes on as soon as that is back, and makes up for what was missed meanwhile as
/// [`Missed`](crate::Missed) says. A schedule that can yield nothing, because its row was written by hand and is none or
/// an insert hook refuses its job, is reported once ([`ScheduleFailed`](crate::Event::ScheduleFailed)), tried again every
/// 10 s, and hinders no other.
#[derive(Debug, Clone)]
#[must_use = "nothing happens until it is started"]
pub struct Periodic {
    client: Client,
    schedules: Vec<Schedule>,
    owner: Option<String>,
    undeclared: Undeclared,
}

/// What becomes of the schedules of an owner that it does not declare any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Undeclared {
    /// They go on.
    #[default]
    Keep,
    /// They yield nothing until they are declared again, or resumed by hand: [`ScheduleInfo::retired_at`] says since when.
    ///
    /// [`ScheduleInfo::retired_at`]: crate::ScheduleInfo::retired_at
    Pause,
    /// They are removed.
    Remove,
}

impl Periodic {
    /// Looks after the schedules in the database of this client, and declares none.
    pub fn new(client: &Client) -> Self {
        Periodic { client: client.clone(), schedules: Vec::new(), owner: None, undeclared: Undeclared::Keep }
    }

    /// Declares one more schedule, as [`upsert_schedule`](crate::upsert_schedule) does.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedules.push(schedule);
        self
    }

    /// Whose schedules these are: a name for the program that declares them, the same in all its processes, and no other
    /// program's of the same database. A name as a queue's. Default: nobody's.
    ///
    /// A schedule that is there and nobody's becomes this owner's; another owner's is refused.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// What becomes of schedules that the same [`owner`](Periodic::owner) has declared before, and does not any more.
    /// Others' schedules stay as they are. Default: [`Undeclared::Keep`].
    ///
    /// While two versions of a program run side by side, the one that was started last decides.
    pub fn undeclared(mut self, undeclared: Undeclared) -> Self {
        self.undeclared = undeclared;
        self
    }

    /// Declares the schedules, all or none, and starts the thread, `drip-periodic`.
    ///
    /// # Errors
    /// [`is_invalid_input`](Error::is_invalid_input) for a schedule that is none, two of one name, or one of another owner;
    /// and for [`undeclared`](Periodic::undeclared) without an owner. When the database is not there, or a thread cannot be
    /// started.
    pub fn start(self) -> Result<Background> {
        let declared = self.check()?;
        let owner = self.owner.as_deref();
        if !declared.is_empty() || self.undeclared != Undeclared::Keep {
            AnySession::new(&self.client).write(|sql| schedules::declare(sql, &declared, owner, self.undeclared))?;
        }
        let machine = Owner::new(&self.client, "periodic");
        Background::start(machine, [("drip-periodic".to_owned(), Box::new(|owner| Scheduler::new(owner).run()) as _)])
    }

    /// The schedules in the order of their names, in which everybody locks them.
    fn check(&self) -> Result<Vec<Declared>> {
        match &self.owner {
            Some(owner) => name::check("owner", owner)?,
            None if self.undeclared != Undeclared::Keep => {
                return Err(Error::invalid("owner", "is not set; without it nobody knows whose schedules are meant"));
            }
            None => {}
        }
        let mut declared = BTreeMap::new();
        for schedule in &self.schedules {
            let one = schedule.clone().check().map_err(|error| error.of_schedule(schedule.name()))?;
            if let Some(twice) = declared.insert(one.name.clone(), one) {
                return Err(Error::invalid("name", format!("{:?} is declared twice", twice.name)));
            }
        }
        Ok(declared.into_values().collect())
    }
}

struct Scheduler {
    owner: Arc<Owner>,
    lifeline: Lifeline,
    /// Schedules that can yield nothing, and what was said of them.
    failing: HashMap<String, String>,
}

impl Scheduler {
    fn new(owner: Arc<Owner>) -> Scheduler {
        Scheduler { lifeline: Lifeline::new(&owner), owner, failing: HashMap::new() }
    }

    fn run(mut self) {
        let bell = self.owner.clock_bell();
        while !self.owner.stop.is_over() {
            match self.round() {
                Ok(rest) => self.owner.rest(rest, &bell),
                Err(error) => self.lifeline.lost(&error),
            }
        }
    }

    /// Fires what is due; answers how long nothing will be.
    fn round(&mut self) -> Result<Duration> {
        let asked = Instant::now();
        let (is_due, next) = self.outlook()?;
        if !is_due {
            self.failing.clear();
        } else if self.fire()? {
            // When their next slots come only another look can say; and what has come due meanwhile.
            return Ok(Duration::ZERO);
        }
        Ok(next.map_or(LONGEST_REST, |next| next.saturating_sub(asked.elapsed()).min(LONGEST_REST)))
    }

    /// Reads only: whoever finds nothing to do takes no lock.
    fn outlook(&mut self) -> Result<(bool, Option<Duration>)> {
        self.lifeline.read(|connection, now| own(connection, now, Mode::Read, &mut fire::outlook))
    }

    /// Each schedule in a transaction of its own; answers whether any has moved on.
    fn fire(&mut self) -> Result<bool> {
        let client = self.owner.client.clone();
        let (mut still, mut moved) = (HashSet::new(), false);
        let mut place = Some(Place::first());
        while let Some(from) = place.take().filter(|_| !self.owner.stop.is_over()) {
            let next = self.lifeline.transaction(|sql| fire::fire_next(sql, Some(&client), &from))?;
            let Some((fired, next)) = next else { break };
            fired.tell(&client);
            moved |= fired.error.is_none();
            if let Some(error) = &fired.error {
                still.insert(fired.schedule.clone());
                let before = self.failing.insert(fired.schedule.clone(), error.to_string());
                if before.is_none_or(|before| before != error.to_string()) {
                    fired.tell_failure(&client);
                }
            }
            place = next;
        }
        self.failing.retain(|schedule, _| still.contains(schedule));
        Ok(moved)
    }
}
