//! Every example runs, twice, on every database, and shows what it is there to show.
//!
//! The programs are those that `cargo test` has built beside this one. All run at once on one database: they have
//! queues, kinds and tables of their own.

use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use drip::NewJob;
use serde_json::json;

/// The examples, each with the lines that must be among those it prints, in this order.
const EXAMPLES: [(&str, &[&str]); 19] = [
    (
        "quickstart",
        &[
            "order 1: committed, and its job with it",
            "order 3: rolled back (the card was declined), and its job with it",
            "order 2: attempt 1 fails, and will be made again",
            "order 2: attempt 2 succeeds",
            "The worker has stopped, and nothing is half done: true",
            "order 1: its job is completed, attempts: 1",
            "order 2: its job is completed, attempts: 2",
            "order 3: its job was never there",
        ],
    ),
    (
        "enqueue_in_transaction",
        &[
            "Ada: is the user committed? true; is there a job? true",
            "Bob: is the user committed? false; is there a job? false",
            "worker: welcome, Ada!",
        ],
    ),
    (
        "outbox",
        &[
            "ship_parcel, attempt 1: shipment written, message enqueued",
            "  failed, so everything is taken back; shipments: 0",
            "ship_parcel, attempt 2: shipment written, message enqueued",
            "  committed; shipments: 1",
            "tell_customer: your lamp is on its way",
            "  committed; shipments: 1",
        ],
    ),
    (
        "retries",
        &[
            "attempt 1 at the patient letter: failed, will be tried again (nobody is at home)",
            "attempt 3 at the patient letter: delivered (no error)",
            "what the database knows of them:",
            r#"the patient letter is completed ["1: nobody is at home", "2: nobody is at home"]"#,
            r#"the hopeless letter is discarded ["1: no such street", "2: no such street"]"#,
            r#"the clumsy letter is completed ["1: panicked: the postman has stumbled"]"#,
            r#"the blank letter is discarded ["1: it has no address"]"#,
        ],
    ),
    (
        "unique",
        &[
            "pdf: enqueued",
            "html: not enqueued, one is available already",
            "worker: a report as pdf",
            "text: enqueued",
            "worker: a report as text",
            "still one job: true",
            "it has the later change: true",
            "and is due later: true",
        ],
    ),
    (
        "timeout_and_cancel",
        &[
            "hurried: has timed out and is discarded, its only attempt is used up",
            "unwanted: is cancelled",
            "unwanted: its handler has returned, and what it answered does not count",
            "all handlers have stopped: true",
        ],
    ),
    (
        "graceful_stop",
        &[
            "SIGTERM: no more jobs are taken, those that run may finish",
            "long: asked to stop, so it puts itself off; that uses up no attempt",
            "stopped cleanly: true",
            "short: is completed, attempts used up: 1",
            "long: is scheduled, attempts used up: 0",
            "third: is available, attempts used up: 0",
            "fourth: is available, attempts used up: 0",
        ],
    ),
    (
        "middleware",
        &[
            "not inserted: args: name no customer",
            "begun for request r-17",
            "  an invoice for Ada",
            "ended: Complete",
            "ended: panicked: no printer",
            r#"ended: Cancel("the customer is suspended")"#,
            r#"drip_attempts_ended_total{queue="middleware",kind="middleware_invoice",outcome="completed"} 1"#,
            r#"drip_attempts_ended_total{queue="middleware",kind="middleware_invoice",outcome="discarded"} 1"#,
            r#"drip_attempts_ended_total{queue="middleware",kind="middleware_invoice",outcome="cancelled"} 1"#,
        ],
    ),
    (
        "pause_queue",
        &[
            "the worker finds nothing: true",
            "waiting: 2; paused: true; the printer is being repaired",
            "a letter to Ada",
            "a letter to Grace",
            "waiting: 0; paused: false; in order",
        ],
    ),
    ("periodic", &["beat 1", "beat 2", "one scheduler stops: true", "beat 3", "beat 4", "each second had one: true"]),
    (
        "cron",
        &[
            "30 2 * * * (Europe/Paris)",
            "  Sat 30 Mar, 02:30 (UTC+01)",
            "  Sun 31 Mar, 03:00 (UTC+02)",
            "  Mon 01 Apr, 02:30 (UTC+02)",
            "  Sun 27 Oct, 02:30 (UTC+02)",
            "  Mon 28 Oct, 02:30 (UTC+01)",
            "*/30 * * * * (Europe/Paris)",
            "  Sun 27 Oct, 02:30 (UTC+02)",
            "  Sun 27 Oct, 02:00 (UTC+01)",
            "cron: report of the day: 0 9 * * mon-fri (Europe/Paris); 5 to come",
            r#"cron: "0 9 30 2 *" never comes: there is no such day"#,
            "paused: true",
            r#"the report of the day, because of "cron: report of the day""#,
        ],
    ),
    (
        "plain_sql",
        &[
            "priority 9 is refused: true",
            "hello, Ada! (priority 1, tags [], at most 25 attempts)",
            "hello, Grace! (priority 2, tags [\"vip\"], at most 5 attempts)",
        ],
    ),
    (
        "batch",
        &[
            "insert_many: 1000 jobs, all new: true",
            "guest 7 is greeted first: true",
            "a duplicate in the batch is the same job: true",
            "none of them: job 7 of the batch: priority: is 9; from 1 (served first) to 4",
            "so far there are 1,001 jobs",
            "insert_many_fast: 20000 jobs",
            "now there are 21,001 jobs",
            "the newest greets guest 19999",
            "21001 removed",
        ],
    ),
    (
        "fan_out",
        &[
            "newsletter, attempt 1: 3 mails enqueued",
            "taken back: 0 mails wait",
            "newsletter, attempt 2: 3 mails enqueued",
            "committed: 3 mails wait",
            "a mail to Ada",
            "a mail to Bob",
            "a mail to Eve",
        ],
    ),
    (
        "chaining",
        &[
            "download the holiday film",
            "cut the holiday film",
            "publish the holiday film",
            "download the secret film",
            "cut the secret film",
            "  no next step: its claim has ended",
            "publish the holiday film: completed",
            "download the secret film: completed",
            "cut the secret film: cancelled",
        ],
    ),
    (
        "list_and_retry",
        &[
            "page 1:",
            r#"  order 1 (de): discarded after "the bank does not answer""#,
            r#"  order 2 (fr): discarded after "the bank does not answer""#,
            "page 3:",
            r#"  order 5 (de): discarded after "the bank does not answer""#,
            "2 are retried",
            "order 2 is charged",
            "order 4 is charged",
            "3 are retried",
            "order 1 is charged",
            "still failed: 0",
            "retry everything? filter: has no criteria: name at least one, such as all states",
        ],
    ),
    (
        "debounce",
        &[
            r#"home: "H", a new job"#,
            r#"news: "War", a new job"#,
            r#"home: "Hel", put into the job that waits"#,
            r#"news: "Peace", put into the job that waits"#,
            r#"worker: home is now "Hello""#,
            r#"worker: news is now "Peace""#,
            "nothing more to do: true",
            r#"home: "Hello again", a new job"#,
            r#"worker: home is now "Hello again""#,
        ],
    ),
    (
        "maintenance",
        &[
            "completed: 3",
            "removed: 3",
            "completed: 0",
            "the cancelled one stays: true",
            "stopped: true",
            "expire: at it is None, and went wrong has None",
            "rescue: at it is None, and went wrong has None",
            "retain: at it is None, and went wrong has None",
        ],
    ),
    (
        "record_output",
        &[
            r#"half way through: running, output {"rows":500}"#,
            r#"in the end: completed, output {"rejected":["line 17: no name"],"rows":1000}"#,
            r#"rows: 1000, rejected: ["line 17: no name"]"#,
            "the rest of its metadata is still there: true",
            r#"corrected: {"rows":999}, and still completed"#,
        ],
    ),
];

