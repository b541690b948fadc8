//! Where one is in a list that is longer than the screen.

/// A way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Up(usize),
    Down(usize),
    HalfUp,
    HalfDown,
    PageUp,
    PageDown,
    First,
    Last,
}

/// The row one is at, and the first that is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct List {
    pub cursor: usize,
    pub offset: usize,
}

impl List {
    /// Goes a step in a list of `len` rows, `height` of which are on the screen.
    pub fn step(&mut self, step: Step, len: usize, height: usize) {
        let (half, page) = ((height / 2).max(1), height.max(1));
        self.cursor = match step {
            Step::Up(rows) => self.cursor.saturating_sub(rows),
            Step::Down(rows) => self.cursor.saturating_add(rows),
            Step::HalfUp => self.cursor.saturating_sub(half),
            Step::HalfDown => self.cursor.saturating_add(half),
            Step::PageUp => self.cursor.saturating_sub(page),
            Step::PageDown => self.cursor.saturating_add(page),
            Step::First => 0,
            Step::Last => usize::MAX,
        };
        self.settle(len, height);
    }

    /// Keeps the cursor in the list, and on the screen.
    pub fn settle(&mut self, len: usize, height: usize) {
        self.cursor = self.cursor.min(len.saturating_sub(1));
        let lowest = (self.cursor + 1).saturating_sub(height.max(1));
        let highest = len.saturating_sub(height).min(self.cursor);
        self.offset = self.offset.clamp(lowest.min(highest), highest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_in_the_list_and_on_the_screen() {
        let mut list = List::default();
        for (step, cursor, offset) in [
            (Step::Up(1), 0, 0),
            (Step::Down(3), 3, 0),
            (Step::Down(7), 10, 1),
            (Step::HalfDown, 15, 6),
            (Step::PageDown, 25, 16),
            (Step::PageDown, 29, 20),
            (Step::Down(1), 29, 20),
            (Step::HalfUp, 24, 20),
            (Step::PageUp, 14, 14),
            (Step::First, 0, 0),
            (Step::Last, 29, 20),
        ] {
            list.step(step, 30, 10);
            assert_eq!((list.cursor, list.offset), (cursor, offset), "{step:?}");
        }
    }

    #[test]
    fn a_list_that_shrinks_takes_the_cursor_along() {
        let mut list = List { cursor: 29, offset: 20 };
        list.settle(5, 10);
        assert_eq!(list, List { cursor: 4, offset: 0 });
        list.settle(0, 10);
        assert_eq!(list, List::default());
        list.step(Step::Last, 3, 0);
        assert_eq!(list.cursor, 2);
    }
}
