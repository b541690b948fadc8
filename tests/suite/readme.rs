//! What the README says of the tests is so.

use std::{fs, path::Path};

/// Each promise names tests, and these are there.
#[test]
fn every_promise_names_tests_that_there_are() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let promises = between(&readme, "## What is promised", "## What is not");
    let rows: Vec<&str> = promises.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20, "{} promises", rows.len());
    for row in rows {
        let names: Vec<&str> = row.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect();
        assert!(!names.is_empty(), "no test is named: {row}");
        for name in names {
            assert!(is_there(name), "there is no test {name}");
        }
    }
}

fn is_there(name: &str) -> bool {
    let (module, test) = name.split_once("::").unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    // A module of the suite, or a test program of its own.
    let files = [tests.join("suite").join(module).with_extension("rs"), tests.join(module).join("main.rs")];
    let holds = |source: String| source.contains(&format!("fn {test}("));
    files.into_iter().filter_map(|file| fs::read_to_string(file).ok()).any(holds)
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(begin).unwrap();
    rest.split_once(end).unwrap().0
}
