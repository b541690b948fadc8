//! Whether the database is there, as all threads of one machine see it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How often the database has gone away and come back, as its threads see it: an odd number while it is away.
///
/// Each thread has a connection of its own and finds out by itself. The number under which its work began says whether
/// that is news.
#[derive(Default)]
pub(crate) struct Outages {
    count: AtomicU64,
    /// Whether it was writing that failed in this one: then reading does not say that it is over. The database may have
    /// become read-only, or somebody may hold SQLite's write lock.
    of_writing: AtomicBool,
}

/// What a piece of work does with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Outages {
    pub(crate) fn so_far(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Work that began under `seen` has found the database gone; whether that is news.
    pub(crate) fn lost(&self, seen: u64, access: Access) -> bool {
        let news = !is_away(seen) && self.step(seen);
        if news || access == Access::Write {
            self.of_writing.store(access == Access::Write, Ordering::Release);
        }
        news
    }

    /// Work that began under `seen` has found the database there; whether that is news.
    pub(crate) fn back(&self, seen: u64, access: Access) -> bool {
        let proves = access == Access::Write || !self.of_writing.load(Ordering::Acquire);
        is_away(seen) && proves && self.step(seen)
    }

    pub(crate) fn is_away(&self) -> bool {
        is_away(self.so_far())
    }

    fn step(&self, seen: u64) -> bool {
        self.count.compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Whether the database went away between the one and the other.
    pub(crate) fn between(earlier: u64, later: u64) -> bool {
        earlier.div_ceil(2) != later.div_ceil(2)
    }
}

fn is_away(outages: u64) -> bool {
    !outages.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::{Access::*, *};

    #[test]
    fn an_outage_is_news_once_and_so_is_its_end() {
        let outages = Outages::default();
        let (claimer, settler) = (outages.so_far(), outages.so_far());
        assert!(!outages.back(claimer, Write), "it was never away");
        assert!(outages.lost(claimer, Write) && !outages.lost(settler, Write));
        let (claimer, later) = (outages.so_far(), outages.so_far());
        assert!(!outages.lost(claimer, Write), "it is known to be away");
        assert!(!outages.back(settler, Write), "that work began before it went");
        assert!(outages.back(claimer, Write) && !outages.back(later, Write));
        assert!(!outages.lost(later, Write), "that work failed before it came back");
        assert!(outages.lost(outages.so_far(), Write), "another outage");
    }

    #[test]
    fn reading_ends_an_outage_of_reading_only() {
        let outages = Outages::default();
        assert!(outages.lost(outages.so_far(), Read));
        assert!(outages.back(outages.so_far(), Read));
        assert!(outages.lost(outages.so_far(), Read) && !outages.lost(outages.so_far(), Write));
        assert!(!outages.back(outages.so_far(), Read));
        assert!(outages.back(outages.so_far(), Write));
    }

    #[test]
    fn connections_from_before_an_outage_are_told_from_those_opened_in_it() {
        for (opened, now, gone) in
            [(0, 0, false), (0, 1, true), (0, 2, true), (1, 2, false), (2, 2, false), (1, 3, true)]
        {
            assert_eq!(Outages::between(opened, now), gone, "opened at {opened}, now {now}");
        }
    }
}
