//! A worker that has been started, and how it is stopped.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::{
    Order, Shared,
    cancel::CancelReason,
    claimer::{self, GivenBack},
    health::Health,
    settler::{self, Letter},
    stop::{Report, wait_until},
    thread::{self, Ended},
    watcher,
};
use crate::{
    AnySession, Error, Event, Result,
    event::JobEvent,
    queue::settle::{Ending, Settlement, settle},
};

/// Which part of its time a stop gives to handlers before it fires their tokens.
const PATIENCE: f64 = 0.75;

/// How long a worker that nobody waits for may take to stop.
const UNHURRIED: Duration = Duration::from_secs(86_400);

/// A worker at work. Cheap to clone; when the last clone is dropped the worker is told to stop, and nobody waits for it.
#[derive(Clone)]
pub struct Running(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
    report: (crossbeam_channel::Sender<Report>, Receiver<Report>),
}

/// What is to be waited for.
struct Threads {
    claimer: Ended,
    given_back: Receiver<GivenBack>,
    settler: Ended,
    unsettled: Receiver<Vec<i64>>,
    others: Vec<Ended>,
}

impl Running {
    /// Starts the threads; if one of them cannot be, those before it are stopped again.
    pub(super) fn start(shared: Arc<Shared>) -> Result<Running> {
        let stop_again = shared.clone();
        let threads = Threads::start(&shared).map_err(|error| {
            stop_again.stop.finish();
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
            None => self.0.shared.stop.request(drain),
        }
        self.join()
    }
}

impl Threads {
    fn start(shared: &Arc<Shared>) -> std::io::Result<Threads> {
        let (give_back, given_back) = bounded(1);
        let (leave, unsettled) = bounded(1);
        let mut others = Vec::new();
        let with = |run: fn(&Arc<Shared>)| {
            let shared = shared.clone();
            move || run(&shared)
        };
        #[cfg(feature = "postgres")]
        if shared.client.dialect() == crate::Dialect::Postgres {
            others.push(thread::start("drip-listener".into(), with(super::listener::run))?);
        }
        others.push(thread::start("drip-watcher".into(), with(watcher::run))?);
        (0..shared.settings.concurrency).try_for_each(|_| shared.runners.start(shared))?;
        let settles = shared.clone();
        let settler = thread::start("drip-settler".into(), move || drop(leave.send(settler::run(&settles))))?;
        let claims = shared.clone();
        let claimer = thread::start("drip-claimer".into(), move || drop(give_back.send(claimer::run(&claims))))?;
        Ok(Threads { claimer, given_back, settler, unsettled, others })
    }

