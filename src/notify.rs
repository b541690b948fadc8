//! PostgreSQL: tells the workers of other processes that this client has inserted jobs.
//!
//! A notification inside each inserting transaction would serialise their commits (5,400–9,200 inserts/s fell to
//! 3,700–4,200), so the client's own inserts are announced after their commit, by a thread that gathers the queues of
//! [`PAUSE`] into one message each. Inserts in a caller's transaction notify in that transaction instead.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::{
    Result,
    dialect::{Connection, Params, Statement, Value, statement},
};

static NOTIFY: Statement = statement!("notify_queues" of postgres);

/// How long after one announcement the next one waits at least.
const PAUSE: Duration = Duration::from_millis(20);

/// Announcements that wait; further ones are dropped, for those before them will wake the same workers.
const CAPACITY: usize = 4096;

/// The announcer of a client; its thread is started by the first announcement and ends with the client.
#[derive(Default)]
pub(crate) struct Notifier(Mutex<Option<Announcer>>);

struct Announcer {
    queues: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Notifier {
    /// Announces jobs in these queues soon, without waiting. `connect` opens the connection, if there is none yet.
    pub(crate) fn announce<'q>(
        &self,
        queues: impl Iterator<Item = &'q str>,
        connect: impl FnOnce() -> Result<Box<dyn Connection>>,
    ) {
        let mut announcer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if announcer.is_none() {
            // Without a connection or a thread the jobs are found by polling.
            *announcer = connect().ok().and_then(Announcer::start);
        }
        let Some(Announcer { queues: Some(sender), .. }) = &*announcer else { return };
        let gone = queues
            .map(|queue| sender.try_send(queue.to_owned()))
            .any(|sent| matches!(sent, Err(TrySendError::Disconnected(_))));
        if gone {
            // Its connection broke; the next announcement opens another.
            *announcer = None;
        }
    }
}

impl Announcer {
    fn start(connection: Box<dyn Connection>) -> Option<Announcer> {
        let (sender, queues) = bounded(CAPACITY);
        let run = move || announce_all(connection, &queues);
        let thread = thread::Builder::new().name("drip-notify".into()).spawn(run).ok()?;
        Some(Announcer { queues: Some(sender), thread: Some(thread) })
    }
}

impl Drop for Announcer {
    /// What was inserted by a process that ends at once is still announced.
    fn drop(&mut self) {
        self.queues.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn announce_all(mut connection: Box<dyn Connection>, queues: &Receiver<String>) {
    while let Ok(first) = queues.recv() {
        let gathered: HashSet<String> = std::iter::once(first).chain(queues.try_iter()).collect();
        let names = serde_json::json!(gathered).to_string();
        let params: &Params<'_> = &[("queues", Value::Json(Some(&names)))];
        if connection.link().rows(&NOTIFY, params).is_err() {
            return;
        }
        thread::sleep(PAUSE);
    }
}
