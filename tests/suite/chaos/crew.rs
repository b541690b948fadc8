//! The producers and workers: processes that come again, under another name, whenever they are gone.

use std::{path::PathBuf, time::Instant};

use super::{
    rows::{number, rows},
    trap::TRAP,
};
use crate::support::{Db, process::Process};

/// What every child is told by its environment.
pub struct Orders {
    pub url: String,
    pub ledger: String,
    pub who: String,
    pub seed: u64,
}

const URL: &str = "DRIP_TEST_CHAOS_URL";
const LEDGER: &str = "DRIP_TEST_CHAOS_LEDGER";
const WHO: &str = "DRIP_TEST_CHAOS_WHO";
const SEED: &str = "DRIP_TEST_CHAOS_SEED";

impl Orders {
    /// Those of this process, if it is a child; it says nothing of panics from then on, which are many and meant.
    pub fn of_environment() -> Option<Orders> {
        let order = |name| std::env::var(name).ok();
        let url = order(URL)?;
        std::panic::set_hook(Box::new(|_| {}));
        Some(Orders { url, ledger: order(LEDGER)?, who: order(WHO)?, seed: order(SEED)?.parse().ok()? })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Producer,
    Worker,
}

/// One place in the crew.
pub struct Member {
    pub role: Role,
    name: String,
    url: String,
    ledger: PathBuf,
    lives: u32,
    process: Option<Process>,
    trapped: bool,
    stopping: bool,
    thaw_at: Option<Instant>,
    /// Finds those of its jobs that another runs by now.
    overtaking: Option<String>,
}

impl Member {
    pub fn new(role: Role, number: usize, url: &str, ledger: PathBuf) -> Member {
        let name = format!("{role:?}{number}").to_lowercase();
        let url = url.to_owned();
        let (process, thaw_at, overtaking, trapped, stopping) = (None, None, None, false, false);
        Member { role, name, url, ledger, lives: 0, process, trapped, stopping, thaw_at, overtaking }
    }

    pub fn is_frozen(&self) -> bool {
        self.thaw_at.is_some()
    }

    pub fn is_trapped(&self) -> bool {
        self.trapped
    }

    /// Starts it again; it may abort at a point. What it does follows from the seed, and from which of its lives this is.
    pub fn revive(&mut self, seed: u64, trap: Option<String>) {
        self.kill();
        self.lives += 1;
        (self.trapped, self.stopping) = (trap.is_some(), false);
        let mut environment = vec![
            (URL, self.url.clone()),
            (LEDGER, self.ledger.display().to_string()),
            (WHO, format!("{}-{}", self.name, self.lives)),
            (SEED, (seed << 16).wrapping_add(self.lives.into()).to_string()),
        ];
        environment.extend(trap.map(|trap| (TRAP, trap)));
        let test = match self.role {
            Role::Producer => "chaos::producer::producer_process",
            Role::Worker => "chaos::worker::worker_process",
        };
        self.process = Some(Process::start(test, &environment));
    }

    /// Whether it must be revived. It may have run into its trap, or been told to stop; nothing else may have ended it.
    pub fn is_gone(&mut self) -> bool {
        let Some(process) = &mut self.process else { return true };
        let Some(status) = process.ended() else { return false };
        let said = self.process.take().map(|process| process.wait().0);
        let was_meant = self.trapped || (self.stopping && status.success());
        assert!(was_meant, "{}-{} has ended by itself, {status}: {said:?}", self.name, self.lives);
        true
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
        (self.thaw_at, self.overtaking) = (None, None);
    }

    pub fn freeze(&mut self, until: Instant) {
        self.process.iter().for_each(Process::freeze);
        self.thaw_at = Some(until);
    }

    /// The frozen one goes on as soon as another runs a job that it was running, and may not have lost as far as it knows.
    pub fn thaw_when_overtaken(&mut self, db: &Db) {
        let Some(process) = &self.process else { return };
        let running = format!(
            "SELECT job.id, job.claim_seq FROM drip_job AS job JOIN drip_worker AS worker ON worker.id = job.attempted_by
             WHERE job.state = 'running' AND worker.pid = {}",
            process.id()
        );
        let claims = rows(db, &running).unwrap_or_default();
        let overtaken = claims.iter().map(|claim| format!("id = {} AND claim_seq > {}", claim[0], claim[1]));
        let overtaken = overtaken.collect::<Vec<_>>().join(" OR ");
        self.overtaking = (!overtaken.is_empty())
            .then(|| format!("SELECT count(*) FROM drip_job WHERE state = 'running' AND ({overtaken})"));
    }

    pub fn thaw(&mut self) {
        self.overtaking = None;
        if self.thaw_at.take().is_some() {
            self.process.iter().for_each(Process::thaw);
        }
    }

    pub fn thaw_in_time(&mut self, db: &Db) {
        let overtaken = |sql: &String| number(db, sql).is_ok_and(|count| count > 0);
        if self.thaw_at.is_some_and(|at| at <= Instant::now()) || self.overtaking.as_ref().is_some_and(overtaken) {
            self.thaw();
        }
    }

    /// Tells it to end by itself, as soon as it can; one in a trap may be gone already.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.as_mut().filter(|_| !self.stopping && !self.trapped) {
            process.go();
            self.stopping = true;
        }
    }

    /// Lets it end by itself, and sees that it ends well.
    pub fn dismiss(&mut self) {
        self.stop();
        let Some(process) = self.process.take() else { return };
        let (said, status) = process.wait();
        assert!(status.success(), "{}-{} has not ended well: {status}: {said}", self.name, self.lives);
    }
}
