//! An older worker goes on while the schema comes up, and a newer one works beside it; down again, too.
//!
//! The older one is this version, and the next migration one that only this test knows, planted ones that do harm
//! included. `tests/upgrade` has the older one built from an earlier revision instead, and the migrations are those
//! since.

mod crew;

use std::time::{Duration, Instant};

use drip::{Client, Dialect, State, get_job};

use crate::{
    migrate::assert_whole,
    support::{Db, process::Process},
};

/// A program that is the crew, built with an older version of the library.
const OLDER: &str = "DRIP_TEST_OLDER_CREW";

/// How long a crew may take to do something. One that does harm is found out by its end.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn crew_process() {
    crew::work();
}

fn crew(db: &Db, name: &str, program: Option<String>) -> Process {
    let orders = [(crew::URL, db.url.clone()), (crew::NAME, name.to_owned())];
    match program {
        Some(path) => Process::of_program(&path, &orders),
        None => Process::start("upgrade::crew_process", &orders),
    }
}

/// What a migration does, and how it is taken back.
struct Step<'s> {
    up: &'s dyn Fn(&Db),
    down: &'s dyn Fn(&Db),
}

/// The older crew alone, while the schema comes up, with a newer one beside it, and while the schema goes down. What was
/// wrong, if anything was; and the effects of each.
fn upgrade(db: &Db, program: Option<String>, step: &Step) -> Result<[i64; 2], String> {
    db.execute("CREATE TABLE effect (job_id BIGINT NOT NULL PRIMARY KEY, crew VARCHAR(20) NOT NULL)");
    let mut older = crew(db, "older", program);
    goes_on(db, [&mut older], "older")?;
    (step.up)(db);
    goes_on(db, [&mut older], "older")?;
    let mut newer = crew(db, "newer", None);
    for name in ["newer", "older"] {
        goes_on(db, [&mut older, &mut newer], name)?;
    }
    finishes(newer, "newer")?;
    (step.down)(db);
    goes_on(db, [&mut older], "older")?;
    finishes(older, "older")?;
    Ok(["older", "newer"].map(|name| effects(db, name)))
}

fn effects(db: &Db, name: &str) -> i64 {
    db.number(&format!("SELECT count(*) FROM effect WHERE crew = '{name}'"))
}

