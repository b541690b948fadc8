//! A migration whose calls fail: called again it goes on, and ends where any other does.

use drip::{Client, Dialect, NewJob, insert_job};
use serde_json::json;

use super::{Troubled, sqlite::Trouble};
use crate::support::{At, Db, Fault, Proxy, Span};

/// Lets each call fail, in one way after the other, until none is left; `strike` sets it up, and `heal` says whether it
/// has come to that.
fn sweep(db: &Db, client: &Client, strike: &dyn Fn(usize), heal: &dyn Fn() -> bool) {
    for number in 1.. {
        db.client.migrate_to(0).unwrap();
        strike(number);
        let answer = client.migrate();
        let struck = heal();
        if let Err(error) = &answer {
            assert!(struck && !error.is_invalid_input(), "call {number}: {error}");
            client.migrate().unwrap_or_else(|error| panic!("call {number}, again: {error}"));
        }
        let inserted = insert_job(client, NewJob::new("k", json!({})));
        inserted.unwrap_or_else(|error| panic!("call {number}, {answer:?}, then {error}"));
        assert_eq!(db.jobs(), 1);
        if !struck {
            return;
        }
    }
}

on_every_server! {
    fn a_migration_goes_on_whichever_call_has_failed(db: &Db) {
        let (proxy, url) = Proxy::before(&db.url);
        let client = super::through(&url, db, 1);
        let fault = |number: usize| if number.is_multiple_of(2) { Fault::Unsent } else { Fault::Unanswered };
        sweep(
            db,
            &client,
            &|number| proxy.strike(At::Call(number), fault(number), Span::Once),
            &|| proxy.heal(),
        );
    }
}

#[test]
fn sqlite_a_migration_goes_on_whichever_statement_has_failed() {
    let db = Db::of(Dialect::Sqlite, crate::support::Place::Own).unwrap();
    let troubled = Troubled::of(&db.url);
    let client = troubled.client(Client::builder().clock(db.clock.clone()).pool_size(1));
    for trouble in [Trouble::Refused, Trouble::Interrupted, Trouble::CommitRefused] {
        sweep(&db, &client, &|number| troubled.strike(trouble, number), &|| troubled.heal());
    }
}
