//! The threads of a worker, in very many of the orders in which they can take turns: no permit is lost or given twice, nobody
//! waits for ever, and a job that is on its way when a stop comes is run, or given back, and never both.
//!
//! The files of the worker that are nothing but concurrency are compiled here once more, from where they are, with what
//! `sync` puts in the place of the standard library's locks and crossbeam's channels: Shuttle decides at each of their uses
//! who goes on. What the claimer, the threads and a stop do with them is told again in `worker`, without a database: their
//! own files wait on several channels at once, which Shuttle does not know. A failure prints what repeats it.

// Not everything in these files is used here.
#![allow(dead_code)]

mod machine;
mod sync;
mod worker;

#[path = "../../src/worker/budget.rs"]
mod budget;
#[path = "../../src/worker/orders.rs"]
mod orders;
#[path = "../../src/wake.rs"]
mod wake;

use std::{panic, sync::Arc};

use shuttle::{check_pct, check_random, thread};

use self::{
    budget::{Budget, Place},
    wake::Wake,
    worker::{Flaw, Manner, Patience, Worker},
};

/// In so many orders everything is tried out, in one half of them with few changes of who goes on.
const ORDERS: usize = 2000;
const CHANGES: usize = 4;

fn in_many_orders(play: impl Fn() + Send + Sync + 'static) {
    let play = Arc::new(play);
    let same = play.clone();
    check_random(move || play(), ORDERS / 2);
    check_pct(move || same(), ORDERS / 2, CHANGES);
}

/// Whether that fails in one of the orders.
fn is_found(play: impl Fn() + Send + Sync + 'static) -> bool {
    panic::catch_unwind(panic::AssertUnwindSafe(|| in_many_orders(play))).is_err()
}

#[test]
fn no_place_is_lost_or_given_twice_and_each_job_is_run_once() {
    in_many_orders(|| Worker::new(Manner::Drain, Flaw::None).run_all());
}

#[test]
fn a_stop_that_waits_leaves_nothing() {
    for manner in [Manner::GiveBack, Manner::Drain] {
        in_many_orders(move || Worker::new(manner, Flaw::None).run_and_stop(Patience::Endless));
    }
}

#[test]
fn a_stop_whose_deadline_comes_at_any_time_loses_nothing_and_does_nothing_twice() {
    for manner in [Manner::GiveBack, Manner::Drain] {
        in_many_orders(move || Worker::new(manner, Flaw::None).run_and_stop(Patience::Any));
    }
}

#[test]
fn whatever_is_done_wrong_is_found() {
    for flaw in [Flaw::FreesTwice, Flaw::KeepsPlace] {
        assert!(is_found(move || Worker::new(Manner::Drain, flaw).run_all()), "{flaw:?}");
    }
    for flaw in [Flaw::LeavesUnbegun, Flaw::GivesBackAndLeaves] {
        assert!(is_found(move || Worker::new(Manner::Drain, flaw).run_and_stop(Patience::Any)), "{flaw:?}");
    }
    let flaw = Flaw::DismissesNobody;
    assert!(is_found(move || Worker::new(Manner::GiveBack, flaw).run_and_stop(Patience::Endless)), "{flaw:?}");
}

/// One takes back what is to go back while another stops: what it puts back must not be behind the dismissals.
#[test]
fn what_is_put_back_is_run_before_the_threads_leave() {
    in_many_orders(|| {
        let (orders, stop) = (Arc::new(orders::Orders::new(4)), Arc::new(machine::stop::Stop::new()));
        (0..2).for_each(|job| orders.add(job).unwrap());
        let watcher = thread::spawn({
            let orders = orders.clone();
            move || orders.take_back(|job| *job == 1)
        });
        let runner = thread::spawn({
            let (orders, stop) = (orders.clone(), stop.clone());
            move || served(&orders, &stop)
        });
        orders.dismiss(1);
        assert_eq!(together(watcher.join().unwrap(), runner.join().unwrap()), [0, 1]);
    });
}

/// The claim may have taken so long that the threads have gone meanwhile.
#[test]
fn what_comes_after_the_threads_were_told_to_leave_comes_back() {
    in_many_orders(|| {
        let (orders, stop) = (Arc::new(orders::Orders::new(4)), Arc::new(machine::stop::Stop::new()));
        let claimer = {
            let orders = orders.clone();
            thread::spawn(move || (0..2).filter_map(|job| orders.add(job).err()).collect())
        };
        let runner = thread::spawn({
            let (orders, stop) = (orders.clone(), stop.clone());
            move || served(&orders, &stop)
        });
        orders.dismiss(1);
        assert_eq!(together(claimer.join().unwrap(), runner.join().unwrap()), [0, 1]);
    });
}

/// All that a thread is given to run.
fn served(orders: &orders::Orders<usize>, stop: &machine::stop::Stop) -> Vec<usize> {
    let mut ran = Vec::new();
    orders.serve(stop, |job| {
        ran.push(job);
        true
    });
    ran
}

fn together(mut one: Vec<usize>, other: Vec<usize>) -> Vec<usize> {
    one.extend(other);
    one.sort_unstable();
    one
}

#[test]
fn who_listens_hears_of_whatever_was_done_before_the_ring() {
    in_many_orders(|| {
        let wake = Wake::default();
        let heard = wake.listen();
        let ringers: Vec<_> = (0..2)
            .map(|_| {
                let wake = wake.clone();
                thread::spawn(move || {
                    wake.wake_for_reopened();
                    drop(wake.listen());
                })
            })
            .collect();
        while wake.reopened() < 2 {
            heard.recv().unwrap();
        }
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
    });
}

#[test]
fn places_come_back() {
    check_random(
        || {
            let budget = Budget::new(1);
            budget.take(Place { queue: Some(0), suspect: true });
            budget.take(Place::default());
            assert_eq!((budget.in_flight(), budget.in_flight_of(0), budget.has_suspect()), (2, 1, true));
            budget.free(Place { queue: Some(0), suspect: true });
            assert_eq!((budget.in_flight(), budget.in_flight_of(0), budget.has_suspect()), (1, 0, false));
            assert!(budget.freed().try_recv().is_ok());
        },
        1,
    );
}
