//! Producers and workers that are killed, frozen and cut off at any moment, with their server: what was promised holds.
//!
//! Whatever is done is noted before and after, by its process, and by triggers for each job; at the end a checker
//! compares. A run follows from its seed, but for what the machine does at the same time. `tests/chaos` runs it for longer.

mod checker;
mod crew;
mod evidence;
mod field;
mod ledger;
mod nemesis;
mod observer;
mod planted;
mod plot;
mod producer;
mod rows;
mod rules;
mod server;
mod trap;
mod worker;

use std::time::Duration;

use drip::Dialect;

use crate::support::{Db, Place};
use checker::{examine, report};
use evidence::Evidence;
use nemesis::Nemesis;
use observer::Observer;
use server::Server;

/// How long, and from which seed; by default 20 s, from another each time.
const SECONDS: &str = "DRIP_CHAOS_SECONDS";
const SEED: &str = "DRIP_CHAOS_SEED";

#[test]
fn postgres() {
    chaos(Dialect::Postgres);
}

#[test]
fn mariadb() {
    chaos(Dialect::Mariadb);
}

#[test]
fn sqlite() {
    chaos(Dialect::Sqlite);
}

fn chaos(dialect: Dialect) {
    let server = Server::start(dialect);
    let db = match &server {
        Some(server) => Some(database_on(server)),
        None => Db::of(dialect, Place::Own),
    };
    if let Some(db) = db {
        run(&db, server);
    }
}

fn database_on(server: &Server) -> Db {
    Db::at(&server.url).execute("CREATE DATABASE chaos");
    let (address, _) = server.url.rsplit_once('/').expect("a URL names a database");
    let db = Db::at(&format!("{address}/chaos"));
    db.client.migrate().unwrap();
    db
}

fn run(db: &Db, server: Option<Server>) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let span = Duration::from_secs(number(SECONDS).unwrap_or(20));
    let seed = number(SEED).unwrap_or_else(|| fastrand::u64(..) >> 32);
    let name = db.dialect.name();
    eprintln!("chaos on {name} for {span:?}; again: tests/chaos --database {name} --seed {seed}");

    field::prepare(db);
    let ledger = tempfile::tempdir().unwrap();
    let observer = Observer::start(&db.url);
    let mut nemesis = Nemesis::new(&db.url, server, ledger.path(), seed);
    nemesis.rage(span);
    let drained = nemesis.drain();
    let evidence = Evidence::gather(db, ledger.path());
    let mut complaints = observer.stop();
    complaints.extend(examine(db, &evidence));
    eprintln!("chaos on {name}: {:?}; {}", nemesis.deeds, evidence.summary());
    assert!(complaints.is_empty() && drained, "seed {seed}, drained: {drained}{}", report(&complaints));
    assert!(evidence.is_eventful(), "too little has happened: {}", evidence.summary());
}
