//! Ranges of ids, one after the other, so that a long change can say how far it is, and stop in between.

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
pub struct Slice {
    pub filter: JobFilter,
    pub found: usize,
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
    pub fn try_for_each(mut self, mut work: impl FnMut(&mut Slice) -> Outcome) -> Outcome {
        while self.next <= self.last {
            let end = self.next.saturating_add(self.width).min(self.last);
            let mut slice = Slice { filter: self.filter.clone().id_range(self.next..=end), found: 0 };
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

    #[test]
    fn slices_cover_each_id_once_whatever_they_hold() {
        for found in [0, JOBS, 3 * JOBS] {
            let slices = Slices { filter: JobFilter::new(), next: 17, last: 1_000_000, width: 50_000 };
            let mut seen = Vec::new();
            let cover = |slice: &mut Slice| {
                slice.found = found;
                seen.push(slice.filter.clone());
                Ok(())
            };
            assert!(slices.try_for_each(cover).is_ok());
            assert!(seen.len() < 40, "{}", seen.len());
            assert!(
                format!("{:?}", seen[0]).contains("17") && format!("{:?}", seen[seen.len() - 1]).contains("1000000")
            );
        }
        assert_eq!(adapted(i64::MAX, 0), i64::MAX);
        assert_eq!(adapted(1, usize::MAX), 1);
    }
}
