//! The terminal UI in a terminal: what is typed is done, and the terminal is left as it was.

use drip::{Client, NewJob, State, get_job, insert_job};
use serde_json::json;

use crate::support::{Db, tmux::Tmux};

/// The program, in a line of a shell.
pub fn line(args: &str) -> String {
    format!("'{}' tui {args}", env!("CARGO_BIN_EXE_drip"))
}

/// The database's own clock is what the program goes by.
pub fn insert(db: &Db, kind: &'static str) -> i64 {
    let client = Client::connect(&db.url).unwrap();
    insert_job(&client, NewJob::new(kind, json!({"order": 17})).queue("mail")).unwrap().job().id
}

fn state(db: &Db, id: i64) -> State {
    get_job(&db.client, id).unwrap().unwrap().state
}

on_every_database! {
    fn a_job_is_found_looked_at_and_cancelled(db: &Db) {
        let id = insert(db, "send_receipt");
        let Some(tmux) = Tmux::start((80, 24), &[("DRIP_URL", &db.url)], &line("--refresh 500ms")) else { return };
        tmux.until("Nobody is at work.");
        tmux.keys(&["2"]);
        tmux.until("send_receipt");
        // What comes while one looks is shown by itself.
        insert(db, "resize_image");
        tmux.until("resize_image");
        tmux.keys(&["j", "Enter"]);
        let says = [&format!("Job {id} "), "\"order\": 17", "no worker that lives serves"];
        tmux.wait("the job", |screen| says.iter().all(|text| screen.contains(text)));
        tmux.keys(&["c"]);
        tmux.until(&format!("Cancel job {id}?"));
        assert_eq!(state(db, id), State::Available);
        tmux.keys(&["y"]);
        tmux.until(&format!("job {id} is cancelled"));
        assert_eq!(state(db, id), State::Cancelled);
        tmux.keys(&["q", "q"]);
        let screen = tmux.until("ended: 0");
        assert!(tmux.is_clean() && !screen.contains("Timeline"), "{screen}");
    }

    fn a_filter_a_selection_and_a_queue(db: &Db) {
        let ids = [insert(db, "a"), insert(db, "b"), insert(db, "a")];
        let Some(tmux) = Tmux::start((200, 60), &[("DRIP_URL", &db.url)], &line("kind:a")) else { return };
        tmux.until("2 jobs");
        tmux.keys(&["A", "d"]);
        tmux.until("Discard all jobs that the filter leaves (2)?");
        tmux.keys(&["y"]);
        tmux.until("2 jobs discarded");
        assert_eq!(ids.map(|id| state(db, id)), [State::Discarded, State::Available, State::Discarded]);
        tmux.keys(&["3"]);
        tmux.until("OLDEST");
        tmux.keys(&["p", "y"]);
        tmux.until("queue mail is paused");
        assert!(drip::get_queue(&db.client, "mail").unwrap().unwrap().is_paused());
        tmux.keys(&["C-c"]);
        tmux.until("ended: 0");
        assert!(tmux.is_clean());
    }

    fn names_that_no_verb_would_write_stop_nothing(db: &Db) {
        db.execute("INSERT INTO drip_job (kind, queue) VALUES ('k', 'a\u{1b}[2Jb')");
        let Some(tmux) = Tmux::start((80, 24), &[("DRIP_URL", &db.url)], &line("--refresh 200ms")) else { return };
        tmux.until(r"a\u{1b}[2Jb");
        // From the second time on the queues are named.
        insert(db, "send_receipt");
        let screen = tmux.until("mail");
        assert!(!screen.contains('✗'), "{screen}");
        tmux.keys(&["3"]);
        tmux.wait("the queues", |screen| !screen.contains("States") && screen.contains(r"a\u{1b}[2Jb"));
        tmux.keys(&["g", "Enter"]);
        let screen = tmux.until("1 job ");
        assert!(screen.contains(r"queue:a\u{1b}[2Jb"), "{screen}");
        tmux.keys(&["C-c"]);
        tmux.until("ended: 0");
    }

    fn what_is_wrong_from_the_start_is_said_in_the_terminal(db: &Db) {
        let empty = db.unmigrated();
        drip::database_time(&empty.client).unwrap();
        for (url, args, code, says) in [
            (&empty.url, "", "ended: 1", "drip migrate"),
            (&db.url, "state:failed", "ended: 2", "is no state"),
            (&db.url, "--refresh soon", "ended: 2", "soon"),
        ] {
            let Some(tmux) = Tmux::start((80, 24), &[("DRIP_URL", url)], &line(args)) else { return };
            let screen = tmux.until(code);
            assert!(screen.contains(says) && tmux.is_clean(), "{args}: {screen}");
        }
    }
}

/// SQLite goes on with a file that is gone; nobody else sees what is written there.
#[test]
fn a_file_that_was_moved_away_is_noticed() {
    Db::run(drip::Dialect::Sqlite, crate::support::Place::Own, |db| {
        insert(db, "send_receipt");
        // So wide that what it says stands in a line, however long the path is.
        let Some(tmux) = Tmux::start((200, 24), &[("DRIP_URL", &db.url)], &line("--refresh 200ms")) else { return };
        tmux.until("mail");
        let path = db.url.trim_start_matches("sqlite://");
        std::fs::rename(path, format!("{path}.old")).unwrap();
        tmux.until("moved or deleted");
        tmux.keys(&["2"]);
        std::fs::rename(format!("{path}.old"), path).unwrap();
        // The screen asks more than one question, and one of them may have been answered before.
        tmux.wait("the list, and no complaint", |screen| screen.contains("send_receipt") && !screen.contains("moved"));
        tmux.keys(&["q"]);
        tmux.until("ended: 0");
    });
}

#[cfg(unix)]
#[test]
fn whatever_signal_ends_it_the_terminal_is_as_it_was() {
    Db::run(drip::Dialect::Sqlite, crate::support::Place::Own, |db| {
        insert(db, "send_receipt");
        for signal in ["HUP", "INT", "QUIT", "TERM"] {
            let file = tempfile::NamedTempFile::new().unwrap();
            let line = format!("sh -c 'echo $$ > {}; exec {}'", file.path().display(), line("").replace('\'', "\""));
            let Some(tmux) = Tmux::start((80, 24), &[("DRIP_URL", &db.url)], &line) else { return };
            tmux.until("mail");
            let pid = std::fs::read_to_string(file.path()).unwrap();
            let killed = std::process::Command::new("kill").args([&format!("-{signal}"), pid.trim()]).status().unwrap();
            assert!(killed.success());
            let screen = tmux.until("ended:");
            assert!(tmux.is_clean() && screen.contains("ended: 0"), "{signal}: {screen}");
        }
    });
}

/// No database is needed for this.
#[test]
fn without_a_terminal_it_says_so() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_drip"))
        .args(["tui", "--url", "sqlite://nowhere.db"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains("no terminal"), "{error}");
}
