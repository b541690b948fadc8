//! A worker that has been started, and how it is stopped.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::{
    Shared,
    cancel::CancelReason,
    claimer,
    finished::Letter,
    health::Health,
    liveness,
    remains::{self, Remains},
    settler,
    stop::Report,
    watcher,
};
use crate::{
    Error, Event, Result,
    machine::{
        stop::wait_until,
        thread::{self, Ended},
    },
    metrics::Workforce,
};

/// Which part of its time a stop gives to handlers before it fires their tokens.
const PATIENCE: f64 = 0.75;

/// How long a worker may take to stop that nobody waits for, or somebody for ever.
const UNHURRIED: Duration = Duration::from_secs(86_400);

/// How long each of the last three steps may take beyond the deadline, so that what has been done is also recorded.
const GRACE: Duration = Duration::from_millis(270);

/// A worker at work. Cheap to clone; when the last clone is dropped the worker is told to stop, and nobody waits for it.
#[derive(Clone)]
#[must_use = "dropping this stops the worker: keep it, and call `stop`"]
pub struct Running(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
    report: (crossbeam_channel::Sender<Report>, Receiver<Report>),
}

/// What is to be waited for.
struct Threads {
    claimer: Ended,
    given_back: Receiver<usize>,
    settler: Ended,
    others: Vec<Ended>,
}

impl Running {
    /// Starts the threads; if one of them cannot be, those before it are stopped again.
    pub(super) fn start(shared: Arc<Shared>) -> Result<Running> {
        let workforce: Weak<dyn Workforce> = Arc::downgrade(&(shared.clone() as Arc<dyn Workforce>));
        shared.client.events().counters().watch(workforce);
        let stop_again = shared.clone();
        let threads = Threads::start(&shared).map_err(|error| {
            stop_again.stop.finish();
            stop_again.dismiss_runners();
            Error::unavailable("a thread could not be started").because(error)
        })?;
        Ok(Running(Arc::new(Inner { shared, threads: Mutex::new(Some(threads)), report: bounded(1) })))
    }

    /// The worker's id: its label, its process and a number that no other worker has.
    pub fn id(&self) -> &str {
        &self.0.shared.id
    }

    /// What the worker can do at the moment.
    pub fn health(&self) -> Health {
        self.0.shared.health.read(!self.0.shared.stop.is_requested())
    }

    /// Stops the worker: takes no more jobs, gives back those that have not begun, and waits for those that have.
    ///
    /// When three quarters of `deadline` have passed, the tokens of the handlers that are left fire
    /// ([`CancelReason::Stopping`]). Answers by the deadline, give or take a second; calling it again answers the same.
    /// A job that is running even then is given back only if its handler is transactional: what that may yet do cannot be
    /// committed any more.
    pub fn stop(&self, deadline: Duration) -> Report {
        self.end(deadline, false, false)
    }

    /// As [`stop`](Running::stop), for a process that ends right afterwards: jobs that are still running at the deadline
    /// are all given back, since their handlers will not live to do anything more.
    pub fn stop_to_exit(&self, deadline: Duration) -> Report {
        self.end(deadline, false, true)
    }

    /// As [`stop`](Running::stop), but runs all that has been claimed instead of giving it back.
    pub fn drain(&self, deadline: Duration) -> Report {
        self.end(deadline, true, false)
    }

    /// Waits until somebody has stopped the worker, and answers how that went.
    pub fn join(&self) -> Report {
        let report = self.0.report.1.recv().unwrap_or_else(|_| Report::empty());
        let _ = self.0.report.0.try_send(report.clone());
        report
    }

    fn end(&self, deadline: Duration, drain: bool, exiting: bool) -> Report {
        let threads = self.0.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        match threads {
            Some(threads) => {
                let report = threads.stop(&self.0.shared, Instant::now(), deadline, drain, exiting);
                let _ = self.0.report.0.try_send(report);
            }
            // Somebody else is at it; a shorter deadline than theirs does not hurry them.
            None => self.0.shared.request_stop(drain),
        }
        self.join()
    }
}

