//! How many jobs come and go a second, and how that was before.

use std::{collections::VecDeque, time::Duration};

use super::question::Flow;

/// More than the widest screen shows.
const KEPT: usize = 400;

/// Jobs per second, over time.
#[derive(Debug, Default)]
pub struct Rates {
    pub inserted: History,
    pub completed: History,
    pub discarded: History,
}

/// The figures of one rate, the newest first.
#[derive(Debug, Default)]
pub struct History(VecDeque<f64>);

impl Rates {
    /// Adds what has flowed; after a longer while than the interval it counts for as many figures as there would have been.
    pub fn add(&mut self, flow: &Flow, interval: Duration) {
        let seconds = flow.during.as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let figures = (seconds / interval.as_secs_f64().max(0.1)).round().clamp(1.0, KEPT as f64) as usize;
        self.inserted.add(flow.inserted as f64 / seconds, figures);
        self.completed.add(flow.completed as f64 / seconds, figures);
        self.discarded.add(flow.discarded as f64 / seconds, figures);
    }
}

impl History {
    fn add(&mut self, rate: f64, figures: usize) {
        (0..figures).for_each(|_| self.0.push_front(rate));
        self.0.truncate(KEPT);
    }

    /// The latest, as text; a dash where nothing is known yet.
    pub fn latest(&self) -> String {
        match self.0.front() {
            None => "–".to_owned(),
            Some(rate) if *rate > 0.0 && *rate < 10.0 => format!("{rate:.1}"),
            Some(rate) => crate::table::figure(rate.round() as u64),
        }
    }

    /// The largest of as many as are shown, as [`bars`](History::bars) has it; at least one job a second.
    pub fn peak(&self, shown: usize) -> u64 {
        self.bars().take(shown).fold(100, u64::max)
    }

    /// As whole numbers, a hundred for each job a second, the newest first.
    pub fn bars(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|rate| (rate * 100.0).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_over_a_time() {
        let mut rates = Rates::default();
        assert_eq!(rates.inserted.latest(), "–");
        let interval = Duration::from_secs(2);
        rates.add(&Flow { during: interval, inserted: 5, completed: 4000, discarded: 0 }, interval);
        assert_eq!(
            [rates.inserted.latest(), rates.completed.latest(), rates.discarded.latest()],
            ["2.5", "2,000", "0"]
        );
        rates.add(&Flow { during: Duration::from_secs(6), inserted: 60, ..Flow::default() }, interval);
        assert_eq!(rates.inserted.bars().collect::<Vec<_>>(), [1000, 1000, 1000, 250]);
        rates.add(&Flow::default(), interval);
        assert_eq!(rates.inserted.bars().count(), 4);
    }
}
