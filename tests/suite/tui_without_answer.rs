//! The terminal UI while the database is slow or away: it takes keys, says how it stands, and goes on asking.

use std::any::Any;

use drip::Dialect;
use mysql::prelude::Queryable;

use crate::{
    support::{Db, Proxy, tmux::Tmux},
    tui::{insert, line},
};

on_every_server! {
    fn while_the_database_is_slow_keys_are_not(db: &Db) {
        insert(db, "send_receipt");
        let Some(tmux) = Tmux::start((80, 24), &[("DRIP_URL", &db.url)], &line("--refresh 500ms")) else { return };
        tmux.until("Nobody is at work.");
        let lock = lock(db);
        tmux.until("asking for 1 s");
        tmux.keys(&["2"]);
        tmux.until("all jobs, newest first");
        tmux.keys(&["?"]);
        tmux.until("select a job, or not");
        tmux.keys(&["?"]);
        tmux.wait("the help to go", |screen| !screen.contains("select a job, or not"));
        // What is not locked is asked and answered meanwhile.
        tmux.keys(&["4"]);
        tmux.until("There is no schedule.");
        tmux.keys(&["2"]);
        drop(lock);
        tmux.until("send_receipt");
        // Nor does it wait for an answer when it is to end.
        let _lock = self::lock(db);
        tmux.until("asking for 1 s");
        tmux.keys(&["q"]);
        tmux.until("ended: 0");
        assert!(tmux.is_clean());
    }

    fn whoever_leaves_before_a_change_is_answered_is_told(db: &Db) {
        let id = insert(db, "send_receipt");
        let Some(tmux) = Tmux::start((80, 24), &[("DRIP_URL", &db.url)], &line("--refresh 500ms")) else { return };
        tmux.keys(&["2"]);
        tmux.until("send_receipt");
        let _lock = lock(db);
        tmux.keys(&["c"]);
        tmux.until(&format!("Cancel job {id}?"));
        tmux.keys(&["y"]);
        tmux.until("being done");
        tmux.keys(&["q"]);
        let screen = tmux.until("ended: 1");
        assert!(tmux.is_clean() && screen.contains("whether it was done is not known"), "{screen}");
    }

    fn while_the_database_is_away_that_is_said_and_it_goes_on_when_it_is_back(db: &Db) {
        let (proxy, url) = Proxy::before(&db.url);
        let Some(tmux) = Tmux::start((80, 24), &[("DRIP_URL", &url)], &line("--refresh 500ms")) else { return };
        tmux.keys(&["2"]);
        tmux.until("There is no job.");
        proxy.take_away();
        tmux.until("✗");
        // Its figures stay on the screen.
        assert!(tmux.screen().contains("There is no job."));
        let id = insert(db, "send_receipt");
        proxy.give_back();
        tmux.wait("the job, and no complaint", |screen| screen.contains("send_receipt") && !screen.contains('✗'));
        tmux.keys(&["c", "y"]);
        tmux.until(&format!("job {id} is cancelled"));
        tmux.keys(&["q"]);
        tmux.until("ended: 0");
    }
}

/// Nobody else reads or writes jobs until it is dropped.
fn lock(db: &Db) -> Box<dyn Any> {
    if db.dialect == Dialect::Postgres {
        let mut connection = db.postgres();
        connection.batch_execute("BEGIN; LOCK TABLE drip_job IN ACCESS EXCLUSIVE MODE").unwrap();
        return Box::new(connection);
    }
    let mut connection = db.mariadb();
    connection.query_drop("LOCK TABLES drip_job WRITE").unwrap();
    Box::new(connection)
}
