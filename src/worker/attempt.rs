//! One attempt: call the handler, catch what it throws, and say what becomes of the job.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Claimed, Shared,
    budget::Place,
    cancel::CancelReason,
    context::Context,
    finished::{Finished, Letter},
    handler::{Failed, Run},
    middleware::{Called, call},
    outcome::Outcome,
    settings::Settings,
    slot::{Occupant, Slot, Stuck},
};
use crate::{
    Client, Error, Job, RetryPolicy, State,
    dialect::{OpenTransaction, Sql},
    duration::MAX_DURATION,
    event::{JobEvent, News, Timing},
    json,
    machine::panic::{Panicked, catch, discard},
    queue::{
        complete,
        ending::{Ending, Failure},
        read,
        settle::settle_one,
    },
    stopwatch::Stopwatch,
    trace,
};

/// Further sources of an error are left out; the database keeps less than that.
const LONGEST_TRACE: usize = 16 * 1024;

/// The failure of a handler that says that it has settled its job, and has not. Its job would stay claimed.
const UNSETTLED: &str = "the handler answered Outcome::Settled, and has not settled its job";

/// The failure of a handler whose answer cannot be settled any more, because it has settled its job already.
const SETTLED_BEFORE: &str =
    "the handler settled its job in its transaction, and then did not answer Outcome::Settled; all was taken back";

/// How long a thread rests that could not begin a transaction.
const UNBEGUN_PAUSE: Duration = Duration::from_millis(100);

/// What has come of an attempt.
pub(super) enum Verdict {
    /// Still to be recorded.
    Open(Ending),
    /// Recorded, by the handler or in the handler's transaction.
    Settled(Option<Box<Job>>),
    /// The claim had ended: nothing counts.
    ClaimLost,
}

/// Runs a claimed job on this thread. Answers whether the thread is still wanted.
pub(super) fn run(shared: &Shared, slot: &Slot, claimed: Claimed) -> bool {
    let Claimed { job, place, since } = claimed;
    let (watch, timing) = (Stopwatch::start(), Timing::of(&job, since));
    let context = begin(shared, slot, &job, place, (watch.began, timing));
    shared.client.events().tell_job(News::Started, &job, &timing, || JobEvent::of(&job));
    let verdict = trace::in_attempt(&job, &shared.id, || match shared.settings.handlers.get(&job.kind) {
        Some(Run::Plain(handler)) => plain(&shared.settings, &context, &**handler),
        Some(Run::Transactional(_, handler)) => transactional(&shared.settings, &context, &**handler),
        // Claims name the kinds: this one was changed by hand in between.
        None => Verdict::Open(Ending::GiveBack),
    });
    let left = slot.vacate();
    let is_recorded = !finish(shared, job, place, verdict, &timing.ended(&watch), left.as_ref());
    match left.and_then(|occupant| occupant.stuck) {
        // The place was given to another thread when that was started.
        Some(Stuck::Replaced) => return false,
        Some(Stuck::Waiting) => shared.health.stuck_thread_returned(),
        None => {}
    }
    shared.budget.free(Place { suspect: false, ..place });
    if is_recorded {
        shared.free_suspects(place.suspect.into());
    }
    true
}

fn begin(shared: &Shared, slot: &Slot, job: &Arc<Job>, place: Place, (started, timing): (Instant, Timing)) -> Context {
    let timeout = shared.settings.timeout(job);
    let context = Context::new(&shared.client, job.clone(), &shared.id).watched(&shared.watch.0, timeout);
    let transactional = matches!(shared.settings.handlers.get(&job.kind), Some(Run::Transactional(..)));
    let cancel = context.cancel().clone();
    slot.occupy(Occupant {
        job: job.clone(),
        place,
        cancel,
        started,
        timing,
        transactional,
        disowned: None,
        stuck: None,
    });
    if timeout.is_some() {
        let _ = shared.watch.0.try_send(());
    }
    if shared.manner.is_late() {
        context.cancel().fire(CancelReason::Stopping);
    }
    context
}

/// Hands on what is still to be recorded, and tells of what need not be, or does not count. Answers whether it is handed on.
fn finish(
    shared: &Shared,
    job: Arc<Job>,
    place: Place,
    verdict: Verdict,
    timing: &Timing,
    occupant: Option<&Occupant>,
) -> bool {
    let hand_on = |finished: Finished| {
        let finished = Finished { suspect: place.suspect, ..finished };
        // Only a worker that is over no longer receives; what was not recorded is run again.
        let _ = shared.finished.0.send(Letter::Finished(finished));
        true
    };
    let disowned = occupant.is_some_and(|occupant| occupant.disowned.is_some());
    match verdict {
        Verdict::Open(ending) if !disowned => {
            return hand_on(Finished::new(job, ending, *timing));
        }
        Verdict::Settled(Some(settled)) => tell(&shared.client, &settled, settled.state, timing, false),
        Verdict::Settled(None) if !disowned => {
            // If it has, the fence refuses this.
            let ending = unsettled(&shared.settings, &job);
            return hand_on(Finished { settled: true, ..Finished::new(job, ending, *timing) });
        }
        Verdict::Settled(None) => {}
        Verdict::Open(_) | Verdict::ClaimLost => {
            shared.client.events().tell_job(News::ClaimLost, &job, timing, || JobEvent::of(&job));
        }
    }
    false
}

