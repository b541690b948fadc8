//! What keys do.

use drip::{State, Verb};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    super::{
        change::Change,
        filter, jobs,
        keys::{self, Command},
        list::{List, Step},
        prompt::Prompt,
        screens,
    },
    Dialog, Effect, Looked, Tab, Ui,
};

impl Ui {
    pub(super) fn key(&mut self, key: KeyEvent) {
        let quits = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        match self.dialog.take() {
            _ if quits => self.effects.push(Effect::Quit),
            None => keys::command(key).into_iter().for_each(|command| self.command(command)),
            Some(Dialog::Help) => {}
            Some(Dialog::Confirm(change)) => self.confirm(key.code, change),
            Some(Dialog::Filter(prompt, _)) => self.filter(key, prompt),
        }
    }

    fn confirm(&mut self, key: KeyCode, change: Change) {
        match key {
            KeyCode::Char('y' | 'Y') => {
                self.changing += 1;
                self.jobs.unmark();
                self.effects.push(Effect::Change(change));
            }
            KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => {}
            _ => self.dialog = Some(Dialog::Confirm(change)),
        }
    }

    fn filter(&mut self, key: KeyEvent, mut prompt: Prompt) {
        match key.code {
            KeyCode::Esc => {}
            KeyCode::Enter => {
                if let Err(problem) = self.show_jobs(&prompt.text) {
                    self.dialog = Some(Dialog::Filter(prompt, Some(problem)));
                }
            }
            _ => {
                prompt.key(key);
                self.dialog = Some(Dialog::Filter(prompt, None));
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Quit => self.effects.push(Effect::Quit),
            Command::Leave if self.job.is_some() => self.close(),
            Command::Leave => self.effects.push(Effect::Quit),
            Command::Back => self.back(),
            Command::Show(tab) => self.show(tab),
            Command::NextTab => self.show(self.tab.beside(1)),
            Command::PreviousTab => self.show(self.tab.beside(Tab::ALL.len() - 1)),
            Command::Go(step) => self.go(step),
            Command::Open => self.open(),
            Command::Refresh => self.ask_now(),
            Command::ToggleAuto => self.auto = !self.auto,
            Command::NextPage => self.turn(true),
            Command::PreviousPage => self.turn(false),
            Command::Filter => self.dialog = Some(Dialog::Filter(Prompt::new(&self.jobs.typed), None)),
            Command::Mark if self.in_jobs() => {
                self.jobs.mark();
                self.go(Step::Down(1));
            }
            Command::MarkAll if self.in_jobs() => self.jobs.all = !self.jobs.all,
            Command::Change(verb) => self.ask_for(verb),
            Command::Pause => self.pause(),
            Command::PauseAll => self.pause_all(),
            Command::RunNow => self.run_now(),
            Command::Help => self.dialog = Some(Dialog::Help),
            Command::Redraw => self.effects.push(Effect::Redraw),
            Command::Mark | Command::MarkAll => {}
        }
    }

    fn in_jobs(&self) -> bool {
        self.tab == Tab::Jobs && self.job.is_none()
    }

    fn refuse(&mut self, why: String) {
        self.notice = Some((Err(why), self.clock));
    }

    // Going about

    pub fn show(&mut self, tab: Tab) {
        self.job = None;
        self.tab = tab;
        self.ask_due();
    }

    /// The jobs that a filter leaves.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn show_jobs(&mut self, filter: &str) -> Result<(), String> {
        self.jobs.set_filter(filter)?;
        (self.job, self.tab) = (None, Tab::Jobs);
        self.ask_now();
        Ok(())
    }

    fn close(&mut self) {
        self.job = None;
        self.ask_now();
    }

    fn back(&mut self) {
        if self.job.is_some() {
            return self.close();
        }
        if self.tab != Tab::Jobs {
            return self.show(Tab::Overview);
        }
        if self.jobs.unmark() {
            return;
        }
        if self.jobs.typed.is_empty() || self.show_jobs("").is_err() {
            self.show(Tab::Overview);
        }
    }

    pub(super) fn go(&mut self, step: Step) {
        let (len, height) = self.extent();
        self.place().step(step, len, height);
    }

    fn turn(&mut self, forward: bool) {
        if self.in_jobs() && self.jobs.turn(forward) {
            self.ask_now();
        }
    }

