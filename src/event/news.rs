//! What is told of jobs, before an [`Event`] is made of it: borrowed, so that counting it copies nothing.

use std::time::{Duration, Instant};

use super::{Event, JobEvent};
use crate::{Job, stopwatch::Stopwatch};

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    Inserted,
    Started,
    Completed,
    Failed,
    TimedOut,
    Discarded,
    Cancelled,
    Snoozed,
    GivenBack,
    ClaimLost,
    Unrecorded,
    Rescued,
    /// The handler has settled the job itself. How, only the row says: this is counted, and nobody is told.
    Settled,
}

impl News {
    /// How many there are.
    pub(crate) const COUNT: usize = News::Settled as usize + 1;

    pub(super) fn event(self, job: JobEvent) -> Option<Event> {
        Some(match self {
            News::Inserted => Event::Inserted(job),
            News::Started => Event::Started(job),
            News::Completed => Event::Completed(job),
            News::Failed => Event::Failed(job),
            News::TimedOut => Event::TimedOut(job),
            News::Discarded => Event::Discarded(job),
            News::Cancelled => Event::Cancelled(job),
            News::Snoozed => Event::Snoozed(job),
            News::GivenBack => Event::GivenBack(job),
            News::ClaimLost => Event::ClaimLost(job),
            News::Unrecorded => Event::Unrecorded(job),
            News::Rescued => Event::Rescued(job),
            News::Settled => return None,
        })
    }
}

/// How long an attempt has waited, run and computed, as far as that is known.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    pub(crate) waited: Option<Duration>,
    pub(crate) ran: Option<Duration>,
    pub(crate) cpu: Option<Duration>,
}

impl Timing {
    /// Of a job that was claimed at `claimed`, by this machine's clock, and is being taken up now.
    pub(crate) fn of(job: &Job, claimed: Instant) -> Timing {
        let queued = job.attempted_at.map(|at| at.duration_since(job.scheduled_at));
        // Where somebody has put the due time forward meanwhile, there was no waiting.
        let queued = queued.map(|queued| Duration::try_from(queued).unwrap_or_default());
        Timing { waited: queued.map(|queued| queued + claimed.elapsed()), ..Timing::default() }
    }

    /// Now that its handler has returned.
    pub(crate) fn ended(self, watch: &Stopwatch) -> Timing {
        Timing { ran: Some(watch.began.elapsed()), cpu: watch.cpu(), ..self }
    }
}
