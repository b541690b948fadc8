//! The loop of a task, written once: offer to do it, do it when the timetable says so, say how it went.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::keeper::Busy;
use crate::{
    Error, Event, Result,
    dialect::Sql,
    machine::{Owner, lifeline::Lifeline, panic},
    queue::{read::current_time, timetable},
    session::{Mode, Repeat, own, retry},
};

/// The longest time for which the timetable is believed: clocks are set, and machines sleep.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// How long to wait after another was quicker.
const MISSED: Duration = Duration::from_millis(100);

/// The longest pause between two batches.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Something to be done every so often.
pub(super) struct Task {
    /// On the timetable, and of the thread behind `drip-`: 10 bytes at most.
    pub(super) name: &'static str,
    pub(super) interval: Duration,
    pub(super) run: Box<Perform>,
}

/// Does it; answers how much was changed.
type Perform = dyn FnMut(&mut Run<'_>) -> Result<usize> + Send;

/// What a task is given to do its work with.
pub(super) struct Run<'a> {
    pub(super) owner: &'a Owner,
    pub(super) lifeline: &'a mut Lifeline,
}

impl Repeat for &mut Run<'_> {
    /// Rests after each batch for as long as that has taken, so that whatever makes it slow has room; ends early, when the
    /// owner stops.
    fn repeat<S: Clone, T>(
        self,
        first: S,
        mut work: impl FnMut(&mut Sql<'_>, &S) -> Result<(T, Option<S>)>,
        mut done: impl FnMut(T),
    ) -> Result<()> {
        let mut next = Some(first);
        while let Some(this) = next {
            let began = Instant::now();
            let (answer, after) = self.lifeline.transaction(|sql| work(sql, &this))?;
            done(answer);
            next = after.filter(|_| !self.owner.stop.is_requested());
            if next.is_some() {
                let _ = self.owner.stop.requested().recv_timeout(began.elapsed().min(LONGEST_PAUSE));
            }
        }
        Ok(())
    }
}

/// Does the task whenever it is due and nobody else does it, until the owner stops.
pub(super) fn run(mut task: Task, owner: &Arc<Owner>, busy: &Busy) {
    let bell = owner.clock_bell();
    let mut offers = Offers { owner, lifeline: Lifeline::new(owner), busy };
    while !owner.stop.is_requested() {
        match offers.turn(&mut task) {
            Ok(wait) if wait.is_zero() => {}
            Ok(wait) => {
                offers.lifeline.release();
                owner.rest(wait.min(LONGEST_REST), &bell);
            }
            Err(error) => offers.lifeline.lost(&error),
        }
    }
}

struct Offers<'a> {
    owner: &'a Arc<Owner>,
    lifeline: Lifeline,
    busy: &'a Busy,
}

impl Offers<'_> {
    /// Does the task, if it is due; answers how long to wait until it may be.
    fn turn(&mut self, task: &mut Task) -> Result<Duration> {
        let (name, interval, runner) = (task.name, task.interval, self.owner.id.clone());
        let entry = self.read(|sql| timetable::entry(sql, name))?;
        let Some(entry) = entry else {
            self.write(|sql| timetable::add(sql, name))?;
            return Ok(Duration::ZERO);
        };
        let now = self.read(current_time)?;
        let wait = entry.wait(now, &runner, interval);
        if !wait.is_zero() {
            return Ok(wait + jitter(interval));
        }
        let Some(runs) = self.write(|sql| timetable::take(sql, name, &entry, now, &runner, interval))? else {
            return Ok(MISSED);
        };
        let _under_way = self.busy.begin();
        self.perform(task, runs)?;
        Ok(Duration::ZERO)
    }

    fn perform(&mut self, task: &mut Task, runs: i64) -> Result<()> {
        let began = Instant::now();
        let outcome = panic::catch(|| (task.run)(&mut Run { owner: self.owner, lifeline: &mut self.lifeline }));
        let outcome = outcome.unwrap_or_else(|panicked| {
            // Of its connection nobody knows in which state it is.
            self.lifeline.release();
            Err(Error::other(panicked))
        });
        let outcome = match outcome {
            // That is not the task's fault: it goes on when the database is back.
            Err(error) if error.is_unavailable() => return Err(error),
            outcome => outcome,
        };
        let (name, runner) = (task.name, self.owner.id.clone());
        let finished = self.write(|sql| timetable::finish(sql, name, runs, &runner, &outcome));
        self.tell(name, &outcome, began.elapsed());
        finished.map(drop)
    }

    fn tell(&self, task: &str, outcome: &Result<usize>, took: Duration) {
        let (events, task) = (self.owner.client.events(), task.to_owned());
        match outcome {
            Ok(0) => {}
            Ok(changed) => events.tell(|| Event::Maintained { task, changed: *changed, took }),
            Err(error) => events.tell(|| Event::MaintenanceFailed { task, error: error.to_string() }),
        }
    }

    fn read<T>(&mut self, mut work: impl FnMut(&mut Sql<'_>) -> Result<T>) -> Result<T> {
        self.lifeline.read(|connection, now| own(connection, now, Mode::Read, &mut work))
    }

    /// One statement, which commits by itself.
    fn write<T>(&mut self, mut work: impl FnMut(&mut Sql<'_>) -> Result<T>) -> Result<T> {
        self.lifeline.run(|connection, now| retry(|| own(connection, now, Mode::Statement, &mut work)))
    }
}

/// So that not all who wait for the same moment ask in it.
fn jitter(interval: Duration) -> Duration {
    (interval / 10).min(Duration::from_secs(1)).mul_f64(fastrand::f64())
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::{Background, Client, Clock, list_tasks};

    /// Panics the first time.
    fn clumsy() -> Task {
        let mut runs = 0;
        let run = move |_: &mut Run<'_>| {
            runs += 1;
            assert!(runs > 1, "a foot in the door");
            Ok(runs)
        };
        Task { name: "clumsy", interval: Duration::from_secs(60), run: Box::new(run) }
    }

    #[test]
    fn a_task_that_panics_is_told_of_and_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::at("2030-01-01T00:00:00Z".parse().unwrap());
        let url = format!("sqlite://{}/app.db", directory.path().display());
        let client = Client::builder().clock(clock.clone()).connect(&url).unwrap();
        client.migrate().unwrap();
        let subscription = client.subscribe();
        let patience = Duration::from_secs(30);
        let work: Box<dyn FnOnce(Arc<Owner>) + Send> = Box::new(|owner| run(clumsy(), &owner, &Busy::new()));
        let background = Background::start(Owner::new(&client, "test"), [("drip-clumsy".to_owned(), work)]).unwrap();
        let told = subscription.wait_for(patience, |event| matches!(event, Event::MaintenanceFailed { .. }));
        assert!(matches!(told, Some(Event::MaintenanceFailed { error, .. }) if error.contains("a foot in the door")));
        let info = list_tasks(&client).unwrap().remove(0);
        assert!(info.runner.is_none() && info.error.is_some_and(|error| error.contains("a foot in the door")));
        clock.advance(Duration::from_secs(60));
        let told = subscription.wait_for(patience, |event| matches!(event, Event::Maintained { changed: 2, .. }));
        assert!(told.is_some());
        assert!(background.stop(patience));
    }
}
