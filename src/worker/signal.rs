//! How an idle worker learns that there may be something to claim: a ring, a due time, or asking again after a while.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};

use super::Shared;
use crate::{dialect::Signal, lookout::Duty, machine::lifeline::Lifeline};

/// How often SQLite is asked whether somebody else has committed; a question costs 2.4 µs, and a commit is then seen
/// after 2.7 ms in the median.
const DATA_VERSION_BEAT: Duration = Duration::from_millis(5);

/// How often in the second after there was work, when more is likely to come.
const LIVELY_BEAT: Duration = Duration::from_millis(2);
const LIVELY: Duration = Duration::from_secs(1);

/// How soon a worker that must poll asks again after it has had work; the pause doubles up to the poll interval.
const FIRST_POLL: Duration = Duration::from_millis(20);

/// What an idle claimer waits for.
pub(super) struct Signals {
    kind: Signal,
    ring: Receiver<()>,
    poll_interval: Duration,
    pause: Duration,
    /// What counts the commits of others, see [`Lookout`](crate::lookout::Lookout).
    version: Option<i64>,
    /// When there last was work.
    worked: Option<Instant>,
}

impl Signals {
    pub(super) fn new(shared: &Shared) -> Signals {
        Signals {
            kind: shared.client.dialect().signal(),
            ring: shared.ear.heard().clone(),
            poll_interval: shared.settings.poll_interval,
            pause: FIRST_POLL,
            version: None,
            worked: None,
        }
    }

    /// Rung when there may be something to claim.
    pub(super) fn ring(&self) -> &Receiver<()> {
        &self.ring
    }

    /// Whether that has happened since anybody last asked or waited.
    pub(super) fn has_rung(&self) -> bool {
        self.ring.try_recv().is_ok()
    }

    /// There was work: more may follow soon.
    pub(super) fn had_work(&mut self) {
        self.pause = FIRST_POLL;
        self.worked = Some(Instant::now());
    }

    /// Waits until there may be something to claim, something is due (`due` from now), or the worker stops; answers whether
    /// something has come before that time.
    pub(super) fn wait(&mut self, shared: &Shared, lifeline: &mut Lifeline, due: Option<Duration>) -> bool {
        let pause = self.next_pause();
        let until = Instant::now() + due.unwrap_or(pause).min(pause);
        match self.kind {
            Signal::DataVersion => self.wait_for_commit(shared, lifeline, until),
            Signal::Notifications | Signal::Polling => self.wait_for_ring(shared, until),
        }
    }

    /// With a jitter of a tenth, so that workers started together do not ask together.
    fn next_pause(&mut self) -> Duration {
        let pause = match self.kind {
            Signal::Polling => self.pause.min(self.poll_interval),
            _ => self.poll_interval,
        };
        self.pause = (self.pause * 2).min(self.poll_interval);
        pause.mul_f64(0.9 + fastrand::f64() / 5.0)
    }

    /// Answers whether anything has come before `until`.
    fn wait_for_ring(&self, shared: &Shared, until: Instant) -> bool {
        select! {
            recv(self.ring) -> _ => true,
            recv(shared.stop.requested()) -> _ => true,
            default(until.saturating_duration_since(Instant::now())) => false,
        }
    }

    fn beat(&self) -> Duration {
        match self.worked {
            Some(worked) if worked.elapsed() < LIVELY => LIVELY_BEAT,
            _ => DATA_VERSION_BEAT,
        }
    }

    /// As [`wait_for_ring`](Signals::wait_for_ring), and looks out for the commits of others, if nobody else of the client
    /// does.
    fn wait_for_commit(&mut self, shared: &Shared, lifeline: &mut Lifeline, until: Instant) -> bool {
        let lookout = shared.client.lookout();
        let seen = select! {
            recv(self.ring) -> _ => return true,
            recv(shared.stop.requested()) -> _ => return true,
            recv(lookout.post()) -> seen => seen.unwrap_or_default(),
            default(until.saturating_duration_since(Instant::now())) => return false,
        };
        let mut version = self.version;
        let has_come = self.look_out(shared, lifeline, lookout.take(seen, &shared.id, &mut version), until);
        self.version = version;
        has_come
    }

    fn look_out(&self, shared: &Shared, lifeline: &mut Lifeline, mut duty: Duty<'_>, until: Instant) -> bool {
        loop {
            match lifeline.read(|connection, now| duty.has_something_come(connection, now)) {
                Ok(true) => {
                    shared.client.wake().wake_all();
                    // Rung as well; but this one looks in any case.
                    let _ = self.ring.try_recv();
                    return true;
                }
                Ok(false) => {}
                // The claim that follows meets the same error, and deals with it.
                Err(_) => return true,
            }
            if Instant::now() >= until {
                return false;
            }
            if self.wait_for_ring(shared, until.min(Instant::now() + self.beat())) {
                return true;
            }
        }
    }
}
