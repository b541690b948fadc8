//! How long one process has had the write lock to itself, and when it has to let others in.
//!
//! Another process waits by trying again, in the end every 100 ms. A worker that drains a full queue frees the lock for
//! some microseconds at a time, which none of those tries meets: beside it, writes of another process took 0.14 s in the
//! median and 4.1 s in the worst case, and rusqlite gives up after 5. With gaps the worst is 2 s.

use std::time::{Duration, Instant};

/// How long the lock may be in one process's hands.
const LONGEST: Duration = Duration::from_secs(2);

/// How long it is then left free: longer than SQLite's busy handler ever sleeps, so that everybody who waits has a try in it.
pub(super) const GAP: Duration = Duration::from_millis(110);

/// Since the lock was last free for such a time.
#[derive(Debug, Default)]
pub(super) struct Reign {
    began: Option<Instant>,
    held: Duration,
    taken: Option<Instant>,
    left: Option<Instant>,
}

impl Reign {
    /// The lock is taken.
    pub(super) fn take(&mut self, now: Instant) {
        if self.began.is_none() || self.left.is_some_and(|left| now.saturating_duration_since(left) >= GAP) {
            self.begin(now);
        }
        self.taken = Some(now);
    }

    /// The lock is free again; answers whether it must now be left so for a [`GAP`].
    pub(super) fn leave(&mut self, now: Instant) -> bool {
        self.held += self.taken.map_or(Duration::ZERO, |taken| now.saturating_duration_since(taken));
        self.left = Some(now);
        let lasted = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        if lasted < LONGEST {
            return false;
        }
        // Where it is free a fifth of the time, a few tries are enough.
        let is_crowding = self.held * 5 > lasted * 4;
        self.begin(now);
        is_crowding
    }

    fn begin(&mut self, now: Instant) {
        (self.began, self.held) = (Some(now), Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often others are let in within ten seconds of turns that are so long, with so long between them.
    fn gaps(turn: u64, between: u64) -> usize {
        let (mut reign, mut now, mut gaps) = (Reign::default(), Instant::now(), 0);
        let end = now + Duration::from_secs(10);
        while now < end {
            reign.take(now);
            now += Duration::from_millis(turn);
            if reign.leave(now) {
                gaps += 1;
                now += GAP;
            }
            now += Duration::from_millis(between);
        }
        gaps
    }

    #[test]
    fn others_are_let_in_when_there_is_no_room_between_the_turns() {
        assert_eq!(gaps(10, 0), 4);
        assert_eq!(gaps(9, 1), 4);
        assert_eq!(gaps(5, 5), 0);
        assert_eq!(gaps(1, 20), 0);
        assert_eq!(gaps(1000, 120), 0, "each turn is followed by a gap");
        assert_eq!(gaps(3000, 0), 4, "a turn that is too long in itself");
    }
}
