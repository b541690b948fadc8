//! A connection that a thread keeps, and gets again when it is lost.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Owner,
    outages::{Access, Outages},
};
use crate::{
    Event, Result,
    dialect::{Connection, Sql},
    session::{Mode, own, retry},
};

/// The pause after the first failure; it doubles up to [`LONGEST_PAUSE`], each with a jitter of half.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One thread's connection to the database.
pub(crate) struct Lifeline {
    owner: Arc<Owner>,
    connection: Option<Box<dyn Connection>>,
    /// The owner's outages when the latest work began.
    seen: u64,
    /// What that was.
    access: Access,
    pause: Duration,
}

impl Lifeline {
    pub(crate) fn new(owner: &Arc<Owner>) -> Lifeline {
        let seen = owner.outages.so_far();
        Lifeline { owner: owner.clone(), connection: None, seen, access: Access::Read, pause: FIRST_PAUSE }
    }

    /// Runs `work` on the connection, which is opened if there is none. After an error of the connection's it is closed.
    pub(crate) fn run<T>(
        &mut self,
        work: impl FnOnce(&mut (dyn Connection + '_), Option<Timestamp>) -> Result<T>,
    ) -> Result<T> {
        self.access(Access::Write, work)
    }

    /// As [`run`](Lifeline::run), for work in a transaction, which is tried again after what passes.
    pub(crate) fn transaction<T>(&mut self, mut work: impl FnMut(&mut Sql<'_>) -> Result<T>) -> Result<T> {
        self.run(|connection, now| retry(|| own(connection, now, Mode::Transaction, &mut work)))
    }

    /// As [`run`](Lifeline::run), for work that writes nothing.
    pub(crate) fn read<T>(
        &mut self,
        work: impl FnOnce(&mut (dyn Connection + '_), Option<Timestamp>) -> Result<T>,
    ) -> Result<T> {
        self.access(Access::Read, work)
    }

    /// Lets the connection go, until there is work again.
    pub(crate) fn release(&mut self) {
        self.connection = None;
    }

    fn access<T>(
        &mut self,
        access: Access,
        work: impl FnOnce(&mut (dyn Connection + '_), Option<Timestamp>) -> Result<T>,
    ) -> Result<T> {
        let seen = self.owner.outages.so_far();
        if Outages::between(self.seen, seen) {
            // It is likely to be as dead as the one with which another thread has found out.
            self.connection = None;
        }
        (self.seen, self.access) = (seen, access);
        let now = self.owner.client.now();
        let answer = self.connection().and_then(|connection| work(connection, now));
        match &answer {
            Ok(_) => self.has_answered(),
            // Neither a deadlock nor a refusal says anything about the connection; everything else does.
            Err(error) if error.is_transient() && !error.is_unavailable() => {}
            Err(_) => self.connection = None,
        }
        answer
    }

    fn connection(&mut self) -> Result<&mut (dyn Connection + 'static)> {
        if self.connection.is_none() {
            self.connection = Some(self.owner.client.dedicated()?);
        }
        self.connection.as_deref_mut().ok_or_else(|| crate::Error::unavailable("there is no connection"))
    }

    /// Says that the database is gone (once for all threads of its owner) and waits before the next try, or until the
    /// owner stops.
    pub(crate) fn lost(&mut self, error: &crate::Error) {
        let owner = &self.owner;
        if owner.outages.lost(self.seen, self.access) {
            owner.client.events().tell_loss(&owner.id, error);
        }
        let pause = self.pause.mul_f64(0.75 + fastrand::f64() / 2.0);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        let _ = owner.stop.requested().recv_timeout(pause);
        if owner.stop.is_requested() {
            // What is still to be settled is tried at a steady beat until the stop is over.
            let _ = owner.stop.over().recv_timeout(FIRST_PAUSE);
        }
    }

    fn has_answered(&mut self) {
        let (owner, outages) = (&self.owner, &self.owner.outages);
        if outages.back(self.seen, self.access) {
            owner.client.events().tell(|| Event::DatabaseBack { worker: owner.id.to_string() });
        }
        if !outages.is_away() {
            self.pause = FIRST_PAUSE;
        }
    }
}
