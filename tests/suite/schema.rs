//! The schema that the migrations lead to is the one that is on file, under `tests/schema/`, where a change of it can be
//! seen and reviewed.

use std::path::Path;

use drip::Dialect;

use crate::support::{Db, catalog};

/// Set to 1, it makes the tests write the files instead.
const UPDATE: &str = "DRIP_UPDATE_SCHEMA";

/// The schema as it is on file, and as this server would tell it.
pub fn on_file(db: &Db) -> String {
    let schema = std::fs::read_to_string(file(db)).unwrap_or_default();
    match db.dialect {
        // Indexes know no direction before 10.8.
        Dialect::Mariadb if ["10.6.", "10.7."].iter().any(|old| db.texts("SELECT VERSION()")[0].starts_with(old)) => {
            schema.replace("` DESC", "`")
        }
        _ => schema,
    }
}

fn file(db: &Db) -> impl AsRef<Path> {
    format!("{}/tests/schema/{}.sql", env!("CARGO_MANIFEST_DIR"), db.dialect.name())
}

on_every_database! {
    fn is_the_one_on_file(db: &Db) {
        let schema = catalog::schema(db);
        if std::env::var(UPDATE).as_deref() == Ok("1") {
            std::fs::write(file(db), &schema).unwrap();
        }
        assert_same(&schema, &on_file(db), &format!("if it should be, run the test again with {UPDATE}=1"));
    }
}

/// Compares two schemas; where they differ, shows the first line that does.
#[track_caller]
pub fn assert_same(schema: &str, expected: &str, hint: &str) {
    if schema == expected {
        return;
    }
    let mut found = schema.lines();
    let mut lines = expected.lines();
    for number in 1.. {
        let (found, expected) = (found.next(), lines.next());
        assert!(
            found == expected && found.is_some(),
            "the schema is not as on file ({hint}); line {number}:\n   found: {}\n on file: {}",
            found.unwrap_or("(nothing)"),
            expected.unwrap_or("(nothing)"),
        );
    }
}
