//! What the screen shows, and what becomes of it: keys and answers come in as messages, effects go out. Nothing here knows
//! a terminal or waits for a database.

use std::{collections::BTreeMap, time::Duration};

use drip::{Job, QueueSummary, ScheduleInfo, State, Verb, Why, WorkerInfo};
use jiff::Timestamp;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    change::{Change, Done},
    filter,
    jobs::{self, Jobs},
    keys::{self, Command},
    list::{List, Step},
    prompt::Prompt,
    question::{Answer, Found, Overview, Question, Topic},
    rates::Rates,
    screens,
};

/// For how long the result of a change is shown.
const NOTICE: Duration = Duration::from_secs(8);

/// What happens.
#[derive(Debug)]
pub enum Message {
    Key(KeyEvent),
    Wheel(Step),
    Resized(u16, u16),
    Answered(Answer),
    Changed(Done),
    /// By a signal.
    Stopped,
    /// A thread has panicked.
    Died,
}

/// What is to happen.
#[derive(Debug, PartialEq)]
pub enum Effect {
    Ask(u64, Question),
    Change(Change),
    Redraw,
    Quit,
}

/// The screens that one goes to and fro between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Jobs,
    Queues,
    Schedules,
    Workers,
}

/// What stands before everything else and takes the keys.
#[derive(Debug, PartialEq)]
pub enum Dialog {
    Help,
    Filter(Prompt, Option<String>),
    Confirm(Change),
}

/// A job that is looked at.
#[derive(Debug)]
pub struct Looked {
    pub id: i64,
    pub found: Option<Box<(Job, Why)>>,
    /// It is no longer there.
    pub gone: bool,
    /// Its cursor is the first line on the screen.
    pub scroll: List,
}

/// How the asking about a topic stands.
#[derive(Debug, Default)]
struct Asked {
    number: u64,
    /// Since when an answer is waited for.
    since: Option<Duration>,
    tried: Option<Duration>,
    answered: Option<Duration>,
    trouble: Option<String>,
}

/// Everything the screen shows.
#[derive(Debug)]
pub struct Ui {
    pub size: (u16, u16),
    /// Since the start.
    pub clock: Duration,
    pub database: &'static str,
    pub refresh: Duration,
    pub auto: bool,
    pub tab: Tab,
    pub dialog: Option<Dialog>,
    pub notice: Option<(Done, Duration)>,
    pub changing: usize,
    pub overview: Option<Box<Overview>>,
    pub rates: Rates,
    pub jobs: Jobs,
    pub job: Option<Looked>,
    pub queues: Option<Vec<QueueSummary>>,
    pub schedules: Option<Vec<ScheduleInfo>>,
    pub workers: Option<Vec<WorkerInfo>>,
    lists: [List; 5],
    asked: BTreeMap<Topic, Asked>,
    /// What the database's clock said, and when.
    time: Option<(Timestamp, Duration)>,
    numbers: u64,
    effects: Vec<Effect>,
}

impl Tab {
    pub const ALL: [Tab; 5] = [Tab::Overview, Tab::Jobs, Tab::Queues, Tab::Schedules, Tab::Workers];

    pub fn name(self) -> &'static str {
        match self {
            Tab::Overview => "Overview",
            Tab::Jobs => "Jobs",
            Tab::Queues => "Queues",
            Tab::Schedules => "Schedules",
            Tab::Workers => "Workers",
        }
    }

    fn beside(self, by: usize) -> Tab {
        Tab::ALL[(self as usize + by) % Tab::ALL.len()]
    }
}

impl Ui {
    pub fn new(database: &'static str, refresh: Duration, size: (u16, u16)) -> Ui {
        let mut ui = Ui {
            size,
            clock: Duration::ZERO,
            database,
            refresh,
            auto: true,
            tab: Tab::Overview,
            dialog: None,
            notice: None,
            changing: 0,
            overview: None,
            rates: Rates::default(),
            jobs: Jobs::default(),
            job: None,
            queues: None,
            schedules: None,
            workers: None,
            lists: [List::default(); 5],
            asked: BTreeMap::new(),
            time: None,
            numbers: 0,
            effects: Vec::new(),
        };
        ui.ask_due();
        ui
    }

