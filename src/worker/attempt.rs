//! One attempt: call the handler, catch what it throws, and say what becomes of the job.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Claimed, Shared,
    cancel::CancelReason,
    context::Context,
    finished::{Finished, Letter},
    handler::{Failed, Run},
    outcome::Outcome,
    panic::{Panicked, catch, discard},
    settings::Settings,
    slot::{Occupant, Slot, Stuck},
};
use crate::{
    Client, Error, Event, Job, RetryPolicy, State,
    dialect::{OpenTransaction, Sql},
    duration::MAX_DURATION,
    event::JobEvent,
    json,
    queue::{
        complete, read,
        settle::{Ending, Failure, settle_one},
    },
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

/// What a handler has answered, and how.
pub(super) enum Answer {
    Answered(Result<Outcome, Failed>),
    Panicked(Panicked),
}

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
    let Claimed { job, queue } = claimed;
    let started = Instant::now();
    let context = begin(shared, slot, &job, queue, started);
    shared.client.events().tell(|| Event::Started(JobEvent::of(&job)));
    let verdict = match shared.settings.handlers.get(&job.kind) {
        Some(Run::Plain(handler)) => plain(&shared.settings, &context, &**handler),
        Some(Run::Transactional(_, handler)) => transactional(&shared.settings, &context, &**handler),
        // Claims name the kinds: this one was changed by hand in between.
        None => Verdict::Open(Ending::GiveBack),
    };
    let left = slot.vacate();
    finish(shared, job, verdict, started.elapsed(), left.as_ref());
    match left.and_then(|occupant| occupant.stuck) {
        // The place was given to another thread when that was started.
        Some(Stuck::Replaced) => return false,
        Some(Stuck::Waiting) => shared.health.stuck_thread_returned(),
        None => {}
    }
    shared.budget.free(queue);
    true
}

fn begin(shared: &Shared, slot: &Slot, job: &Arc<Job>, queue: Option<usize>, started: Instant) -> Context {
    let timeout = shared.settings.timeout(job);
    let context = Context::new(&shared.client, job.clone(), &shared.id).watched(&shared.watch.0, timeout);
    let transactional = matches!(shared.settings.handlers.get(&job.kind), Some(Run::Transactional(..)));
    let cancel = context.cancel().clone();
    slot.occupy(Occupant { job: job.clone(), queue, cancel, started, transactional, disowned: None, stuck: None });
    if timeout.is_some() {
        let _ = shared.watch.0.try_send(());
    }
    if shared.stop.is_late() {
        context.cancel().fire(CancelReason::Stopping);
    }
    context
}

/// Hands on what is still to be recorded, and tells of what need not be, or does not count.
fn finish(shared: &Shared, job: Arc<Job>, verdict: Verdict, took: Duration, occupant: Option<&Occupant>) {
    let disowned = occupant.is_some_and(|occupant| occupant.disowned.is_some());
    match verdict {
        Verdict::Open(ending) if !disowned => {
            // Only a worker that is over no longer receives; what was not recorded is run again.
            let _ = shared.finished.0.send(Letter::Finished(Finished::new(job, ending, took)));
        }
        Verdict::Settled(Some(settled)) => tell(&shared.client, &settled, settled.state, took, false),
        Verdict::Settled(None) if !disowned => {
            // If it has, the fence refuses this.
            let ending = failure(&shared.settings, &job, UNSETTLED.to_owned(), String::new());
            let finished = Finished { settled: true, ..Finished::new(job, ending, took) };
            let _ = shared.finished.0.send(Letter::Finished(finished)); // as above
        }
        Verdict::Settled(None) => {}
        Verdict::Open(_) | Verdict::ClaimLost => {
            shared.client.events().tell(|| Event::ClaimLost(event(&job, took)));
        }
    }
}

fn plain(settings: &Settings, context: &Context, handler: &dyn Fn(&Context) -> Result<Outcome, Failed>) -> Verdict {
    match catch(|| handler(context)) {
        Ok(answer) => verdict(settings, context.job(), Answer::Answered(answer)),
        Err(panicked) => verdict(settings, context.job(), Answer::Panicked(panicked)),
    }
}

