//! What a stop leaves behind at its deadline: jobs that are still running, and jobs that no thread has begun.

use std::{collections::HashSet, sync::Arc, time::Instant};

use crossbeam_channel::bounded;

use super::{Shared, attempt};
use crate::{
    Job, Result,
    machine::thread,
    queue::{
        ending::Ending,
        settle::{Settlement, settle},
    },
    session::{Mode, own, retry},
};

/// What became of them; ids.
#[derive(Default)]
pub(super) struct Remains {
    /// Not begun, and given back.
    pub(super) given_back: Vec<i64>,
    /// Not begun, and still claimed.
    pub(super) refused: Vec<i64>,
    /// Running, and given back all the same.
    pub(super) abandoned: Vec<i64>,
    /// Running, and still claimed.
    pub(super) still_running: Vec<i64>,
    /// Running, and no longer this worker's.
    pub(super) lingering: Vec<i64>,
}

/// Gives back what has not begun, and of what is running that of which nothing can count any more, or that will not live
/// on because the process is `exiting`.
pub(super) fn leave(shared: &Arc<Shared>, exiting: bool, until: Instant) -> Remains {
    let unbegun: Vec<Arc<Job>> = shared.orders.take_all().into_iter().map(|claimed| claimed.job).collect();
    let AtWork { harmless, others, lingering } = running(shared, exiting);
    let given_back = give_back(shared, unbegun.iter().chain(&harmless).cloned().collect(), until);
    let split = |jobs: Vec<Arc<Job>>| -> (Vec<i64>, Vec<i64>) {
        jobs.iter().map(|job| job.id).partition(|id| given_back.contains(id))
    };
    let (given_back, refused) = split(unbegun);
    let (abandoned, kept) = split(harmless);
    let still_running = others.iter().map(|job| job.id).chain(kept).collect();
    Remains { given_back, refused, abandoned, still_running, lingering }
}

/// What is running.
#[derive(Default)]
struct AtWork {
    /// May be given back.
    harmless: Vec<Arc<Job>>,
    others: Vec<Arc<Job>>,
    /// Not this worker's any more.
    lingering: Vec<i64>,
}

fn running(shared: &Shared, exiting: bool) -> AtWork {
    // Where its transaction is the only one that may write, giving the job back would wait for its end.
    let has_one_writer = shared.client.dialect().has_one_writer();
    let mut running = AtWork::default();
    shared.slots.for_each(|occupant| {
        let may_be_given_back = if occupant.transactional { !has_one_writer } else { exiting };
        match occupant.disowned {
            Some(_) => running.lingering.push(occupant.job.id),
            None if may_be_given_back => running.harmless.push(occupant.job.clone()),
            None => running.others.push(occupant.job.clone()),
        }
    });
    running
}

/// Answers the ids of those that were given back in time. On a thread of its own, because the database may take longer.
fn give_back(shared: &Arc<Shared>, jobs: Vec<Arc<Job>>, until: Instant) -> HashSet<i64> {
    if jobs.is_empty() {
        return HashSet::new();
    }
    let (tell, told) = bounded(1);
    let shared = shared.clone();
    let started = thread::start("drip-give-back".into(), move || {
        let given_back = settle_all(&shared, &jobs).unwrap_or_default();
        given_back.iter().for_each(|job| attempt::tell_given_back(&shared.client, job));
        let _ = tell.send(given_back.iter().map(|job| job.id).collect());
    });
    started.ok().and_then(|_| told.recv_deadline(until).ok()).unwrap_or_default()
}

fn settle_all(shared: &Shared, jobs: &[Arc<Job>]) -> Result<Vec<Job>> {
    let settlement = |job: &Arc<Job>| Settlement { target: (&**job).into(), ending: Ending::GiveBack };
    let settlements: Vec<_> = jobs.iter().map(settlement).collect();
    let answers = retry(|| {
        // Not one of the pool's: all of those may be in the hands of handlers.
        let mut connection = shared.client.dedicated()?;
        own(&mut *connection, shared.client.now(), Mode::Transaction, &mut |sql| settle(sql, &settlements))
    })?;
    Ok(answers.into_iter().flatten().collect())
}
