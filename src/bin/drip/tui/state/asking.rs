//! What the database is asked, and when; and where its answers go.

use std::time::Duration;

use super::{
    super::question::{Answer, Found, Question, Topic},
    Effect, LONGEST_REST, Tab, Ui,
};
use crate::failure::advised_message;

impl Ui {
    /// What this screen wants to know.
    pub(super) fn questions(&self) -> Vec<Question> {
        if let Some(job) = &self.job {
            return vec![Question::Job(job.id)];
        }
        match self.tab {
            Tab::Overview => vec![Question::Overview(self.overview.as_ref().and_then(|overview| overview.mark))],
            Tab::Jobs => self.jobs.questions().into(),
            Tab::Queues => vec![Question::Queues],
            Tab::Schedules => vec![Question::Schedules],
            Tab::Workers => vec![Question::Workers],
        }
    }

    pub(super) fn ask_due(&mut self) {
        for question in self.questions() {
            // Counting is dearer than a page, and changes less.
            let dear = question.topic() == Topic::Total;
            let due = self.asked.get(&question.topic()).is_none_or(|asked| {
                let interval = if dear && asked.trouble.is_none() { self.refresh * 5 } else { self.refresh };
                // A slow database is left alone for as long as it took.
                let interval = interval.max(asked.took.min(LONGEST_REST));
                let since = asked.tried.map(|tried| self.clock.saturating_sub(tried));
                asked.since.is_none() && since.is_none_or(|since| self.auto && since >= interval)
            });
            if due {
                self.ask(question);
            }
        }
    }

    /// Asks at once, though an answer may still be waited for: that would be to another question.
    pub(super) fn ask_now(&mut self) {
        self.questions().into_iter().for_each(|question| self.ask(question));
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.numbers += 1;
        let asked = self.asked.entry(question.topic()).or_default();
        (asked.number, asked.since) = (self.numbers, Some(self.clock));
        self.effects.push(Effect::Ask(self.numbers, question));
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        let Some(asked) = self.asked.get_mut(&answer.topic).filter(|asked| asked.number == answer.number) else {
            return;
        };
        asked.took = asked.since.map_or(Duration::ZERO, |since| self.clock.saturating_sub(since));
        (asked.since, asked.tried) = (None, Some(self.clock));
        match answer.found {
            Err(error) => asked.trouble = Some(advised_message(&error)),
            Ok(found) => {
                (asked.answered, asked.trouble) = (Some(self.clock), None);
                self.time = answer.at.map(|at| (at, self.clock)).or(self.time);
                self.found(found);
            }
        }
    }

    fn found(&mut self, found: Found) {
        match found {
            Found::Overview(overview) => {
                overview.flow.iter().for_each(|flow| self.rates.add(flow, self.refresh));
                self.overview = Some(overview);
            }
            Found::Jobs(listed) => self.jobs.show(listed),
            Found::Total(total) => self.jobs.total = Some(total),
            Found::Job(found) => {
                if let Some(job) = &mut self.job {
                    job.gone = found.is_none();
                    job.found = found.or(job.found.take());
                }
            }
            Found::Queues(queues) => self.queues = Some(queues),
            Found::Schedules(schedules) => self.schedules = Some(schedules),
            Found::Workers(workers) => self.workers = Some(workers),
        }
    }
}