    fn stop(self, shared: &Arc<Shared>, began: Instant, within: Duration, drain: bool, exiting: bool) -> Report {
        let deadline = began.checked_add(within).unwrap_or_else(|| began + Duration::from_secs(86_400 * 365));
        shared.stop.request(drain);
        wait_until(&self.claimer, deadline);
        if Instant::now() >= deadline {
            // What it is claiming at the moment would come behind the dismissals.
            shared.stop.give_up_draining();
        }
        dismiss_runners(shared);
        wait_for_handlers(shared, began + (deadline - began).mul_f64(PATIENCE), deadline);
        let late = give_back_unbegun(shared);
        let (abandoned, still_running) = leave_behind(shared, exiting);
        let _ = shared.finished.0.try_send(Letter::Last);
        // A little longer than the deadline, so that what has been done is also recorded.
        wait_until(&self.settler, deadline.max(Instant::now() + Duration::from_millis(500)));
        shared.stop.finish();
        wait_until(&self.settler, Instant::now() + Duration::from_millis(300));
        self.others.iter().for_each(|other| wait_until(other, Instant::now() + Duration::from_millis(300)));
        shared.client.events().tell(|| Event::Stopped { worker: shared.id.to_string() });
        let given_back = self.given_back.try_recv().unwrap_or_default();
        let unsettled =
            self.unsettled.try_recv().unwrap_or_default().into_iter().chain(given_back.refused).chain(late.refused);
        Report {
            given_back: given_back.count + late.count,
            still_running,
            abandoned,
            unsettled: unsettled.collect(),
            took: began.elapsed(),
        }
    }
}

/// Tells every thread to leave after the jobs that are before this in the channel.
fn dismiss_runners(shared: &Shared) {
    shared.runners.all().iter().for_each(|_| drop(shared.orders.0.try_send(Order::Leave)));
}

/// Waits until all handlers have returned; asks them to, when it is late.
fn wait_for_handlers(shared: &Shared, late: Instant, deadline: Instant) {
    for limit in [late, deadline] {
        let returned = |runner: &Ended| !matches!(runner.recv_deadline(limit), Err(RecvTimeoutError::Timeout));
        if shared.runners.all().iter().all(returned) {
            return;
        }
        shared.slots.cancel_all(CancelReason::Stopping);
    }
}

/// What a drain has not come to by the deadline: nobody would record it any more.
fn give_back_unbegun(shared: &Shared) -> GivenBack {
    let claimed = shared.take_unbegun(usize::MAX);
    let settlement = |one: &super::Claimed| Settlement { target: (&*one.job).into(), ending: Ending::GiveBack };
    let settlements: Vec<Settlement> = claimed.iter().map(settlement).collect();
    if settlements.is_empty() {
        return GivenBack::default();
    }
    match AnySession::new(&shared.client).write(|sql| settle(sql, &settlements)) {
        Ok(answers) => {
            let given: Vec<_> = answers.into_iter().flatten().collect();
            given.iter().for_each(|job| shared.client.events().tell(|| Event::GivenBack(JobEvent::of(job))));
            GivenBack { count: given.len(), refused: Vec::new() }
        }
        Err(_) => GivenBack { count: 0, refused: claimed.iter().map(|one| one.job.id).collect() },
    }
}

/// What is still running at the deadline: given back where nothing that its handler may yet do counts. Answers the ids
/// of those that were, and of the others.
fn leave_behind(shared: &Shared, exiting: bool) -> (Vec<i64>, Vec<i64>) {
    let mut harmless = Vec::new();
    let mut others = Vec::new();
    // Where its transaction is the only one that may write, giving the job back would wait for its end.
    let locked = |transactional: bool| transactional && shared.client.dialect().has_one_writer();
    shared.slots.for_each(|occupant| {
        if occupant.disowned.is_some() {
            return; // settled already
        }
        if (exiting || occupant.transactional) && !locked(occupant.transactional) {
            harmless.push(occupant.job.clone());
        } else {
            others.push(occupant.job.id);
        }
    });
    let settlements: Vec<_> =
        harmless.iter().map(|job| Settlement { target: (&**job).into(), ending: Ending::GiveBack }).collect();
    if settlements.is_empty() {
        return (Vec::new(), others);
    }
    let answers = AnySession::new(&shared.client).write(|sql| settle(sql, &settlements)).unwrap_or_default();
    let given: Vec<i64> = answers
        .into_iter()
        .flatten()
        .map(|job| {
            shared.client.events().tell(|| Event::GivenBack(JobEvent::of(&job)));
            job.id
        })
        .collect();
    others.extend(harmless.iter().map(|job| job.id).filter(|id| !given.contains(id)));
    (given, others)
}

impl Report {
    fn empty() -> Report {
        Report {
            given_back: 0,
            still_running: Vec::new(),
            abandoned: Vec::new(),
            unsettled: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

impl Drop for Inner {
    /// Nobody will ask how it went: the worker stops by itself, in its own time, so that what is running is recorded.
    fn drop(&mut self) {
        if let Some(threads) = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            self.shared.stop.request(false);
            let shared = self.shared.clone();
            let stop = move || drop(threads.stop(&shared, Instant::now(), UNHURRIED, false, false));
            let _ = thread::start("drip-stop".into(), stop);
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("id", &self.id()).finish_non_exhaustive()
    }
}
