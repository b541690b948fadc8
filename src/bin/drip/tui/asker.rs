//! The threads that wait for the database, so that the one that draws and reads keys never does.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use drip::Client;

use super::{
    change::Change,
    question::{Question, Topic},
    state::Message,
};

/// Two, so that one slow search does not keep everything waiting.
const ASKERS: usize = 2;

/// Where questions and changes are handed in. Answers come as messages.
pub struct Asker {
    desk: Arc<Desk>,
    changes: Sender<Change>,
}

/// Of each topic the latest question that nobody has taken up: of those that came before nobody wants to know.
#[derive(Default)]
struct Desk {
    questions: Mutex<BTreeMap<Topic, (u64, Question)>>,
    news: Condvar,
}

impl Asker {
    /// Starts the threads. They have a client for questions and one for changes, which then wait for no search.
    pub fn start(questions: &Client, changes: &Client, messages: &Sender<Message>) -> Asker {
        let desk = Arc::new(Desk::default());
        for _ in 0..ASKERS {
            let (desk, client, messages) = (Arc::clone(&desk), questions.clone(), messages.clone());
            spawn(messages, move |messages| answer(&desk, &client, messages));
        }
        let (sender, receiver) = unbounded();
        let client = changes.clone();
        spawn(messages.clone(), move |messages| change(&receiver, &client, messages));
        Asker { desk, changes: sender }
    }

    pub fn ask(&self, number: u64, question: Question) {
        self.desk.lock().insert(question.topic(), (number, question));
        self.desk.news.notify_one();
    }

    pub fn change(&self, change: Change) {
        // Its thread is gone only after a panic, which ends everything.
        let _ = self.changes.send(change);
    }
}

impl Desk {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Topic, (u64, Question)>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> (u64, Question) {
        let mut questions = self.lock();
        loop {
            match questions.pop_first() {
                Some((_, question)) => return question,
                None => questions = self.news.wait(questions).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

fn answer(desk: &Desk, client: &Client, messages: &Sender<Message>) {
    loop {
        let (number, question) = desk.take();
        if messages.send(Message::Answered(question.ask(client, number))).is_err() {
            return;
        }
    }
}

fn change(changes: &Receiver<Change>, client: &Client, messages: &Sender<Message>) {
    for change in changes {
        if messages.send(Message::Changed(change.apply(client))).is_err() {
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
            desk.lock().insert(question.topic(), (number, question));
        }
        assert_eq!(desk.take(), (4, Question::Job(3)));
        assert_eq!(desk.take(), (2, Question::Queues));
        assert!(desk.lock().is_empty());
    }

    #[test]
    fn a_thread_that_panics_says_so() {
        let (sender, receiver) = unbounded();
        spawn(sender, |_| panic!("for a test"));
        assert!(matches!(receiver.recv(), Ok(Message::Died)));
    }
}