/// What an answer means for the job.
pub(super) fn verdict(settings: &Settings, job: &Job, answer: Answer) -> Verdict {
    match answer {
        Answer::Answered(Ok(Outcome::CompleteWith(output))) => match checked(output) {
            Ok(output) => Verdict::Open(Ending::Complete { output: Some(output) }),
            Err(problem) => Verdict::Open(failure(settings, job, format!("output: {problem}"), String::new())),
        },
        Answer::Answered(Ok(outcome)) => of_outcome(outcome),
        Answer::Answered(Err(error)) => {
            let unspeakable = |panicked: Panicked| ("the error cannot be described".to_owned(), panicked.message);
            let (text, trace) = catch(|| described(&*error)).unwrap_or_else(unspeakable);
            discard(error);
            Verdict::Open(failure(settings, job, text, trace))
        }
        Answer::Panicked(Panicked { message, backtrace }) => Verdict::Open(failure(settings, job, message, backtrace)),
    }
}

fn failure(settings: &Settings, job: &Job, error: String, trace: String) -> Ending {
    let policy = settings.retry(&job.kind);
    let delay = catch(|| policy.delay(job.attempt, &error))
        .unwrap_or_else(|_| RetryPolicy::default().delay(job.attempt, &error));
    Ending::Fail(Failure::new(error).trace(trace).retry(RetryPolicy::constant(delay)))
}

/// An output as it will be stored. Judged here, because one that is nested too deep overflows the stack of whoever copies
/// it or lets go of it.
fn checked(output: serde_json::Value) -> Result<serde_json::Value, json::JsonProblem> {
    let whole = serde_json::Map::from_iter([("output".to_owned(), output)]);
    let text = json::check_value(serde_json::Value::Object(whole), json::MAX_BYTES)?;
    let mut whole: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
    Ok(whole.remove("output").unwrap_or_default())
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
    let ending = match catch(|| handler(tx, context)) {
        Ok(answer) => match verdict(settings, context.job(), Answer::Answered(answer)) {
            Verdict::Open(Ending::Fail(failure)) => return Ok(Verdict::Open(Ending::Fail(failure))),
            Verdict::Open(ending) => Some(ending),
            Verdict::Settled(_) | Verdict::ClaimLost => None,
        },
        Err(panicked) => return Ok(verdict(settings, context.job(), Answer::Panicked(panicked))),
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
        // An ephemeral job is gone when it is completed.
        now => Ok(now.unwrap_or_else(|| Job { state: crate::State::Completed, ..job.clone() })),
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
    if !matches!(ending, Ending::Complete { output: None }) || !complete::is_plain(job) {
        return settle_one(sql, (&**job).into(), ending);
    }
    sql.prove_open()?;
    match complete::complete(sql, std::iter::once(&**job))?.is_empty() {
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

/// An event about an attempt that took so long.
pub(super) fn event(job: &Job, took: Duration) -> JobEvent {
    let error = job.errors.last().filter(|error| error.attempt == job.attempt).map(|error| error.error.clone());
    JobEvent { duration: Some(took), error, ..JobEvent::of(job) }
}

/// Says what has become of a job that is recorded, and is in the state `now`. For nobody, nothing is copied.
pub(super) fn tell(client: &Client, job: &Job, now: State, took: Duration, timed_out: bool) {
    use State::*;
    client.events().tell(|| {
        let event = JobEvent { state: now, ..event(job, took) };
        match now {
            Completed => Event::Completed(event),
            Cancelled => Event::Cancelled(event),
            _ if timed_out => Event::TimedOut(event),
            Discarded => Event::Discarded(event),
            Scheduled => Event::Snoozed(event),
            // It has not begun: no handler ran.
            Available => Event::GivenBack(JobEvent { duration: None, ..event }),
            _ => Event::Failed(event),
        }
    });
}
