//! Rounds: a figure and its baseline in turn, and the median of each.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{Result, baseline::Bare, database::Kind, report::grouped};

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// A library's time of 1.15 times the driver's.
pub const WITHIN_15_PERCENT: f64 = 1.0 / 1.15;

/// Runs both in turn, each first in every other round; answers the medians, the library's first.
pub fn alternate(
    kind: &Kind<'_>,
    name: &str,
    rounds: usize,
    mut figure: impl FnMut() -> Result<f64>,
    mut baseline: impl FnMut() -> Result<f64>,
) -> Result<(f64, f64)> {
    let (mut values, mut baselines) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        if round % 2 == 0 {
            values.push(figure()?);
            baselines.push(baseline()?);
        } else {
            baselines.push(baseline()?);
            values.push(figure()?);
        }
        let latest = |rates: &[f64]| grouped(rates.last().copied().unwrap_or_default(), 0);
        let database = kind.dialect.name();
        eprintln!("{database} {name} {round}/{rounds}: {} jobs/s, baseline {}", latest(&values), latest(&baselines));
    }
    Ok((median(values), median(baselines)))
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// How long `work` takes to do so many jobs, as jobs a second.
pub fn rate(jobs: u32, work: impl FnOnce() -> Result<u32>) -> Result<f64> {
    let start = Instant::now();
    expect(work()?, jobs)?;
    Ok(jobs_a_second(jobs, start.elapsed()))
}

pub fn jobs_a_second(jobs: u32, took: Duration) -> f64 {
    f64::from(jobs) / took.as_secs_f64()
}

pub fn expect(found: u32, jobs: u32) -> Result<()> {
    if found == jobs { Ok(()) } else { Err(format!("{found} jobs where there should be {jobs}").into()) }
}

/// Asks the database until these jobs are all done; answers the time, since `start`, at which it was first asked in vain.
pub fn wait_until_drained(bare: &mut dyn Bare, jobs: u32, start: Instant) -> Result<Duration> {
    loop {
        let asked = start.elapsed();
        if bare.is_drained(jobs)? {
            return Ok(asked);
        }
        if asked > PATIENCE {
            return Err("the jobs are never all done".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
}
