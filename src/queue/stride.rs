//! How many rows one transaction takes: as many as it can in a moment, so that nobody waits long for its locks.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

const FEWEST: usize = 10;
const MOST: usize = 5000;

/// Below this the next one takes twice as many rows.
const SHORT: Duration = Duration::from_millis(10);
/// Above this half as many.
const LONG: Duration = Duration::from_millis(25);

/// The length of the next step, by how long the last one took.
pub(crate) struct Stride {
    rows: Cell<usize>,
    began: Cell<Instant>,
}

impl Stride {
    pub(crate) fn new() -> Stride {
        Stride { rows: Cell::new(100), began: Cell::new(Instant::now()) }
    }

    /// A step begins; how many rows it may take.
    pub(crate) fn begin(&self) -> usize {
        self.began.set(Instant::now());
        self.rows.get()
    }

    /// The step has been committed.
    pub(crate) fn end(&self) {
        self.learn(self.began.get().elapsed());
    }

    fn learn(&self, took: Duration) {
        let rows = self.rows.get();
        if took < SHORT {
            self.rows.set((rows * 2).min(MOST));
        } else if took > LONG {
            self.rows.set((rows / 2).max(FEWEST));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_while_they_are_short_and_shrink_when_they_are_long() {
        let stride = Stride::new();
        let after = |times: usize, took: u64| {
            (0..times).for_each(|_| stride.learn(Duration::from_millis(took)));
            stride.begin()
        };
        assert_eq!(after(0, 0), 100);
        assert_eq!(after(1, 9), 200);
        assert_eq!(after(5, 10), 200);
        assert_eq!(after(5, 25), 200);
        assert_eq!(after(1, 26), 100);
        assert_eq!(after(99, 1), MOST);
        assert_eq!(after(99, 100), FEWEST);
    }
}
