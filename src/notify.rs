//! PostgreSQL: tells the workers of other processes that this client has inserted jobs.
//!
//! A notification inside each inserting transaction would serialise their commits (5,400–9,200 inserts/s fell to
//! 3,700–4,200), so the client's own inserts are announced after their commit, by a thread that gathers the queues of
//! [`PAUSE`] into one message each. Inserts in a caller's transaction notify in that transaction instead.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    Client, Result,
    dialect::{Connection, Database, Sql, Statement, Value, statement},
    session::{Mode, own},
};

static NOTIFY: Statement = statement!("notify_queues" of postgres);
static ANNOUNCE: Statement = statement!("announce_queues" of postgres);

/// How long after one announcement the next one waits at least: what comes closer behind another job starts as much later,
/// and one who does nothing but insert announces 200 times a second at most.
const PAUSE: Duration = Duration::from_millis(5);

/// Announcements that wait; further ones are dropped, for those before them will wake the same workers.
const CAPACITY: usize = 4096;

/// Announces what a client has inserted, on a thread that is started by the first announcement and ends with the client.
pub(crate) struct Notifier {
    database: Arc<dyn Database>,
    announcer: Mutex<Option<Announcer>>,
}

struct Announcer {
    queues: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Notifier {
    pub(crate) fn new(database: Arc<dyn Database>) -> Notifier {
        Notifier { database, announcer: Mutex::default() }
    }

    /// Announces jobs in these queues soon, without waiting.
    pub(crate) fn announce<'q>(&self, queues: impl Iterator<Item = &'q str>) {
        let mut announcer = self.announcer.lock().unwrap_or_else(PoisonError::into_inner);
        if announcer.is_none() {
            // Without a thread the jobs are found by polling.
            *announcer = Announcer::start(self.database.clone());
        }
        if let Some(Announcer { queues: Some(sender), .. }) = &*announcer {
            queues.for_each(|queue| drop(sender.try_send(queue.to_owned())));
        }
    }
}

impl Announcer {
    fn start(database: Arc<dyn Database>) -> Option<Announcer> {
        let (sender, queues) = bounded(CAPACITY);
        let run = move || announce_all(&*database, &queues);
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

fn announce_all(database: &dyn Database, queues: &Receiver<String>) {
    let mut connection = None;
    while let Ok(first) = queues.recv() {
        let gathered: HashSet<String> = std::iter::once(first).chain(queues.try_iter()).collect();
        let names = serde_json::json!(gathered).to_string();
        // A connection that broke while nobody used it shows that only now.
        if notify(database, &mut connection, &names).is_err() {
            let _ = notify(database, &mut connection, &names);
        }
        thread::sleep(PAUSE);
    }
}

/// Sends one message on a connection that is opened if there is none, and closed if it fails.
fn notify(database: &dyn Database, connection: &mut Option<Box<dyn Connection>>, names: &str) -> Result<()> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => database.dedicated()?,
    };
    let dialect = open.dialect();
    tell(&mut Sql::own(&mut *open.link(), dialect, None), &ANNOUNCE, names)?;
    *connection = Some(open);
    Ok(())
}

/// Sends one notification for each queue, a JSON array of their names; in a transaction, with its commit.
pub(crate) fn send(sql: &mut Sql<'_>, queues: &str) -> Result<()> {
    tell(sql, &NOTIFY, queues)
}

fn tell(sql: &mut Sql<'_>, how: &Statement, queues: &str) -> Result<()> {
    sql.rows(how, &[("queues", Value::Json(Some(queues)))], |_| Ok(())).map(drop)
}

/// Sends a notification of no queue, the way an inserting client does.
pub(crate) fn probe(client: &Client) -> Result<()> {
    own(&mut *client.checkout()?, None, Mode::Statement, &mut |sql| send(sql, r#"[""]"#))
}
