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
    claimer,
    health::Health,
    settler::{self, Letter},
    stop::{Report, wait_until},
    thread::{self, Ended},
    watcher,
};
use crate::{
    AnySession, Error, Event, Job, Result,
    event::JobEvent,
    queue::settle::{Ending, Settlement, settle},
};

/// Which part of its time a stop gives to handlers before it fires their tokens.
const PATIENCE: f64 = 0.75;

/// How long after its deadline a stop waits: for jobs to be given back, for outcomes to be recorded (both from the
/// deadline on), and then for the threads to end. Together less than a second.
const LEAVING: Duration = Duration::from_millis(250);
const RECORDING: Duration = Duration::from_millis(500);
const ENDING: Duration = Duration::from_millis(300);

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
    given_back: Receiver<usize>,
    settler: Ended,
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
        let settler = thread::start("drip-settler".into(), with(settler::run))?;
        let claims = shared.clone();
        let claimer = thread::start("drip-claimer".into(), move || {
            let _ = give_back.send(claimer::run(&claims));
        })?;
        Ok(Threads { claimer, given_back, settler, others })
    }

    fn stop(self, shared: &Arc<Shared>, began: Instant, within: Duration, drain: bool, exiting: bool) -> Report {
        let deadline = began.checked_add(within).unwrap_or_else(|| began + Duration::from_secs(86_400 * 365));
        shared.stop.request(drain);
        wait_until(&self.claimer, deadline);
        dismiss_runners(shared);
        wait_for_handlers(shared, began + within.mul_f64(PATIENCE).min(within), deadline);
        let left = leave_behind(shared, exiting, deadline + LEAVING);
        let _ = shared.finished.0.try_send(Letter::Last);
        // A little longer than the deadline, so that what has been done is also recorded.
        wait_until(&self.settler, deadline + RECORDING);
        shared.stop.finish();
        let last = Instant::now() + ENDING;
        [&self.claimer, &self.settler].into_iter().chain(&self.others).for_each(|thread| wait_until(thread, last));
        shared.client.events().tell(|| Event::Stopped { worker: shared.id.to_string() });
        let given_back = self.given_back.try_recv().unwrap_or_default() + left.given_back;
        let unsettled = unsettled(shared, &left);
        let Left { still_running, abandoned, .. } = left;
        Report { given_back, still_running, abandoned, unsettled, took: began.elapsed() }
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

/// What a stop leaves behind at its deadline.
#[derive(Default)]
struct Left {
    still_running: Vec<i64>,
    abandoned: Vec<i64>,
    given_back: usize,
    /// What had not begun and could not be given back.
    kept: Vec<i64>,
}

/// Gives back what has not begun, and what is running where nothing that its handler may yet do counts. If the database
/// does not answer by `limit`, that is as if it had refused; if it does later, so much the better.
fn leave_behind(shared: &Arc<Shared>, exiting: bool, limit: Instant) -> Left {
    let mut left = Left::default();
    let mut harmless = Vec::new();
    // Where its transaction is the only one that may write, giving the job back would wait for its end.
    let locked = |transactional: bool| transactional && shared.client.dialect().has_one_writer();
    shared.slots.for_each(|occupant| {
        if occupant.disowned.is_some() {
            return; // settled already
        }
        if (exiting || occupant.transactional) && !locked(occupant.transactional) {
            harmless.push(occupant.job.clone());
        } else {
            left.still_running.push(occupant.job.id);
        }
    });
    let begun = harmless.len();
    harmless.extend(claimer::take_orders(shared, usize::MAX).into_iter().map(|claimed| claimed.job));
    let given = give_back(shared, &harmless, limit);
    for (index, job) in harmless.iter().enumerate() {
        match (given.contains(&job.id), index < begun) {
            (true, true) => left.abandoned.push(job.id),
            (true, false) => left.given_back += 1,
            (false, true) => left.still_running.push(job.id),
            (false, false) => left.kept.push(job.id),
        }
    }
    left
}

/// Gives jobs back, on a thread that may have to wait for the database; answers the ids of those that were by `limit`.
fn give_back(shared: &Arc<Shared>, jobs: &[Arc<Job>], limit: Instant) -> Vec<i64> {
    if jobs.is_empty() {
        return Vec::new();
    }
    let settlement = |job: &Arc<Job>| Settlement { target: (&**job).into(), ending: Ending::GiveBack };
    let settlements: Vec<_> = jobs.iter().map(settlement).collect();
    let client = shared.client.clone();
    let (answer, answers) = bounded(1);
    let settle = move || {
        let settled = AnySession::new(&client).write(|sql| settle(sql, &settlements)).unwrap_or_default();
        let given: Vec<Job> = settled.into_iter().flatten().collect();
        given.iter().for_each(|job| client.events().tell(|| Event::GivenBack(JobEvent::of(job))));
        let _ = answer.send(given.iter().map(|job| job.id).collect());
    };
    match thread::start("drip-leave".into(), settle) {
        Ok(_) => answers.recv_deadline(limit).unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

/// All that the database has not been told, or may not have been told.
fn unsettled(shared: &Shared, left: &Left) -> Vec<i64> {
    // Taken out and put back: should the settler still be at it, it goes on.
    let letters: Vec<Letter> = shared.finished.1.try_iter().collect();
    let unread = letters.iter().filter_map(|letter| match letter {
        Letter::Finished(finished) => Some(finished.job.id),
        Letter::Last => None,
    });
    let mut unsettled: Vec<i64> = unread.chain(shared.settling.untold()).chain(shared.returning.untold()).collect();
    unsettled.extend(&left.kept);
    unsettled.retain(|id| !left.still_running.contains(id) && !left.abandoned.contains(id));
    unsettled.sort_unstable();
    unsettled.dedup();
    letters.into_iter().for_each(|letter| drop(shared.finished.0.try_send(letter)));
    unsettled
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
