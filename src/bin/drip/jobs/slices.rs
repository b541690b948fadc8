//! Ranges of ids, one after the other, so that a long change can say how far it is, and stop in between.

use std::ops::RangeInclusive;

use drip::{Client, JobFilter, Page};

use crate::failure::Outcome;

/// How many jobs a slice should hold: some seconds' work at the most.
const JOBS: usize = 5000;

/// What a filter leaves, cut by ranges of ids.
pub struct Slices {
    filter: JobFilter,
    next: i64,
    last: i64,
    width: i64,
}

/// One of them, within the range of ids that the filter leaves anyway; whoever has done it says how many it held.
pub struct Slice<'a> {
    of: &'a JobFilter,
    ids: RangeInclusive<i64>,
    pub found: usize,
}

impl Slice<'_> {
    pub fn filter(&self) -> JobFilter {
        self.of.clone().id_range(self.ids.clone())
    }
}

impl Slices {
    /// Of about `total` jobs; none, if there are no jobs.
    pub fn new(client: &Client, filter: &JobFilter, total: u64) -> Outcome<Slices> {
        let end = |page: Page| {
            drip::list_jobs(client, filter, page.limit(1)).map(|listed| listed.jobs.first().map(|job| job.id))
        };
        let (first, last) = (end(Page::oldest_first())?, end(Page::newest_first())?);
        let (first, last) = first.zip(last).unwrap_or((1, 0));
        let width = last.saturating_sub(first) / (total / JOBS as u64 + 1) as i64;
        Ok(Slices { filter: filter.clone(), next: first, last, width: width.max(1) })
    }

    /// Does `work` slice by slice.
    pub fn try_for_each(mut self, mut work: impl FnMut(&mut Slice<'_>) -> Outcome) -> Outcome {
        while self.next <= self.last {
            let end = self.next.saturating_add(self.width).min(self.last);
            let mut slice = Slice { of: &self.filter, ids: self.next..=end, found: 0 };
            work(&mut slice)?;
            self.width = adapted(self.width, slice.found);
            match end.checked_add(1) {
                Some(next) => self.next = next,
                None => break,
            }
        }
        Ok(())
    }
}

/// Ids that are far apart are passed in large steps.
fn adapted(width: i64, found: usize) -> i64 {
    match found {
        found if found > 2 * JOBS => (width / 2).max(1),
        found if found < JOBS / 2 => width.saturating_mul(4),
        _ => width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ranges of ids in which these jobs are looked for.
    fn ranges(jobs: &[i64], width: i64) -> Vec<RangeInclusive<i64>> {
        let slices = Slices { filter: JobFilter::new(), next: jobs[0], last: jobs[jobs.len() - 1], width };
        let mut ranges = Vec::new();
        let look = |slice: &mut Slice<'_>| {
            slice.found = jobs.iter().filter(|id| slice.ids.contains(id)).count();
            ranges.push(slice.ids.clone());
            Ok(())
        };
        assert!(slices.try_for_each(look).is_ok());
        ranges
    }

    #[test]
    fn slices_cover_each_id_once_whatever_lies_between_them() {
        let dense: Vec<i64> = (1..=40_000).collect();
        let far_apart: Vec<i64> = [dense.as_slice(), &[1 << 40, i64::MAX]].concat();
        for (jobs, width, most) in [(&dense, 8, 20), (&dense, 1 << 20, 1), (&far_apart, 5000, 60)] {
            let ranges = ranges(jobs, width);
            assert!(ranges.len() <= most, "{}", ranges.len());
            assert_eq!((*ranges[0].start(), *ranges[ranges.len() - 1].end()), (jobs[0], jobs[jobs.len() - 1]));
            assert!(ranges.windows(2).all(|pair| *pair[1].start() == pair[0].end() + 1), "{ranges:?}");
        }
    }
}
