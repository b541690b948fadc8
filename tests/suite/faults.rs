//! The fault sweep: each operation with its first, second, third … database call failing, until none is left to fail. It
//! answers `Ok` and has taken effect once, or a fitting error and has taken effect wholly or not at all; and the client, its
//! pool and the rows are as good as before.

mod desk;
mod operations;
mod sqlite;

use std::{thread, time::Duration};

use drip::{Client, Dialect, Result};
use rusqlite::ffi;

use self::{
    desk::{Desk, Picture},
    operations::{Operation, READS, Scene, WRITES},
    sqlite::{Troubled, Trouble},
};
use crate::support::{At, Db, Fault, Pace, Place, Proxy, Span};

/// What an operation does when nothing happens to it.
struct Untouched<'o> {
    operation: &'o Operation,
    after: Picture,
}

impl<'o> Untouched<'o> {
    /// Runs it, and puts everything back.
    fn run(operation: &'o Operation, scene: &Scene<'_>, desk: &mut Desk) -> Untouched<'o> {
        let (name, run) = operation;
        run(scene, &scene.db.client).unwrap_or_else(|error| panic!("{name}: {error}"));
        let after = desk.picture();
        assert_eq!(after == *desk.first(), READS.iter().any(|read| read.0 == *name), "{name}: what it changes");
        desk.restore();
        Untouched { operation, after }
    }

    /// Looks at what a fault has led to, and puts everything back; answers whether the operation has taken effect.
    fn judge(&self, case: &str, answer: &Result<()>, may_count: bool, desk: &mut Desk) -> bool {
        let now = desk.picture();
        let (nothing, everything) = (now == *desk.first(), now == self.after);
        let is_fitting = match answer {
            Ok(()) => everything,
            Err(_) => nothing || everything && may_count,
        };
        let changed = || now.iter().filter(|row| !desk.first().contains(row)).collect::<Vec<_>>();
        assert!(is_fitting, "{case}: it answers {answer:?}, and new is {:?}", changed());
        desk.lock_everything();
        if !nothing {
            desk.restore();
        }
        everything
    }
}

fn everything() -> impl Iterator<Item = &'static Operation> {
    READS.iter().chain(WRITES)
}

/// A transaction in which nothing is done, on a connection of the client's pool.
fn touch(client: &Client) -> Result<()> {
    match client.dialect() {
        Dialect::Postgres => client.transaction(|_: &mut ::postgres::Transaction| Ok(())),
        Dialect::Mariadb => client.transaction(|_: &mut mysql::Transaction| Ok(())),
        _ => client.transaction(|_: &mut rusqlite::Transaction| Ok(())),
    }
}

/// A client with a single connection, so that one which does not come back is missed at once.
fn through(url: &str, db: &Db) -> Client {
    let builder = Client::builder().clock(db.clock.clone()).pool_size(1).pool_timeout(Duration::from_secs(5));
    let client = builder.connect(url).unwrap();
    touch(&client).unwrap();
    client
}

/// Fails each call of each operation in this way; answers how often an operation took effect and did not know it.
fn sweep(db: &Db, fault: Fault, span: Span) -> usize {
    let scene = Scene::set(db);
    let mut desk = Desk::at(db);
    let (proxy, url) = Proxy::before(&db.url);
    let client = through(&url, db);
    let mut unknown = 0;
    for operation in everything() {
        let untouched = Untouched::run(operation, &scene, &mut desk);
        for number in 1.. {
            let case = format!("{}, {fault:?} at call {number}, {span:?}", operation.0);
            proxy.strike(At::Call(number), fault, span);
            let answer = (operation.1)(&scene, &client);
            let struck = proxy.heal();
            if let Err(error) = &answer {
                assert!(struck && error.is_unavailable(), "{case}: {error}");
            }
            let counts = untouched.judge(&case, &answer, fault != Fault::Unsent, &mut desk);
            unknown += usize::from(answer.is_err() && counts);
            let usable = touch(&client);
            // A connection that broke while nothing depended on it shows that to whoever is next, once.
            if answer.is_ok() && usable.is_err() {
                touch(&client).unwrap_or_else(|error| panic!("{case}: the client is of no use any more: {error}"));
            } else {
                usable.unwrap_or_else(|error| panic!("{case}: the client is of no use any more: {error}"));
            }
            if !struck {
                break;
            }
        }
    }
    unknown
}

on_every_server! {
    fn a_call_that_is_not_sent_has_no_effect(db: &Db) {
        assert_eq!(sweep(db, Fault::Unsent, Span::Once), 0);
    }

    fn from_one_call_on_nothing_is_sent_any_more(db: &Db) {
        assert_eq!(sweep(db, Fault::Unsent, Span::ForEver), 0);
    }

    fn a_call_whose_reply_is_lost_has_its_effect_once_or_not_at_all(db: &Db) {
        assert!(sweep(db, Fault::Unanswered, Span::Once) >= WRITES.len());
    }
}
