//! Listing jobs, page by page.

use std::{fmt, str::FromStr};

use super::criteria::{self, Order};
use crate::{
    Error, Job, JobFilter, Result, Session,
    dialect::{Assembled, Sql, Statement, Value, statement},
};

static LIST_JOBS: Statement = statement!("list_jobs");

/// The most jobs of one page.
const MAX_PAGE: usize = 1000;

/// Which page of a list.
///
/// ```
/// use drip::Page;
///
/// let first = Page::newest_first().limit(50);
/// # let next: drip::Cursor = "after:17".parse().unwrap();
/// let second = first.at(next); // a cursor of the first page's answer
/// # assert_ne!(first, second);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Page {
    newest_first: bool,
    limit: usize,
    cursor: Option<Cursor>,
}

impl Default for Page {
    /// The newest 100.
    fn default() -> Self {
        Page::newest_first()
    }
}

impl Page {
    /// The newest job first, by id.
    pub fn newest_first() -> Page {
        Page { newest_first: true, limit: 100, cursor: None }
    }

    /// The oldest job first, by id.
    pub fn oldest_first() -> Page {
        Page { newest_first: false, ..Page::newest_first() }
    }

    /// How many jobs at most: what is outside 1 to 1000 becomes the nearest of these. Default: 100.
    pub fn limit(mut self, jobs: usize) -> Page {
        self.limit = jobs.clamp(1, MAX_PAGE);
        self
    }

    /// From where the list goes on. Default: its beginning.
    pub fn at(mut self, cursor: Cursor) -> Page {
        self.cursor = Some(cursor);
        self
    }

    /// Whether the rows are read towards smaller ids.
    fn reads_down(&self) -> bool {
        self.newest_first != matches!(self.cursor, Some(Cursor(Side::Before, _)))
    }

    /// The criteria with the cursor among them.
    fn narrowed(&self, filter: &JobFilter) -> JobFilter {
        let mut filter = filter.clone();
        if let Some(Cursor(_, id)) = self.cursor {
            let range = &mut filter.id_range;
            if self.reads_down() {
                let below = id.saturating_sub(1);
                range.to = Some(range.to.map_or(below, |to| to.min(below)));
            } else {
                let above = id.saturating_add(1);
                range.from = Some(range.from.map_or(above, |from| from.max(above)));
            }
        }
        filter
    }
}

/// A place in a list: after or before the job with some id, which need not exist any more.
///
/// As text, for links: `after:17`, `before:17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(Side, i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    After,
    Before,
}

impl Cursor {
    /// What follows the job with this id, in the list's order.
    pub fn after(id: i64) -> Cursor {
        Cursor(Side::After, id)
    }

    /// What comes before the job with this id, in the list's order.
    pub fn before(id: i64) -> Cursor {
        Cursor(Side::Before, id)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cursor(side, id) = self;
        write!(f, "{}:{id}", if *side == Side::After { "after" } else { "before" })
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Cursor> {
        let parts = text.split_once(':').and_then(|(side, id)| Some((side, id.parse().ok()?)));
        match parts {
            Some(("after", id)) => Ok(Cursor::after(id)),
            Some(("before", id)) => Ok(Cursor::before(id)),
            _ => Err(Error::invalid("cursor", "is neither after:<id> nor before:<id>")),
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Listed {
    /// The jobs, in the order asked for.
    pub jobs: Vec<Job>,
    /// The page before this one, unless this is the first.
    pub previous: Option<Cursor>,
    /// The page after this one, unless this is the last.
    pub next: Option<Cursor>,
}

/// Lists jobs, in order of their ids: each is there once, however many come and go between two pages.
///
/// ```
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> drip::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let client = drip::Client::connect(&format!("sqlite://{}/app.db", directory.path().display()))?;
/// # client.migrate()?;
/// use drip::{JobFilter, Page, State};
///
/// let failed = JobFilter::new().states([State::Retryable, State::Discarded]);
/// let mut page = Page::newest_first();
/// loop {
///     let listed = drip::list_jobs(&client, &failed, page)?;
///     for job in &listed.jobs {
///         println!("{} {}: {:?}", job.id, job.kind, job.errors.last());
///     }
///     let Some(next) = listed.next else { break };
///     page = page.at(next);
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`is_invalid_input`](Error::is_invalid_input) for a criterion that cannot be meant;
/// [`is_timed_out`](Error::is_timed_out) after the client's
/// [`search_timeout`](crate::ClientBuilder::search_timeout); else when the database cannot be asked.
pub fn list_jobs(on: impl Session, filter: &JobFilter, page: Page) -> Result<Listed> {
    filter.check()?;
    let narrowed = page.narrowed(filter);
    let mut jobs = on.any().searching().read(|sql| read(sql, &narrowed, page.reads_down(), page.limit + 1))?;
    let more = jobs.len() > page.limit;
    jobs.truncate(page.limit);
    if page.reads_down() != page.newest_first {
        jobs.reverse();
    }
    let (first, last) = (jobs.first().map(|job| job.id), jobs.last().map(|job| job.id));
    let (previous, next) = match page.cursor {
        None => (None, last.filter(|_| more).map(Cursor::after)),
        Some(Cursor(Side::After, id)) => (Some(page.back_to(first, id)), last.filter(|_| more).map(Cursor::after)),
        Some(Cursor(Side::Before, id)) => (first.filter(|_| more).map(Cursor::before), Some(page.on_from(last, id))),
    };
    Ok(Listed { jobs, previous, next })
}

impl Page {
    /// The cursor to what comes before this page; if it is empty, to what ends with the job that it was after.
    fn back_to(&self, first: Option<i64>, cursor: i64) -> Cursor {
        let step = if self.newest_first { -1 } else { 1 };
        Cursor::before(first.unwrap_or_else(|| cursor.saturating_add(step)))
    }

    /// The cursor to what comes after this page; if it is empty, to what begins with the job that it was before.
    fn on_from(&self, last: Option<i64>, cursor: i64) -> Cursor {
        let step = if self.newest_first { 1 } else { -1 };
        Cursor::after(last.unwrap_or_else(|| cursor.saturating_add(step)))
    }
}

pub(super) fn read(sql: &mut Sql<'_>, filter: &JobFilter, down: bool, limit: usize) -> Result<Vec<Job>> {
    let dialect = sql.dialect();
    let mut statement = Assembled::of(&LIST_JOBS, dialect);
    criteria::apply(filter, &mut statement, dialect, Order::ById);
    statement.put("direction", if down { "DESC" } else { "ASC" }).set("limit", Value::Int(Some(limit as i64)));
    sql.rows_of(&statement, Job::read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_travel_as_text() {
        for cursor in [Cursor::after(17), Cursor::before(-1), Cursor::after(i64::MAX)] {
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        for text in ["", "17", "after", "after:", "after:x", "behind:1", "after:1:2", "AFTER:1"] {
            assert!(text.parse::<Cursor>().unwrap_err().is_invalid_input(), "{text:?}");
        }
    }
}