/// Longer than any of them takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

on_every_database! {
    /// Twice, because the first time leaves finished jobs behind; and a user's own job stays as it was.
    fn every_example_shows_what_it_is_there_for_and_leaves_the_database_usable(db: &Db) {
        let mine = drip::insert_job(&db.client, NewJob::new("mine", json!({}))).unwrap().into_job();
        let tables = tables(db);
        thread::scope(|scope| {
            for (name, lines) in EXAMPLES {
                scope.spawn(move || (0..2).for_each(|_| shows(name, &run(name, "DRIP_URL", &db.url), lines)));
            }
        });
        assert_eq!(db.job(mine.id), mine);
        assert_eq!(self::tables(db), tables, "an example has left a table behind");
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE finalized_at IS NULL"), 1, "or a job");
    }
}

#[test]
fn without_a_url_every_example_uses_a_temporary_file_and_removes_it() {
    for (name, lines) in EXAMPLES {
        let temporary = tempfile::tempdir().unwrap();
        let began = Instant::now();
        shows(name, &run(name, "TMPDIR", temporary.path().to_str().unwrap()), lines);
        let took = began.elapsed();
        assert!(name != "quickstart" || took < Duration::from_secs(5), "quickstart took {took:?}");
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "{name} has left something behind");
    }
}

#[test]
fn every_example_is_tested_and_is_shorter_than_a_hundred_lines() {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(source("")).unwrap() {
        let path = entry.unwrap().path();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines < 100, "{} has {lines} lines", path.display());
        found.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    assert_eq!(found, EXAMPLES.map(|(name, _)| name.to_owned()).into());
    let readme = fs::read_to_string(source("../README.md")).unwrap();
    assert!(found.iter().all(|name| readme.contains(name)), "the README does not name every example");
}

/// Runs an example with one variable set; answers what it printed, once it has succeeded.
fn run(name: &str, variable: &str, value: &str) -> String {
    let mut child =
        Command::new(program(name)).env_remove("DRIP_URL").env(variable, value).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (sender, printed) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let _ = sender.send(stdout.read_to_string(&mut text).map(|_| text));
    });
    // It has printed everything when its end of the pipe closes.
    let Ok(printed) = printed.recv_timeout(PATIENCE) else {
        let _ = child.kill();
        panic!("{name} does not come to an end");
    };
    let (status, printed) = (child.wait().unwrap(), printed.unwrap());
    assert!(status.success(), "{name}: {status}\n{printed}");
    printed
}

/// The program that `cargo test` has built of an example.
fn program(name: &str) -> PathBuf {
    let suite = std::env::current_exe().unwrap();
    let profile = suite.parent().and_then(Path::parent).expect("the suite is in target/<profile>/deps");
    let program = profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let fresh = modified(&program) >= modified(&source(&format!("{name}.rs")));
    assert!(
        fresh,
        "{name} is not built, or not of what it now is: `cargo test` does that, `cargo test --test` does not"
    );
    program
}

fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(file)
}

fn shows(name: &str, printed: &str, lines: &[&str]) {
    let mut rest = printed.lines();
    for line in lines {
        assert!(rest.any(|printed| printed == *line), "{name} does not show {line:?} in its place:\n{printed}");
    }
}

/// How many tables there are.
fn tables(db: &crate::support::Db) -> i64 {
    db.number(match db.dialect {
        drip::Dialect::Postgres => "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'",
        drip::Dialect::Mariadb => "SELECT count(*) FROM information_schema.tables WHERE table_schema = database()",
        _ => "SELECT count(*) FROM sqlite_schema WHERE type = 'table'",
    })
}
