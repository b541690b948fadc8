//! Jobs brought into a state, and the verbs for one job by their names.

use std::time::Duration;

use drip::{
    AnySession, Failure, Job, JobUpdate, NewJob, Result, RetryPolicy, State, Target, cancel_job, complete_job,
    discard_job, fail_job, fetch_jobs, insert_job, release_job, retry_completed_job, retry_job, snooze_job, update_job,
};
use serde_json::json;

use super::Db;

/// The verbs that a claim can ask for as well as an operator.
pub const FENCED: [&str; 5] = ["complete", "fail", "snooze", "cancel", "discard"];

/// How long a job waits after [`FENCED`]'s `fail` and `snooze`.
pub const RETRY_AFTER: Duration = Duration::from_secs(60);
pub const SNOOZE_FOR: Duration = Duration::from_secs(30);

/// Asks a verb, by its name, for a job.
pub fn ask(verb: &str, on: AnySession<'_>, target: impl Into<Target>) -> Result<Job> {
    match verb {
        "complete" => complete_job(on, target),
        "fail" => fail_job(on, target, failure("boom")),
        "snooze" => snooze_job(on, target, SNOOZE_FOR),
        "cancel" => cancel_job(on, target),
        "discard" => discard_job(on, target),
        other => panic!("there is no verb {other:?}"),
    }
}

/// As [`ask`], for an operator, who has a few verbs more.
pub fn ask_by_id(verb: &str, on: AnySession<'_>, id: i64) -> Result<Job> {
    match verb {
        "retry" => retry_job(on, id),
        "retry completed" => retry_completed_job(on, id),
        "release" => release_job(on, id),
        "update" => update_job(on, id, JobUpdate::new().priority(3)),
        verb => ask(verb, on, id),
    }
}

/// A failure after which the job waits for [`RETRY_AFTER`].
pub fn failure(error: &str) -> Failure {
    Failure::new(error).trace("in a test").retry(RetryPolicy::constant(RETRY_AFTER))
}

impl Db {
    /// Inserts a job.
    pub fn insert(&self, job: NewJob) -> Job {
        let inserted = insert_job(&self.client, job).unwrap();
        assert!(!inserted.is_duplicate());
        inserted.into_job()
    }

    /// Claims the only job that there is in a queue.
    pub fn claim(&self, queue: &str) -> Job {
        let mut claimed = fetch_jobs(&self.client, queue, "worker", 2).unwrap();
        assert_eq!(claimed.len(), 1, "queue {queue}");
        claimed.remove(0)
    }

    /// A new job in this state, in a queue of its own.
    pub fn job_in(&self, state: State) -> Job {
        self.prepared(state, |job| job)
    }

    /// As [`job_in`](Db::job_in), with options.
    pub fn prepared(&self, state: State, options: impl FnOnce(NewJob) -> NewJob) -> Job {
        let queue = format!("queue {}", self.jobs());
        let job = NewJob::new("work", json!({"n": 1})).tags(["a", "b"]).metadata(json!({"by": "Ada"}));
        let job = options(job).queue(queue.clone());
        let id = match state {
            State::Scheduled => self.insert(job.delay(Duration::from_secs(3600))).id,
            State::Pending => self.insert(job.pending()).id,
            State::Discarded => self.insert(job.max_attempts(1)).id,
            _ => self.insert(job).id,
        };
        if matches!(state, State::Running | State::Completed | State::Retryable | State::Discarded) {
            self.claim(&queue);
        }
        match state {
            State::Completed => drop(complete_job(&self.client, id).unwrap()),
            State::Retryable | State::Discarded => drop(fail_job(&self.client, id, failure("first")).unwrap()),
            State::Cancelled => drop(cancel_job(&self.client, id).unwrap()),
            _ => {}
        }
        let job = self.job(id);
        assert_eq!(job.state, state);
        job
    }
}
