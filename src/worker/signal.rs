//! How an idle worker learns that there may be something to claim: a ring, a due time, or asking again after a while.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};

use super::Shared;
use crate::{
    Result,
    dialect::{Signal, Sql, Statement, statement},
    lookout::Duty,
    machine::lifeline::Lifeline,
    queue::due::glance,
    session::{Mode, own},
};

static DATA_VERSION: Statement = statement!("data_version" of sqlite);

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
    data_version: Option<i64>,
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
            data_version: None,
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
        self.look_out(shared, lifeline, lookout.take(seen), until)
    }

    fn look_out(&mut self, shared: &Shared, lifeline: &mut Lifeline, mut duty: Duty<'_>, until: Instant) -> bool {
        loop {
            match lifeline.read(|connection, _| data_version(connection)) {
                Ok(version) if self.data_version.replace(version) != Some(version) => {
                    self.tell_others(shared, lifeline, &mut duty);
                    return true;
                }
                Ok(_) => {}
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

    /// Wakes the other workers after a commit, if there may be something for them: most commits are of no concern to anybody.
    fn tell_others(&self, shared: &Shared, lifeline: &mut Lifeline, duty: &mut Duty<'_>) {
        let glanced = lifeline.read(|connection, now| own(connection, now, Mode::Read, &mut |sql| glance(sql, None)));
        if glanced.is_ok_and(|glance| duty.concerns_others(glance.available, glance.earliest)) {
            shared.client.wake().wake_all();
            // This one looks in any case.
            let _ = self.ring.try_recv();
        }
    }
}

/// A number that differs after each commit of another connection.
fn data_version(connection: &mut (dyn crate::dialect::Connection + '_)) -> Result<i64> {
    let dialect = connection.dialect();
    let mut link = connection.link();
    Ok(Sql::own(&mut *link, dialect, None).row(&DATA_VERSION, &[], |row| row.int())?.unwrap_or_default())
}
