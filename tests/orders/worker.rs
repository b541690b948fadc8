//! A worker without a database: what its claimer, its threads and its stop do with what they share.

use std::{sync::Arc, time::Instant};

use shuttle::thread::{self, JoinHandle};

use crate::{
    budget::{Budget, Place},
    machine::stop::{Stop, wait_until},
    orders::Orders,
    sync::{
        Mutex,
        channel::{NEVER, Receiver, TryRecvError, bounded},
    },
};

/// How many jobs there are, how many threads, and how many jobs may be claimed at a time.
const JOBS: usize = 6;
const THREADS: usize = 2;
const LIMIT: usize = 4;

/// What a stop does with what has not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    GiveBack,
    Drain,
}

/// How long a stop waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// For everybody.
    Endless,
    /// Its deadline may come at any time.
    Any,
}

/// What is done wrong, so that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// A thread frees a job's place twice.
    FreesTwice,
    /// A thread keeps a job's place when it has run it.
    KeepsPlace,
    /// The stop leaves what has not begun.
    LeavesUnbegun,
    /// The stop gives back what has not begun, and leaves it on its way.
    GivesBackAndLeaves,
    /// The threads are not told to leave.
    DismissesNobody,
}

/// What has become of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Fate {
    is_claimed: bool,
    ran: usize,
    given_back: usize,
}

pub struct Worker {
    budget: Budget,
    orders: Orders<usize>,
    stop: Stop,
    fates: Mutex<[Fate; JOBS]>,
    manner: Manner,
    flaw: Flaw,
}

/// Becomes ready when a thread has ended.
struct Ended(Receiver<()>, JoinHandle<()>);

impl Worker {
    pub fn new(manner: Manner, flaw: Flaw) -> Arc<Worker> {
        Arc::new(Worker {
            budget: Budget::new(1),
            orders: Orders::new(LIMIT + THREADS),
            stop: Stop::new(),
            fates: Mutex::new([Fate::default(); JOBS]),
            manner,
            flaw,
        })
    }

    /// Runs all jobs there are, with no stop before that. Each place that is freed is waited for: if it were lost, nobody
    /// could go on.
    pub fn run_all(self: &Arc<Worker>) {
        let threads: Vec<_> = (0..THREADS).map(|_| self.start(Worker::serve)).collect();
        while self.fates().iter().any(|fate| !fate.is_claimed) {
            let claimed = self.claim_some();
            if claimed.is_empty() {
                self.budget.freed().recv().unwrap();
            }
            self.dispatch(claimed);
        }
        self.orders.dismiss(THREADS);
        threads.into_iter().for_each(|Ended(_, thread)| thread.join().unwrap());
        assert!(self.fates().iter().all(|fate| (fate.ran, fate.given_back) == (1, 0)), "{:?}", self.fates());
        self.assert_all_places_are_free();
    }

    /// From the start of a worker to its end, which may come at any time.
    pub fn run_and_stop(self: &Arc<Worker>, patience: Patience) {
        let threads: Vec<_> = (0..THREADS).map(|_| self.start(Worker::serve)).collect();
        let claimer = self.start(Worker::claim);
        self.end(&claimer, &threads, patience);
        threads.into_iter().chain([claimer]).for_each(|Ended(_, thread)| thread.join().unwrap());
        let left = self.orders.take_all();
        for (job, fate) in self.fates().iter().enumerate() {
            let ends = fate.ran + fate.given_back + usize::from(left.contains(&job));
            assert_eq!(ends, usize::from(fate.is_claimed), "job {job}: {fate:?}, {left:?} are left");
        }
        if patience == Patience::Endless {
            assert_eq!(left, [], "nobody has run or given these back");
            let given_back = self.fates().iter().filter(|fate| fate.given_back > 0).count();
            assert!(self.manner == Manner::GiveBack || given_back == 0, "{given_back} were given back");
            self.assert_all_places_are_free();
        }
        assert!(left.len() <= THREADS, "only those that a thread had in hand can be left: {left:?}");
    }

