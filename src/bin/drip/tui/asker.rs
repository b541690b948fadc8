//! The threads that wait for the database, so that the one that draws and reads keys never does.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use drip::Client;

use super::{
    change::Change,
    question::{Answer, Question, Topic},
    state::Message,
};
use crate::{connect::Watched, failure::message};

/// As many as there are topics, so that one slow search does not keep everything waiting.
const MOST: usize = 7;
/// Each of them, and the one for changes, may need a connection.
pub const THREADS: u32 = MOST as u32 + 1;

/// Where questions and changes are handed in. Answers come as messages.
pub struct Asker {
    desk: Arc<Desk>,
    database: Database,
    messages: Sender<Message>,
    changes: Sender<Change>,
}

/// The database that is looked at.
#[derive(Clone)]
struct Database {
    client: Client,
    file: Option<Arc<Watched>>,
}

impl Database {
    /// Whether it is still the one that everybody else sees.
    fn check(&self) -> drip::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.check())
    }
}

#[derive(Default)]
struct Desk {
    open: Mutex<Open>,
    news: Condvar,
}

#[derive(Default)]
struct Open {
    /// Of each topic the latest question that nobody has taken up: of those that came before nobody wants to know.
    questions: BTreeMap<Topic, (u64, Question)>,
    threads: usize,
    /// Threads that wait for a question.
    idle: usize,
}

impl Asker {
    /// Starts the thread for changes. Those for questions come as they are needed.
    pub fn start(client: &Client, file: Option<Watched>, messages: &Sender<Message>) -> Asker {
        let (changes, receiver) = unbounded();
        let database = Database { client: client.clone(), file: file.map(Arc::new) };
        let changing = database.clone();
        spawn(messages.clone(), move |messages| change(&receiver, &changing, messages));
        Asker { desk: Arc::default(), database, messages: messages.clone(), changes }
    }

    pub fn ask(&self, number: u64, question: Question) {
        if self.desk.put(number, question) {
            let (desk, database) = (Arc::clone(&self.desk), self.database.clone());
            spawn(self.messages.clone(), move |messages| answer(&desk, &database, messages));
        }
    }

    pub fn change(&self, change: Change) {
        // Its thread is gone only after a panic, which ends everything.
        let _ = self.changes.send(change);
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers whether there should be another thread.
    fn put(&self, number: u64, question: Question) -> bool {
        let mut open = self.lock();
        open.questions.insert(question.topic(), (number, question));
        self.news.notify_one();
        let more = open.questions.len() > open.idle && open.threads < MOST;
        open.threads += usize::from(more);
        more
    }

    fn take(&self) -> (u64, Question) {
        let mut open = self.lock();
        loop {
            match open.questions.pop_first() {
                Some((_, question)) => return question,
                None => {
                    open.idle += 1;
                    open = self.news.wait(open).unwrap_or_else(PoisonError::into_inner);
                    open.idle -= 1;
                }
            }
        }
    }
}

fn answer(desk: &Desk, database: &Database, messages: &Sender<Message>) {
    loop {
        let (number, question) = desk.take();
        let answer = match database.check() {
            Ok(()) => question.ask(&database.client, number),
            Err(error) => Answer { topic: question.topic(), number, found: Err(error), at: None },
        };
        if messages.send(Message::Answered(answer)).is_err() {
            return;
        }
    }
}

fn change(changes: &Receiver<Change>, database: &Database, messages: &Sender<Message>) {
    for change in changes {
        let done = match database.check() {
            Ok(()) => change.apply(&database.client),
            Err(error) => Err(message(&error)),
        };
        if messages.send(Message::Changed(done)).is_err() {
            return;
        }
    }
}

/// A thread whose panic is everybody's end: nobody would answer any more.
fn spawn(messages: Sender<Message>, work: impl FnOnce(&Sender<Message>) + Send + 'static) {
    thread::spawn(move || {
        let obituary = Obituary(messages);
        work(&obituary.0);
    });
}

struct Obituary(Sender<Message>);

impl Drop for Obituary {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Message::Died);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_topic_the_latest_question_alone_is_asked() {
        let desk = Desk::default();
        for (number, question) in
            [(1, Question::Job(1)), (2, Question::Queues), (3, Question::Job(2)), (4, Question::Job(3))]
        {
            desk.put(number, question);
        }
        assert_eq!(desk.take(), (4, Question::Job(3)));
        assert_eq!(desk.take(), (2, Question::Queues));
        assert!(desk.lock().questions.is_empty());
    }

    #[test]
    fn there_are_as_many_threads_as_are_needed_and_not_more_than_may_be() {
        let desk = Desk::default();
        assert!(desk.put(1, Question::Queues));
        desk.take();
        // The first waits for an answer; then for a question.
        assert!(desk.put(2, Question::Workers));
        desk.take();
        desk.lock().idle = 1;
        assert!(!desk.put(3, Question::Queues));
        assert!(desk.put(4, Question::Workers));
        desk.lock().idle = 0;
        let more = (5..20).filter(|number| desk.put(*number, Question::Queues)).count();
        assert_eq!(more, MOST - 3);
    }

    #[test]
    fn a_thread_that_panics_says_so() {
        let (sender, receiver) = unbounded();
        spawn(sender, |_| panic!("for a test"));
        assert!(matches!(receiver.recv(), Ok(Message::Died)));
    }
}
