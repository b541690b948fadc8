//! Growth: what else is in the table must not matter, nor into how many queues or kinds the jobs are divided.
//!
//! The baseline is the same worker with as many jobs of one kind in one queue of an otherwise empty table; for bare
//! statements it is the same statements.

use drip::{Context, HandlerResult, NewJob, Worker};

use super::drain::{self, Count};
use crate::{
    Result,
    baseline::{
        BATCH, KINDS,
        drain::{Drain, best},
    },
    database::{Fresh, Kind},
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target},
    rounds::{alternate, rate},
};

pub fn growth(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let jobs = drain::jobs(kind.dialect, options);
    let plain = || drain_of(&kind.fresh()?, jobs, plain_job, plain_worker);
    let mut add = |name: &str, drain: &mut dyn FnMut() -> Result<f64>, least: f64| -> Result<()> {
        let (value, baseline) = alternate(kind, name, options.rounds, drain, plain)?;
        let target = Some(Target::Ratio(least));
        report.add(&Figure { target, ..Figure::rate(name, kind.dialect, value, baseline) });
        Ok(())
    };

    let large = kind.fresh()?;
    eprintln!("{} growth: adding twice {} rows", kind.dialect.name(), options.rows);
    large.bare()?.add_bulk(options.rows)?;
    add("growth_rows", &mut || drain_of(&large, jobs, plain_job, plain_worker), 0.9)?;
    drop(large);

    let queue = |n| plain_job(n).queue(format!("queue {}", n % options.queues));
    let any_queue = |worker, count| plain_worker(worker, count).any_queue();
    add("growth_queues", &mut || drain_of(&kind.fresh()?, jobs, queue, any_queue), 0.5)?;

    let name = |n| format!("kind {}", n % options.kinds);
    let of_kind = |n| NewJob::new(name(n), serde_json::json!({ "n": n }));
    let all_kinds = |worker: Worker, count: Count| {
        let count = std::sync::Arc::new(count);
        (0..options.kinds).fold(worker, |worker, n| {
            let count = count.clone();
            worker.handle_kind(name(n), move |_: &Context, _: Noop| -> HandlerResult { count() })
        })
    };
    add("growth_kinds", &mut || drain_of(&kind.fresh()?, jobs, of_kind, all_kinds), 0.9)?;

    // How much of that is the database's own: each change of a row has its entry in the index of kinds.
    let bare = |job: &dyn Fn(u32) -> NewJob, kinds: &str| {
        let database = kind.fresh()?;
        drip::insert_many(&database.client()?, (0..jobs).map(job))?;
        rate(jobs, best(&database, kind.dialect, Drain { batch: BATCH, deletes: false, kinds })?)
    };
    let names = serde_json::Value::from_iter((0..options.kinds).map(name)).to_string();
    let name = "growth_kinds_bare";
    let (value, baseline) =
        alternate(kind, name, options.rounds, || bare(&of_kind, &names), || bare(&plain_job, KINDS))?;
    report.add(&Figure::rate(name, kind.dialect, value, baseline));
    Ok(())
}

fn plain_job(n: u32) -> NewJob {
    Noop { n }.into()
}

fn plain_worker(worker: Worker, count: Count) -> Worker {
    worker.handle(move |_: &Context, _: Noop| -> HandlerResult { count() })
}

fn drain_of(
    database: &Fresh,
    jobs: u32,
    job: impl Fn(u32) -> NewJob,
    worker: impl FnOnce(Worker, Count) -> Worker,
) -> Result<f64> {
    drip::insert_many(&database.client()?, (0..jobs).map(job))?;
    drain::with_worker(database, jobs, |client, count| worker(Worker::new(client), count))
}
