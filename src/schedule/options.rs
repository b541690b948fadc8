//! The options of a schedule's jobs, as they are kept with it: those that are not the usual ones.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, NewJob, Result, unique::StoredUnique};

/// What a job starts from.
const PRIORITY: u8 = 1;
const MAX_ATTEMPTS: u32 = 25;

/// What is not known here was written by a newer version, and must not be passed over.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ephemeral: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique: Option<StoredUnique>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    without_notification: bool,
}

impl Options {
    pub(crate) fn of(job: &NewJob) -> Options {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Options {
            priority: Some(job.priority).filter(|priority| *priority != PRIORITY),
            max_attempts: Some(job.max_attempts).filter(|attempts| *attempts != MAX_ATTEMPTS),
            tags: job.tags.clone(),
            ephemeral: job.ephemeral,
            timeout_ms: job.timeout.map(millis),
            ttl_ms: job.ttl.map(millis),
            unique: job.unique.as_ref().map(StoredUnique::of),
            without_notification: !job.notify,
        }
    }

    pub(crate) fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::invalid("options", error.to_string()))
    }

    /// # Errors
    /// Text that this version has not written, and does not understand.
    pub(crate) fn read(text: &str) -> Result<Options> {
        let unread = |error: serde_json::Error| Error::corrupt("its options cannot be read").because(error);
        // An object: serde would also take an array for the fields in their order.
        let object: serde_json::Map<_, _> = serde_json::from_str(text).map_err(unread)?;
        serde_json::from_value(object.into()).map_err(unread)
    }

    pub(crate) fn apply(self, mut job: NewJob) -> Result<NewJob> {
        job = job.priority(self.priority.unwrap_or(PRIORITY)).max_attempts(self.max_attempts.unwrap_or(MAX_ATTEMPTS));
        job = job.tags(self.tags);
        job.ephemeral = self.ephemeral;
        job.timeout = self.timeout_ms.map(Duration::from_millis);
        job.ttl = self.ttl_ms.map(Duration::from_millis);
        job.unique = self.unique.map(StoredUnique::read).transpose()?;
        job.notify = !self.without_notification;
        Ok(job)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{OnDuplicate, State, Unique};

    fn job() -> NewJob {
        NewJob::new("k", json!({}))
    }

    #[test]
    fn options_read_back_as_they_were() {
        let unique = Unique::new().by_keys(["a", "é"]).by_period(Duration::from_millis(1500)).by_queue();
        let jobs = [
            job(),
            job().priority(4).max_attempts(1).tags(["a", "b"]).ephemeral(),
            job().timeout(Duration::from_millis(1)).ttl(Duration::from_secs(3600)).without_notification(),
            job().unique(unique),
            job().unique(Unique::new().by_args().exclude_kind().on_duplicate(OnDuplicate::Replace)),
            job().unique(Unique::new().by_states([State::Running, State::Pending])),
        ];
        for job in jobs {
            let text = Options::of(&job).text().unwrap();
            let read = Options::read(&text).unwrap().apply(self::job()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{job:?}"), "{text}");
        }
        assert_eq!(Options::of(&job()).text().unwrap(), "{}");
    }

    #[test]
    fn what_is_not_understood_is_not_passed_over() {
        for text in
            [r#"{"colour": "red"}"#, r#"{"priority": "high"}"#, "[]", "", r#"{"unique": {"by_states": ["gone"]}}"#]
        {
            assert!(Options::read(text).and_then(|options| options.apply(job())).is_err(), "{text}");
        }
    }
}
