//! For tests: a database with some of everything, at a moment that does not move, and the screen on it.

use std::time::Duration;

use drip::{
    Client, Clock, Failure, NewJob, RetryPolicy, Rule, Schedule, complete_job, fail_job, fetch_jobs, insert_job,
    renew_lease, upsert_schedule,
};
use jiff::tz::TimeZone;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::json;
use tempfile::TempDir;

use super::state::{Effect, Message, Ui};

/// The database, and the screen.
pub struct Stage {
    pub ui: Ui,
    pub client: Client,
    pub clock: Clock,
    directory: TempDir,
}

impl Stage {
    /// Nothing is in the database.
    pub fn empty(size: (u16, u16)) -> Stage {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::at("2030-01-01T09:00:00Z".parse().unwrap());
        let url = format!("sqlite://{}/app.db", directory.path().display());
        let client = Client::builder().clock(clock.clone()).connect(&url).unwrap();
        client.migrate().unwrap();
        let mut ui = Ui::new("SQLite", Duration::from_secs(2), size);
        ui.zone = TimeZone::UTC;
        Stage { ui, client, clock, directory }
    }

    /// Some of everything.
    pub fn new(size: (u16, u16)) -> Stage {
        let stage = Stage::empty(size);
        stage.fill();
        stage
    }

    fn fill(&self) {
        let client = &self.client;
        self.job(
            NewJob::new("send_receipt", json!({"order": 17, "to": "ada@example.com"})).queue("mail").tags(["paid"]),
        );
        self.job(NewJob::new("send_receipt", json!({"order": 18})).queue("mail").max_attempts(1));
        self.job(NewJob::new("send_receipt", json!({"order": 19})).queue("mail"));
        let [first, second, third] = &fetch_jobs(client, "mail", "shop-1", 3).unwrap()[..] else { panic!("three") };
        self.clock.advance(Duration::from_millis(1200));
        let refused = || {
            Failure::new("connection refused:\u{1b}[31m smtp.example.com:25")
                .trace("caused by: os error 111\n\tin send()")
                .retry(RetryPolicy::constant(Duration::from_secs(600)).jitter(0.0))
        };
        fail_job(client, first, refused()).unwrap();
        fail_job(client, second, refused()).unwrap();
        complete_job(client, third).unwrap();
        self.clock.advance(Duration::from_secs(30));
        self.job(NewJob::new("resize_image", json!({"path": "/srv/a\u{1b}[2J.png"})).queue("images").priority(2));
        self.job(
            NewJob::new("resize_image", json!({"path": "/srv/b.png"})).queue("images").timeout(Duration::from_secs(90)),
        );
        self.job(NewJob::new("report", json!({"of": "sales", "since": {"year": 2029, "months": [1, 2]}})).pending());
        let due = self.clock.now() + jiff::SignedDuration::from_hours(3);
        self.job(NewJob::new("report", json!({"of": "stock"})).queue("late reports").scheduled_at(due));
        let called_off = self.job(NewJob::new("send_receipt", json!({"order": 20})).queue("mail"));
        drip::cancel_job(client, called_off).unwrap();
        assert_eq!(fetch_jobs(client, "images", "shop-1", 1).unwrap()[0].id, 5);
        for n in 0..14 {
            self.job(NewJob::new("send_receipt", json!({"order": 100 + n})).queue("mail"));
        }
        drip::pause_queue(client, "images").unwrap();
        self.schedules();
        self.workers();
        self.clock.advance(Duration::from_secs(7));
    }

    fn job(&self, job: NewJob) -> i64 {
        insert_job(&self.client, job).unwrap().job().id
    }

    fn schedules(&self) {
        let report = || NewJob::new("report", json!({"of": "sales"})).queue("reports");
        for (name, rule) in [
            ("sales report", Rule::cron("0 9 * * mon-fri", "Europe/Paris")),
            ("tidy up", Rule::every("6h")),
            ("yearly", Rule::cron("0 0 1 1 *", "UTC")),
        ] {
            upsert_schedule(&self.client, Schedule::new(name, rule, report())).unwrap();
        }
        drip::pause_schedule(&self.client, "yearly").unwrap();
    }

    fn workers(&self) {
        renew_lease(&self.client, "gone-2", Duration::from_secs(3)).unwrap();
        let database = rusqlite::Connection::open(self.directory.path().join("app.db")).unwrap();
        let told = [
            "UPDATE drip_worker SET pid = 4242, host = 'web-1'",
            r#"UPDATE drip_worker SET queues = '["mail","images"]', concurrency = 8 WHERE id = 'shop-1'"#,
        ];
        told.iter().for_each(|sql| assert!(database.execute(sql, []).unwrap() > 0));
    }

    /// Presses keys: `<enter>` and such by name, the others by themselves; and does what comes of it.
    pub fn press(&mut self, keys: &str) -> &mut Stage {
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let end = rest.find('>').filter(|end| c == '<' && *end > 1);
            let name = end.map_or(&rest[..c.len_utf8()], |end| &rest[..=end]);
            rest = &rest[name.len()..];
            self.ui.update(Message::Key(key(name)));
            self.work();
        }
        self
    }

    /// Answers what was asked, and does what was said yes to, until nothing is left.
    pub fn work(&mut self) {
        loop {
            let effects = self.ui.effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Ask(number, question) => {
                        self.ui.update(Message::Answered(question.ask(&self.client, number)));
                    }
                    Effect::Change(change) => self.ui.update(Message::Changed(change.apply(&self.client))),
                    Effect::Redraw | Effect::Quit => {}
                }
            }
        }
    }

    /// So long later, by every clock.
    pub fn later(&mut self, by: Duration) {
        self.clock.advance(by);
        self.ui.tick(self.ui.clock + by);
    }
}

/// A key by its name.
pub fn key(name: &str) -> KeyEvent {
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    match name {
        "<enter>" => plain(KeyCode::Enter),
        "<esc>" => plain(KeyCode::Esc),
        "<tab>" => plain(KeyCode::Tab),
        "<end>" => plain(KeyCode::End),
        "<ctrl+c>" => KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
        "<ctrl+d>" => KeyEvent::new(KeyCode::Char('d'), KeyModifiers::CONTROL),
        "<ctrl+u>" => KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL),
        name => plain(KeyCode::Char(name.chars().next().unwrap())),
    }
}