    fn open(&mut self) {
        let at = self.list().cursor;
        if self.job.is_some() {
            return;
        }
        let filter = match self.tab {
            Tab::Jobs => {
                if let Some(job) = self.jobs.at() {
                    self.job = Some(Looked { id: job.id, found: None, gone: false, scroll: List::default() });
                    self.ask_now();
                }
                return;
            }
            Tab::Overview => self.of_overview(at),
            Tab::Queues => item(&self.queues, at).map(|queue| filter::typed("queue", &queue.name)),
            Tab::Schedules => item(&self.schedules, at).map(|schedule| {
                format!("{} {}", filter::typed("kind", &schedule.kind), filter::typed("queue", &schedule.queue))
            }),
            Tab::Workers => item(&self.workers, at).map(|worker| filter::typed("worker", &worker.id)),
        };
        if let Some(Err(problem)) = filter.map(|filter| self.show_jobs(&filter)) {
            self.refuse(problem);
        }
    }

    /// The states come first, then the queues.
    fn of_overview(&self, at: usize) -> Option<String> {
        match State::ALL.get(at) {
            Some(state) => Some(filter::typed("state", state.name())),
            None => {
                let queue = self.overview.as_ref()?.queues.get(at - State::ALL.len())?;
                Some(filter::typed("queue", &queue.name))
            }
        }
    }

    /// How many rows there are to go about in, and how many are on the screen.
    fn extent(&self) -> (usize, usize) {
        if let Some(job) = &self.job {
            let lines = screens::job::length(self, job);
            let height = screens::job::height(self.size);
            // What is gone about in are the first lines that can be on the screen.
            return ((lines + 1).saturating_sub(height), height);
        }
        let len = match self.tab {
            Tab::Overview => State::ALL.len() + self.overview.as_ref().map_or(0, |overview| overview.queues.len()),
            Tab::Jobs => self.jobs.rows().len(),
            Tab::Queues => self.queues.as_ref().map_or(0, Vec::len),
            Tab::Schedules => self.schedules.as_ref().map_or(0, Vec::len),
            Tab::Workers => self.workers.as_ref().map_or(0, Vec::len),
        };
        (len, screens::height(self.tab, self.size))
    }

    fn place(&mut self) -> &mut List {
        match (&mut self.job, self.tab) {
            (Some(job), _) => &mut job.scroll,
            (None, Tab::Jobs) => &mut self.jobs.list,
            (None, tab) => &mut self.lists[tab as usize],
        }
    }

    pub(super) fn settle(&mut self) {
        let (len, height) = self.extent();
        self.place().settle(len, height);
    }

    // Changing

    fn ask_for(&mut self, verb: Verb) {
        let targets = match &self.job {
            Some(Looked { found: Some(found), .. }) => jobs::one(verb, &found.0),
            Some(_) => return,
            None if self.tab == Tab::Jobs => self.jobs.targets(verb),
            None => return,
        };
        match targets {
            Ok(targets) => self.dialog = Some(Dialog::Confirm(Change::Jobs(verb, targets))),
            Err(why) => self.refuse(why),
        }
    }

    fn pause(&mut self) {
        let at = self.list().cursor;
        let change = match self.tab {
            Tab::Queues => item(&self.queues, at)
                .map(|queue| Change::Queue { name: queue.name.clone(), pause: queue.paused_at.is_none() }),
            Tab::Schedules => item(&self.schedules, at)
                .map(|schedule| Change::Schedule { name: schedule.name.clone(), pause: schedule.paused_at.is_none() }),
            _ => None,
        };
        self.dialog = change.map(Dialog::Confirm);
    }

    fn pause_all(&mut self) {
        let paused = self.queues.iter().flatten().any(|queue| queue.all_paused_at.is_some());
        if self.tab == Tab::Queues && self.queues.is_some() {
            self.dialog = Some(Dialog::Confirm(Change::AllQueues { pause: !paused }));
        }
    }

    fn run_now(&mut self) {
        if self.tab == Tab::Schedules {
            let schedule = item(&self.schedules, self.list().cursor);
            self.dialog = schedule.map(|schedule| Dialog::Confirm(Change::RunNow(schedule.name.clone())));
        }
    }
}

fn item<T>(items: &Option<Vec<T>>, at: usize) -> Option<&T> {
    items.as_ref()?.get(at)
}
