//! Watches what the threads are running: deadlines that pass, claims that end elsewhere, handlers that do not return; and
//! what waits for them: queues that are paused.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::select;

use super::{
    Claimed, Shared, attempt,
    budget::Place,
    cancel::CancelReason,
    finished::{Finished, Letter},
    slot::{Occupant, Stuck},
};
use crate::{
    Event, Job,
    event::{JobEvent, Timing},
    machine::lifeline::Lifeline,
    name::ALL_QUEUES,
    queue::{complete, ending::Ending, queues},
    session::{Mode, own},
};

/// How often the database is asked which claims still stand, and, while claimed jobs wait for a thread, which queues are
/// paused. A cancelled job's handler knows within twice that, and after as long no job of a paused queue begins.
const CLAIMS_INTERVAL: Duration = Duration::from_millis(500);

/// Runs until the worker's stop is over.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut lifeline = Lifeline::new(&shared.owner);
    let mut look_at_claims = Instant::now() + CLAIMS_INTERVAL;
    while !shared.stop.is_over() {
        let next_deadline = end_overdue(shared);
        replace_stuck(shared);
        if Instant::now() >= look_at_claims {
            cancel_ended(shared, &mut lifeline);
            hold_back_paused(shared, &mut lifeline);
            look_at_claims = Instant::now() + CLAIMS_INTERVAL;
        }
        let next = next_deadline.unwrap_or(look_at_claims).min(look_at_claims);
        select! {
            recv(shared.watch.1) -> _ => {}
            recv(shared.stop.over()) -> _ => {}
            default(next.saturating_duration_since(Instant::now())) => {}
        }
    }
}

/// Settles attempts whose time is up, and fires their tokens; answers the next deadline.
fn end_overdue(shared: &Shared) -> Option<Instant> {
    let now = Instant::now();
    let mut next: Option<Instant> = None;
    let mut overdue = Vec::new();
    shared.slots.for_each(|occupant| match occupant.cancel.deadline() {
        Some(deadline) if occupant.disowned.is_none() && deadline <= now => {
            disown(occupant, CancelReason::TimedOut);
            overdue.push((occupant.job.clone(), occupant.timing, occupant.started.elapsed()));
        }
        Some(deadline) if occupant.disowned.is_none() => next = Some(next.map_or(deadline, |next| next.min(deadline))),
        _ => {}
    });
    for (job, timing, ran) in overdue {
        let ending = attempt::timed_out(&shared.settings, &job, ran);
        let timing = Timing { ran: Some(ran), ..timing };
        let finished = Finished { timed_out: true, ..Finished::new(job, ending, timing) };
        let _ = shared.finished.0.send(Letter::Finished(finished));
    }
    next
}

/// From now on nothing that the handler answers counts.
fn disown(occupant: &mut Occupant, reason: CancelReason) {
    occupant.disowned = Some(Instant::now());
    occupant.cancel.fire(reason);
}

/// Asks which of the running claims still stand, and fires the tokens of the others.
fn cancel_ended(shared: &Shared, lifeline: &mut Lifeline) {
    let mut running: Vec<Arc<Job>> = Vec::new();
    shared.slots.for_each(|occupant| {
        if occupant.disowned.is_none() {
            running.push(occupant.job.clone());
        }
    });
    if running.is_empty() {
        return;
    }
    // Without an answer all claims are taken to stand; the next round asks again.
    let ended = lifeline.read(|connection, now| {
        own(connection, now, Mode::Read, &mut |sql| complete::ended(sql, running.iter().map(|job| &**job)))
    });
    for claim in ended.unwrap_or_default() {
        shared.slots.for_each(|occupant| {
            if complete::claim_of(&occupant.job) == claim && occupant.disowned.is_none() {
                disown(occupant, CancelReason::ClaimEnded);
            }
        });
    }
}

/// Gives back what was claimed ahead of queues that have been paused since.
fn hold_back_paused(shared: &Shared, lifeline: &mut Lifeline) {
    if shared.orders.waiting() == 0 {
        return;
    }
    // Without an answer none is taken to be paused; the next round asks again.
    let paused = lifeline.read(|connection, now| own(connection, now, Mode::Read, &mut queues::paused));
    let paused: HashSet<String> = paused.unwrap_or_default().into_iter().collect();
    // A stop gives back, or runs, all that there is.
    if paused.is_empty() || shared.stop.is_requested() {
        return;
    }
    let runs = |claimed: &Claimed| !paused.contains(&claimed.job.queue) && !paused.contains(ALL_QUEUES);
    for Claimed { job, place, .. } in shared.orders.take_back(runs) {
        let given_back = Finished::new(job, Ending::GiveBack, Timing::default());
        let _ = shared.finished.0.send(Letter::Finished(Finished { suspect: place.suspect, ..given_back }));
        shared.budget.free(Place { suspect: false, ..place });
    }
}

/// Handlers that have ignored their tokens for long: other threads take their places, as long as they may.
fn replace_stuck(shared: &Arc<Shared>) {
    let patience = shared.settings.stuck_after;
    let mut stuck = Vec::new();
    shared.slots.for_each(|occupant| {
        if occupant.stuck.is_none() && occupant.disowned.is_some_and(|since| since.elapsed() >= patience) {
            let replaced = replace(shared, occupant);
            occupant.stuck = Some(replaced);
            stuck.push((JobEvent::of(&occupant.job), replaced == Stuck::Replaced));
        }
    });
    for (job, healthy) in stuck {
        shared.client.events().tell(|| Event::Stuck { job, healthy });
    }
}

fn replace(shared: &Arc<Shared>, occupant: &Occupant) -> Stuck {
    let health = &shared.health;
    let may = health.replaced.load(Ordering::Acquire) < shared.settings.max_replacements && !shared.stop.is_requested();
    if may && shared.runners.start(shared).is_ok() {
        health.replaced.fetch_add(1, Ordering::AcqRel);
        shared.budget.free(occupant.place);
        Stuck::Replaced
    } else {
        health.stuck.fetch_add(1, Ordering::AcqRel);
        Stuck::Waiting
    }
}
