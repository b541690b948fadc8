//! A worker's claim, and what can be learnt from one: how far the claimer has seen, and how long the way was.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{
    claim::{Catch, Claimant, Wanted, claim, claim_singly, in_order, read_claims},
    queues, read,
};
use crate::{
    Error, Job, Result,
    dialect::{ClaimStyle, Connection, Sql},
    session::{Mode, own, retry},
};

/// What a claim has brought.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// In order of queue as wanted, priority, due time and id.
    pub(crate) jobs: Vec<Job>,
    /// Where fewer came than were wanted, the claim has passed by all the others.
    pub(crate) whole: bool,
    /// How many claims had ended when their jobs were read: there may be others in their stead.
    pub(crate) vanished: usize,
    /// What there was to be seen, if the claim was asked to look.
    pub(crate) sight: Option<Sight>,
}

/// What a claim sees beside the jobs that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    /// When it began, by the clock that decides who is due.
    pub(crate) at: Timestamp,
    /// The queues that were paused then; [`ALL_QUEUES`](queues::ALL_QUEUES) among them, if all were.
    pub(crate) paused: Vec<String>,
    /// How long its statements took, without begin and commit.
    pub(crate) took: Duration,
    /// How much of that was spent on the way to the database and back.
    pub(crate) on_the_way: Duration,
}

/// Claims on a connection that is kept for it, in a transaction of its own; looks around before, if `looking`.
pub(crate) fn claim_on(
    connection: &mut (dyn Connection + '_),
    now: Option<Timestamp>,
    wanted: &[Wanted],
    claimant: &Claimant<'_>,
    looking: bool,
) -> Result<Taken> {
    let mode = match connection.dialect().claim_style() {
        // One statement, which needs no transaction around it: that saves two round trips of three.
        ClaimStyle::AllQueues if !looking && connection.is_tuned() => Mode::Statement,
        _ => Mode::Transaction,
    };
    let caught = own(connection, now, mode, &mut |sql| match looking {
        true => survey(sql, wanted, claimant),
        false => Ok((claim(sql, wanted, claimant)?, None)),
    });
    match caught {
        Err(error) if error.is_unique_conflict() => {
            let jobs = own(connection, now, Mode::Transaction, &mut |sql| claim_singly(sql, wanted, claimant))?;
            Ok(Taken { jobs, ..Taken::default() })
        }
        Err(error) => Err(error),
        Ok((caught, sight)) => {
            let count = caught.len();
            let jobs = in_order(read(connection, now, caught)?, wanted);
            let vanished = count.saturating_sub(jobs.len());
            Ok(Taken { whole: vanished == 0, vanished, jobs, sight })
        }
    }
}

/// The jobs that a committed claim has brought.
fn read(connection: &mut (dyn Connection + '_), now: Option<Timestamp>, caught: Catch) -> Result<Vec<Job>> {
    let claims = match caught {
        Catch::Jobs(jobs) => return Ok(jobs),
        Catch::Claims(claims) => claims,
    };
    let read = retry(|| own(connection, now, Mode::Read, &mut |sql| read_claims(sql, &claims)));
    // Whatever it was, the claim counts: nobody may take it for one that was rolled back.
    read.map_err(|error| match error.is_transient() {
        true => Error::unavailable("jobs were claimed, and could not be read").because(error),
        false => error,
    })
}

fn survey(sql: &mut Sql<'_>, wanted: &[Wanted], claimant: &Claimant<'_>) -> Result<(Catch, Option<Sight>)> {
    let at = read::current_time(sql)?;
    let asked = Instant::now();
    // A statement that reads next to nothing: as long as it takes is the way.
    let paused = queues::paused(sql)?;
    let (way, began) = (asked.elapsed(), Instant::now());
    let caught = claim(sql, wanted, claimant)?;
    let statements = match sql.dialect().claim_style() {
        ClaimStyle::AllQueues => 1,
        ClaimStyle::StretchByStretch | ClaimStyle::QueueByQueue => 1 + wanted.len() as u32,
    };
    let sight = Sight { at, paused, took: began.elapsed(), on_the_way: way * statements };
    Ok((caught, Some(sight)))
}