fn plain(settings: &Settings, context: &Context, handler: &dyn Fn(&Context) -> Result<Outcome, Failed>) -> Verdict {
    verdict(settings, context.job(), call(&settings.middleware, context, || handler(context)).answer)
}

/// What an answer means for the job.
pub(super) fn verdict(settings: &Settings, job: &Job, answer: Result<Outcome, Failed>) -> Verdict {
    match answer {
        Ok(Outcome::CompleteWith(output)) => match json::check_output(output) {
            Ok(output) => Verdict::Open(Ending::Complete { output: Some(output) }),
            Err(problem) => Verdict::Open(failure(settings, job, format!("output: {problem}"), String::new())),
        },
        Ok(outcome) => of_outcome(outcome),
        Err(error) => {
            let (text, trace) = told_of(error);
            Verdict::Open(failure(settings, job, text, trace))
        }
    }
}

/// The text of what a handler has failed with, and what led to it.
fn told_of(error: Failed) -> (String, String) {
    match error.downcast::<Panicked>() {
        Ok(panicked) => (panicked.message, panicked.backtrace),
        Err(error) => {
            let unspeakable = |panicked: Panicked| ("the error cannot be described".to_owned(), panicked.message);
            let told = catch(|| described(&*error)).unwrap_or_else(unspeakable);
            discard(error);
            told
        }
    }
}

fn failure(settings: &Settings, job: &Job, error: String, trace: String) -> Ending {
    let policy = settings.retry(&job.kind);
    let delay = catch(|| policy.delay(job.attempt, &error))
        .unwrap_or_else(|_| RetryPolicy::default().delay(job.attempt, &error));
    Ending::Fail(Failure::new(error).trace(trace).retry(RetryPolicy::constant(delay)))
}

fn unsettled(settings: &Settings, job: &Job) -> Ending {
    failure(settings, job, UNSETTLED.to_owned(), String::new())
}

fn of_outcome(outcome: Outcome) -> Verdict {
    Verdict::Open(match outcome {
        Outcome::Complete => Ending::Complete { output: None },
        Outcome::CompleteWith(output) => Ending::Complete { output: Some(output) },
        Outcome::Snooze(delay) => Ending::Snooze { delay: delay.min(MAX_DURATION) },
        Outcome::Cancel(reason) => Ending::Cancel { reason: Some(reason) },
        Outcome::Discard(reason) => Ending::Discard { reason: Some(reason) },
        Outcome::Settled => return Verdict::Settled(None),
    })
}

