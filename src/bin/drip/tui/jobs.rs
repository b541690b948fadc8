//! The list of jobs: which page of which filter it shows, where one is in it, and what is selected.

use std::collections::BTreeSet;

use drip::{Cursor, Job, JobCounts, JobFilter, Listed, Page, Verb};

use super::{
    change::{Targets, is_for_all, past},
    filter,
    list::List,
    question::Question,
};

/// How many jobs of a page.
const PAGE: usize = 100;

/// The list of jobs.
#[derive(Debug, Default)]
pub struct Jobs {
    /// The filter as it was typed.
    pub typed: String,
    filter: JobFilter,
    cursor: Option<Cursor>,
    /// How many pages were turned to come here.
    pub page: usize,
    pub listed: Option<Listed>,
    pub total: Option<JobCounts>,
    pub list: List,
    /// What is selected, on whichever page.
    pub marked: BTreeSet<i64>,
    /// Everything that the filter leaves is selected.
    pub all: bool,
}

impl Jobs {
    /// From its beginning, with another filter.
    ///
    /// # Errors
    /// What is wrong with the filter; then all stays as it was.
    pub fn set_filter(&mut self, typed: &str) -> Result<(), String> {
        let filter = filter::parse(typed)?;
        *self = Jobs { typed: typed.trim().to_owned(), filter, ..Jobs::default() };
        Ok(())
    }

    pub fn questions(&self) -> [Question; 2] {
        let page = Page::newest_first().limit(PAGE);
        let page = self.cursor.map_or(page, |cursor| page.at(cursor));
        let filter = || Box::new(self.filter.clone());
        [Question::Jobs(filter(), page), Question::Total(filter())]
    }

    pub fn rows(&self) -> &[Job] {
        self.listed.as_ref().map_or(&[], |listed| &listed.jobs)
    }

    /// The job one is at.
    pub fn at(&self) -> Option<&Job> {
        self.rows().get(self.list.cursor)
    }

    /// The page as it now is. Whoever is at its top stays there; elsewhere one stays with the job.
    pub fn show(&mut self, listed: Listed) {
        let id = self.at().map(|job| job.id).filter(|_| self.list.cursor > 0);
        let place = id.and_then(|id| listed.jobs.iter().position(|job| job.id == id));
        if let Some(place) = place {
            let above = self.list.cursor - self.list.offset.min(self.list.cursor);
            self.list = List { cursor: place, offset: place.saturating_sub(above) };
        }
        self.listed = Some(listed);
    }

    /// Turns to the next page or the one before; answers whether there is one.
    pub fn turn(&mut self, forward: bool) -> bool {
        let cursor = self.listed.as_ref().and_then(|listed| if forward { listed.next } else { listed.previous });
        let Some(cursor) = cursor else { return false };
        self.page = if forward { self.page + 1 } else { self.page.saturating_sub(1) };
        // The first page has no cursor: it shows what is new.
        self.cursor = Some(cursor).filter(|_| self.page > 0);
        self.list = List::default();
        true
    }

    /// Selects the job one is at, or no longer.
    pub fn mark(&mut self) {
        self.all = false;
        let Some(id) = self.at().map(|job| job.id) else { return };
        if !self.marked.remove(&id) {
            self.marked.insert(id);
        }
    }

    /// Drops the selection; answers whether there was one.
    pub fn unmark(&mut self) -> bool {
        let was = self.all || !self.marked.is_empty();
        self.all = false;
        self.marked.clear();
        was
    }

    /// What a verb would be done to.
    ///
    /// # Errors
    /// Why to nothing.
    pub fn targets(&self, verb: Verb) -> Result<Targets, String> {
        if self.all {
            return self.everything(verb);
        }
        if !self.marked.is_empty() {
            return Ok(Targets::Each(self.marked.iter().copied().collect()));
        }
        let job = self.at().ok_or("there is no job here")?;
        one(verb, job)
    }

    fn everything(&self, verb: Verb) -> Result<Targets, String> {
        if self.filter == JobFilter::new() {
            return Err("every job there is? Set a filter first: /".to_owned());
        }
        if !is_for_all(verb) {
            return Err(format!("jobs are {} one by one: select them with space", past(verb)));
        }
        let count = self.total.as_ref().map_or_else(|| "?".to_owned(), |total| total.total().to_string());
        Ok(Targets::All(Box::new(self.filter.clone()), count))
    }
}

/// One job, if the verb would change it.
///
/// # Errors
/// Why it would not.
pub fn one(verb: Verb, job: &Job) -> Result<Targets, String> {
    match verb.moves(job.state) {
        true => Ok(Targets::Each(vec![job.id])),
        false => Err(format!("job {} is {}, and so cannot be {}", job.id, job.state, past(verb))),
    }
}
