//! Claims jobs and hands them to the threads: as many as they have places for, and a little ahead.

mod asking;
mod bounds;
mod giving_back;
mod unheard;

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{never, select};
use jiff::Timestamp;

use self::{bounds::Bounds, unheard::Unheard};
use super::{
    Claimed, Shared,
    budget::Place,
    pace::Pace,
    queues::{Claim, shares},
    signal::Signals,
};
use crate::{
    Event, Job, Result,
    machine::lifeline::Lifeline,
    queue::{
        claim::{Wanted, ready_queues, unknown_kinds},
        due::{self, Glance, glance, promote_on},
    },
    session::{Mode, own, retry},
};

/// How often a worker that finds nothing looks whether it passes over kinds that nobody here handles.
const UNKNOWN_KINDS_INTERVAL: Duration = Duration::from_secs(10);

/// In how many queues one look for a suspect searches; the next one goes on from there.
const QUEUES_SEARCHED: usize = 16;

struct Claimer {
    shared: Arc<Shared>,
    lifeline: Lifeline,
    signals: Signals,
    pace: Pace,
    queues: Vec<Served>,
    bounds: Bounds,
    /// As `bounds`, of the claims of suspects, which pass by all other jobs.
    suspect_bounds: Bounds,
    /// How often something had been reopened when that was last heeded.
    reopened: u64,
    /// Which queue the next odd place goes to.
    turn: usize,
    /// Where suspects were last searched for.
    next_searched: usize,
    /// When due jobs are to be looked for again.
    look_for_due: Instant,
    look_for_suspects: Instant,
    look_for_unknown: Instant,
    /// How many queues are to be asked before a worker that serves any looks for others: as many as it knows, so that with very
    /// many of them it does something else as well.
    unasked: usize,
    unknown: HashSet<String>,
    /// Whether a wait has ended and nobody has looked for due jobs since.
    woken: bool,
    /// When the latest claim that was heard of was made, by the database's clock.
    latest_claim: Option<Timestamp>,
    unheard: Unheard,
    /// Whether there may be jobs in queues in which there were none.
    look_around: bool,
    /// How many jobs a claim brought after the stop was asked for, and were given back.
    came_late: usize,
}

/// A queue that the claimer serves.
struct Served {
    name: String,
    weight: u32,
    limit: usize,
    /// Whether it may hold more than the last claim brought.
    hungry: bool,
}

/// Runs until the worker is told to stop; then gives back what no thread has begun, and answers how many those were.
pub(super) fn run(shared: &Arc<Shared>) -> usize {
    let mut claimer = Claimer::new(shared);
    while !shared.stop.is_requested() {
        if let Err(error) = claimer.step() {
            // What passes was rolled back, unless its commit was under way.
            if error.is_unavailable() || !error.is_transient() {
                claimer.may_not_have_heard();
            }
            shared.health.claiming.store(false, Ordering::Relaxed);
            claimer.forget_bounds();
            claimer.lifeline.lost(&error);
            claimer.feel_hungry();
        }
    }
    // First of all, so that no thread begins any more of them.
    let given = if shared.manner.drains() { 0 } else { claimer.give_back() };
    claimer.give_back_last_unheard();
    claimer.came_late + given
}

impl Claimer {
    fn new(shared: &Arc<Shared>) -> Claimer {
        let served = |queue: &super::Queue| Served {
            name: queue.name.to_string(),
            weight: queue.weight,
            limit: queue.limit.unwrap_or(usize::MAX),
            hungry: true,
        };
        let now = Instant::now();
        Claimer {
            lifeline: Lifeline::new(&shared.owner),
            signals: Signals::new(shared),
            pace: Pace::new(shared.settings.concurrency),
            queues: shared.settings.queues.iter().map(served).collect(),
            bounds: Bounds::of_jobs(),
            suspect_bounds: Bounds::of_suspects(),
            reopened: shared.client.wake().reopened(),
            turn: 0,
            next_searched: 0,
            look_for_due: now,
            look_for_suspects: now,
            look_for_unknown: now,
            unasked: 0,
            unknown: HashSet::new(),
            woken: true,
            latest_claim: None,
            unheard: Unheard::default(),
            look_around: false,
            came_late: 0,
            shared: shared.clone(),
        }
    }

    /// One round: promote what is due, then claim, or wait for a reason to.
    fn step(&mut self) -> Result<()> {
        self.give_back_unheard()?;
        if Instant::now() >= self.look_for_due {
            self.look_around |= self.promote()?;
        }
        if self.signals.has_rung() {
            self.look_around = true;
            self.woken = true;
        }
        self.heed_reopened();
        self.return_excess();
        if self.look_around {
            self.look_around()?;
        }
        self.claim_suspect()?;
        let room = self.pace.room(&self.shared.budget);
        let (queues, wanted) = self.wanted(room);
        if !wanted.is_empty() {
            return self.claim(&queues, wanted);
        }
        if self.is_hungry() {
            self.wait_for_room(room);
        } else {
            self.wait_for_jobs()?;
        }
        Ok(())
    }

