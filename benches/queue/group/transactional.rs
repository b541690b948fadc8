//! Transactional handlers: each job commits an effect, a row in a table, together with its completion.
//!
//! The baseline does the same by the same statements, each of its connections in a loop of its own: as many as the worker
//! has threads, but one on SQLite, where writers only wait for each other.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use drip::{Context, Dialect, HandlerResult, Worker};
use mysql::prelude::Queryable;

use super::drain::{self, Count};
use crate::{
    Result,
    baseline::{drain::with_effects, effect},
    database::{Fresh, Kind},
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target},
    rounds::{alternate, expect, rate},
};

/// As many as a worker has threads by default.
const CONNECTIONS: usize = 10;

pub fn transactional(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let jobs = options.jobs.unwrap_or(6_000);
    let (value, baseline) = alternate(
        kind,
        "transactional",
        options.rounds,
        || {
            let database = full(kind, jobs)?;
            let worker = |client: &drip::Client, count| transactional_worker(Worker::new(client), kind.dialect, count);
            let rate = drain::with_worker(&database, jobs, worker)?;
            expect(database.bare()?.count_effects()?, jobs)?;
            Ok(rate)
        },
        || {
            let database = full(kind, jobs)?;
            rate(jobs, || drain_barely(&database))
        },
    )?;
    let target = Some(Target::Ratio(0.8));
    report.add(&Figure { target, ..Figure::rate("transactional", kind.dialect, value, baseline) });
    Ok(())
}

fn full(kind: &Kind<'_>, jobs: u32) -> Result<Fresh> {
    let database = kind.fresh()?;
    database.bare()?.prepare_effects()?;
    drip::insert_many(&database.client()?, (0..jobs).map(|n| Noop { n }))?;
    Ok(database)
}

fn transactional_worker(worker: Worker, dialect: Dialect, count: Count) -> Worker {
    match dialect {
        Dialect::Postgres => {
            worker.handle(move |tx: &mut postgres::Transaction, context: &Context, _: Noop| -> HandlerResult {
                tx.batch_execute(&effect(context.job().id))?;
                count()
            })
        }
        Dialect::Mariadb => {
            worker.handle(move |tx: &mut mysql::Transaction, context: &Context, _: Noop| -> HandlerResult {
                tx.query_drop(effect(context.job().id))?;
                count()
            })
        }
        _ => worker.handle(move |tx: &mut rusqlite::Transaction, context: &Context, _: Noop| -> HandlerResult {
            tx.execute_batch(&effect(context.job().id))?;
            count()
        }),
    }
}

fn drain_barely(database: &Fresh) -> Result<u32> {
    let connections = if database.dialect == Dialect::Sqlite { 1 } else { CONNECTIONS };
    let drained = AtomicU32::new(0);
    thread::scope(|scope| {
        let work = || -> Result<()> {
            drained.fetch_add(with_effects(&mut *database.bare()?)?, Ordering::Relaxed);
            Ok(())
        };
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread has panicked")?)
    })?;
    Ok(drained.into_inner())
}
