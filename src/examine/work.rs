//! Whether those who should be at work are, and what waits in vain.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;

use super::{Seen, Severity, read};
use crate::{
    Client, Count, Result, WorkerInfo,
    clock::until,
    dialect::{Statement, statement},
    duration::format_duration,
    queue::{
        claim::{ready_queues, unknown_kinds},
        list_queues, list_schedules, list_tasks, list_workers,
        read::current_time,
        workers::orphaned,
    },
};

static BLOCKED_JOBS: Statement = statement!("examine/blocked_jobs");

/// A slot that is overdue for longer was seen by nobody.
const OVERDUE: Duration = Duration::from_secs(5 * 60);
/// The most of a kind that are named.
const NAMED: usize = 10;

pub(super) fn workers(client: &Client) -> Result<Vec<Seen>> {
    let now = read(client, current_time)?;
    let (alive, silent): (Vec<_>, Vec<_>) = list_workers(client)?.into_iter().partition(|worker| worker.is_alive(now));
    let mut seen: Vec<Seen> = silent
        .iter()
        .map(|worker| {
            let what = format!("worker {} ({}) was last heard of {} ago", worker.label, worker.id, ago(worker, now));
            Seen::new(Severity::Warning, what)
                .advise("is its process still there? Another worker gives its jobs to others")
        })
        .collect();
    let orphaned = read(client, orphaned)?;
    if !orphaned.is_empty() {
        let what = format!("jobs are running in workers that nobody knows: {}", named(&orphaned));
        let names =
            orphaned.iter().take(NAMED).map(|worker| format!(" --worker {}", quoted(worker))).collect::<String>();
        let advice = format!("drip jobs rescue --state running{names}");
        seen.push(Seen::new(Severity::Warning, what).advise(advice));
    }
    if alive.is_empty() {
        let waits = read(client, ready_queues)?;
        match waits.is_empty() {
            true => seen.push(Seen::new(Severity::Warning, "no worker lives").advise("start one")),
            false => seen.push(Seen::new(Severity::Problem, "jobs wait, and no worker lives").advise("start one")),
        }
    }
    Ok(if seen.is_empty() { Seen::fine(lives(alive.len())) } else { seen })
}

fn lives(workers: usize) -> String {
    if workers == 1 { "1 worker lives".to_owned() } else { format!("{workers} workers live") }
}

fn ago(worker: &WorkerInfo, now: jiff::Timestamp) -> String {
    format_duration(until(worker.heartbeat_at, now))
}

pub(super) fn paused(client: &Client) -> Result<Vec<Seen>> {
    let queues = list_queues(client)?;
    if let Some(since) = queues.iter().find_map(|queue| queue.all_paused_at) {
        let what = format!("all queues are paused, since {since}");
        return Ok(vec![Seen::new(Severity::Warning, what).advise("drip queues resume --all")]);
    }
    let seen = queues.iter().filter(|queue| queue.available.number > 0).filter_map(|queue| {
        let waiting = match queue.available {
            Count { number: 1, capped: false } => "1 job waits".to_owned(),
            jobs => format!("{jobs} jobs wait"),
        };
        let what = format!("queue {:?} is paused, since {}; {waiting}", queue.name, queue.paused_at?);
        Some(Seen::new(Severity::Warning, what).advise(format!("drip queues resume {}", quoted(&queue.name))))
    });
    let seen: Vec<_> = seen.collect();
    Ok(if seen.is_empty() { Seen::fine("no queue is paused in which jobs wait") } else { seen })
}

pub(super) fn unserved_queues(client: &Client) -> Result<Vec<Seen>> {
    let (ready, alive) = ready_and_alive(client)?;
    let unserved: Vec<String> = ready.into_iter().filter(|queue| serving(&alive, queue).next().is_none()).collect();
    // That nobody lives is said already.
    if unserved.is_empty() || alive.is_empty() {
        return Ok(Seen::fine("every queue in which jobs wait is served, where workers live"));
    }
    let what = format!("jobs wait in queues that no worker serves: {}", named(&unserved));
    let advice = each(&unserved, |queue| format!("drip jobs update --queue {} --set-queue default", quoted(queue)));
    Ok(vec![
        Seen::new(Severity::Problem, what)
            .advise(format!("start a worker that serves them, or move the jobs, such as to \"default\":\n{advice}")),
    ])
}

