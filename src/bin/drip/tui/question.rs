//! What the database is asked, and what it answers.

use std::{collections::BTreeSet, time::Duration};

use drip::{
    Client, Count, Job, JobCounts, JobFilter, Listed, Page, QueueSummary, Result, ScheduleInfo, State, Why, WorkerInfo,
};
use jiff::Timestamp;

/// What is asked. Of each topic the latest question alone is of interest.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    Overview(Option<Mark>),
    Jobs(Box<JobFilter>, Page),
    Total(Box<JobFilter>),
    Job(i64),
    Queues,
    Schedules,
    Workers,
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Overview,
    Jobs,
    Total,
    Job,
    Queues,
    Schedules,
    Workers,
}

/// An answer to the question with this number.
#[derive(Debug)]
pub struct Answer {
    pub topic: Topic,
    pub number: u64,
    pub found: Result<Found>,
    /// By the database's clock.
    pub at: Option<Timestamp>,
}

/// What was found.
#[derive(Debug)]
pub enum Found {
    Overview(Box<Overview>),
    Jobs(Listed),
    Total(JobCounts),
    Job(Option<Box<(Job, Why)>>),
    Queues(Vec<QueueSummary>),
    Schedules(Vec<ScheduleInfo>),
    Workers(Vec<WorkerInfo>),
}

/// Everything at a glance.
#[derive(Debug, Default)]
pub struct Overview {
    pub counts: JobCounts,
    pub queues: Vec<QueueSummary>,
    pub workers: Vec<WorkerInfo>,
    pub schedules: Vec<ScheduleInfo>,
    pub mark: Option<Mark>,
    /// Since the mark that was asked with.
    pub flow: Option<Flow>,
}

/// A moment, and the newest job then: from there on is counted the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub at: Timestamp,
    pub newest: i64,
}

/// How many jobs came and went. Jobs whose rows are gone by now are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    pub during: Duration,
    pub inserted: u64,
    pub completed: u64,
    pub discarded: u64,
}

impl Question {
    pub fn topic(&self) -> Topic {
        match self {
            Question::Overview(_) => Topic::Overview,
            Question::Jobs(..) => Topic::Jobs,
            Question::Total(_) => Topic::Total,
            Question::Job(_) => Topic::Job,
            Question::Queues => Topic::Queues,
            Question::Schedules => Topic::Schedules,
            Question::Workers => Topic::Workers,
        }
    }

    /// Asks it, as the question with this number.
    pub fn ask(&self, client: &Client, number: u64) -> Answer {
        let at = drip::database_time(client);
        let topic = self.topic();
        match at {
            Ok(at) => Answer { topic, number, found: self.found(client, at), at: Some(at) },
            Err(error) => Answer { topic, number, found: Err(error), at: None },
        }
    }

    fn found(&self, client: &Client, at: Timestamp) -> Result<Found> {
        Ok(match self {
            Question::Overview(mark) => Found::Overview(Box::new(overview(client, at, *mark)?)),
            Question::Jobs(filter, page) => Found::Jobs(drip::list_jobs(client, filter, *page)?),
            Question::Total(filter) => Found::Total(drip::count_jobs(client, filter)?),
            Question::Job(id) => Found::Job(job(client, *id)?),
            Question::Queues => Found::Queues(drip::list_queues(client)?),
            Question::Schedules => Found::Schedules(drip::list_schedules(client)?),
            Question::Workers => Found::Workers(drip::list_workers(client)?),
        })
    }
}

/// A job that goes away between the two is no error.
fn job(client: &Client, id: i64) -> Result<Option<Box<(Job, Why)>>> {
    let Some(job) = drip::get_job(client, id)? else { return Ok(None) };
    match drip::why_job(client, id) {
        Ok(why) => Ok(Some(Box::new((job, why)))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn overview(client: &Client, at: Timestamp, since: Option<Mark>) -> Result<Overview> {
    let counts = drip::count_jobs(client, &JobFilter::new())?;
    let queues = drip::list_queues(client)?;
    let newest = drip::list_jobs(client, &JobFilter::new(), Page::newest_first().limit(1))?;
    let newest = newest.jobs.first().map_or(0, |job| job.id);
    // Of an empty table nobody knows the next id.
    let newest = newest.max(since.map_or(0, |mark| mark.newest));
    let flow = match since {
        Some(mark) => Some(flow(client, mark, at, &names(&counts, &queues))?),
        None => None,
    };
    let (workers, schedules) = (drip::list_workers(client)?, drip::list_schedules(client)?);
    Ok(Overview { counts, queues, workers, schedules, mark: Some(Mark { at, newest }), flow })
}

/// The queues are named because the index of ended jobs begins with them.
fn flow(client: &Client, since: Mark, at: Timestamp, queues: &[String]) -> Result<Flow> {
    let ended = |state| {
        let ended = JobFilter::new().state(state).queues(queues).finalized(since.at..at);
        number(client, &ended)
    };
    Ok(Flow {
        during: at.duration_since(since.at).try_into().unwrap_or_default(),
        inserted: number(client, &JobFilter::new().id_range(since.newest.saturating_add(1)..))?,
        completed: ended(State::Completed)?,
        discarded: ended(State::Discarded)?,
    })
}

fn number(client: &Client, filter: &JobFilter) -> Result<u64> {
    let Count { number, .. } = drip::count_jobs(client, filter)?.total();
    Ok(number)
}

/// The queues that are known, as many as a filter takes.
fn names(counts: &JobCounts, queues: &[QueueSummary]) -> Vec<String> {
    let waiting = queues.iter().map(|queue| queue.name.clone());
    let names: BTreeSet<String> = counts.counts.iter().map(|count| count.queue.clone()).chain(waiting).collect();
    names.into_iter().take(1000).collect()
}