    /// How many jobs of which queues to claim; and which of the queues these are.
    fn wanted(&mut self, room: usize) -> (Vec<usize>, Vec<Wanted>) {
        let hungry: Vec<usize> =
            (0..self.queues.len()).filter(|&i| self.queues[i].hungry && self.room_of(i) > 0).collect();
        let claim = |&i: &usize| Claim { weight: self.queues[i].weight, room: self.room_of(i) };
        let mut shares = match self.shared.settings.strict {
            false => shares(room, &hungry.iter().map(claim).collect::<Vec<_>>(), self.turn),
            // The first that is hungry takes all it can; the next has its turn when that one has no more.
            true => hungry.iter().take(1).map(|&i| room.min(self.room_of(i))).collect(),
        };
        shares.resize(hungry.len(), 0);
        let served = hungry.iter().zip(shares).filter(|(_, limit)| *limit > 0);
        let served: Vec<_> = served.map(|(&i, limit)| (i, Wanted::new(&*self.queues[i].name, limit))).collect();
        // Of those that are all served it is the odd places that go around.
        self.turn = self.turn.wrapping_add(if served.len() < hungry.len() { served.len() } else { 1 });
        served.into_iter().unzip()
    }

    fn room_of(&self, queue: usize) -> usize {
        let limit = self.queues[queue].limit;
        if limit == usize::MAX { limit } else { limit.saturating_sub(self.shared.budget.in_flight_of(queue)) }
    }

    fn claim(&mut self, queues: &[usize], mut wanted: Vec<Wanted>) -> Result<()> {
        let shared = self.shared.clone();
        let jobs = self.ask_for(&mut wanted, false)?;
        self.unasked = self.unasked.saturating_sub(queues.len());
        for (&queue, one) in queues.iter().zip(&wanted) {
            let brought = jobs.iter().filter(|job| job.queue == one.queue).count();
            self.queues[queue].hungry = brought == one.limit;
        }
        if let (true, Some(job)) = (shared.settings.strict, jobs.first()) {
            // In those before it there may be jobs by now, which go before any more of these.
            self.queues.iter_mut().take_while(|queue| queue.name != job.queue).for_each(|queue| queue.hungry = true);
        }
        if !jobs.is_empty() {
            self.signals.had_work();
        }
        shared.client.events().tell_claim(&shared.id, jobs.len());
        self.dispatch(jobs);
        Ok(())
    }

    /// A job with which a worker has died may be what it died of: there is one of them at a time, so that if this worker dies
    /// too, that one is charged and no other. Those that were running beside it become suspects themselves.
    fn claim_suspect(&mut self) -> Result<()> {
        let budget = &self.shared.budget;
        if budget.has_suspect() {
            return Ok(());
        }
        if budget.are_suspects_expected() {
            self.look_for_suspects = Instant::now();
            self.suspect_bounds.reopen_any(Instant::now());
        }
        // Nor are there any where nothing is available.
        if Instant::now() < self.look_for_suspects || !self.is_hungry() {
            return Ok(());
        }
        // Sooner than the next poll, which may come early.
        self.look_for_suspects = Instant::now() + self.shared.settings.poll_interval / 2;
        for _ in 0..self.queues.len().min(QUEUES_SEARCHED) {
            self.next_searched = (self.next_searched + 1) % self.queues.len();
            if self.room_of(self.next_searched) == 0 {
                continue;
            }
            let mut wanted = [Wanted::new(&*self.queues[self.next_searched].name, 1)];
            let found = self.ask_for(&mut wanted, true)?;
            if !found.is_empty() {
                self.shared.budget.expect_suspects();
                self.dispatch(found);
                break;
            }
        }
        Ok(())
    }

    fn dispatch(&mut self, jobs: Vec<Job>) {
        self.pace.start(&self.shared.budget);
        let limited: Vec<usize> = (0..self.queues.len()).filter(|&i| self.queues[i].limit != usize::MAX).collect();
        let queue = |job: &Job| limited.iter().copied().find(|&i| self.queues[i].name == job.queue);
        let place = |job: &Job| Place { queue: queue(job), suspect: job.crash_count > 0 };
        let since = Instant::now();
        let claimed = |job: Job| Claimed { place: place(&job), job: Arc::new(job), since };
        let claimed: Vec<_> = jobs.into_iter().map(claimed).collect();
        claimed.iter().for_each(|one| self.shared.budget.take(one.place));
        let gives_back = self.shared.stop.is_requested() && !self.shared.manner.drains();
        let late = match gives_back {
            true => claimed,
            // However long the claim has taken: the threads may be gone.
            false => claimed.into_iter().filter_map(|one| self.shared.orders.add(one).err()).collect(),
        };
        self.came_late += self.give_these_back(late);
    }

    fn is_hungry(&self) -> bool {
        self.queues.iter().any(|queue| queue.hungry)
    }

    fn feel_hungry(&mut self) {
        self.queues.iter_mut().for_each(|queue| queue.hungry = true);
    }

