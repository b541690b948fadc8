//! A queue as the database knows it: whether it is paused, what the application keeps with it, how much waits in it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{Count, Error, Result, dialect::Row};

/// A queue that has a row of its own: one that was [upserted](crate::upsert_queue), paused or resumed at some time.
///
/// Jobs can be inserted into any queue, and workers serve any; a row it needs only for this.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueInfo {
    /// Its name.
    pub name: String,
    /// Since when it is paused, by [`pause_queue`](crate::pause_queue).
    pub paused_at: Option<Timestamp>,
    /// Since when all queues are paused, and this one with them, by [`pause_all`](crate::pause_all).
    pub all_paused_at: Option<Timestamp>,
    /// When it was given its row.
    pub created_at: Timestamp,
    /// When it was last upserted, paused or resumed, whether or not that changed anything.
    pub updated_at: Timestamp,
    metadata: String,
}

/// A queue and what waits in it, as [`list_queues`](crate::list_queues) answers it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueSummary {
    /// Its name.
    pub name: String,
    /// Since when it is paused, by [`pause_queue`](crate::pause_queue).
    pub paused_at: Option<Timestamp>,
    /// Since when all queues are paused, and this one with them, by [`pause_all`](crate::pause_all).
    pub all_paused_at: Option<Timestamp>,
    /// How many jobs are available.
    pub available: Count,
    /// How many jobs are scheduled.
    pub scheduled: Count,
    /// How many jobs have failed and wait to be tried again.
    pub retryable: Count,
    /// For how long the job has been waiting that is available and was due first. `None`: no job waits that is due.
    pub oldest: Option<Duration>,
    metadata: String,
}

impl QueueInfo {
    /// Whether no job of it is begun: it is paused itself, or all queues are.
    pub fn is_paused(&self) -> bool {
        self.paused_at.or(self.all_paused_at).is_some()
    }

    /// What the application keeps with it; empty, if nothing.
    ///
    /// # Errors
    /// When the column was written by hand and is not a JSON object.
    pub fn metadata(&self) -> Result<Map<String, Value>> {
        object(&self.metadata)
    }

    pub(crate) fn read(row: &mut Row<'_>) -> Result<QueueInfo> {
        Ok(QueueInfo {
            name: row.text()?,
            paused_at: row.time_or_null()?,
            all_paused_at: row.time_or_null()?,
            metadata: row.text()?,
            created_at: row.time()?,
            updated_at: row.time()?,
        })
    }
}

impl QueueSummary {
    /// Whether no job of it is begun: it is paused itself, or all queues are.
    pub fn is_paused(&self) -> bool {
        self.paused_at.or(self.all_paused_at).is_some()
    }

    /// What the application keeps with it; empty, if nothing.
    ///
    /// # Errors
    /// When the column was written by hand and is not a JSON object.
    pub fn metadata(&self) -> Result<Map<String, Value>> {
        object(&self.metadata)
    }

    /// A queue of which nobody has said anything, and in which nothing waits.
    pub(crate) fn of(name: String) -> QueueSummary {
        QueueSummary {
            name,
            paused_at: None,
            all_paused_at: None,
            available: Count::default(),
            scheduled: Count::default(),
            retryable: Count::default(),
            oldest: None,
            metadata: "{}".to_owned(),
        }
    }

    pub(crate) fn read(row: &mut Row<'_>) -> Result<QueueSummary> {
        let queue = QueueSummary::of(row.text()?);
        Ok(QueueSummary { paused_at: row.time_or_null()?, metadata: row.text()?, ..queue })
    }
}

fn object(text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text)
        .map_err(|error| Error::corrupt("the metadata of a queue is not a JSON object").because(error))
}