pub(super) fn unhandled_kinds(client: &Client) -> Result<Vec<Seen>> {
    let (ready, alive) = ready_and_alive(client)?;
    let mut found = Vec::new();
    for queue in ready {
        let serving: Vec<&WorkerInfo> = serving(&alive, &queue).collect();
        // One that names no kinds handles any.
        if !serving.is_empty() && serving.iter().all(|worker| !worker.kinds.is_empty()) {
            let kinds: BTreeSet<&str> = serving.iter().flat_map(|worker| &worker.kinds).map(String::as_str).collect();
            let kinds = json!(kinds).to_string();
            let unknown = read(client, |sql| unknown_kinds(sql, std::slice::from_ref(&queue), &kinds))?;
            found.extend(unknown);
        }
    }
    if found.is_empty() {
        return Ok(Seen::fine("every kind that waits is handled, where workers live"));
    }
    let words: Vec<String> = found.iter().map(|(queue, kind)| format!("{kind} in {queue}")).collect();
    let what = format!("jobs of kinds wait that no worker of their queue handles: {}", named(&words));
    let advice = each(&found, |(queue, kind)| {
        format!("drip jobs discard --state available --queue {} --kind {}", quoted(queue), quoted(kind))
    });
    Ok(vec![
        Seen::new(Severity::Problem, what)
            .advise(format!("start a worker that handles them, or give them up:\n{advice}")),
    ])
}

fn ready_and_alive(client: &Client) -> Result<(Vec<String>, Vec<WorkerInfo>)> {
    let now = read(client, current_time)?;
    let mut alive = list_workers(client)?;
    alive.retain(|worker| worker.is_alive(now));
    Ok((read(client, ready_queues)?, alive))
}

fn serving<'w>(workers: &'w [WorkerInfo], queue: &str) -> impl Iterator<Item = &'w WorkerInfo> {
    workers.iter().filter(move |worker| worker.queues.is_empty() || worker.queues.iter().any(|name| name == queue))
}

pub(super) fn blocked(client: &Client) -> Result<Vec<Seen>> {
    let pairs = read(client, |sql| {
        let now = [sql.now_param()];
        sql.rows(&BLOCKED_JOBS, &now, |row| Ok((row.int()?, row.int()?)))
    })?;
    if pairs.is_empty() {
        return Ok(Seen::fine("no job that is due waits for a unique key"));
    }
    let words: Vec<String> = pairs.iter().map(|(job, holder)| format!("{job} (by {holder})")).collect();
    let what = format!("jobs are due, and others hold their unique keys: {}", named(&words));
    let advice =
        each(&pairs, |(job, holder)| format!("drip jobs get {job}; drip jobs get {holder}; drip jobs cancel {job}"));
    Ok(vec![Seen::new(Severity::Warning, what).advise(format!("look at both, and cancel one of the two:\n{advice}"))])
}

pub(super) fn schedules(client: &Client) -> Result<Vec<Seen>> {
    let now = read(client, current_time)?;
    let mut schedules = list_schedules(client)?;
    schedules.retain(|schedule| !schedule.is_paused());
    let overdue = schedules.iter().filter(|schedule| until(schedule.next_at, now) > OVERDUE);
    let overdue: Vec<String> = overdue.map(|schedule| schedule.name.clone()).collect();
    if overdue.is_empty() {
        return Ok(Seen::fine(match schedules.len() {
            0 => "there is no schedule, or none that is not paused".to_owned(),
            1 => "1 schedule is looked after".to_owned(),
            several => format!("{several} schedules are looked after"),
        }));
    }
    let what = format!("slots have passed that nobody has looked at, of {}", named(&overdue));
    Ok(vec![
        Seen::new(Severity::Problem, what)
            .advise("start a program with Periodic, or by hand: drip maintenance run fire"),
    ])
}

pub(super) fn upkeep(client: &Client) -> Result<Vec<Seen>> {
    let tasks = list_tasks(client)?;
    let failed = tasks.iter().filter_map(|task| {
        let what = format!("the latest run of {} has failed: {}", task.task, task.error.as_deref()?);
        Some(Seen::new(Severity::Warning, what).advise("drip maintenance list"))
    });
    let failed: Vec<_> = failed.collect();
    Ok(if failed.is_empty() { Seen::fine("no task of upkeep has failed") } else { failed })
}

/// The first few, and how many more.
fn named(names: &[String]) -> String {
    let first = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// A line for each of the first few.
fn each<T>(all: &[T], line: impl Fn(&T) -> String) -> String {
    all.iter().take(NAMED).map(line).collect::<Vec<_>>().join("\n")
}

/// As a shell takes it, and the command line: what cannot be typed is spelled out there, and a comma would separate.
fn quoted(name: &str) -> String {
    let spell = |c: char| match c {
        '\'' => r"'\''".to_owned(),
        c if c.is_control() || c == ',' => c.escape_unicode().to_string(),
        c => c.to_string(),
    };
    format!("'{}'", name.chars().map(spell).collect::<String>())
}