    /// Takes what is to be done.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Time goes on: it is so long since the start.
    pub fn tick(&mut self, clock: Duration) {
        self.clock = clock;
        if self.notice.as_ref().is_some_and(|(_, at)| clock.saturating_sub(*at) > NOTICE) {
            self.notice = None;
        }
        self.ask_due();
    }

    pub fn update(&mut self, message: Message) {
        match message {
            Message::Key(key) => self.key(key),
            Message::Wheel(step) => {
                if self.dialog.is_none() {
                    self.go(step);
                }
            }
            Message::Resized(width, height) => self.size = (width, height),
            Message::Answered(answer) => self.answered(answer),
            Message::Changed(done) => {
                self.changing = self.changing.saturating_sub(1);
                self.notice = Some((done, self.clock));
                self.ask_now();
            }
            Message::Stopped | Message::Died => self.effects.push(Effect::Quit),
        }
        self.settle();
    }

    /// The time by the database's clock, as far as it is known.
    pub fn now(&self) -> Timestamp {
        let Some((time, at)) = self.time else { return Timestamp::now() };
        time.saturating_add(self.clock.saturating_sub(at)).unwrap_or(time)
    }

    /// Where one is in the list of the tab.
    pub fn list(&self) -> List {
        if self.tab == Tab::Jobs { self.jobs.list } else { self.lists[self.tab as usize] }
    }

    /// For how long an answer has been waited for, and how old what is shown is.
    pub fn freshness(&self) -> (Option<Duration>, Option<Duration>) {
        let asked = self.questions().first().and_then(|question| self.asked.get(&question.topic()));
        let ago = |at: Option<Duration>| at.map(|at| self.clock.saturating_sub(at));
        asked.map_or((None, None), |asked| (ago(asked.since), ago(asked.answered)))
    }

    /// What the database had against the latest questions of this screen.
    pub fn trouble(&self) -> Option<&str> {
        let mut asked = self.questions().into_iter().filter_map(|question| self.asked.get(&question.topic()));
        asked.find_map(|asked| asked.trouble.as_deref())
    }

    // Asking

    /// What this screen wants to know.
    fn questions(&self) -> Vec<Question> {
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

    fn ask_due(&mut self) {
        for question in self.questions() {
            // Counting is dearer than a page, and changes less.
            let interval = if question.topic() == Topic::Total { self.refresh * 5 } else { self.refresh };
            let due = self.asked.get(&question.topic()).is_none_or(|asked| {
                let since = asked.tried.map(|tried| self.clock.saturating_sub(tried));
                asked.since.is_none() && since.is_none_or(|since| self.auto && since >= interval)
            });
            if due {
                self.ask(question);
            }
        }
    }

    /// Asks at once, though an answer may still be waited for: that would be to another question.
    fn ask_now(&mut self) {
        self.questions().into_iter().for_each(|question| self.ask(question));
    }

    fn ask(&mut self, question: Question) {
        self.numbers += 1;
        let asked = self.asked.entry(question.topic()).or_default();
        (asked.number, asked.since) = (self.numbers, Some(self.clock));
        self.effects.push(Effect::Ask(self.numbers, question));
    }

    fn answered(&mut self, answer: Answer) {
        let Some(asked) = self.asked.get_mut(&answer.topic).filter(|asked| asked.number == answer.number) else {
            return;
        };
        (asked.since, asked.tried) = (None, Some(self.clock));
        match answer.found {
            Err(error) => asked.trouble = Some(error.to_string()),
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

    // Keys

    fn key(&mut self, key: KeyEvent) {
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
        match self.jobs.typed.is_empty() || self.show_jobs("").is_err() {
            true => self.show(Tab::Overview),
            false => {}
        }
    }

    fn go(&mut self, step: Step) {
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

    fn settle(&mut self) {
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
