//! SQLite connections that fail: there is no wire to cut, but there are hooks.
//!
//! A statement is interrupted, or refused, before it has done anything; a commit is refused; and a commit that has taken
//! effect is said to have failed, as SQLite does when the hook that is told of the log's growth answers an error, or the one
//! that is asked for progress. The reply to any other statement cannot be lost: SQLite undoes what it says has failed.

use std::sync::{Arc, Mutex};

use drip::{Client, ClientBuilder};
use rusqlite::{
    Connection, Error, ffi,
    hooks::{AuthAction, Authorization},
};

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Interrupted,
    Refused,
    RefusedFromThenOn,
    CommitRefused,
    /// It counts, and the hook that is told so fails.
    CommitUnheard,
    /// It counts, and the hook that is asked whether to go on says no.
    CommitInterrupted,
}

#[derive(Debug)]
struct Plan {
    trouble: Trouble,
    at: usize,
    seen: usize,
    interrupts: bool,
}

/// Connections to one file, and what will happen to the next of them.
#[derive(Clone)]
pub struct Troubled {
    path: String,
    plan: Arc<Mutex<Option<Plan>>>,
}

impl Troubled {
    pub fn of(url: &str) -> Troubled {
        Troubled { path: url.trim_start_matches("sqlite://").to_owned(), plan: Arc::default() }
    }

    pub fn client(&self, builder: ClientBuilder) -> Client {
        let troubled = self.clone();
        builder.from_connector(move || troubled.connect()).unwrap()
    }

    /// It will happen to what is counted as the `at`th from now on.
    pub fn strike(&self, trouble: Trouble, at: usize) {
        *self.plan.lock().unwrap() = Some(Plan { trouble, at, seen: 0, interrupts: false });
    }

    /// From now on nothing happens any more; answers whether something has happened.
    pub fn heal(&self) -> bool {
        self.plan.lock().unwrap().take().is_some_and(|plan| plan.seen >= plan.at)
    }

    fn connect(&self) -> Result<Connection, Error> {
        let mut connection = Connection::open(&self.path)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        // Each statement is prepared whenever it is run, and so asks whether it may.
        connection.set_prepared_statement_cache_capacity(0);
        let [asked, going, committing, committed] = std::array::from_fn(|_| self.clone());
        connection
            .authorizer(Some(move |context: rusqlite::hooks::AuthContext<'_>| asked.authorize(context.action)))?;
        connection.progress_handler(1, Some(move || going.interrupts()))?;
        connection.commit_hook(Some(move || committing.refuses_commit()))?;
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, _: i32| committed.hears_of_commit()))?;
        Ok(connection)
    }

    /// Whether it happens now to one of those to whom it can.
    fn counts(&self, can: impl Fn(Trouble) -> bool) -> bool {
        let mut plan = self.plan.lock().unwrap();
        let Some(plan) = plan.as_mut().filter(|plan| can(plan.trouble)) else { return false };
        plan.seen += 1;
        plan.seen == plan.at || plan.seen > plan.at && plan.trouble == Trouble::RefusedFromThenOn
    }

    fn authorize(&self, action: AuthAction<'_>) -> Authorization {
        use AuthAction::{Delete, Insert, Savepoint, Select, Transaction, Update};
        let counted = matches!(
            action,
            Delete { .. } | Insert { .. } | Savepoint { .. } | Select | Transaction { .. } | Update { .. }
        );
        if counted && self.counts(|trouble| trouble == Trouble::Interrupted) {
            self.interrupt();
        }
        match counted && self.counts(|trouble| matches!(trouble, Trouble::Refused | Trouble::RefusedFromThenOn)) {
            true => Authorization::Deny,
            false => Authorization::Allow,
        }
    }

    fn interrupts(&self) -> bool {
        self.plan.lock().unwrap().as_mut().is_some_and(|plan| std::mem::take(&mut plan.interrupts))
    }

    /// In the middle of a commit, which can be refused here and then cannot be stopped any more.
    fn refuses_commit(&self) -> bool {
        if self.counts(|trouble| trouble == Trouble::CommitInterrupted) {
            self.interrupt();
        }
        self.counts(|trouble| trouble == Trouble::CommitRefused)
    }

    fn interrupt(&self) {
        self.plan.lock().unwrap().as_mut().expect("has just struck").interrupts = true;
    }

    fn hears_of_commit(&self) -> Result<(), Error> {
        match self.counts(|trouble| trouble == Trouble::CommitUnheard) {
            true => Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)),
            false => Ok(()),
        }
    }
}
