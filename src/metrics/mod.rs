//! Counters and histograms of what happens through a client, as Prometheus reads them.

mod counters;
mod histogram;
mod text;

pub(crate) use counters::{Counters, Load, Workforce};

use std::{collections::BTreeMap, time::Duration};

use crate::event::News;

/// What has been counted through one client since it was made, at one moment: see [`Client::metrics`](crate::Client::metrics).
///
/// Its text is in Prometheus's exposition format, version 0.0.4:
///
/// | | |
/// |---|---|
/// | `drip_jobs_inserted_total` | jobs that were inserted through the client |
/// | `drip_attempts_started_total` | attempts that were begun |
/// | `drip_attempts_ended_total` | what became of them, by `outcome`: `completed`, `failed`, `timed_out`, `discarded`, `cancelled`, `snoozed`, `given_back`, `claim_lost`, `unrecorded`, `rescued` (from a worker that died, or after too long), or `settled` by a plain handler |
/// | `drip_job_wait_seconds` | a histogram: from when a job was due to when it was started |
/// | `drip_job_run_seconds` | a histogram: how long handlers ran that have returned |
/// | `drip_job_cpu_seconds_total` | how much of that they were computing; only with the feature `cpu-time` |
/// | `drip_claims_total`, `drip_jobs_claimed_total` | claims, and the jobs that they brought |
/// | `drip_database_losses_total` | how often a worker has lost the database |
/// | `drip_worker_threads`, `drip_worker_threads_busy` | threads of the running workers; a busy one is running a job |
/// | `drip_jobs_in_flight` | jobs that those workers have claimed and not finished |
///
/// All that is about jobs is labelled with `queue` and `kind`. The first hundred such pairs are counted by themselves, all
/// others together as `other`, `other`. A job that is inserted in a transaction of the caller's is not counted, since
/// nobody knows whether that will commit; a handler that times out and returns later is counted as `timed_out`, and then
/// as `claim_lost`.
#[derive(Debug, Clone)]
pub struct Metrics {
    series: BTreeMap<(String, String), Numbers>,
    claims: u64,
    claimed: u64,
    losses: u64,
    load: Load,
}

/// The numbers of one pair of queue and kind.
#[derive(Debug, Clone)]
struct Numbers {
    counts: [u64; News::COUNT],
    waited: histogram::Buckets,
    ran: histogram::Buckets,
    cpu: Duration,
}

impl Metrics {
    /// What an HTTP answer with this text says its `Content-Type` is.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";
}
