//! The documents that `--format json` and `jsonl` show: types of their own, so that those of the library may change and
//! what scripts read does not. Fields may be added here; none is renamed, removed, or given another type.

mod bench;
mod jobs;
mod queues;
mod upkeep;

use std::time::Duration;

use drip::Count;
use serde::Serialize;

pub use self::{bench::*, jobs::*, queues::*, upkeep::*};

/// A figure; there may be more where counting was broken off.
#[derive(Debug, Serialize)]
struct CountDocument {
    number: u64,
    capped: bool,
}

impl From<Count> for CountDocument {
    fn from(count: Count) -> CountDocument {
        CountDocument { number: count.number, capped: count.capped }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
