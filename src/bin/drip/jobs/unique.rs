//! What makes a job that is inserted the same as another.

use std::time::Duration;

use clap::{Args, ValueEnum};
use drip::{NewJob, State, Unique};

use super::filter::states;
use crate::time::duration;

/// Any of these makes the job unique.
#[derive(Debug, Args)]
#[command(next_help_heading = "Unique (any of these: at most one such job is active)")]
pub struct UniqueOptions {
    /// By its kind alone, unless more is said
    #[arg(long)]
    unique: bool,
    /// Jobs with other args are other jobs
    #[arg(long, conflicts_with = "unique_keys")]
    unique_args: bool,
    /// Jobs that differ in these keys of the args are other jobs
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    unique_keys: Vec<String>,
    /// Jobs due in different windows of this length, aligned to 1970 in UTC, are other jobs
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    unique_period: Option<Duration>,
    /// Jobs in other queues are other jobs
    #[arg(long)]
    unique_queue: bool,
    /// Jobs of other kinds may be the same
    #[arg(long)]
    unique_across_kinds: bool,
    /// In which states a job counts; by default all but cancelled and discarded
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = states())]
    unique_states: Vec<State>,
    /// What becomes of the job that is there
    #[arg(long, value_enum)]
    on_duplicate: Option<OnDuplicate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnDuplicate {
    /// It stays as it is
    Keep,
    /// It takes what the new one says, if it has not started
    Replace,
}

impl UniqueOptions {
    /// The job, unique if that was said.
    pub fn apply(self, job: NewJob) -> NewJob {
        if !self.is_said() {
            return job;
        }
        let mut unique = Unique::new();
        unique = if self.unique_args { unique.by_args() } else { unique };
        unique = if self.unique_keys.is_empty() { unique } else { unique.by_keys(self.unique_keys) };
        unique = self.unique_period.into_iter().fold(unique, Unique::by_period);
        unique = if self.unique_queue { unique.by_queue() } else { unique };
        unique = if self.unique_across_kinds { unique.exclude_kind() } else { unique };
        unique = if self.unique_states.is_empty() { unique } else { unique.by_states(self.unique_states) };
        job.unique(match self.on_duplicate {
            Some(OnDuplicate::Replace) => unique.on_duplicate(drip::OnDuplicate::Replace),
            _ => unique,
        })
    }

    /// Whether the job that is there takes what the new one says.
    pub fn replaces(&self) -> bool {
        self.on_duplicate == Some(OnDuplicate::Replace)
    }

    fn is_said(&self) -> bool {
        let flags = [self.unique, self.unique_args, self.unique_queue, self.unique_across_kinds];
        let values = [!self.unique_keys.is_empty(), self.unique_period.is_some(), !self.unique_states.is_empty()];
        flags.contains(&true) || values.contains(&true) || self.on_duplicate.is_some()
    }
}