/// Waits until the crew has done more, and its heart has beaten, while none of these ends.
fn goes_on<const N: usize>(db: &Db, mut crews: [&mut Process; N], name: &str) -> Result<(), String> {
    let (enough, begun) = (effects(db, name) + 20, Instant::now());
    while begun.elapsed() < crew::LEASE / 4 || effects(db, name) < enough {
        if let Some(said) = crews.iter_mut().find_map(|crew| crew.last_words()) {
            return Err(format!("a crew ended: {said}"));
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("the {name} crew does not go on"));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

fn finishes(mut crew: Process, name: &str) -> Result<(), String> {
    crew.go();
    let (said, status) = crew.wait();
    if status.success() { Ok(()) } else { Err(format!("the {name} crew: {said}")) }
}

/// All that was inserted has ended as it should, and nothing twice, for which the key of the effects sees.
fn assert_done(db: &Db, [older, newer]: [i64; 2]) {
    assert!(older >= 60 && newer >= 20, "{older} and {newer}");
    let count =
        |condition: &str| db.number(&format!("SELECT count(*) FROM drip_job WHERE queue = 'default' AND {condition}"));
    assert_eq!(count("state <> 'completed' AND state <> 'cancelled'"), 0);
    assert_eq!(count("state = 'completed' AND kind = 'effect'"), older + newer);
    assert_eq!(count("kind = 'effect' AND attempt > 1"), 0);
}

/// A step that nobody knows but this test, on record as the version after the newest.
fn planted<'s>(up: &'s [&'s str], down: &'s [&'s str]) -> [impl Fn(&Db) + 's; 2] {
    let version = Client::SCHEMA_VERSION + 1;
    [
        (up, format!("INSERT INTO drip_migration (version) VALUES ({version})")),
        (down, format!("DELETE FROM drip_migration WHERE version = {version}")),
    ]
    .map(|(statements, record)| {
        move |db: &Db| {
            statements.iter().for_each(|sql| db.execute(sql));
            db.execute(&record);
        }
    })
}

/// What a later version may add: nothing that an older one writes or reads is another thing than before.
const HARMLESS: &[&str] = &[
    "ALTER TABLE drip_job ADD COLUMN note TEXT",
    "ALTER TABLE drip_job ADD COLUMN weight INTEGER NOT NULL DEFAULT 7",
    "ALTER TABLE drip_worker ADD COLUMN note TEXT",
    "ALTER TABLE drip_queue ADD COLUMN weight INTEGER NOT NULL DEFAULT 7",
    "ALTER TABLE drip_schedule ADD COLUMN note TEXT",
    "CREATE INDEX drip_job_weight ON drip_job (kind, id, state)",
    "CREATE TABLE drip_note (id BIGINT NOT NULL PRIMARY KEY)",
];

/// The way back.
fn back(dialect: Dialect) -> Vec<&'static str> {
    let index = if dialect == Dialect::Mariadb {
        "DROP INDEX drip_job_weight ON drip_job"
    } else {
        "DROP INDEX drip_job_weight"
    };
    vec![
        "DROP TABLE drip_note",
        index,
        "ALTER TABLE drip_job DROP COLUMN note",
        "ALTER TABLE drip_job DROP COLUMN weight",
        "ALTER TABLE drip_worker DROP COLUMN note",
        "ALTER TABLE drip_queue DROP COLUMN weight",
        "ALTER TABLE drip_schedule DROP COLUMN note",
    ]
}

/// What none may do.
fn harmful(dialect: Dialect) -> Vec<(&'static str, &'static str)> {
    let strict = match dialect {
        Dialect::Sqlite => {
            "CREATE TRIGGER note BEFORE INSERT ON drip_job WHEN NEW.note IS NULL
             BEGIN SELECT RAISE(ABORT, 'note'); END"
        }
        Dialect::Postgres => "ALTER TABLE drip_job ADD CONSTRAINT note CHECK (note IS NOT NULL) NOT VALID",
        // Without a strict sql_mode a column of that kind would be filled with something.
        _ => {
            "CREATE TRIGGER note BEFORE INSERT ON drip_job FOR EACH ROW
             IF NEW.note IS NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'note'; END IF"
        }
    };
    vec![
        ("a column that is wanted and has no default", strict),
        ("a column gone that is read", "ALTER TABLE drip_job DROP COLUMN snooze_count"),
        ("a column with another name", "ALTER TABLE drip_worker RENAME COLUMN beats TO pulse"),
        ("a table gone", "DROP TABLE drip_timetable"),
    ]
}

on_every_database! {
    fn an_older_worker_goes_on_while_the_schema_comes_up_and_a_newer_one_works_beside_it(db: &Db) {
        let older = std::env::var(OLDER).ok();
        let effects = if older.is_some() {
            let db = db.unmigrated();
            let version = std::cell::Cell::new(0);
            let up = |db: &Db| {
                version.set(db.client.schema_version().unwrap());
                eprintln!("{}: from version {} to {}", db.dialect.name(), version.get(), Client::SCHEMA_VERSION);
                db.client.migrate().unwrap();
            };
            let effects = upgrade(&db, older, &Step { up: &up, down: &|db| db.client.migrate_to(version.get()).unwrap() });
            return assert_done(&db, effects.unwrap());
        } else {
            let back = back(db.dialect);
            let [up, down] = planted(HARMLESS, &back);
            upgrade(db, None, &Step { up: &up, down: &down })
        };
        assert_done(db, effects.unwrap());
        db.execute("DROP TABLE effect");
        assert_whole(db);
    }

    fn a_step_that_does_harm_to_an_older_worker_is_caught(db: &Db) {
        for (what, sql) in harmful(db.dialect) {
            let db = db.unmigrated();
            db.client.migrate().unwrap();
            db.execute("ALTER TABLE drip_job ADD COLUMN note TEXT");
            let [up, down] = planted(std::slice::from_ref(&sql), &[]);
            let caught = upgrade(&db, None, &Step { up: &up, down: &down });
            assert!(caught.is_err(), "{what}: {caught:?}");
        }
    }

    fn what_an_earlier_schema_holds_is_there_after_each_step_up_and_down(db: &Db) {
        for version in 1..=Client::SCHEMA_VERSION {
            let db = db.unmigrated();
            db.client.migrate_to(version).unwrap();
            db.execute("INSERT INTO drip_job (kind, args, queue) VALUES ('k', '{\"n\": 7}', 'q')");
            db.execute("INSERT INTO drip_queue (name) VALUES ('q')");
            let id = db.number("SELECT max(id) FROM drip_job");
            for next in (version..=Client::SCHEMA_VERSION).chain((1..Client::SCHEMA_VERSION).rev()) {
                db.client.migrate_to(next).unwrap();
                assert_eq!(db.client.schema_version().unwrap(), next);
                let job = get_job(&db.client, id).unwrap().unwrap();
                assert_eq!((job.kind.as_str(), job.args().unwrap()["n"].as_i64()), ("k", Some(7)));
                assert_eq!((job.state, db.number("SELECT count(*) FROM drip_queue")), (State::Available, 1));
            }
            db.client.migrate().unwrap();
            assert_whole(&db);
        }
    }
}
