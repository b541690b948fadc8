//! Claims that may have been made without the claimer hearing of them: the answer was lost with the connection.
//!
//! They would stay with a worker that lives and knows nothing of them. So before anything is claimed again they are looked
//! for, and given back; and for a while after that again and again, because a server may finish a claim, and commit it, long
//! after the one who asked has gone. What is found then is told from claims that were heard of by the time at which it was
//! made: not before the last of those that came before the loss, and before the first look.

use std::time::{Duration, Instant};

use crate::{
    Result,
    queue::{
        read::current_time,
        workers::{self, Span},
    },
};

use super::{super::attempt, Claimer};

/// How often is looked for what comes late.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was lost, and has not been given up yet.
#[derive(Debug, Default)]
pub(super) struct Unheard(Vec<Loss>);

/// A connection that was lost while there may have been a claim on its way.
#[derive(Debug, Clone, Copy)]
struct Loss {
    /// Of the claim, had there been one. It ends at the first look: the next claim is made after that.
    span: Span,
    /// When to look next, and until when.
    due: Instant,
    until: Instant,
}

impl Claimer {
    /// A claim may have been made whose answer was lost.
    pub(super) fn may_not_have_heard(&mut self) {
        // Before the first look nothing has been claimed since.
        if self.unheard.0.last().is_none_or(|loss| loss.span.before.is_some()) {
            let (now, span) = (Instant::now(), Span { since: self.latest_claim, before: None });
            self.unheard.0.push(Loss { span, due: now, until: now + self.shared.settings.lease });
        }
    }

    /// Looks whether it is time to.
    pub(super) fn give_back_unheard(&mut self) -> Result<()> {
        for index in 0..self.unheard.0.len() {
            if self.unheard.0[index].due <= Instant::now() {
                self.look_for_unheard(index)?;
            }
        }
        let now = Instant::now();
        self.unheard.0.retain(|loss| loss.span.before.is_none() || now < loss.until);
        Ok(())
    }

    /// When a stop has been asked for: nobody else would before this worker is missed, and then as if it had died.
    pub(super) fn give_back_last_unheard(&mut self) {
        self.unheard.0.iter_mut().for_each(|loss| loss.due = loss.due.min(Instant::now()));
        while let Err(error) = self.give_back_unheard() {
            if !error.is_transient() || self.shared.stop.is_over() {
                return;
            }
            self.lifeline.lost(&error);
        }
    }

    fn look_for_unheard(&mut self, index: usize) -> Result<()> {
        let shared = self.shared.clone();
        let Loss { span, .. } = self.unheard.0[index];
        loop {
            let (at, given) = self
                .lifeline
                .transaction(|sql| Ok((current_time(sql)?, workers::give_back_unheard(sql, &shared.id, span)?)))?;
            given.iter().for_each(|job| attempt::tell_given_back(&shared.client, job));
            self.reopen(&given);
            if given.is_empty() {
                let loss = &mut self.unheard.0[index];
                loss.span.before.get_or_insert(at);
                loss.due = Instant::now() + INTERVAL;
                return Ok(());
            }
        }
    }
}
