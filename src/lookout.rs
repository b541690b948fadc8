//! Where commits of other processes can only be noticed by asking, one of a client's idle workers asks for all of them.
//!
//! Each for itself, 200 idle workers in four processes asked 40,000 times a second, and each looked for jobs after every commit.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;

use crate::{
    Result,
    dialect::{Connection, Sql, Statement, statement},
    queue::due::{Glance, glance},
    session::{Mode, own},
};

static DATA_VERSION: Statement = statement!("data_version" of sqlite);

/// The post of whoever asks. There is one in each client.
pub(crate) struct Lookout {
    vacant: Sender<Seen>,
    post: Receiver<Seen>,
}

/// What whoever held the post saw last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Whether a job was available, for whomever.
    available: bool,
    /// When the earliest job was due that was not available yet.
    next_due: Option<Timestamp>,
    by: Option<Arc<str>>,
}

/// Held by the one who asks.
pub(crate) struct Duty<'l> {
    lookout: &'l Lookout,
    seen: Seen,
    /// A number that differs after each commit of another connection, as it last was on this one's connection.
    version: &'l mut Option<i64>,
}

impl Default for Lookout {
    fn default() -> Lookout {
        let (vacant, post) = bounded(1);
        let lookout = Lookout { vacant, post };
        lookout.leave(Seen::default());
        lookout
    }
}

impl Lookout {
    /// Received by whoever is to take the post.
    pub(crate) fn post(&self) -> &Receiver<Seen> {
        &self.post
    }

    /// Takes the post; it is vacant again when this is dropped. `version` is kept by this worker until it has it again.
    pub(crate) fn take<'l>(&'l self, mut seen: Seen, worker: &Arc<str>, version: &'l mut Option<i64>) -> Duty<'l> {
        if seen.by.as_ref() != Some(worker) {
            // Another has counted since, on a connection of its own.
            *version = None;
            seen.by = Some(worker.clone());
        }
        Duty { lookout: self, seen, version }
    }

    fn leave(&self, seen: Seen) {
        let _ = self.vacant.try_send(seen); // there is place: it was taken out of there
    }
}

impl Duty<'_> {
    /// Whether somebody has committed what may concern a worker: most commits are of no concern to any.
    ///
    /// Who has just taken over from another cannot know of a commit in between where jobs had been available before that
    /// nobody claims; that one is found by the next poll.
    pub(crate) fn has_something_come(
        &mut self,
        connection: &mut (dyn Connection + '_),
        now: Option<Timestamp>,
    ) -> Result<bool> {
        let version = data_version(connection)?;
        let before = self.version.replace(version);
        if before == Some(version) {
            return Ok(false);
        }
        let glance = own(connection, now, Mode::Read, &mut |sql| glance(sql, None))?;
        Ok(self.is_news(&glance, before.is_none()))
    }

    /// There is a job for somebody to claim, or another time at which one will be due.
    fn is_news(&mut self, glance: &Glance, taken_over: bool) -> bool {
        let was_available = std::mem::replace(&mut self.seen.available, glance.available);
        let next_due = std::mem::replace(&mut self.seen.next_due, glance.earliest);
        glance.available && !(taken_over && was_available) || glance.earliest != next_due
    }
}

fn data_version(connection: &mut (dyn Connection + '_)) -> Result<i64> {
    let dialect = connection.dialect();
    let mut link = connection.link();
    Ok(Sql::own(&mut *link, dialect, None).row(&DATA_VERSION, &[], |row| row.int())?.unwrap_or_default())
}

impl Drop for Duty<'_> {
    fn drop(&mut self) {
        self.lookout.leave(std::mem::take(&mut self.seen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take<'l>(lookout: &'l Lookout, worker: &str, version: &'l mut Option<i64>) -> Duty<'l> {
        let seen = lookout.post().try_recv().expect("the post is vacant");
        lookout.take(seen, &Arc::from(worker), version)
    }

    #[test]
    fn one_holds_the_post_until_he_leaves_it_and_counts_on_when_he_has_it_again() {
        let lookout = Lookout::default();
        let mut versions = [Some(1), Some(2)];
        let [first, second] = &mut versions;
        let duty = take(&lookout, "first", first);
        assert!(lookout.post().try_recv().is_err(), "two at a time");
        drop(duty);
        assert_eq!(*first, None);
        *first = Some(3);
        drop(take(&lookout, "first", first));
        assert_eq!(*first, Some(3));
        drop(take(&lookout, "second", second));
        drop(take(&lookout, "first", first));
        assert_eq!(versions, [None, None]);
    }

    #[test]
    fn news_are_jobs_to_be_claimed_and_other_due_times() {
        let (lookout, mut version, now) = (Lookout::default(), None, Timestamp::UNIX_EPOCH);
        let mut duty = take(&lookout, "worker", &mut version);
        let mut is_news = |available, earliest, taken_over| {
            duty.is_news(&Glance { now, earliest, within: None, available }, taken_over)
        };
        assert!(!is_news(false, None, true));
        assert!(is_news(true, None, true));
        assert!(!is_news(true, None, true), "the same, for all that is known");
        assert!(is_news(true, None, false), "another, for all that is known");
        assert!(is_news(false, Some(now), false));
        assert!(!is_news(false, Some(now), false));
        assert!(is_news(false, None, true));
    }
}
