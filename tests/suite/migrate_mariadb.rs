//! MariaDB commits each statement of a migration by itself. So whatever a crash has left is taken up again: by going on,
//! and by going back.

use std::thread;

use drip::{Client, Dialect};
use mysql::prelude::Queryable;

use crate::{
    migrate::{assert_whole, migrating, until},
    support::{Db, Place, catalog},
};

fn on_mariadb(test: fn(&Db)) {
    Db::run(Dialect::Mariadb, Place::Own, test);
}

/// What a process runs, in its order, that brings an empty database to the newest version.
fn way_up() -> Vec<String> {
    let mut way = statements("open");
    for (version, step) in steps() {
        way.extend(statements(&format!("{step}.up")));
        way.push(format!("INSERT INTO drip_migration (version) VALUES ({version})"));
    }
    way
}

/// The same back to an empty database.
fn way_down() -> Vec<String> {
    let mut way = Vec::new();
    for (version, step) in steps().into_iter().rev() {
        way.push(format!("DELETE FROM drip_migration WHERE version = {version}"));
        way.extend(statements(&format!("{step}.down")));
    }
    way.extend(statements("remove"));
    way
}

/// The steps on file: `(1, "001_jobs")`, …
fn steps() -> Vec<(u32, String)> {
    let files = std::fs::read_dir(format!("{}/sql/mariadb/migrations", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let ups = names.filter_map(|name| name.strip_suffix(".up.sql").map(str::to_owned));
    let mut steps: Vec<_> = ups.map(|name| (name[..3].parse().unwrap(), name)).collect();
    steps.sort();
    assert_eq!(steps.last().unwrap().0, Client::SCHEMA_VERSION);
    steps
}

fn statements(file: &str) -> Vec<String> {
    let path = format!("{}/sql/mariadb/migrations/{file}.sql", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.split_inclusive(";\n").map(str::to_owned).collect()
}

/// A database as somebody left it who ran these statements and no more.
fn cut(db: &Db, migrated: bool, way: &[String]) -> Db {
    let db = db.unmigrated();
    if migrated {
        db.client.migrate().unwrap();
    }
    let mut conn = db.mariadb();
    way.iter().for_each(|statement| conn.query_drop(statement).unwrap());
    db
}

#[test]
fn whatever_a_crash_left_is_completed_or_removed() {
    on_mariadb(|db| {
        let nothing = catalog::objects(&db.unmigrated());
        for (migrated, way) in [(false, way_up()), (true, way_down())] {
            for length in 0..=way.len() {
                let done = &way[..length];
                let left = cut(db, migrated, done);
                left.client.migrate().unwrap_or_else(|error| panic!("after {done:#?}: {error}"));
                assert_whole(&left);
                let left = cut(db, migrated, done);
                left.client.migrate_to(0).unwrap_or_else(|error| panic!("after {done:#?}: {error}"));
                assert_eq!(catalog::objects(&left), nothing, "after {done:#?}");
            }
        }
    });
}

/// The child waits for the name of a table that its parent is making and gives up, having made another one itself.
#[test]
fn a_process_killed_half_way_up_leaves_what_the_next_one_completes() {
    on_mariadb(|db| {
        let db = db.unmigrated();
        let mut maker = db.mariadb();
        let give_up = format!("KILL QUERY {}", maker.connection_id());
        thread::scope(|scope| {
            scope.spawn(move || maker.query_drop("CREATE TABLE drip_queue SELECT SLEEP(600)").unwrap_err());
            until(|| waiting(&db, "User sleep") == 1);
            killed_while_it_waits(&db, Client::SCHEMA_VERSION);
            db.execute(&give_up);
        });
        until(|| connections(&db) == 1);
        assert_eq!(db.jobs() + db.number("SELECT count(*) FROM drip_migration"), 0);
        db.client.migrate().unwrap();
        assert_whole(&db);
    });
}

/// The child waits for a table that its parent reads.
#[test]
fn a_process_killed_half_way_down_leaves_what_the_next_one_completes_or_removes() {
    on_mariadb(|db| {
        let killed = || {
            let mut reader = db.mariadb();
            reader.query_drop("LOCK TABLES drip_queue READ").unwrap();
            killed_while_it_waits(db, 0);
            drop(reader);
            until(|| connections(db) == 1);
        };
        killed();
        db.client.migrate().unwrap();
        assert_whole(db);
        killed();
        db.client.migrate_to(0).unwrap();
        assert_eq!(catalog::objects(db), catalog::objects(&db.unmigrated()));
    });
}

/// Starts a process that migrates, and kills it as soon as it waits for a lock. The server carries out the statement that
/// waits, once it can, and only then sees that nobody is there.
fn killed_while_it_waits(db: &Db, version: u32) {
    let mut child = migrating(db, version);
    child.go();
    until(|| waiting(db, "Waiting for table metadata lock") == 1);
    child.kill();
}

const CONNECTIONS: &str = "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE()";

/// The connections to this database that are in this state.
fn waiting(db: &Db, state: &str) -> i64 {
    db.number(&format!("{CONNECTIONS} AND state = '{state}'"))
}

/// All connections to this database, that of the question included.
fn connections(db: &Db) -> i64 {
    db.number(CONNECTIONS)
}

#[test]
fn a_connection_that_does_not_commit_by_itself_migrates_too() {
    on_mariadb(|db| {
        let db = db.unmigrated();
        let url = db.url.replace("mariadb://", "mysql://");
        let options = move || {
            let options = mysql::OptsBuilder::from_opts(mysql::Opts::from_url(&url).unwrap());
            mysql::Conn::new(options.init(vec!["SET autocommit = 0"]))
        };
        let client = Client::from_connector(options).unwrap();
        client.migrate().unwrap();
        assert_whole(&db);
        client.migrate_to(0).unwrap();
        assert_eq!(catalog::objects(&db), catalog::objects(&db.unmigrated()));
    });
}
