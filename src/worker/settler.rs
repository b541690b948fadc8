//! Records how attempts have ended, as many at a time as there are: a thread of its own, so that no handler waits for a
//! commit.
//!
//! When it is idle it writes at once; while it writes, the next batch gathers. There is no timer in between.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crossbeam_channel::select;
use jiff::Timestamp;

use super::{
    Shared, attempt,
    finished::{Finished, Letter},
};
use crate::{
    Error, Job, Result, RetryPolicy, State,
    dialect::{Connection, Sql},
    event::{JobEvent, News},
    machine::lifeline::Lifeline,
    queue::{
        complete,
        ending::{Ending, Failure},
        settle::{Settlement, settle},
    },
    session::{Mode, own, retry},
};

/// The most that one transaction settles.
const MAX_BATCH: usize = 2000;

/// What has become of each attempt of a batch, in its order: the job as it now stands; `None`, if it is completed and
/// otherwise as it was claimed.
type Answers = Vec<Result<Option<Job>>>;

/// Runs until the last letter.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut lifeline = Lifeline::new(&shared.owner);
    loop {
        let (batch, last) = gather(shared);
        let before = shared.settling.take_up(batch.iter().map(|finished| finished.job.id));
        let suspects = batch.iter().filter(|finished| finished.suspect).count();
        let unrecorded = settle_batch(shared, &mut lifeline, batch);
        shared.settling.put_down(before, &unrecorded);
        shared.free_suspects(suspects);
        if last {
            return;
        }
    }
}

/// Waits for a letter and takes all that have come by then.
fn gather(shared: &Shared) -> (Vec<Finished>, bool) {
    let mut batch = Vec::new();
    let first = select! {
        recv(shared.finished.1) -> letter => letter.ok(),
        // A mailbox that was full may have had no place for the last letter.
        recv(shared.stop.over()) -> _ => shared.finished.1.try_recv().ok(),
    };
    let Some(first) = first else { return (batch, true) };
    for letter in std::iter::once(first).chain(shared.finished.1.try_iter()) {
        match letter {
            Letter::Finished(finished) => batch.push(finished),
            Letter::Last => return (batch, true),
        }
        if batch.len() >= MAX_BATCH {
            break;
        }
    }
    (batch, false)
}

/// Records a batch; answers the ids of those that could not be.
fn settle_batch(shared: &Arc<Shared>, lifeline: &mut Lifeline, batch: Vec<Finished>) -> Vec<i64> {
    if batch.is_empty() {
        return Vec::new();
    }
    match write_patiently(shared, lifeline, &batch) {
        Ok(answers) => {
            batch.iter().zip(answers).for_each(|(finished, answer)| tell(shared, finished, answer));
            Vec::new()
        }
        Err(error) if error.is_transient() => batch.iter().map(|finished| finished.job.id).collect(),
        Err(_) => settle_singly(shared, lifeline, batch),
    }
}

/// While the database is away, again and again until the worker's stop is over.
fn write_patiently(shared: &Arc<Shared>, lifeline: &mut Lifeline, batch: &[Finished]) -> Result<Answers> {
    loop {
        let answers = lifeline.run(|connection, now| retry(|| write(connection, now, batch)));
        let away = matches!(&answers, Err(error) if error.is_transient());
        shared.health.settling.store(!away, Ordering::Relaxed);
        match answers {
            Err(error) if away && !shared.stop.is_over() => lifeline.lost(&error),
            answers => return answers,
        }
    }
}

/// The engine refuses the batch for a reason that will not pass: one by one the others are recorded, and of the one
/// that it refuses, that it was.
fn settle_singly(shared: &Arc<Shared>, lifeline: &mut Lifeline, batch: Vec<Finished>) -> Vec<i64> {
    let mut unsettled = Vec::new();
    for mut finished in batch {
        let mut answer = settle_alone(shared, lifeline, &finished);
        if let Err(error) = &answer
            && !error.is_transient()
        {
            finished.ending = unrecordable(error);
            answer = settle_alone(shared, lifeline, &finished);
        }
        match answer {
            Ok(job) => tell(shared, &finished, job),
            Err(error) => {
                let event = || JobEvent { error: Some(error.to_string()), ..JobEvent::of(&finished.job) };
                shared.client.events().tell_job(News::Unrecorded, &finished.job, &finished.timing, event);
                unsettled.push(finished.job.id);
            }
        }
    }
    unsettled
}

fn settle_alone(shared: &Arc<Shared>, lifeline: &mut Lifeline, finished: &Finished) -> Result<Result<Option<Job>>> {
    let mut answers = write_patiently(shared, lifeline, std::slice::from_ref(finished))?;
    Ok(answers.pop().unwrap_or_else(|| Err(Error::lost_claim(finished.job.id))))
}

