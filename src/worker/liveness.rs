//! Says that this worker lives, and gives the jobs of those that do not to others.
//!
//! On a thread and a connection of its own, so that neither a busy pool nor a long handler makes a worker look dead. A
//! worker is dead when its heart has not beaten through one whole lease, by the clock of whoever watches, in which that
//! one's own heart has: no clock of another machine decides, and a database that was away, or that one writer had to
//! itself, kills nobody.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::Shared;
use crate::{
    Error, Event, Result,
    dialect::Sql,
    machine::lifeline::Lifeline,
    queue::{
        settle::tell_rescued,
        workers::{self, Registration},
    },
    session::{Mode, own, retry},
};

/// How often a heart beats within a lease.
const BEATS: u32 = 6;

/// Runs until the worker's stop is over and all its handlers have returned; then takes its row away.
pub(super) fn run(shared: &Arc<Shared>) {
    let beat = shared.settings.lease / BEATS;
    let mut liveness = Liveness::new(shared);
    while !shared.stop.is_over() {
        // Without an answer there is nothing to be said of anybody.
        match liveness.round() {
            Ok(()) => liveness.failing = false,
            Err(error) => liveness.failed(&error),
        }
        let pause = beat.mul_f64(0.9 + fastrand::f64() / 10.0);
        let _ = shared.stop.over().recv_timeout(pause.saturating_sub(liveness.last_round.elapsed()));
    }
    // Handlers that a stop could not wait for are at work still, and so is this worker to others.
    while shared.slots.busy() > 0 {
        let _ = liveness.beat();
        std::thread::sleep(beat);
    }
    let _ = liveness.lifeline.transaction(|sql| workers::remove(sql, &shared.id));
}

struct Liveness {
    shared: Arc<Shared>,
    lifeline: Lifeline,
    host: Option<String>,
    registered: bool,
    /// Whether it has been said that it cannot beat.
    failing: bool,
    last_round: Instant,
    /// Who is watched: as it was when its heart was last seen to beat, and since when.
    seen: HashMap<String, Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    /// None: it has jobs, and no row.
    beats: Option<i64>,
    lease: Duration,
    since: Instant,
}

impl Liveness {
    fn new(shared: &Arc<Shared>) -> Liveness {
        let host = std::fs::read_to_string("/etc/hostname").ok();
        Liveness {
            lifeline: Lifeline::new(&shared.owner),
            host: host.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty() && name.len() <= 255),
            registered: false,
            failing: false,
            last_round: Instant::now(),
            seen: HashMap::new(),
            shared: shared.clone(),
        }
    }

    fn round(&mut self) -> Result<()> {
        let began = Instant::now();
        // After a pause as long as a lease's part (this process was frozen, the database busy) others may have had none to
        // beat in either.
        if began.duration_since(self.last_round) > self.shared.settings.lease / 2 {
            self.seen.clear();
        }
        self.last_round = began;
        self.beat()?;
        if began.elapsed() > self.shared.settings.lease / BEATS {
            self.seen.clear();
        }
        self.sweep()
    }

    /// That the database is away others say.
    fn failed(&mut self, error: &Error) {
        self.seen.clear();
        if !error.is_transient() && !std::mem::replace(&mut self.failing, true) {
            let (worker, error) = (self.shared.id.to_string(), error.to_string());
            self.shared.client.events().tell(|| Event::HeartbeatFailed { worker, error });
        }
    }

    fn beat(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        let claimed = shared.health.claimed.swap(false, Ordering::Relaxed);
        let registered = self.registered;
        // In one statement: a process that is frozen or cut off must not leave its row locked to those who miss it.
        let beat = &mut |sql: &mut Sql<'_>| workers::beat(sql, &shared.id, claimed);
        let alive =
            registered && self.lifeline.run(|connection, now| retry(|| own(connection, now, Mode::Statement, beat)))?;
        if alive {
            return Ok(());
        }
        let queues = if shared.settings.any_queue { Vec::new() } else { shared.settings.queue_names() };
        let host = self.host.clone();
        let registration = Registration {
            id: &shared.id,
            label: &shared.label,
            host: host.as_deref(),
            queues: &queues,
            kinds: &shared.kinds,
            concurrency: Some(shared.settings.concurrency),
            lease: shared.settings.lease,
        };
        self.lifeline.transaction(|sql| workers::register(sql, &registration))?;
        if std::mem::replace(&mut self.registered, true) {
            shared.client.events().tell(|| Event::TakenForDead { worker: shared.id.to_string() });
        }
        Ok(())
    }

    /// Looks who is there, and buries those that have been silent for their whole lease.
    fn sweep(&mut self) -> Result<()> {
        // What is seen is as old as the question: the answer may take longer than a lease, in which nobody's heart could beat.
        let asked = Instant::now();
        let (alive, orphaned) = self.lifeline.read(|connection, now| {
            own(connection, now, Mode::Read, &mut |sql| Ok((workers::list(sql)?, workers::orphaned(sql)?)))
        })?;
        let now = Instant::now();
        let own_lease = self.shared.settings.lease;
        let alive = alive.into_iter().map(|worker| (worker.id, Some(worker.beats), worker.lease));
        let there = alive.chain(orphaned.into_iter().map(|id| (id, None, own_lease)));
        let mut seen = HashMap::new();
        for (id, beats, lease) in there.filter(|(id, ..)| **id != *self.shared.id) {
            let before = self.seen.get(&id).filter(|before| before.beats == beats);
            let since = before.map_or(now, |before| before.since);
            seen.insert(id, Seen { beats, lease, since });
        }
        self.seen = seen;
        let dead: Vec<(String, Seen)> = self.seen.iter().map(|(id, seen)| (id.clone(), *seen)).collect();
        for (id, seen) in dead.into_iter().filter(|(_, seen)| asked.saturating_duration_since(seen.since) >= seen.lease)
        {
            self.bury(&id, seen.beats)?;
            self.seen.remove(&id);
        }
        Ok(())
    }

    fn bury(&mut self, worker: &str, beats: Option<i64>) -> Result<()> {
        let Some(rescued) = self.lifeline.transaction(|sql| workers::bury(sql, worker, beats))? else { return Ok(()) };
        let events = self.shared.client.events();
        events.tell(|| Event::WorkerDied { worker: worker.to_owned(), rescued: rescued.len() });
        // Before anybody is woken for them.
        self.shared.budget.expect_suspects();
        tell_rescued(&self.shared.client, &rescued);
        Ok(())
    }
}
