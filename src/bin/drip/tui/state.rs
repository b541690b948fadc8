//! What the screen shows, and what becomes of it: keys and answers come in as messages, effects go out. Nothing here knows
//! a terminal or waits for a database.

mod acting;
mod asking;
#[cfg(all(test, feature = "sqlite"))]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use drip::{Job, QueueSummary, ScheduleInfo, Why, WorkerInfo};
use jiff::{Timestamp, tz::TimeZone};
use ratatui::crossterm::event::KeyEvent;

use super::{
    change::{Change, Done},
    jobs::Jobs,
    list::{List, Step},
    prompt::Prompt,
    question::{Answer, Overview, Question, Topic},
    rates::Rates,
};
use crate::time::zone;

/// However long an answer takes, the next question is put off for no longer.
const LONGEST_REST: Duration = Duration::from_secs(10);
/// An answer that takes no longer is not spoken of.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// For how long the result of a change is shown.
const NOTICE: Duration = Duration::from_secs(5);

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
    /// How long the latest answer took.
    took: Duration,
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
    /// In which times are told.
    pub zone: TimeZone,
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
            zone: zone(),
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

    /// What the database had against the latest questions of this screen; while it lets this screen wait, what it had
    /// against the latest of all.
    pub fn trouble(&self) -> Option<&str> {
        let questions = self.questions();
        let mut asked = questions.iter().filter_map(|question| self.asked.get(&question.topic()));
        asked.find_map(|asked| asked.trouble.as_deref()).or_else(|| {
            let waits = self.freshness().0.is_some_and(|waiting| waiting >= PATIENCE);
            let latest = self.asked.values().filter(|asked| asked.tried.is_some()).max_by_key(|asked| asked.tried);
            latest.filter(|_| waits).and_then(|asked| asked.trouble.as_deref())
        })
    }
}
