//! The documents that `--format json` and `jsonl` show: types of their own, so that those of the library may change and
//! what scripts read does not. Fields may be added here; none is renamed, removed, or given another type.

mod bench;
mod jobs;
mod new_job;
mod queues;
mod upkeep;

use std::time::Duration;

use drip::Count;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

pub use self::{bench::*, jobs::*, new_job::new_job, queues::*, upkeep::*};

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

/// A moment: in UTC and to the microsecond, so that texts sort as times do.
#[derive(Debug, Clone, Copy)]
pub struct Utc(pub Timestamp);

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"))
    }
}

impl From<Timestamp> for Utc {
    fn from(time: Timestamp) -> Utc {
        Utc(time)
    }
}

fn utc<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    Utc(*time).serialize(serializer)
}

fn utc_or_null<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(Utc).serialize(serializer)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
