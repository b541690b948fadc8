//! Which jobs: the options that make a [`JobFilter`].

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};
use drip::{JobFilter, State};
use jiff::Timestamp;

use crate::{
    escape::name,
    number::{id, priority},
    time::moment_or_ago,
};

/// Which jobs. Options are combined by AND, the values of one by OR.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which jobs (options combined by AND, values of one by OR)")]
pub struct FilterOptions {
    /// In these states
    #[arg(long, short, alias = "states", value_name = "STATE", value_delimiter = ',', value_parser = states(), hide_possible_values = false)]
    state: Vec<State>,
    /// Of these kinds
    #[arg(long, short, alias = "kinds", value_name = "KIND", value_delimiter = ',', value_parser = name)]
    kind: Vec<String>,
    /// In these queues
    #[arg(long, short, alias = "queues", value_name = "QUEUE", value_delimiter = ',', value_parser = name)]
    queue: Vec<String>,
    /// Of these priorities, 1 to 4
    #[arg(long, value_name = "PRIORITY", value_delimiter = ',', value_parser = priority)]
    priority: Vec<u8>,
    /// With any of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',', value_parser = name)]
    tag: Vec<String>,
    /// With this key at the top of their metadata
    #[arg(long, value_name = "KEY", value_parser = name)]
    metadata_key: Vec<String>,
    /// Last claimed by this worker
    #[arg(long, value_name = "WORKER", value_parser = name)]
    worker: Vec<String>,
    /// With this id or a larger one
    #[arg(long, value_name = "ID", value_parser = id)]
    from_id: Option<i64>,
    /// With this id or a smaller one
    #[arg(long, value_name = "ID", value_parser = id)]
    to_id: Option<i64>,
    /// Inserted at this time or later; also as how long ago, such as 2h
    #[arg(long, value_name = "TIME", value_parser = moment_or_ago)]
    created_after: Option<Timestamp>,
    /// Inserted before this time
    #[arg(long, value_name = "TIME", value_parser = moment_or_ago)]
    created_before: Option<Timestamp>,
    /// Due at this time or later
    #[arg(long, value_name = "TIME", value_parser = moment_or_ago)]
    scheduled_after: Option<Timestamp>,
    /// Due before this time
    #[arg(long, value_name = "TIME", value_parser = moment_or_ago)]
    scheduled_before: Option<Timestamp>,
    /// Ended at this time or later
    #[arg(long, value_name = "TIME", value_parser = moment_or_ago)]
    finalized_after: Option<Timestamp>,
    /// Ended before this time
    #[arg(long, value_name = "TIME", value_parser = moment_or_ago)]
    finalized_before: Option<Timestamp>,
}

/// Names of states.
pub fn states() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::name)).try_map(|name| name.parse::<State>())
}

impl FilterOptions {
    /// What the options say; `None` if they say nothing.
    pub fn filter(self) -> Option<JobFilter> {
        let filter = self.build();
        (filter != JobFilter::new()).then_some(filter)
    }

    /// The states that were named, if something `moves` jobs in none of them.
    pub fn unmoved(&self, moves: impl Fn(State) -> bool) -> Option<String> {
        let names: Vec<&str> = self.state.iter().map(|state| state.name()).collect();
        let none = !self.state.iter().any(|state| moves(*state));
        (none && !names.is_empty()).then(|| names.join(" or "))
    }

    /// What the options say of jobs in states in which something `moves` them; and whether they say anything at all.
    pub fn movable(mut self, moves: impl Fn(State) -> bool) -> (JobFilter, bool) {
        let mut states = std::mem::take(&mut self.state);
        let says_states = !states.is_empty();
        if !says_states {
            states = State::ALL.to_vec();
        }
        states.retain(|state| moves(*state));
        let rest = self.build();
        let says_something = says_states || rest != JobFilter::new();
        (rest.states(states), says_something)
    }

    fn build(self) -> JobFilter {
        let mut filter = JobFilter::new();
        filter = given(self.state, filter, JobFilter::states);
        filter = given(self.kind, filter, JobFilter::kinds);
        filter = given(self.queue, filter, JobFilter::queues);
        filter = given(self.priority, filter, JobFilter::priorities);
        filter = given(self.tag, filter, JobFilter::tags);
        filter = self.metadata_key.into_iter().fold(filter, JobFilter::metadata_key);
        filter = self.worker.into_iter().fold(filter, JobFilter::worker);
        filter = match (self.from_id, self.to_id) {
            (None, None) => filter,
            (from, to) => filter.id_range(from.unwrap_or(i64::MIN)..=to.unwrap_or(i64::MAX)),
        };
        filter = between(self.created_after, self.created_before, filter, JobFilter::created);
        filter = between(self.scheduled_after, self.scheduled_before, filter, JobFilter::scheduled);
        between(self.finalized_after, self.finalized_before, filter, JobFilter::finalized)
    }
}

/// An option that is not there is no criterion; one without values would leave no job.
fn given<T>(values: Vec<T>, filter: JobFilter, add: impl FnOnce(JobFilter, Vec<T>) -> JobFilter) -> JobFilter {
    if values.is_empty() { filter } else { add(filter, values) }
}

type Times = (std::ops::Bound<Timestamp>, std::ops::Bound<Timestamp>);

fn between(
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    filter: JobFilter,
    add: impl FnOnce(JobFilter, Times) -> JobFilter,
) -> JobFilter {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    if after.or(before).is_none() {
        return filter;
    }
    add(filter, (after.map_or(Unbounded, Included), before.map_or(Unbounded, Excluded)))
}
