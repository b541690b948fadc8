//! Spans and events. Whoever subscribes is foreign code, and runs on the worker's own threads: what panics there is
//! neither seen nor passed on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::{Level, Span, enabled, event, info_span};

use crate::{Event, Job, JobEvent, event::News};

/// What filters name; the crate's modules are nobody's business.
const TARGET: &str = "drip";

/// Runs an attempt within its span.
pub(crate) fn in_attempt<T>(job: &Job, worker: &str, run: impl FnOnce() -> T) -> T {
    let Job { id, kind, queue, attempt, .. } = job;
    let span = guarded(|| info_span!(target: TARGET, "drip.job", id, kind, queue, attempt, worker));
    let span = span.unwrap_or_else(Span::none);
    let entered = guarded(|| span.enter());
    let answer = run();
    guarded(|| drop(entered));
    guarded(|| drop(span));
    answer
}

/// Whether anybody wants to hear of anything.
pub(crate) fn listens() -> bool {
    guarded(|| enabled!(target: TARGET, Level::ERROR)).unwrap_or(false)
}

/// Whether anybody wants to hear of such news: nothing is copied otherwise.
pub(crate) fn listens_for(news: News) -> bool {
    let listens = || match news {
        News::Inserted | News::Started | News::Completed | News::Snoozed | News::GivenBack => {
            enabled!(target: TARGET, Level::DEBUG)
        }
        News::Cancelled => enabled!(target: TARGET, Level::INFO),
        News::Failed | News::TimedOut | News::Discarded | News::ClaimLost | News::Rescued => {
            enabled!(target: TARGET, Level::WARN)
        }
        News::Unrecorded => enabled!(target: TARGET, Level::ERROR),
        News::Settled => false,
    };
    guarded(listens).unwrap_or(false)
}

/// An event about a job.
macro_rules! of_job {
    ($level:ident, $job:expr, $message:literal) => {{
        let JobEvent { id, kind, queue, attempt, .. } = $job;
        let (error, state) = ($job.error.as_deref(), $job.state.name());
        let seconds = |span: Option<std::time::Duration>| span.map(|span| span.as_secs_f64());
        let (waited, ran, cpu) = (seconds($job.waited), seconds($job.duration), seconds($job.cpu));
        event!(target: TARGET, Level::$level, id, kind, queue, attempt, state, error, waited, ran, cpu, $message)
    }};
}

pub(crate) fn tell(event: &Event) {
    guarded(|| match event {
        Event::Inserted(job) => of_job!(DEBUG, job, "inserted"),
        Event::Started(job) => of_job!(DEBUG, job, "started"),
        Event::Completed(job) => of_job!(DEBUG, job, "completed"),
        Event::Snoozed(job) => of_job!(DEBUG, job, "snoozed"),
        Event::GivenBack(job) => of_job!(DEBUG, job, "given back"),
        Event::Cancelled(job) => of_job!(INFO, job, "cancelled"),
        Event::Failed(job) => of_job!(WARN, job, "failed"),
        Event::TimedOut(job) => of_job!(WARN, job, "timed out"),
        Event::Discarded(job) => of_job!(WARN, job, "discarded"),
        Event::ClaimLost(job) => of_job!(WARN, job, "claim lost"),
        Event::Unrecorded(job) => of_job!(ERROR, job, "what became of it could not be recorded"),
        Event::Rescued(job) => of_job!(WARN, job, "rescued"),
        Event::WorkerDied { worker, rescued } => event!(target: TARGET, Level::WARN, worker, rescued, "a worker died"),
        Event::TakenForDead { worker } => event!(target: TARGET, Level::ERROR, worker, "taken for dead"),
        Event::Stuck { job, healthy: true } => of_job!(WARN, job, "its handler does not stop, and was replaced"),
        Event::Stuck { job, healthy: false } => of_job!(ERROR, job, "its handler does not stop, and holds a thread"),
        Event::Claimed { worker, count } => event!(target: TARGET, Level::DEBUG, worker, count, "claimed"),
        Event::Idle { worker } => event!(target: TARGET, Level::TRACE, worker, "idle"),
        Event::UnknownKind { worker, queue, kind } => {
            event!(target: TARGET, Level::WARN, worker, queue, kind, "nobody here handles this kind");
        }
        Event::HeartbeatFailed { worker, error } => {
            event!(target: TARGET, Level::ERROR, worker, error, "a worker cannot say that it lives");
        }
        Event::DatabaseLost { worker, error } => {
            event!(target: TARGET, Level::ERROR, worker, error, "the database is lost");
        }
        Event::DatabaseBack { worker } => event!(target: TARGET, Level::INFO, worker, "the database is back"),
        Event::Listening { worker } => event!(target: TARGET, Level::DEBUG, worker, "listening"),
        Event::NotListening { worker, error } => {
            event!(target: TARGET, Level::WARN, worker, error, "not listening, so polling");
        }
        Event::QueuePaused { queue } => event!(target: TARGET, Level::INFO, queue, "paused"),
        Event::QueueResumed { queue } => event!(target: TARGET, Level::INFO, queue, "resumed"),
        Event::SlotFired { schedule, slot, job, is_duplicate } => {
            let slot = slot.to_string();
            event!(target: TARGET, Level::DEBUG, schedule, slot, job, is_duplicate, "a slot has come");
        }
        Event::SlotsMissed { schedule, count } => {
            let count = count.number;
            event!(target: TARGET, Level::WARN, schedule, count, "slots were missed");
        }
        Event::ScheduleFailed { schedule, error } => {
            event!(target: TARGET, Level::ERROR, schedule, error, "a schedule can yield nothing");
        }
        Event::Maintained { task, changed, took } => {
            event!(target: TARGET, Level::DEBUG, task, changed, took = took.as_secs_f64(), "maintained");
        }
        Event::MaintenanceFailed { task, error } => {
            event!(target: TARGET, Level::ERROR, task, error, "maintenance failed");
        }
        Event::Stopped { worker } => event!(target: TARGET, Level::INFO, worker, "stopped"),
    });
}

fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(answer) => Some(answer),
        // To drop what it carries might panic again.
        Err(payload) => {
            std::mem::forget(payload);
            None
        }
    }
}
