//! What tests of upkeep have in common: maintenance of which a test chooses the tasks, and what the timetable says of them.

use std::time::Duration;

use drip::{Background, Client, Maintenance, Retention, TaskInfo, list_tasks};

use super::{Db, watch::eventually};

/// How often everything is done here.
pub const INTERVAL: Duration = Duration::from_secs(60);
/// How long a runner may be silent.
pub const LEASE: Duration = Duration::from_secs(30);

/// Maintenance in which there is nothing to do but what a test adds.
pub fn idle(client: &Client) -> Maintenance {
    Maintenance::new(client).retention(Retention::forever()).expiry_interval(None).tidy_interval(None)
}

/// Maintenance that discards what has expired, and nothing else.
pub fn expiring(client: &Client) -> Maintenance {
    idle(client).expiry_interval(INTERVAL)
}

/// Stops it; all its threads have ended then.
pub fn stop(maintenance: &Background) {
    assert!(maintenance.stop(Duration::from_secs(10)), "a thread of {maintenance:?} does not end");
}

impl Db {
    /// A client of this database as another process has one, with this test's clock.
    pub fn another_client(&self) -> Client {
        Client::builder().clock(self.clock.clone()).connect(&self.url).unwrap()
    }

    /// What the timetable says of a task.
    pub fn task(&self, name: &str) -> Option<TaskInfo> {
        list_tasks(&self.client).unwrap().into_iter().find(|info| info.task == name)
    }

    /// Waits until a task was begun so many times, and has ended.
    pub fn until_run(&self, name: &str, runs: u64) -> TaskInfo {
        let mut found = None;
        eventually(&format!("run {runs} of {name} has ended"), || {
            found = self.task(name).filter(|info| info.runs >= runs && info.runner.is_none());
            found.is_some()
        });
        found.expect("was there a moment ago")
    }
}