/// An error's text, and those of its sources: of a chain without end, its beginning.
///
/// The text alone may say nothing ("db error", says the PostgreSQL driver), so what its sources add follows it.
fn described(error: &(dyn std::error::Error + 'static)) -> (String, String) {
    let (mut text, mut trace) = (error.to_string(), String::new());
    let mut source = error.source();
    while let Some(cause) = source.filter(|_| trace.len() < LONGEST_TRACE) {
        let said = cause.to_string();
        trace.push_str(&format!("caused by: {said}\n"));
        if text.len() < LONGEST_TRACE && !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        source = cause.source();
    }
    (text, trace)
}

/// Runs a handler inside a transaction which its job's settlement joins.
fn transactional(
    settings: &Settings,
    context: &Context,
    handler: &dyn Fn(&mut OpenTransaction<'_, '_>, &Context) -> Result<Outcome, Failed>,
) -> Verdict {
    let (mut begun, mut verdict) = (false, None);
    let committed = context.client().checkout().and_then(|mut connection| {
        let committed = connection.transact(&mut |mut tx| {
            begun = true;
            let ended = inside(settings, context, handler, &mut tx)?;
            verdict = Some(ended);
            // Any error rolls back; which one it was is in the verdict.
            match verdict {
                Some(Verdict::Settled(_)) => Ok(()),
                _ => Err(Error::corrupt("rolled back")),
            }
        });
        match &committed {
            Err(error) if error.is_unavailable() => connection.give_up(),
            // Of the handler's own error nobody knows whether it was the connection's.
            Err(_) => connection.doubt(),
            Ok(()) => {}
        }
        committed
    });
    match (verdict, committed) {
        (Some(Verdict::Settled(job)), Ok(())) => {
            // It may have inserted jobs.
            context.client().wake().wake_all();
            Verdict::Settled(job)
        }
        (Some(verdict @ (Verdict::Open(_) | Verdict::ClaimLost)), _) => verdict,
        // No connection, or one that had died in the pool: that is not the job's fault.
        (None, Err(error)) if !begun && error.is_transient() => {
            // It must not come back at once: nothing has changed yet.
            context.cancel().wait(UNBEGUN_PAUSE);
            Verdict::Open(Ending::GiveBack)
        }
        // The commit failed, or the settlement did. If it took effect all the same, or the claim has ended elsewhere, the
        // fence will say so.
        (_, Err(error)) => Verdict::Open(refused(settings, context.job(), &error)),
        (_, Ok(())) => Verdict::ClaimLost, // not to be reached: nothing else is committed
    }
}

/// Inside the transaction: the handler, then the settlement. Only [`Verdict::Settled`] may be committed.
fn inside(
    settings: &Settings,
    context: &Context,
    handler: &dyn Fn(&mut OpenTransaction<'_, '_>, &Context) -> Result<Outcome, Failed>,
    tx: &mut OpenTransaction<'_, '_>,
) -> crate::Result<Verdict> {
    let Called { answer, failed } = call(&settings.middleware, context, || handler(tx, context));
    let ending = match verdict(settings, context.job(), answer) {
        // Middleware may make something else of a failure; what the handler wrote is taken back all the same.
        Verdict::Open(ending) if failed || matches!(ending, Ending::Fail(_)) => return Ok(Verdict::Open(ending)),
        Verdict::Open(ending) => Some(ending),
        _ if failed => return Ok(Verdict::Open(unsettled(settings, context.job()))),
        Verdict::Settled(_) | Verdict::ClaimLost => None,
    };
    let mut link = tx.link();
    // As a caller's: the handler may have lost the transaction without noticing.
    let sql = &mut Sql::callers(&mut *link, context.client().dialect(), context.client().now());
    let job = match ending {
        Some(ending) => settle_claim(sql, context.shared_job(), ending)?,
        None => settled_by_handler(sql, context.job())?,
    };
    Ok(Verdict::Settled(Some(Box::new(job))))
}

/// A job that its handler has settled itself, as it now stands; an error if it has not.
pub(super) fn settled_by_handler(sql: &mut Sql<'_>, job: &Job) -> crate::Result<Job> {
    sql.prove_open()?;
    match read::by_id(sql, job.id)? {
        Some(now) if now.state == crate::State::Running && now.claim_seq == job.claim_seq => {
            Err(Error::other(UNSETTLED))
        }
        Some(now) => Ok(now),
        // An ephemeral job is gone when it is completed.
        None => {
            let finalized_at = Some(read::current_time(sql)?);
            Ok(Job { state: crate::State::Completed, finalized_at, ..job.clone() })
        }
    }
}

/// The failure of an attempt whose ending was refused, and taken back with everything else.
pub(super) fn refused(settings: &Settings, job: &Job, error: &Error) -> Ending {
    let (text, trace) =
        if error.is_lost_claim() { (SETTLED_BEFORE.to_owned(), String::new()) } else { described(error) };
    failure(settings, job, text, trace)
}

/// Settles one claimed job, by the short way where it is open.
pub(super) fn settle_claim(sql: &mut Sql<'_>, job: &Arc<Job>, ending: Ending) -> crate::Result<Job> {
    let is_short = matches!(ending, Ending::Complete { output: None }) && (job.ephemeral || complete::is_plain(job));
    if !is_short {
        return settle_one(sql, (&**job).into(), ending);
    }
    sql.prove_open()?;
    let one = std::iter::once(&**job);
    let completed =
        if job.ephemeral { complete::drop(sql, one)? == 1 } else { complete::complete(sql, one)?.is_empty() };
    match completed {
        true => Ok(Job { state: crate::State::Completed, ..Job::clone(job) }),
        false => Err(Error::lost_claim(job.id)),
    }
}

/// Ends an attempt that has run out of time, whatever its handler is doing.
pub(super) fn timed_out(settings: &Settings, job: &Job, limit: Duration) -> Ending {
    let error = format!("timed out after {}", crate::duration::format_duration(limit));
    failure(settings, job, error, String::new())
}

/// Whether another job may have been waiting for the unique key that this one held while it ran.
pub(super) fn has_freed_key(job: &Job, now: State) -> bool {
    job.holds_key_in(State::Running) && !job.holds_key_in(now)
}

/// An event about an attempt, with its error if it has left one.
fn event(job: &Job) -> JobEvent {
    let error = job.errors.last().filter(|error| error.attempt == job.attempt).map(|error| error.error.clone());
    JobEvent { error, ..JobEvent::of(job) }
}

/// Says what has become of a job that is recorded, and is in the state `now`. For nobody, nothing is copied.
pub(super) fn tell(client: &Client, job: &Job, now: State, timing: &Timing, timed_out: bool) {
    use State::*;
    let news = match now {
        Completed => News::Completed,
        Cancelled => News::Cancelled,
        _ if timed_out => News::TimedOut,
        Discarded => News::Discarded,
        Scheduled => News::Snoozed,
        Available => News::GivenBack,
        _ => News::Failed,
    };
    client.events().tell_job(news, job, timing, || JobEvent { state: now, ..event(job) });
}

/// Says that a job which no handler has begun, or which none will finish, was given back.
pub(super) fn tell_given_back(client: &Client, job: &Job) {
    client.events().tell_job(News::GivenBack, job, &Timing::default(), || JobEvent::of(job));
}