impl Threads {
    fn start(shared: &Arc<Shared>) -> std::io::Result<Threads> {
        let (give_back, given_back) = bounded(1);
        let mut others = Vec::new();
        let with = |run: fn(&Arc<Shared>)| {
            let shared = shared.clone();
            move || run(&shared)
        };
        #[cfg(feature = "postgres")]
        if shared.client.dialect() == crate::Dialect::Postgres {
            others.push(thread::start("drip-listener".into(), with(super::listener::run))?);
        }
        others.push(thread::start("drip-liveness".into(), with(liveness::run))?);
        others.push(thread::start("drip-watcher".into(), with(watcher::run))?);
        (0..shared.settings.concurrency).try_for_each(|_| shared.runners.start(shared))?;
        let settler = thread::start("drip-settler".into(), with(settler::run))?;
        let claims = shared.clone();
        let claimer = thread::start("drip-claimer".into(), move || {
            let _ = give_back.send(claimer::run(&claims)); // there is room for one
        })?;
        Ok(Threads { claimer, given_back, settler, others })
    }

    fn stop(self, shared: &Arc<Shared>, began: Instant, within: Duration, drain: bool, exiting: bool) -> Report {
        let deadline = began.checked_add(within).unwrap_or_else(|| began + UNHURRIED);
        let late = began.checked_add(within.mul_f64(PATIENCE)).map_or(deadline, |late| late.min(deadline));
        shared.request_stop(drain);
        wait_until(&self.claimer, late);
        shared.dismiss_runners();
        wait_for_handlers(shared, late, deadline);
        wait_until(&self.claimer, deadline);
        let remains = remains::leave(shared, exiting, deadline.max(Instant::now()) + GRACE);
        let _ = shared.finished.0.try_send(Letter::Last);
        wait_until(&self.settler, deadline.max(Instant::now()) + GRACE);
        shared.stop.finish();
        let end = Instant::now() + GRACE;
        [&self.claimer, &self.settler].into_iter().chain(&self.others).for_each(|thread| wait_until(thread, end));
        shared.client.events().tell(|| Event::Stopped { worker: shared.id.to_string() });
        report(shared, self.given_back.try_recv().unwrap_or_default(), remains, began)
    }
}

fn report(shared: &Shared, given_back: usize, remains: Remains, began: Instant) -> Report {
    // What a settler has not taken up that is waiting for the database.
    let letters: Vec<Letter> = shared.finished.1.try_iter().collect();
    let unread = letters.iter().filter_map(|letter| match letter {
        Letter::Finished(finished) => Some(finished.job.id),
        Letter::Last => None,
    });
    let mut unsettled: Vec<i64> = shared.settling.ids().into_iter().chain(unread).collect();
    // Put back: when the database answers, they are recorded all the same.
    letters.into_iter().for_each(|letter| drop(shared.finished.0.try_send(letter)));
    // A handler that returned in the last moment is among those that were running a moment before.
    unsettled.retain(|id| !remains.still_running.contains(id) && !remains.abandoned.contains(id));
    unsettled.extend(shared.giving_back.ids().iter().chain(&remains.refused));
    Report {
        given_back: given_back + remains.given_back.len(),
        still_running: remains.still_running,
        abandoned: remains.abandoned,
        lingering: remains.lingering,
        unsettled,
        took: began.elapsed(),
    }
}

/// Waits until all handlers have returned; asks them to, when it is late.
fn wait_for_handlers(shared: &Shared, late: Instant, deadline: Instant) {
    for limit in [late, deadline] {
        let returned = |runner: &Ended| !matches!(runner.recv_deadline(limit), Err(RecvTimeoutError::Timeout));
        if shared.runners.all().iter().all(returned) {
            return;
        }
        shared.manner.be_late();
        shared.slots.cancel_all(CancelReason::Stopping);
    }
}

impl Report {
    fn empty() -> Report {
        Report {
            given_back: 0,
            still_running: Vec::new(),
            abandoned: Vec::new(),
            lingering: Vec::new(),
            unsettled: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

impl Drop for Inner {
    /// Nobody will ask how it went: the worker stops by itself, in its own time, so that what is running is recorded.
    fn drop(&mut self) {
        if let Some(threads) = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            self.shared.stop.request();
            let shared = self.shared.clone();
            let stop = move || drop(threads.stop(&shared, Instant::now(), UNHURRIED, false, false));
            if thread::start("drip-stop".into(), stop).is_err() {
                self.shared.stop.finish();
                self.shared.dismiss_runners();
            }
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("id", &self.id()).finish_non_exhaustive()
    }
}
