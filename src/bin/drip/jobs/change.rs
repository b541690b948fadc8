//! What is done to jobs: to those that are named, one by one, or to all that a filter leaves.

use clap::Args;
use drip::{Changed, Client, Job, JobFilter, State, Verb};

use super::{bulk, filter::FilterOptions};
use crate::{
    app::App,
    failure::{Failure, Outcome, REFUSED},
    json::{ChangedJobsDocument, JobDocument},
    number::id,
};

/// Which jobs are changed.
#[derive(Debug, Args)]
pub struct Which {
    /// The ids of the jobs; without any, the jobs that the options leave
    #[arg(value_name = "ID", value_parser = id, help_heading = None::<&str>)]
    ids: Vec<i64>,
    #[command(flatten)]
    filter: FilterOptions,
    /// Only say which jobs it would be
    #[arg(long, short = 'n', help_heading = "Bulk changes")]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short, help_heading = "Bulk changes")]
    yes: bool,
}

/// A change of jobs.
pub struct Change<'a> {
    pub verb: Verb,
    /// As in "12 jobs cancelled".
    pub done: &'static str,
    /// A state in which the verb moves jobs, beside those that it says itself.
    pub also: Option<State>,
    /// To one job.
    pub one: &'a One<'a>,
    /// To all that a filter leaves, where the library does that.
    pub all: Option<&'a All<'a>>,
}

pub type One<'a> = dyn Fn(&Client, i64) -> Outcome<Job> + 'a;
pub type All<'a> = dyn Fn(&Client, &JobFilter) -> drip::Result<Changed> + 'a;

impl Change<'_> {
    /// Whether it does anything to a job in this state.
    pub fn moves(&self, state: State) -> bool {
        self.verb.moves(state) || self.also == Some(state)
    }
}

impl Which {
    pub fn run(self, app: &mut App, change: &Change<'_>) -> Outcome {
        if let Some(states) = self.filter.unmoved(|state| change.moves(state)) {
            let movable = State::ALL.into_iter().filter(|state| change.moves(*state)).map(State::name);
            let advice = format!("it does to those that are {}", movable.collect::<Vec<_>>().join(", "));
            let message = format!("{} does nothing to jobs that are {states}", change.verb.name());
            return Err(Failure::refused(message).advise(advice));
        }
        let (filter, says_something) = self.filter.movable(|state| change.moves(state));
        let is_named = !self.ids.is_empty();
        match says_something || self.dry_run {
            false if is_named => each(app, &self.ids, change),
            _ if !(says_something || is_named) => Err(Failure::usage(format!("{} which jobs?", change.verb.name()))
                .advise("name their ids, or say which with options such as --state and --kind")),
            _ => {
                let filter = if is_named { filter.ids(self.ids) } else { filter };
                bulk::run(app, &filter, change, self.dry_run, self.yes)
            }
        }
    }
}

/// One after the other; what cannot be changed keeps nobody else from it.
fn each(app: &mut App, ids: &[i64], change: &Change<'_>) -> Outcome {
    let client = app.client()?;
    let (mut jobs, mut worst) = (Vec::new(), 0);
    for id in ids {
        match (change.one)(&client, *id) {
            Ok(job) if app.output.is_for_people() => {
                let now = if change.verb == Verb::Delete { "deleted" } else { job.state.name() };
                app.output.line(format!("job {} is {now}", job.id))?;
            }
            Ok(job) => jobs.push(JobDocument::from(&job)),
            Err(failure) => {
                app.output.flush()?;
                worst = worst.max(failure.code());
                advised(failure, *id).tell();
            }
        }
    }
    if !app.output.is_for_people() {
        let document = ChangedJobsDocument { jobs };
        app.output.many(&document, &document.jobs)?;
    }
    if worst == 0 { Ok(()) } else { Err(Failure::silent(worst)) }
}

fn advised(failure: Failure, id: i64) -> Failure {
    match failure.code() {
        REFUSED if !failure.is_advised() => failure.advise(format!("`drip jobs why {id}` says how it stands")),
        _ => failure,
    }
}
