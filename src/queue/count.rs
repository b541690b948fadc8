//! How many jobs there are, without counting millions.

use super::criteria::{self, Order};
use crate::{
    Count, JobFilter, Result, Session, State,
    dialect::{Assembled, Sql, Statement, Value, statement},
};

static COUNT_JOBS: Statement = statement!("count_jobs");

/// How many jobs are counted in all, whatever there is in the table.
const CAP: u64 = 100_000;

/// The order in which states are counted and told.
const ORDER: [State; 8] = [
    State::Running,
    State::Available,
    State::Retryable,
    State::Scheduled,
    State::Pending,
    State::Discarded,
    State::Cancelled,
    State::Completed,
];

/// How many jobs of a state are in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobCount {
    /// The queue.
    pub queue: String,
    /// The state.
    pub state: State,
    /// How many; for a state with many jobs, how many at least.
    pub count: Count,
}

/// How many jobs there are, by queue and state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct JobCounts {
    /// Those that are not 0, by state (unfinished ones first) and queue. Of a state that was not counted to its end there
    /// may be jobs in further queues.
    pub counts: Vec<JobCount>,
}

impl JobCounts {
    /// How many jobs are in this state, in all queues.
    pub fn in_state(&self, state: State) -> Count {
        self.sum(|count| count.state == state)
    }

    /// How many jobs are in this queue, in all states.
    pub fn in_queue(&self, queue: &str) -> Count {
        self.sum(|count| count.queue == queue)
    }

    /// How many jobs there are.
    pub fn total(&self) -> Count {
        self.sum(|_| true)
    }

    fn sum(&self, which: impl Fn(&JobCount) -> bool) -> Count {
        let mut sum = Count::default();
        for JobCount { count, .. } in self.counts.iter().filter(|count| which(count)) {
            sum.number += count.number;
            sum.capped |= count.capped;
        }
        sum
    }
}

/// Counts the jobs that a filter leaves, by queue and state.
///
/// At most 100,000 jobs are counted in all, so that it stays cheap in a table of millions: each state
/// has a share of that, and those with many jobs have what the others leave; a state whose share is used up is counted no further, and its figures say so ([`Count::capped`]). (Jobs of the same states that other criteria pass over
/// are read as well, and do not count.) The states are read one after the other while others go
/// on working: a job that moves meanwhile may be counted twice, or not at all.
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
/// # client.migrate()?;
/// use drip::{JobFilter, State};
///
/// drip::insert_job(&client, drip::NewJob::new("greet", serde_json::json!({})))?;
/// let counts = drip::count_jobs(&client, &JobFilter::new())?;
/// assert_eq!(counts.in_state(State::Available).to_string(), "1"); // or 25,000+
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`list_jobs`](crate::list_jobs).
pub fn count_jobs(on: impl Session, filter: &JobFilter) -> Result<JobCounts> {
    filter.check()?;
    on.any().searching().read(|sql| {
        let asked = filter.states.as_deref();
        let states: Vec<State> =
            ORDER.into_iter().filter(|state| asked.is_none_or(|asked| asked.contains(state))).collect();
        // First all states alike; what is left then goes to those that want more.
        let mut found: Vec<Share> = states.into_iter().map(Share::new).collect();
        let share = CAP / found.len().max(1) as u64;
        found.iter_mut().try_for_each(|one| one.count(sql, filter, share))?;
        let mut left = CAP.saturating_sub(found.iter().map(Share::counted).sum());
        let mut wanting = found.iter().filter(|one| one.capped).count() as u64;
        for one in found.iter_mut().filter(|one| one.capped) {
            let before = one.counted();
            one.count(sql, filter, before + left / wanting)?;
            left -= one.counted().saturating_sub(before).min(left);
            wanting -= 1;
        }
        let counts = found.into_iter().flat_map(Share::into_counts).collect();
        Ok(JobCounts { counts })
    })
}

/// What one state has been given of the cap, and what has come of it.
struct Share {
    state: State,
    by_queue: Vec<(String, u64)>,
    capped: bool,
}

impl Share {
    fn new(state: State) -> Share {
        Share { state, by_queue: Vec::new(), capped: false }
    }

    fn count(&mut self, sql: &mut Sql<'_>, filter: &JobFilter, limit: u64) -> Result<()> {
        self.by_queue = count(sql, filter, self.state, limit)?;
        self.capped = self.counted() >= limit;
        Ok(())
    }

    fn counted(&self) -> u64 {
        self.by_queue.iter().map(|(_, number)| number).sum()
    }

    fn into_counts(self) -> impl Iterator<Item = JobCount> {
        let Share { state, by_queue, capped } = self;
        by_queue.into_iter().map(move |(queue, number)| JobCount { queue, state, count: Count { number, capped } })
    }
}

fn count(sql: &mut Sql<'_>, filter: &JobFilter, state: State, limit: u64) -> Result<Vec<(String, u64)>> {
    let dialect = sql.dialect();
    let mut statement = Assembled::of(&COUNT_JOBS, dialect);
    let filter = JobFilter { states: Some(vec![state]), ..filter.clone() };
    criteria::apply(&filter, &mut statement, dialect, Order::Any);
    statement.set("limit", Value::Int(Some(limit as i64)));
    sql.rows_of(&statement, |row| Ok((row.text()?, row.int()?.unsigned_abs())))
}