/// Recording that an attempt has failed cannot fail: a text that is known to be harmless.
fn unrecordable(error: &Error) -> Ending {
    let failure = Failure::new(format!("the outcome could not be recorded: {error}"));
    Ending::Fail(failure.retry(RetryPolicy::constant(Duration::from_secs(60))))
}

/// A completion alone commits by itself, which saves two round trips of three.
fn write(connection: &mut (dyn Connection + '_), now: Option<Timestamp>, batch: &[Finished]) -> Result<Answers> {
    if let [one] = batch
        && one.is_plain()
        && own(connection, now, Mode::Statement, &mut |sql| complete::complete_one(sql, &one.job))?
    {
        return Ok(vec![Ok(None)]);
    }
    write_together(connection, now, batch)
}

/// One transaction: the completions in statements that read nothing, then everything else.
///
/// Ephemeral jobs go by their claims alone. Beside bare statements they drain at 1.06 on PostgreSQL and 0.61 on SQLite; read
/// under a lock first, as others are, at 0.65 and 0.51. On MariaDB no difference was to be seen. (Few rounds, busy machine.)
fn write_together(
    connection: &mut (dyn Connection + '_),
    now: Option<Timestamp>,
    batch: &[Finished],
) -> Result<Answers> {
    let mut drop_unread = true;
    let answers = own(connection, now, Mode::Transaction, &mut |sql| {
        let dropped: Vec<&Job> =
            batch.iter().filter(|finished| finished.is_dropped()).map(|finished| &*finished.job).collect();
        drop_unread = dropped.is_empty() || complete::drop(sql, dropped.iter().copied())? == dropped.len() as u64;
        if !drop_unread {
            return Err(Error::corrupt("rolled back"));
        }
        settle_in(sql, batch, Finished::is_dropped)
    });
    if drop_unread {
        return answers;
    }
    // Some claims had ended. Which of them, says the long way.
    own(connection, now, Mode::Transaction, &mut |sql| settle_in(sql, batch, |_| false))
}

/// Settles a batch but for those that `is_done` says are completed.
fn settle_in(sql: &mut Sql<'_>, batch: &[Finished], is_done: fn(&Finished) -> bool) -> Result<Answers> {
    let plain: Vec<&Job> = batch.iter().filter(|finished| finished.is_plain()).map(|finished| &*finished.job).collect();
    let lost = if plain.is_empty() { Vec::new() } else { complete::complete(sql, plain.iter().copied())? };
    let is_other = |finished: &&Finished| !finished.is_plain() && !is_done(finished);
    let others: Vec<Settlement> = batch.iter().filter(is_other).map(Finished::settlement).collect();
    let mut others = if others.is_empty() { Vec::new() } else { settle(sql, &others)? }.into_iter();
    let answer = |finished: &Finished| match finished {
        finished if is_other(&finished) => {
            others.next().unwrap_or_else(|| Err(Error::lost_claim(finished.job.id))).map(Some)
        }
        finished if lost.binary_search(&complete::claim_of(&finished.job)).is_ok() => {
            Err(Error::lost_claim(finished.job.id))
        }
        _ => Ok(None),
    };
    refused_outputs(batch.iter().map(answer).collect())
}

/// An output that cannot be stored is the attempt's failure, which has to be recorded in its place.
fn refused_outputs(answers: Answers) -> Result<Answers> {
    match answers.iter().position(|answer| matches!(answer, Err(error) if error.is_invalid_input())) {
        Some(index) => match answers.into_iter().nth(index) {
            Some(Err(error)) => Err(error),
            _ => Err(Error::corrupt("an answer has vanished")),
        },
        None => Ok(answers),
    }
}

fn tell(shared: &Shared, finished: &Finished, answer: Result<Option<Job>>) {
    let client = &shared.client;
    match answer {
        Ok(moved) => {
            let job = moved.as_ref().unwrap_or(&finished.job);
            let now = moved.as_ref().map_or(State::Completed, |job| job.state);
            if attempt::has_freed_key(job, now) {
                client.wake().wake_for_reopened();
            }
            attempt::tell(client, job, now, &finished.timing, finished.timed_out);
        }
        Err(_) => {
            let news = if finished.settled { News::Settled } else { News::ClaimLost };
            client.events().tell_job(news, &finished.job, &finished.timing, || JobEvent::of(&finished.job));
        }
    }
    // A job that is to run again later may be due before the next poll.
    if !matches!(finished.ending, Ending::Complete { .. }) {
        shared.client.wake().wake_all();
    }
}
