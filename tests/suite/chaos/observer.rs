//! Who looks on all the while for what must not be even for a moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use drip::Dialect;

use super::{
    checker::{Complaint, c8_no_two_active_jobs_have_one_key},
    rows::rows,
};
use crate::support::Db;

pub struct Observer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Complaint>>,
}

impl Observer {
    pub fn start(url: &str) -> Observer {
        let (url, stop) = (url.to_owned(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let (db, mut complaints) = (Db::at(&url), Vec::new());
            while !stopped.load(Ordering::SeqCst) {
                // The database may be away; then there is nothing to be seen.
                complaints.extend(c8_no_two_active_jobs_have_one_key(&db).unwrap_or_default());
                complaints.extend(idle_in_transaction(&db));
                thread::park_timeout(Duration::from_millis(100));
            }
            complaints
        });
        Observer { stop, thread }
    }

    /// What it has seen.
    pub fn stop(self) -> Vec<Complaint> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// No process is frozen for so long, by far, even where the machine has hardly time for whoever is to thaw it.
fn idle_in_transaction(db: &Db) -> Vec<Complaint> {
    if db.dialect != Dialect::Postgres {
        return Vec::new();
    }
    let idle = "SELECT pid, query FROM pg_stat_activity WHERE datname = current_database()
                AND state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '30 s'";
    let complain =
        |row: Vec<String>| Complaint::new("C12", format!("idle in a transaction for 30 s: {}", row.join(": ")));
    rows(db, idle).unwrap_or_default().into_iter().map(complain).collect()
}
