//! The fault sweep: each operation with its first, second, third … database call failing, until none is left to fail. It
//! answers `Ok` and has taken effect once, or a fitting error and has taken effect wholly or not at all; and the client, its
//! pool and the rows are as good as before.

mod desk;
mod draining;
mod migrating;
mod operations;
mod pooled;
mod sqlite;

use std::{thread, time::Duration};

use drip::{Client, Dialect, Error, Result};

use self::{
    desk::{Desk, Picture},
    operations::{IN_PARTS, Operation, READS, Scene, WRITES},
    sqlite::{Trouble, Troubled},
};
use crate::support::{At, Db, Fault, Pace, Place, Proxy, Span};

/// What an operation does when nothing happens to it.
struct Untouched<'s> {
    operation: &'static Operation,
    scene: &'s Scene<'s>,
    after: Picture,
}

impl<'s> Untouched<'s> {
    /// Runs it, and puts everything back.
    fn run(operation: &'static Operation, scene: &'s Scene<'s>, desk: &mut Desk) -> Untouched<'s> {
        (operation.1)(scene, &scene.db.client).unwrap_or_else(|error| panic!("{}: {error}", operation.0));
        let after = desk.picture();
        assert_eq!(after == *desk.first(), is_one_of(operation, READS), "{}: whether it changes anything", operation.0);
        desk.restore();
        Untouched { operation, scene, after }
    }

    /// Looks at what a fault has led to, and puts everything back; answers whether the operation has taken effect.
    fn judge(&self, case: &str, answer: &Result<()>, may_count: bool, desk: &mut Desk) -> bool {
        // A server may notice a moment later that a connection is gone; nothing stays locked.
        desk.lock_everything();
        let mut now = desk.picture();
        if answer.is_err() && is_one_of(self.operation, IN_PARTS) {
            (self.operation.1)(self.scene, &self.scene.db.client).unwrap();
            assert!(desk.picture() == self.after, "{case}: called again it does not go on from where it ended");
            desk.restore();
            now.clone_from(desk.first());
        }
        let (nothing, everything) = (now == *desk.first(), now == self.after);
        let is_fitting = match answer {
            Ok(()) => everything,
            Err(_) => nothing || everything && may_count,
        };
        let changed = || now.iter().find(|row| !desk.first().contains(row) && !self.after.contains(row));
        assert!(is_fitting, "{case}: it answers {answer:?}, and unlike before and after is {:?}", changed());
        if !nothing {
            desk.restore();
        }
        everything && !nothing
    }
}

fn is_one_of(operation: &Operation, table: &[Operation]) -> bool {
    table.iter().any(|other| other.0 == operation.0)
}

fn everything() -> impl Iterator<Item = &'static Operation> {
    READS.iter().chain(WRITES).chain(IN_PARTS)
}

fn writes() -> Vec<&'static str> {
    WRITES.iter().map(|operation| operation.0).collect()
}

/// A transaction in which nothing is done, on a connection of the client's pool.
fn touch(client: &Client) -> Result<()> {
    match client.dialect() {
        Dialect::Postgres => client.transaction(|_: &mut ::postgres::Transaction| Ok(())),
        Dialect::Mariadb => client.transaction(|_: &mut mysql::Transaction| Ok(())),
        _ => client.transaction(|_: &mut rusqlite::Transaction| Ok(())),
    }
}

/// The client is of use, and has the one connection that it may have. A connection that broke while nothing depended on
/// it shows that to whoever is next, once.
fn assert_usable(case: &str, client: &Client, had_error: bool) {
    let mut touched = touch(client);
    if !had_error && touched.is_err() {
        touched = touch(client);
    }
    touched.unwrap_or_else(|error| panic!("{case}: the client is of no use any more: {error}"));
}

fn through(url: &str, db: &Db, connections: u32) -> Client {
    let builder = Client::builder().clock(db.clock.clone()).pool_size(connections);
    let client = builder.pool_timeout(Duration::from_secs(5)).connect(url).unwrap();
    touch(&client).unwrap();
    client
}

/// Fails each call of each operation in this way; answers which operations took effect and did not know it.
fn sweep(db: &Db, fault: Fault, span: Span) -> Vec<&'static str> {
    let (scene, (proxy, url)) = (Scene::set(db), Proxy::before(&db.url));
    let mut desk = Desk::at(db);
    let connections = if fault == Fault::Silent { 2 } else { 1 };
    let client = through(&url, db, connections);
    let mut unknown = Vec::new();
    for operation in everything() {
        // On a busy machine a connection may be asked in between whether it is there, or a statement be prepared anew: then
        // the calls that follow have another number, and the last may have been left out.
        let wanted = is_one_of(operation, WRITES) && fault != Fault::Unsent;
        let mut passes = if wanted { 1..=5 } else { 1..=1 };
        let took_effect = passes.any(|_| {
            let untouched = Untouched::run(operation, &scene, &mut desk);
            strike_each(&untouched, &client, &proxy, (fault, span), &mut desk)
        });
        unknown.extend(took_effect.then_some(operation.0));
    }
    unknown
}

/// Fails each call of one operation; answers whether it took effect and did not know it.
fn strike_each(
    untouched: &Untouched<'_>,
    client: &Client,
    proxy: &Proxy,
    (fault, span): (Fault, Span),
    desk: &mut Desk,
) -> bool {
    let (operation, scene) = (untouched.operation, untouched.scene);
    let mut unknown = false;
    for number in 1.. {
        let case = format!("{}, {fault:?} at call {number}, {span:?}", operation.0);
        proxy.strike(At::Call(number), fault, span);
        let answer = match fault {
            Fault::Silent => interrupted(&case, scene, operation, client, proxy),
            _ => (operation.1)(scene, client),
        };
        let struck = proxy.heal();
        if let Err(error) = &answer {
            assert!(struck && error.is_unavailable(), "{case}: {error}");
        }
        let counts = untouched.judge(&case, &answer, fault != Fault::Unsent, desk);
        unknown |= answer.is_err() && counts;
        assert_usable(&case, client, answer.is_err());
        if !struck {
            break;
        }
        if answer.is_ok() {
            // So that the next finds nothing prepared, and takes as many calls.
            proxy.cut();
            assert_usable(&case, client, false);
        }
    }
    unknown
}