    /// A busy queue must not keep those waiting that were empty when they were last asked.
    fn look_around(&mut self) -> Result<()> {
        if !self.shared.settings.any_queue {
            self.feel_hungry();
        } else if self.is_hungry() && self.unasked > 0 && !self.shared.settings.strict {
            return Ok(());
        } else {
            self.find_queues()?;
        }
        self.look_around = false;
        Ok(())
    }

    /// There are jobs, but no place for them: the worker is full, or their queues are at their limits.
    fn wait_for_room(&mut self, room: usize) {
        let others = self.shared.settings.any_queue || self.queues.iter().any(|queue| !queue.hungry);
        // Nobody need ring for a full worker.
        let ring = if room > 0 && others { self.signals.ring().clone() } else { never() };
        select! {
            recv(self.shared.budget.freed()) -> _ => {}
            recv(ring) -> _ => self.look_around = true,
            recv(self.shared.stop.requested()) -> _ => {}
            default(self.look_for_due.saturating_duration_since(Instant::now())) => {}
        }
    }

    /// There is place, but no job for it.
    fn wait_for_jobs(&mut self) -> Result<()> {
        if std::mem::take(&mut self.woken) {
            // What woke us may have been a job for later, or the clock of a test.
            let available = self.promote()?;
            if self.shared.settings.any_queue {
                self.find_queues()?;
            }
            if available {
                // Jobs that have come since the claim, or suspects, whose worker another has missed.
                self.feel_hungry();
                self.look_for_suspects = Instant::now();
            }
            if self.is_hungry() {
                return Ok(());
            }
        }
        self.warn_of_unknown_kinds()?;
        let shared = self.shared.clone();
        shared.client.events().tell(|| Event::Idle { worker: shared.id.to_string() });
        let until = self.bounds.next_look().map_or(self.look_for_due, |look| look.min(self.look_for_due));
        let due = until.saturating_duration_since(Instant::now());
        if self.signals.wait(&shared, &mut self.lifeline, Some(due)) {
            self.feel_hungry();
            self.woken = true;
        } else {
            // A poll: most find nothing, and cost one statement.
            self.look_for_due = Instant::now();
        }
        Ok(())
    }

    /// Makes due jobs available, and notes when the next ones will be; answers whether any are available.
    fn promote(&mut self) -> Result<bool> {
        let mut next = self.glance()?;
        let mut available = next.available;
        while next.is_overdue() {
            let promoted = self.lifeline.run(|connection, now| retry(|| promote_on(connection, now)))?;
            if promoted > 0 {
                available = true;
                self.feel_hungry();
                self.reopen_from(next.earliest);
            }
            next = self.glance()?;
            if promoted < due::BATCH {
                break;
            }
        }
        let poll_interval = self.shared.settings.poll_interval;
        // Under a test's clock a due time says nothing about how long to wait.
        let within = if self.shared.client.now().is_some() { None } else { next.within };
        self.look_for_due = Instant::now() + within.map_or(poll_interval, |within| within.min(poll_interval));
        Ok(available || self.bounds.next_look().is_some_and(|look| look <= Instant::now()))
    }

    /// Of queues that are known to hold more it is not asked whether they hold any: where dead rows cannot be removed that is
    /// a way past all of them, 0.1 s for half a million on PostgreSQL.
    fn glance(&mut self) -> Result<Glance> {
        let shared = self.shared.clone();
        let sated = self.queues.iter().filter(|queue| !queue.hungry).map(|queue| &*queue.name);
        let asked = (!shared.settings.any_queue).then(|| serde_json::Value::from_iter(sated).to_string());
        let glanced = self
            .lifeline
            .read(|connection, now| own(connection, now, Mode::Read, &mut |sql| glance(sql, asked.as_deref())))?;
        // It has asked for jobs, and was answered.
        shared.health.claiming.store(true, Ordering::Relaxed);
        shared.health.claimed.store(true, Ordering::Relaxed);
        Ok(glanced)
    }

    /// Serves any queue in which there are jobs.
    fn find_queues(&mut self) -> Result<()> {
        let names = self.lifeline.read(|connection, now| own(connection, now, Mode::Read, &mut ready_queues))?;
        self.queues =
            names.into_iter().map(|name| Served { name, weight: 1, limit: usize::MAX, hungry: true }).collect();
        self.forget_unserved();
        self.unasked = self.queues.len();
        Ok(())
    }

    fn warn_of_unknown_kinds(&mut self) -> Result<()> {
        if Instant::now() < self.look_for_unknown {
            return Ok(());
        }
        self.look_for_unknown = Instant::now() + UNKNOWN_KINDS_INTERVAL;
        let queues: Vec<String> = self.queues.iter().map(|queue| queue.name.clone()).collect();
        let shared = self.shared.clone();
        let found = self.lifeline.read(|connection, now| {
            own(connection, now, Mode::Read, &mut |sql| unknown_kinds(sql, &queues, &shared.kinds))
        })?;
        for (queue, kind) in found {
            if self.unknown.insert(kind.clone()) {
                shared.client.events().tell(|| Event::UnknownKind { worker: shared.id.to_string(), queue, kind });
            }
        }
        Ok(())
    }
}
