//! Several processes at work on one database, and very many workers with next to nothing to do.

use std::{
    thread,
    time::{Duration, Instant},
};

use drip::Dialect;

use super::{drain, idle};
use crate::{
    Result,
    child::{AtWork, Who},
    counting,
    database::Kind,
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target, grouped},
    rounds::{PATIENCE, jobs_a_second, median},
};

const PROCESSES: [usize; 4] = [1, 2, 4, 8];

/// How many processes the idle workers are in, and how many connections of a server each of these workers takes.
const CROWDS: u32 = 4;
const CONNECTIONS_EACH: u32 = 4;

const SETTLING: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(20);

pub fn scale(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    processes(kind, options, report)?;
    crowd(kind, options, report)
}

/// What some processes have done together.
struct Together {
    rate: f64,
    deadlocks: Option<f64>,
    /// How often one had to wait for another's lock; or, where nobody counts, in what part of our looks one did, in percent.
    lock_waits: f64,
}

/// The sum of the rates of so many processes; the baseline is that of half as many.
fn processes(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let jobs = drain::jobs(kind.dialect, options);
    let mut all: Vec<Vec<Together>> = PROCESSES.iter().map(|_| Vec::new()).collect();
    for round in 1..=options.rounds {
        for (&processes, rounds) in PROCESSES.iter().zip(&mut all) {
            let together = drain_together(kind, processes, jobs)?;
            let rate = grouped(together.rate, 0);
            eprintln!("{} scale {round}/{}: {processes} processes {rate} jobs/s", kind.dialect.name(), options.rounds);
            rounds.push(together);
        }
    }
    let mut before = None;
    for (processes, rounds) in PROCESSES.iter().zip(&all) {
        let rate = median(rounds.iter().map(|together| together.rate).collect());
        let (name, database) = (format!("scale_{processes}"), kind.dialect);
        // A little less is noise.
        let target = before.map(|_| Target::Ratio(0.9));
        report.add(&Figure { name: &name, database, value: rate, unit: "jobs/s", baseline: before, target });
        before = Some(rate);
        if let Some(value) = rounds.iter().map(|together| together.deadlocks).sum::<Option<f64>>() {
            let (name, target) = (format!("scale_{processes}_deadlocks"), Some(Target::Below(1.0)));
            report.add(&Figure { name: &name, database, value, unit: "in all", baseline: None, target });
        }
        if database != Dialect::Sqlite {
            let name = format!("scale_{processes}_lock_waits");
            let value = rounds.iter().map(|together| together.lock_waits).sum();
            let unit = if database == Dialect::Postgres { "% looks" } else { "in all" };
            report.add(&Figure { name: &name, database, value, unit, baseline: None, target: None });
        }
    }
    Ok(())
}

fn drain_together(kind: &Kind<'_>, processes: usize, jobs: u32) -> Result<Together> {
    let database = kind.fresh()?;
    drip::insert_many(&database.client()?, (0..jobs).map(|n| Noop { n }))?;
    let prepare = |_| AtWork::prepare(Who::Workers(1), &database.url, 0);
    let mut children = (0..processes).map(prepare).collect::<Result<Vec<_>>>()?;
    let mut bare = database.bare()?;
    let before = bare.tally()?;
    let start = Instant::now();
    children.iter_mut().try_for_each(AtWork::go)?;
    let (mut looks, mut waiting) = (0, 0);
    while !bare.is_drained(jobs)? {
        if start.elapsed() > PATIENCE {
            return Err("the jobs are never all done".into());
        }
        looks += 1;
        waiting += u32::from(bare.waiting()? > 0);
        thread::sleep(Duration::from_millis(10));
    }
    let rate = jobs_a_second(jobs, start.elapsed());
    children.into_iter().try_for_each(AtWork::end)?;
    thread::sleep(Duration::from_secs(1));
    let counted = bare.tally()?.since(&before);
    let seen = 100.0 * f64::from(waiting) / f64::from(looks.max(1));
    Ok(Together { rate, deadlocks: counted.deadlocks, lock_waits: counted.lock_waits.unwrap_or(seen) })
}

/// Statements a second and CPU time of very many workers in a few processes, when one job comes a second; the baseline is
/// the same without a job.
fn crowd(kind: &Kind<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let database = kind.fresh()?;
    let mut bare = database.bare()?;
    let most = bare.spare_connections()? / CONNECTIONS_EACH;
    if most < options.workers {
        eprintln!("*** {}: connections for only {most} workers ***", kind.dialect.name());
    }
    let workers = options.workers.min(most);
    let (sent, url) = match kind.dialect {
        Dialect::Postgres => counting::before(&database.url).map(|(sent, url)| (Some(sent), url))?,
        _ => (None, database.url.clone()),
    };
    let prepare = |_| AtWork::prepare(Who::Workers(workers / CROWDS), &url, 0);
    let mut children = (0..CROWDS).map(prepare).collect::<Result<Vec<_>>>()?;
    children.iter_mut().try_for_each(AtWork::go)?;
    children.iter_mut().try_for_each(AtWork::await_started)?;
    thread::sleep(SETTLING);

    let client = database.client()?;
    let mut over = |jobs: bool| -> Result<(f64, f64)> {
        let mut read = || -> Result<(f64, f64)> {
            let cpu = children.iter().map(|child| idle::cpu_seconds(child.id())).sum::<Result<f64>>()?;
            let own = children.iter_mut().map(AtWork::spent).collect::<Result<Vec<_>>>()?;
            let own: f64 = own.iter().map(|spent| spent.statements).sum();
            let counted = sent.as_ref().map(|sent| sent.so_far() as f64);
            Ok((cpu, counted.or(bare.tally()?.statements).unwrap_or(own)))
        };
        let (start, before) = (Instant::now(), read()?);
        for second in 1..=MEASURED.as_secs() {
            if jobs {
                let _ = drip::insert_job(&client, Noop { n: 0 })?;
            }
            thread::sleep(Duration::from_secs(second).saturating_sub(start.elapsed()));
        }
        let (after, seconds) = (read()?, start.elapsed().as_secs_f64());
        Ok((100.0 * (after.0 - before.0) / seconds, (after.1 - before.1) / seconds))
    };
    eprintln!("{} scale: {workers} workers with nothing to do", kind.dialect.name());
    let (idle_cpu, idle_statements) = over(false)?;
    eprintln!("{} scale: {workers} workers and a job a second", kind.dialect.name());
    let (cpu, statements) = over(true)?;
    children.into_iter().try_for_each(AtWork::end)?;
    let mut add = |name, value, unit, baseline| {
        let (database, baseline) = (kind.dialect, Some(baseline));
        report.add(&Figure { name, database, value, unit, baseline, target: None });
    };
    add("crowd_statements", statements, "a second", idle_statements);
    add("crowd_cpu", cpu, "% core", idle_cpu);
    Ok(())
}