/// Runs an operation whose connection falls silent: others go on meanwhile, and when the connection ends, so does it.
fn interrupted(case: &str, scene: &Scene<'_>, operation: &Operation, client: &Client, proxy: &Proxy) -> Result<()> {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| (operation.1)(scene, client));
        if proxy.wait_until_struck(|| waiting.is_finished()) {
            touch(client).unwrap_or_else(|error| panic!("{case}: nobody else can go on: {error}"));
            proxy.cut_silent();
        }
        waiting.join().unwrap()
    })
}

/// As [`sweep`], on SQLite.
fn sweep_sqlite(trouble: Trouble, fits: fn(&Error) -> bool) -> usize {
    let db = Db::of(Dialect::Sqlite, Place::Own).unwrap();
    let (scene, troubled) = (Scene::set(&db), Troubled::of(&db.url));
    let mut desk = Desk::at(&db);
    let mut unknown = 0;
    for operation in everything() {
        let refuses = matches!(trouble, Trouble::Refused | Trouble::RefusedFromThenOn);
        if refuses && operation.0 == "Worker::work_once" {
            continue; // what is refused there has failed the attempt, and that is recorded
        }
        let untouched = Untouched::run(operation, &scene, &mut desk);
        for number in 1.. {
            let case = format!("{}, {trouble:?} at {number}", operation.0);
            // A new one each time: searches take the hook that interrupts for themselves.
            let client = troubled.client(Client::builder().clock(db.clock.clone()).pool_size(1));
            touch(&client).unwrap();
            troubled.strike(trouble, number);
            let answer = (operation.1)(&scene, &client);
            let struck = troubled.heal();
            if let Err(error) = &answer {
                assert!(struck && fits(error), "{case}: {error}");
            }
            let may_count = matches!(trouble, Trouble::CommitUnheard | Trouble::CommitInterrupted);
            let counts = untouched.judge(&case, &answer, may_count, &mut desk);
            unknown += usize::from(answer.is_err() && counts);
            assert_usable(&case, &client, true);
            if !struck {
                break;
            }
        }
    }
    unknown
}

/// So many of those that write search first, and then there is no hook any more that could interrupt a commit.
const SEARCHES: usize = 5;

/// The database has refused a statement, and nothing is known of why.
fn is_refusal(error: &Error) -> bool {
    let is_known = error.is_invalid_input() || error.is_not_found() || error.is_wrong_state() || error.is_lost_claim();
    !is_known && !error.is_unique_conflict() && !error.is_transient() && !error.is_timed_out()
}

on_every_server! {
    fn a_call_that_is_not_sent_has_no_effect(db: &Db) {
        assert_eq!(sweep(db, Fault::Unsent, Span::Once), [""; 0]);
    }

    fn from_one_call_on_nothing_is_sent_any_more(db: &Db) {
        assert_eq!(sweep(db, Fault::Unsent, Span::ForEver), [""; 0]);
    }

    fn a_call_whose_reply_is_lost_has_its_effect_once_or_not_at_all(db: &Db) {
        assert_eq!(sweep(db, Fault::Unanswered, Span::Once), writes());
    }

    fn a_call_whose_connection_falls_silent_keeps_nobody_else_waiting(db: &Db) {
        assert_eq!(sweep(db, Fault::Silent, Span::Once), writes());
    }

    fn however_slowly_the_bytes_come_everything_is_done(db: &Db) {
        let (scene, (proxy, url)) = (Scene::set(db), Proxy::before(&db.url));
        let mut desk = Desk::at(db);
        let client = through(&url, db, 1);
        for operation in everything() {
            let untouched = Untouched::run(operation, &scene, &mut desk);
            for pace in [Pace::ByteByByte, Pace::Late(Duration::from_millis(1))] {
                proxy.pace(pace);
                let case = format!("{}, {pace:?}", operation.0);
                let answer = (operation.1)(&scene, &client);
                assert!(answer.is_ok(), "{case}: {answer:?}");
                untouched.judge(&case, &answer, true, &mut desk);
            }
        }
    }
}

#[test]
fn sqlite_a_statement_that_is_interrupted_is_undone() {
    assert_eq!(sweep_sqlite(Trouble::Interrupted, Error::is_transient), 0);
}

#[test]
fn sqlite_a_statement_that_is_refused_has_no_effect() {
    assert_eq!(sweep_sqlite(Trouble::Refused, is_refusal), 0);
}

#[test]
fn sqlite_from_one_statement_on_all_are_refused() {
    assert_eq!(sweep_sqlite(Trouble::RefusedFromThenOn, is_refusal), 0);
}

#[test]
fn sqlite_a_commit_that_is_refused_has_no_effect() {
    assert_eq!(sweep_sqlite(Trouble::CommitRefused, is_refusal), 0);
}

#[test]
fn sqlite_a_commit_that_counts_and_is_said_to_have_failed_is_not_done_again() {
    for trouble in [Trouble::CommitUnheard, Trouble::CommitInterrupted] {
        let unknown = sweep_sqlite(trouble, Error::is_unavailable);
        assert!(unknown >= WRITES.len() - SEARCHES, "{trouble:?}: {unknown} of {}", WRITES.len());
    }
}
