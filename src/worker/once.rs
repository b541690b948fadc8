//! One job, run in the caller's thread inside one transaction.
//!
//! The job is claimed, run and settled before anything is committed, so nobody ever sees it running: its row is locked
//! instead, and a crash frees it at once.

use std::{cell::Cell, sync::Arc, time::Instant};

use super::{
    Worker,
    attempt::{self, Verdict, settled_by_handler, verdict},
    context::Context,
    handler::Run,
    middleware::{Called, call},
};
use crate::{
    Job, Result,
    dialect::{OpenTransaction, Sql},
    event::{JobEvent, News, Timing},
    queue::{
        claim::{Claimant, Wanted, claim_and_read, ready_queues},
        due::promote_on,
        ending::Ending,
        settle::settle_one,
    },
    session::retry,
    stopwatch::Stopwatch,
    trace,
};

/// What [`Worker::work_once`] has done.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Worked {
    /// There was no job to run, or whatever there was others had locked at that moment.
    Nothing,
    /// This job was run, and its handler answered `Ok`; the job as it now stands, which need not be completed: see
    /// [`Outcome`](crate::Outcome).
    Done(Job),
    /// This job was run and failed; the job as it now stands, whose last error says why.
    Failed(Job),
}

/// Where the handler's writes begin, to be taken back without letting go of the job.
const SAVEPOINT: &str = "SAVEPOINT drip_work";
const TAKE_BACK: &str = "ROLLBACK TO SAVEPOINT drip_work";

impl Worker {
    /// Runs one job in the caller's thread and answers what happened, once it is committed.
    ///
    /// Queues are tried strictly in the order in which they were named; of [any queue](Worker::any_queue), by name. A
    /// transactional handler is given the transaction that all of this happens in; what it wrote is committed together
    /// with the job's completion, or taken back if it fails.
    ///
    /// The row is locked, not marked: no other worker sees the job as running, and if the process dies the job is free
    /// at once, but nobody counts that. [`cancel_job`](crate::cancel_job) waits until the handler is done, and timeouts
    /// do not apply. Nor may the handler settle its job through [`Context::client`](crate::Context::client): it would
    /// wait for its own lock; in its transaction it may. On SQLite the handler holds the one write lock.
    ///
    /// # Errors
    /// As [`start`](Worker::start) for the settings; else what the database answers, with everything rolled back. Once the
    /// handler has begun nothing is tried again: after an error that is [transient](crate::Error::is_transient), call it
    /// again. A handler's own failure is not an error but [`Worked::Failed`].
    pub fn work_once(&self) -> Result<Worked> {
        self.check()?;
        let mut connection = self.client.checkout()?;
        retry(|| promote_on(&mut *connection, self.client.now()))?;
        let (mut worked, mut timing, begun) = (Worked::Nothing, Timing::default(), Cell::new(false));
        let committed = retry(|| {
            let done = connection.transact(&mut |mut tx| {
                if let Some(job) = self.lock_one(&mut tx)? {
                    begun.set(true);
                    worked = self.work(&mut tx, Arc::new(job), &mut timing)?;
                }
                Ok(())
            });
            // A handler is begun again by the caller, or not at all.
            if begun.get() { Ok(done) } else { done.map(Ok) }
        })
        .and_then(|done| done);
        if committed.is_err() {
            connection.doubt();
        }
        committed?;
        if let Worked::Done(job) | Worked::Failed(job) = &worked {
            attempt::tell(&self.client, job, job.state, &timing, false);
            // It may have inserted jobs.
            self.client.wake().wake_all();
        }
        Ok(worked)
    }

    /// Claims the first job there is, in a transaction that is not committed yet.
    fn lock_one(&self, tx: &mut OpenTransaction<'_, '_>) -> Result<Option<Job>> {
        let mut link = tx.link();
        let sql = &mut Sql::own(&mut *link, self.client.dialect(), self.client.now());
        let queues = match self.settings.any_queue {
            true => ready_queues(sql)?,
            false => self.settings.queue_names(),
        };
        let kinds = self.settings.kinds();
        let claimant = Claimant { worker: &self.label, kinds: Some(&kinds), suspects: None };
        for queue in queues {
            let wanted = [Wanted::new(queue, 1)];
            if let Some(job) = claim_and_read(sql, &wanted, &claimant)?.pop() {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    fn work(&self, tx: &mut OpenTransaction<'_, '_>, job: Arc<Job>, timing: &mut Timing) -> Result<Worked> {
        tx.link().control(SAVEPOINT)?;
        let context = Context::new(&self.client, job.clone(), &self.label.to_string().into());
        let (watch, begun) = (Stopwatch::start(), Timing::of(&job, Instant::now()));
        self.client.events().tell_job(News::Started, &job, &begun, || JobEvent::of(&job));
        let called = trace::in_attempt(&job, &self.label, || self.call(&context, tx));
        *timing = begun.ended(&watch);
        if called.failed {
            // Whatever middleware makes of it.
            self.take_back(tx)?;
        }
        let failure = match verdict(&self.settings, &job, called.answer) {
            Verdict::Open(Ending::Fail(failure)) => Ending::Fail(failure),
            answer => match self.settle(tx, &job, answer) {
                Ok(job) => return Ok(Worked::Done(job)),
                // Rolled back, it would be the same again, for ever.
                Err(error) if !error.is_transient() => attempt::refused(&self.settings, &job, &error),
                Err(error) => return Err(error),
            },
        };
        self.take_back(tx)?;
        let mut link = tx.link();
        let sql = &mut Sql::callers(&mut *link, self.client.dialect(), self.client.now());
        settle_one(sql, (&*job).into(), failure).map(Worked::Failed)
    }

    fn call(&self, context: &Context, tx: &mut OpenTransaction<'_, '_>) -> Called {
        call(&self.settings.middleware, context, || match self.settings.handlers.get(&context.job().kind) {
            Some(Run::Plain(handler)) => handler(context),
            Some(Run::Transactional(_, handler)) => handler(tx, context),
            None => Err("there is no handler for this kind".into()),
        })
    }

    /// Takes back what the handler wrote, and keeps the job.
    fn take_back(&self, tx: &mut OpenTransaction<'_, '_>) -> Result<()> {
        let mut link = tx.link();
        let sql = &mut Sql::callers(&mut *link, self.client.dialect(), self.client.now());
        sql.prove_open()?;
        sql.control(TAKE_BACK)
    }

    /// Settles the job as its handler has answered; the job as it now stands.
    fn settle(&self, tx: &mut OpenTransaction<'_, '_>, job: &Arc<Job>, answer: Verdict) -> Result<Job> {
        let mut link = tx.link();
        let sql = &mut Sql::callers(&mut *link, self.client.dialect(), self.client.now());
        match answer {
            // The long way, which knows the row as it then stands, or as it was when it went.
            Verdict::Open(ending) => settle_one(sql, (&**job).into(), ending),
            Verdict::Settled(_) | Verdict::ClaimLost => settled_by_handler(sql, job),
        }
    }
}
