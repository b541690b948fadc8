//! What a claimer gives back: what it has claimed too far ahead, and what a stop leaves.

use crate::{
    Job, Result,
    queue::{
        ending::Ending,
        settle::{Settlement, settle},
    },
};

use super::{
    super::{Claimed, attempt},
    Claimer,
};

impl Claimer {
    /// Gives back what was claimed ahead at a pace that has not held: the last of it.
    pub(super) fn return_excess(&mut self) {
        let waiting = self.shared.orders.waiting();
        let excess = self.pace.excess(waiting);
        if excess > 0 {
            let (mut before, keep) = (0, waiting - excess);
            let claimed = self.shared.orders.take_back(|_| {
                before += 1;
                before <= keep
            });
            self.give_these_back(claimed);
        }
    }

    /// Gives back what no thread has begun; answers how many.
    pub(super) fn give_back(&mut self) -> usize {
        let claimed = self.shared.orders.take_all();
        self.give_these_back(claimed)
    }

    pub(super) fn give_these_back(&mut self, claimed: Vec<Claimed>) -> usize {
        if claimed.is_empty() {
            return 0;
        }
        let before = self.shared.giving_back.take_up(claimed.iter().map(|one| one.job.id));
        let Some(answers) = self.settle_back(&claimed) else {
            if !self.shared.stop.is_requested() {
                self.shared.giving_back.put_down(before, &[]);
                // Where nobody is left to run it, it stays claimed: it cannot be given back either.
                claimed.into_iter().for_each(|one| drop(self.shared.orders.add(one)));
            }
            return 0;
        };
        self.shared.giving_back.put_down(before, &[]);
        claimed.iter().for_each(|one| self.shared.budget.free(one.place));
        let given: Vec<Job> = answers.into_iter().flatten().collect();
        given.iter().for_each(|job| attempt::tell_given_back(&self.shared.client, job));
        self.reopen(&given);
        given.len()
    }

    /// As often as it takes while the database is away: whoever is neither run nor given back stays claimed.
    fn settle_back(&mut self, claimed: &[Claimed]) -> Option<Vec<Result<Job>>> {
        let settlement = |one: &Claimed| Settlement { target: (&*one.job).into(), ending: Ending::GiveBack };
        let settlements: Vec<Settlement> = claimed.iter().map(settlement).collect();
        loop {
            match self.lifeline.transaction(|sql| settle(sql, &settlements)) {
                Ok(answers) => return Some(answers),
                Err(error) if error.is_transient() && !self.shared.stop.is_over() => self.lifeline.lost(&error),
                Err(_) => return None,
            }
        }
    }
}
