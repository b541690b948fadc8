//! How a claimer asks for jobs: from where its bounds say, and what it learns from the answer.

use std::{collections::HashSet, sync::atomic::Ordering, time::Instant};

use jiff::Timestamp;

use crate::{
    Job, Result,
    queue::{
        claim::{Claimant, Wanted},
        survey::claim_on,
    },
    session::retry,
};

use super::{Claimer, bounds::Bounds};

impl Claimer {
    pub(super) fn ask_for(&mut self, wanted: &mut [Wanted], suspects: bool) -> Result<Vec<Job>> {
        let shared = self.shared.clone();
        let claimant = Claimant { worker: &shared.id, kinds: Some(&shared.kinds), suspects: Some(suspects) };
        let bounds = if suspects { &mut self.suspect_bounds } else { &mut self.bounds };
        let began = Instant::now();
        let looking = bounds.set_out(wanted, began);
        let taken =
            self.lifeline.run(|connection, now| retry(|| claim_on(connection, now, wanted, &claimant, looking)))?;
        bounds.learn(wanted, &taken, began, Instant::now());
        shared.health.claiming.store(true, Ordering::Relaxed);
        shared.health.claimed.store(true, Ordering::Relaxed);
        self.look_around |= taken.vanished > 0;
        let jobs = taken.jobs;
        self.latest_claim = jobs.iter().filter_map(|job| job.attempted_at).max().max(self.latest_claim);
        Ok(jobs)
    }

    /// Whoever has made jobs of this process's claimable again, other than by inserting them, has rung for it.
    pub(super) fn heed_reopened(&mut self) {
        let reopened = self.shared.client.wake().reopened();
        if std::mem::replace(&mut self.reopened, reopened) != reopened {
            let now = Instant::now();
            self.both_bounds().for_each(|bounds| bounds.reopen_any(now));
        }
    }

    /// Jobs have been promoted, the earliest of which was due then. There is no suspect among them: what failed or was put
    /// off has ended its attempt by itself.
    pub(super) fn reopen_from(&mut self, earliest: Option<Timestamp>) {
        if let Some(earliest) = earliest {
            self.bounds.reopen_from(earliest, Instant::now());
        }
    }

    /// Jobs have been given back to their old places.
    pub(super) fn reopen(&mut self, jobs: &[Job]) {
        self.look_around |= !jobs.is_empty();
        self.both_bounds().for_each(|bounds| jobs.iter().for_each(|job| bounds.reopen(job)));
    }

    pub(super) fn forget_bounds(&mut self) {
        self.both_bounds().for_each(Bounds::forget);
    }

    pub(super) fn forget_unserved(&mut self) {
        let served: HashSet<&str> = self.queues.iter().map(|queue| &*queue.name).collect();
        for bounds in [&mut self.bounds, &mut self.suspect_bounds] {
            bounds.forget_all_but(|queue| served.contains(queue));
        }
    }

    fn both_bounds(&mut self) -> impl Iterator<Item = &mut Bounds> {
        [&mut self.bounds, &mut self.suspect_bounds].into_iter()
    }
}
