//! Says, as long as anything is being done, that its runner lives: on a thread and a connection of its own, for a run may be
//! one long statement.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::{
    dialect::Sql,
    machine::{Owner, lifeline::Lifeline},
    queue::timetable::{self, LEASE},
    session::{Mode, own, retry},
};

/// How many runs are under way.
pub(super) struct Busy {
    runs: AtomicUsize,
    /// Rung when that changes between none and one.
    changed: (Sender<()>, Receiver<()>),
}

/// A run that is under way, until this is dropped.
pub(super) struct UnderWay<'b>(&'b Busy);

impl Busy {
    pub(super) fn new() -> Busy {
        Busy { runs: AtomicUsize::new(0), changed: bounded(1) }
    }

    pub(super) fn begin(&self) -> UnderWay<'_> {
        if self.runs.fetch_add(1, Ordering::AcqRel) == 0 {
            let _ = self.changed.0.try_send(());
        }
        UnderWay(self)
    }

    fn is_busy(&self) -> bool {
        self.runs.load(Ordering::Acquire) > 0
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.0.runs.fetch_sub(1, Ordering::AcqRel) == 1 {
            let _ = self.0.changed.0.try_send(());
        }
    }
}

/// Runs until the stop is requested and nothing is under way any more.
pub(super) fn run(owner: &Arc<Owner>, busy: &Busy) {
    let bell = owner.clock_bell();
    let mut lifeline = Lifeline::new(owner);
    loop {
        if !busy.is_busy() {
            lifeline.release();
            if owner.stop.is_requested() {
                return;
            }
            select! {
                recv(busy.changed.1) -> _ => {}
                recv(owner.stop.requested()) -> _ => {}
            }
            continue;
        }
        select! {
            recv(busy.changed.1) -> _ => continue,
            recv(bell) -> _ => {}
            default(LEASE / 3) => {}
        }
        let keep = &mut |sql: &mut Sql<'_>| timetable::keep(sql, &owner.id);
        if let Err(error) = lifeline.run(|connection, now| retry(|| own(connection, now, Mode::Statement, keep))) {
            lifeline.lost(&error);
        }
    }
}
