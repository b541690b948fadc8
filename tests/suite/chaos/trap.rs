//! Points at which a process ends itself as `kill -9` would, told by its environment: `after commit:3`.

use std::sync::atomic::{AtomicU32, Ordering};

/// Says to a child at which passing of which point it is to abort.
pub const TRAP: &str = "DRIP_TEST_CHAOS_TRAP";

/// Where producers can be told to abort.
pub const OF_PRODUCERS: [&str; 4] = ["attempted", "inserted", "before commit", "after commit"];

/// Where workers can be told to abort.
pub const OF_WORKERS: [&str; 6] = [
    "after claim",
    "at start",
    "inside handler",
    "at the end of a transaction",
    "before completion",
    "after completion",
];

#[derive(Debug, Default)]
pub struct Trap {
    point: String,
    left: AtomicU32,
}

impl Trap {
    pub fn of_environment() -> Trap {
        let Ok(set) = std::env::var(TRAP) else { return Trap::default() };
        let (point, passing) = set.split_once(':').expect("a point, and at which passing");
        Trap { point: point.to_owned(), left: AtomicU32::new(passing.parse().unwrap()) }
    }

    /// Passes a point, unless this is where it ends.
    pub fn pass(&self, point: &str) {
        assert!(OF_PRODUCERS.contains(&point) || OF_WORKERS.contains(&point), "{point} is not on the lists");
        if self.point == point && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
    }
}