    fn start(self: &Arc<Worker>, run: fn(&Worker)) -> Ended {
        let (alive, ended) = bounded(0);
        let worker = self.clone();
        let thread = thread::spawn(move || {
            run(&worker);
            drop(alive);
        });
        Ended(ended, thread)
    }

    fn fates(&self) -> [Fate; JOBS] {
        *self.fates.lock().unwrap()
    }

    fn assert_all_places_are_free(&self) {
        let taken = (self.budget.in_flight(), self.budget.in_flight_of(0), self.budget.has_suspect());
        assert_eq!(taken, (0, 0, false));
    }

    /// As `claimer::run` does.
    fn claim(&self) {
        while !self.stop.is_requested() {
            let claimed = self.claim_some();
            if claimed.is_empty() {
                self.wait_for_room();
            }
            self.dispatch(claimed);
        }
        if self.manner == Manner::GiveBack {
            self.give_back(self.orders.take_all());
        }
    }

    fn claim_some(&self) -> Vec<usize> {
        let enough = self.fates().iter().filter(|fate| fate.is_claimed).count() % LIMIT;
        let in_flight = self.budget.ring_at(enough);
        let room = if in_flight > enough { 0 } else { LIMIT - in_flight };
        let mut fates = self.fates.lock().unwrap();
        let claimed: Vec<usize> = (0..JOBS).filter(|job| !fates[*job].is_claimed).take(room).collect();
        claimed.iter().for_each(|job| fates[*job].is_claimed = true);
        claimed
    }

    /// As `Claimer::dispatch` does.
    fn dispatch(&self, claimed: Vec<usize>) {
        claimed.iter().for_each(|job| self.budget.take(place(*job)));
        assert!(self.budget.in_flight() <= LIMIT, "{} are in flight", self.budget.in_flight());
        let late = match self.stop.is_requested() && self.manner == Manner::GiveBack {
            true => claimed,
            false => claimed.into_iter().filter_map(|job| self.orders.add(job).err()).collect(),
        };
        self.give_back(late);
    }

    fn give_back(&self, jobs: Vec<usize>) {
        for job in jobs {
            self.fates.lock().unwrap()[job].given_back += 1;
            self.budget.free(place(job));
        }
    }

    fn wait_for_room(&self) {
        let stopped = || self.stop.requested().try_recv() == Err(TryRecvError::Disconnected);
        while self.budget.freed().try_recv().is_err() && !stopped() {
            thread::yield_now();
        }
    }

    /// As `runners::run_orders` does.
    fn serve(&self) {
        self.orders.serve(&self.stop, |job| {
            self.fates.lock().unwrap()[job].ran += 1;
            thread::yield_now();
            let times = match self.flaw {
                Flaw::KeepsPlace => 0,
                Flaw::FreesTwice => 2,
                _ => 1,
            };
            (0..times).for_each(|_| self.budget.free(place(job)));
            true
        });
    }

    /// As `Threads::stop` does.
    fn end(&self, claimer: &Ended, threads: &[Ended], patience: Patience) {
        let deadline = if patience == Patience::Any { Instant::now() } else { Instant::now() + NEVER };
        self.stop.request();
        wait_until(&claimer.0, deadline);
        self.orders.dismiss(if self.flaw == Flaw::DismissesNobody { 0 } else { THREADS });
        threads.iter().for_each(|thread| wait_until(&thread.0, deadline));
        wait_until(&claimer.0, deadline);
        match self.flaw {
            Flaw::LeavesUnbegun => {}
            Flaw::GivesBackAndLeaves => {
                let unbegun = |job: &usize| self.fates()[*job] == Fate { is_claimed: true, ran: 0, given_back: 0 };
                self.give_back((0..JOBS).filter(unbegun).collect());
            }
            _ => self.give_back(self.orders.take_all()),
        }
        let left = self.orders.take_all();
        assert_eq!(left, [], "after that nothing comes, and nothing is put back before the stop is over");
        self.stop.finish();
    }
}

/// Every other job is of a queue with a limit, and one is a suspect.
fn place(job: usize) -> Place {
    Place { queue: (job % 2 == 1).then_some(0), suspect: job == 0 }
}
