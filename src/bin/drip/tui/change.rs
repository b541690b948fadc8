//! What is done to jobs, queues and schedules, once somebody has said yes. Its texts are escaped where they are shown.

use drip::{Client, JobFilter, Verb};

use crate::{failure::message, table::counted};

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Jobs(Verb, Targets),
    Queue { name: String, pause: bool },
    AllQueues { pause: bool },
    Schedule { name: String, pause: bool },
    RunNow(String),
}

/// Which jobs.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    Each(Vec<i64>),
    /// As many as a filter leaves, and that many, in words, when it was counted last.
    All(Box<JobFilter>, String),
}

/// What has come of it, in a sentence, and whether that is what was wanted.
pub type Done = Result<String, String>;

impl Change {
    /// What somebody says yes or no to.
    pub fn question(&self) -> String {
        match self {
            Change::Jobs(verb, targets) => format!("{} {}?", capital(verb.name()), targets.words()),
            Change::Queue { name, pause } => format!("{} queue {}?", switched(*pause), name),
            Change::AllQueues { pause } => format!("{} all queues?", switched(*pause)),
            Change::Schedule { name, pause } => format!("{} schedule {}?", switched(*pause), name),
            Change::RunNow(name) => format!("Run schedule {} now?", name),
        }
    }

    /// Does it.
    pub fn apply(&self, client: &Client) -> Done {
        match self {
            Change::Jobs(verb, Targets::Each(ids)) => each(client, *verb, ids),
            Change::Jobs(verb, Targets::All(filter, _)) => said(all(client, *verb, filter)),
            Change::Queue { name, pause: true } => {
                said(drip::pause_queue(client, name).map(|_| format!("queue {name} is paused")))
            }
            Change::Queue { name, pause: false } => {
                said(drip::resume_queue(client, name).map(|queue| match queue.is_paused() {
                    true => format!("queue {name} is no longer paused by itself, but all queues are: P"),
                    false => format!("queue {name} is served again"),
                }))
            }
            Change::AllQueues { pause: true } => {
                said(drip::pause_all(client).map(|()| "all queues are paused".to_owned()))
            }
            Change::AllQueues { pause: false } => {
                said(drip::resume_all(client).map(|()| "queues are served again".to_owned()))
            }
            Change::Schedule { name, pause: true } => {
                said(drip::pause_schedule(client, name).map(|_| format!("schedule {name} is paused")))
            }
            Change::Schedule { name, pause: false } => {
                said(drip::resume_schedule(client, name).map(|_| format!("schedule {name} goes on")))
            }
            Change::RunNow(name) => said(drip::run_schedule_now(client, name).map(|inserted| {
                let job = inserted.job();
                format!("job {} of schedule {name} is {}", job.id, job.state)
            })),
        }
    }
}

impl Targets {
    fn words(&self) -> String {
        match self {
            Targets::Each(ids) => match ids[..] {
                [id] => format!("job {id}"),
                _ => counted(ids.len() as u64, "job"),
            },
            Targets::All(_, count) => format!("all jobs that the filter leaves ({count})"),
        }
    }
}

fn switched(pause: bool) -> &'static str {
    if pause { "Pause" } else { "Resume" }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// As `cancelled`.
pub fn past(verb: Verb) -> &'static str {
    match verb {
        Verb::Cancel => "cancelled",
        Verb::Retry => "retried",
        Verb::Discard => "discarded",
        Verb::Delete => "deleted",
        Verb::Release => "released",
        verb => verb.name(),
    }
}

fn said(done: drip::Result<String>) -> Done {
    done.map_err(|error| message(&error))
}

fn one(client: &Client, verb: Verb, id: i64) -> drip::Result<String> {
    let job = match verb {
        Verb::Cancel => drip::cancel_job(client, id),
        Verb::Retry => drip::retry_job(client, id),
        Verb::Discard => drip::discard_job(client, id),
        Verb::Release => drip::release_job(client, id),
        _ => return drip::delete_job(client, id).map(|_| format!("job {id} is deleted")),
    };
    job.map(|job| format!("job {id} is {}", job.state))
}

/// One after the other: of those that refuse the first is told.
fn each(client: &Client, verb: Verb, ids: &[i64]) -> Done {
    if let [id] = ids {
        return said(one(client, verb, *id));
    }
    let (mut done, mut refused, mut first) = (0, 0, None);
    for id in ids {
        match one(client, verb, *id) {
            Ok(_) => done += 1,
            Err(error) if error.is_unavailable() => return said(Err(error)),
            Err(error) => {
                refused += 1;
                first.get_or_insert(message(&error));
            }
        }
    }
    let told = format!("{} {}", counted(done, "job"), past(verb));
    match first {
        None => Ok(told),
        Some(first) => Err(format!("{told}, {refused} not: {first}")),
    }
}

fn all(client: &Client, verb: Verb, filter: &JobFilter) -> drip::Result<String> {
    let changed = match verb {
        Verb::Cancel => drip::cancel_jobs(client, filter)?,
        Verb::Retry => drip::retry_jobs(client, filter)?,
        Verb::Discard => drip::discard_jobs(client, filter)?,
        _ => {
            let deleted = drip::delete_jobs(client, filter)?;
            return Ok(format!("{} deleted", counted(deleted as u64, "job")));
        }
    };
    let skipped = match changed.skipped {
        0 => String::new(),
        skipped => format!(", {skipped} skipped"),
    };
    Ok(format!("{} {}{skipped}", counted(changed.changed as u64, "job"), past(verb)))
}

/// Whether a verb is one of those for all jobs that a filter leaves.
pub fn is_for_all(verb: Verb) -> bool {
    matches!(verb, Verb::Cancel | Verb::Retry | Verb::Discard | Verb::Delete)
}
