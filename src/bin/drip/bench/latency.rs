//! Times: of a round trip, and from the insert of a job to its start.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use drip::{Client, Context, Dialect, HandlerResult, Running};
use serde::Deserialize;
use serde_json::json;

use super::{
    Figure, Limits,
    site::{BEAT, KIND, Site, bar, not_run},
};
use crate::failure::Outcome;

/// How many jobs a second are inserted.
const PACE: u32 = 20;

const ROUND_TRIPS: usize = 101;

/// How long a worker is waited for: until it listens, and until it has stopped.
const READY: Duration = Duration::from_secs(5);
const STOPPING: Duration = Duration::from_secs(10);

/// The time of the smallest question that can be put to the database.
pub fn round_trip(site: &Site) -> Outcome<Figure> {
    let began = Instant::now();
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    // The first prepares what the others use.
    for n in 0..=ROUND_TRIPS {
        site.go_on()?;
        let asked = Instant::now();
        drip::database_time(&site.client)?;
        times.extend((n > 0).then(|| asked.elapsed()));
    }
    Ok(Figure { took: began.elapsed(), ..part("round_trip", &mut times, 0.5, 1) })
}

/// In a worker that is otherwise idle, of jobs that its own client inserts, and of those that another does.
pub fn start_latency(site: &Site, other: &Client, limits: &Limits) -> Outcome<Vec<Figure>> {
    let mut figures = Vec::new();
    for (client, p50, p99) in [
        (&site.client, "start_latency_p50", "start_latency_p99"),
        (other, "start_latency_across_p50", "start_latency_across_p99"),
    ] {
        let began = Instant::now();
        let mut times = latencies(site, client, limits)?;
        let took = began.elapsed();
        figures.push(Figure { took, ..part(p50, &mut times, 0.5, limits.threads) });
        figures.push(Figure { took, ..part(p99, &mut times, 0.99, limits.threads) });
    }
    Ok(figures)
}

/// The time that this part of them does not exceed.
fn part(name: &'static str, times: &mut [Duration], part: f64, threads: u32) -> Figure {
    times.sort();
    let time = times.get((times.len().saturating_sub(1) as f64 * part).round() as usize).copied().unwrap_or_default();
    let (value, count) = (time.as_secs_f64() * 1000.0, times.len() as u64);
    Figure { name, value, unit: "ms", count, took: Duration::ZERO, threads }
}

/// A job that knows when somebody began to insert it.
#[derive(Deserialize)]
struct Stamped {
    at_ns: u64,
}

fn latencies(site: &Site, client: &Client, limits: &Limits) -> Outcome<Vec<Duration>> {
    let epoch = Instant::now();
    let (started, starts) = channel();
    let handler = move |_: &Context, job: Stamped| -> HandlerResult {
        Ok(started.send(epoch.elapsed().saturating_sub(Duration::from_nanos(job.at_ns)))?)
    };
    let running = site.worker(limits.threads).handle_kind(KIND, handler).start()?;
    let times = beside(&running, site, client, limits, epoch, &starts);
    running.stop(STOPPING);
    times
}

fn beside(
    running: &Running,
    site: &Site,
    client: &Client,
    limits: &Limits,
    epoch: Instant,
    starts: &Receiver<Duration>,
) -> Outcome<Vec<Duration>> {
    let ready = Instant::now() + READY;
    while client.dialect() == Dialect::Postgres && !running.health().listening && Instant::now() < ready {
        site.interrupt.wait(BEAT / 10);
        site.go_on()?;
    }
    let jobs = u64::from(limits.jobs).min(limits.time.as_secs() * u64::from(PACE)) as u32;
    let bar = bar("start_latency", jobs);
    let began = Instant::now();
    for n in 0..=jobs {
        // An even pace, but not in step with anything that polls.
        let due = Duration::from_secs(1) * n / PACE + Duration::from_millis(fastrand::u64(0..50));
        site.interrupt.wait(due.saturating_sub(began.elapsed()));
        site.go_on()?;
        let at_ns = u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let _ = drip::insert_job(client, site.job(json!({"at_ns": at_ns})))?;
        bar.set_position(n.into());
    }
    // The first one found connections that were still to be opened.
    let latest = Instant::now() + limits.time;
    (0..=jobs).map(|_| next(site, limits, starts, latest)).skip(1).collect()
}

fn next(site: &Site, limits: &Limits, starts: &Receiver<Duration>, latest: Instant) -> Outcome<Duration> {
    loop {
        site.go_on()?;
        match starts.recv_timeout(BEAT) {
            Ok(time) => return Ok(time),
            Err(RecvTimeoutError::Timeout) if Instant::now() < latest => {}
            Err(_) => return Err(not_run(limits.time)),
        }
    }
}
