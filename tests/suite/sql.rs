//! The SQL on file agrees with itself from dialect to dialect, and with the code; and there is none elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use drip::State;

const DIALECTS: [&str; 3] = ["postgres", "mariadb", "sqlite"];

/// Statements that not every dialect has: which has them, and why.
const STATEMENTS_OF_SOME: [(&str, &[&str], &str); 39] = [
    ("examine/autovacuum", &["postgres"], "nobody else has it"),
    ("examine/claim_plan", &["mariadb", "postgres"], "SQLite's claim names its index, and fails without"),
    ("examine/dead_tuples", &["postgres"], "nobody else leaves them in the table"),
    ("examine/history_list", &["mariadb"], "where InnoDB keeps what PostgreSQL leaves in the table"),
    ("examine/isolation", &["mariadb", "postgres"], "SQLite has one"),
    ("examine/journal", &["sqlite"], "there is no server to keep it"),
    ("examine/notify_queue", &["postgres"], "nobody else has notifications"),
    ("examine/oldest_transaction", &["mariadb", "postgres"], "SQLite keeps no list of them"),
    ("examine/sees_others", &["postgres"], "MariaDB refuses who may not"),
    ("examine/sql_mode", &["mariadb"], "nobody else has such a setting"),
    ("examine/storage", &["postgres"], "nobody else has such parameters"),
    ("claim_jobs", &["postgres"], "MariaDB has no UPDATE … RETURNING, and SQLite's is slow: they pick, then mark"),
    ("pick_jobs", &["mariadb", "sqlite"], "the first half of their claim"),
    ("mark_jobs", &["mariadb", "sqlite"], "the second half of their claim"),
    ("read_claims", &["sqlite"], "what mark_jobs has claimed, once nobody waits for it; the others read as they pick"),
    (
        "find_jobs",
        &["mariadb"],
        "a claim that does not begin at the head: a lock at the end of a range reaches too far",
    ),
    ("pick_found", &["mariadb"], "what find_jobs has found"),
    ("more_ready_queues", &["mariadb"], "the others name all queues at once"),
    ("due_jobs", &["mariadb"], "the first half of its promotion; promote_jobs is the second"),
    ("insert_available", &["mariadb", "postgres"], "SQLite's time is ours, so that insert_rows serves"),
    ("in_transaction", &["mariadb"], "the server has to be asked; SQLite's library knows"),
    ("leave_probe", &["postgres"], "the same question, as PostgreSQL can be asked it"),
    ("find_probe", &["postgres"], "and its answer"),
    ("notify_queues", &["postgres"], "nobody else has notifications"),
    ("own_connection", &["postgres"], "settings; MariaDB's are options of its driver, SQLite's calls of its library"),
    ("announce_queues", &["postgres"], "nobody else has notifications"),
    ("kept_connection", &["postgres"], "nobody else changes plans by what a table holds at the moment"),
    ("limit_time", &["mariadb", "postgres"], "SQLite is interrupted by its library"),
    ("restore_time", &["mariadb"], "PostgreSQL's limit ends with the transaction"),
    ("reindex_leftovers", &["postgres"], "nobody else builds indexes anew beside those who use them"),
    ("reindex_indexes", &["postgres"], "nobody else builds indexes anew beside those who use them"),
    (
        "unanalysed_tables",
        &["postgres"],
        "InnoDB renews its statistics by itself; SQLite's statements name their indexes",
    ),
    ("checkpoint_log", &["sqlite"], "there is no server to do it"),
    ("truncate_log", &["sqlite"], "there is no server to do it"),
    ("file_name", &["sqlite"], "there is no server to do it"),
    ("busy_timeout", &["sqlite"], "there is no server to do it"),
    ("page_counts", &["sqlite"], "there is no server to do it"),
    ("give_back_pages", &["sqlite"], "there is no server to do it"),
    ("data_version", &["sqlite"], "nobody else says so cheaply whether there are new commits"),
];

/// Parameters that not every spelling of their statement has: which has them, and why.
const PARAMETERS_OF_SOME: [(&str, &[&str], &[&str], &str); 15] = [
    (
        "pick_jobs",
        &["from_priority", "from_at", "from_id", "to_priority"],
        &["sqlite"],
        "a stretch of a queue; MariaDB's find_jobs has these",
    ),
    ("insert_available", &["notify"], &["postgres"], "nobody else has notifications"),
    ("insert_available", &["callers"], &["mariadb"], "asks in the statement whether the transaction is still open"),
    ("insert_job", &["notify"], &["postgres"], "nobody else has notifications"),
    ("resume_queue", &["notify"], &["postgres"], "nobody else has notifications"),
    ("insert_job", &["callers"], &["mariadb"], "asks in the statement whether the transaction is still open"),
    ("insert_job", &["delay_us", "ttl_us"], &["mariadb", "postgres"], "added to the server's time"),
    ("insert_job", &["expires_at"], &["sqlite"], "its time is ours"),
    (
        "insert_rows",
        &[
            "each_state",
            "each_queue",
            "each_kind",
            "each_priority",
            "each_args",
            "each_metadata",
            "each_tags",
            "each_max_attempts",
            "each_scheduled_at",
            "each_created_at",
            "each_expires_at",
            "each_timeout_ms",
            "each_ephemeral",
        ],
        &["postgres"],
        "arrays: one execution inserts all rows",
    ),
    (
        "insert_rows",
        &[
            "state",
            "queue",
            "kind",
            "priority",
            "args",
            "metadata",
            "tags",
            "max_attempts",
            "scheduled_at",
            "created_at",
            "expires_at",
            "timeout_ms",
            "ephemeral",
        ],
        &["mariadb", "sqlite"],
        "a row's, which MariaDB is given many times over",
    ),
    (
        "load_jobs",
        &[
            "state",
            "queue",
            "kind",
            "priority",
            "args",
            "metadata",
            "tags",
            "max_attempts",
            "scheduled_at",
            "created_at",
            "expires_at",
            "timeout_ms",
            "ephemeral",
        ],
        &["mariadb", "sqlite"],
        "PostgreSQL copies rows, which are not parameters",
    ),
    ("promote_jobs", &["ids"], &["mariadb"], "what due_jobs has locked"),
    ("final_queues", &["limit"], &["postgres", "sqlite"], "MariaDB names one queue at a time"),
    ("ready_queues", &["after"], &["mariadb"], "one queue at a time"),
    ("promote_jobs", &["limit", "now"], &["postgres", "sqlite"], "MariaDB's due_jobs has these"),
];

/// Words in quotes that are no states.
const OTHER_WORDS: [&str; 19] = [
    "USAGE",
    "SYSTEM",
    "autovacuum",
    "default",
    "extra",
    "fillfactor",
    "fsync",
    "full",
    "index",
    "jit",
    "main",
    "normal",
    "now",
    "off",
    "on",
    "synchronous",
    "synchronous_commit",
    "table",
    "version",
];

/// SQL in the code: where, how it begins, and why it is there.
const IN_CODE: [(&str, &str, &str); 13] = [
    ("migrate/parts.rs", "CREATE", "a word that is looked for"),
    ("examine/database.rs", "SET GLOBAL sql_mode", "advice, for somebody to type"),
    ("examine/listen.rs", "LISTEN drip_wake", "cannot be prepared; the channel is this one"),
    ("bin/drip/tui/fixture.rs", "UPDATE drip_worker", "workers for the tests, as none of this process would be"),
    ("queue/tidy.rs", "PRAGMA busy_timeout = ", "takes no parameter"),
    ("dialect/connection.rs", "SAVEPOINT drip_step", "controls a transaction, alike everywhere"),
    ("dialect/connection.rs", "ROLLBACK TO SAVEPOINT drip_step", "controls a transaction, alike everywhere"),
    ("dialect/connection.rs", "RELEASE SAVEPOINT drip_step", "controls a transaction, alike everywhere"),
    ("worker/once.rs", "SAVEPOINT drip_work", "controls a transaction, alike everywhere"),
    ("worker/once.rs", "ROLLBACK TO SAVEPOINT drip_work", "controls a transaction, alike everywhere"),
    ("worker/listener.rs", "LISTEN drip_wake", "cannot be prepared; the channel is this one"),
    ("worker/listener.rs", "SELECT 1", "asks nothing, only whether somebody answers"),
    ("dialect/mariadb.rs", "SET ", "options of the driver, sent by it when it connects"),
];

/// With one of these begins what is SQL.
const VERBS: [&str; 22] = [
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "COMMIT",
    "CREATE",
    "DELETE",
    "DO",
    "DROP",
    "EXPLAIN",
    "INSERT",
    "LISTEN",
    "LOCK",
    "NOTIFY",
    "PRAGMA",
    "RELEASE",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "UPDATE",
    "VACUUM",
    "WITH",
];

/// All files below a folder of the repository: path from there, and text.
fn files_below(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(next) = folders.pop() {
        let (inner, plain): (Vec<PathBuf>, Vec<PathBuf>) =
            std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()).partition(|path| path.is_dir());
        folders.extend(inner);
        for path in plain {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    assert!(files.len() > 20, "{folder} has become empty");
    files
}

/// Each statement: its name, and its text by dialect.
fn statements() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut statements: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for (path, text) in files_below("sql") {
        let Some((dialect, file)) = path.split_once('/') else { continue };
        if !file.contains('/') || file.starts_with("examine/") {
            statements.entry(file.replace(".sql", "")).or_default().insert(dialect.to_owned(), text);
        }
    }
    statements
}

/// The code under `src`, without its tests.
fn code() -> BTreeMap<String, String> {
    let mut files = files_below("src");
    files.retain(|path, _| !path.ends_with("tests.rs"));
    for text in files.values_mut() {
        text.truncate(text.find("\n#[cfg(test)]\nmod tests").unwrap_or(text.len()));
    }
    files
}

/// What is written between quotes, and what outside of them and of comments.
fn split(text: &str, comment: &str, quote: char) -> (Vec<String>, String) {
    let (mut quoted, mut outside) = (Vec::new(), String::new());
    let mut rest = text;
    while let Some(at) = rest.find([quote, comment.chars().next().unwrap()]) {
        outside.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with(comment) {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if let Some(inner) = rest.strip_prefix(quote) {
            let end = end_of_quote(inner, quote);
            // Rust's '"' is a quote that begins nothing.
            if !outside.ends_with('\'') {
                quoted.push(inner[..end].to_owned());
                rest = &inner[(end + 1).min(inner.len())..];
            } else {
                rest = inner;
            }
        } else {
            outside.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    (quoted, outside + rest)
}

fn end_of_quote(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at,
            _ => {}
        }
    }
    text.len()
}

fn parameters(sql: &str) -> BTreeSet<String> {
    let outside = split(sql, "--", '\'').1.replace("::", " ");
    let ends = |c: char| !c.is_ascii_lowercase() && c != '_';
    let names = outside.split(':').skip(1).map(|after| after.split(ends).next().unwrap_or_default().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn every_dialect_has_every_statement() {
    let statements = statements();
    for (name, texts) in &statements {
        let exception = STATEMENTS_OF_SOME.iter().find(|(exception, ..)| exception == name);
        let expected: BTreeSet<&str> =
            exception.map_or(&DIALECTS[..], |(_, dialects, _)| dialects).iter().copied().collect();
        assert_eq!(texts.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{name}");
    }
    for (name, ..) in STATEMENTS_OF_SOME {
        assert!(statements.contains_key(name), "{name} is listed, and gone");
    }
}

#[test]
fn every_statement_is_used() {
    let code = code().into_values().collect::<String>();
    for name in statements().keys() {
        let uses = ["statement!(", "fragments!("].map(|macro_call| format!("{macro_call}\"{name}\""));
        let uses = [uses[0].clone(), uses[1].clone(), format!("/{name}.sql\"")];
        assert!(uses.iter().any(|it| code.contains(it)), "nobody runs {name}");
    }
}

#[test]
fn a_statement_takes_the_same_parameters_in_every_dialect() {
    let mut excused = 0;
    for (name, texts) in statements() {
        let taken: BTreeMap<_, _> = texts.iter().map(|(dialect, text)| (dialect.as_str(), parameters(text))).collect();
        for parameter in taken.values().flatten().collect::<BTreeSet<_>>() {
            let takers: Vec<&str> =
                taken.iter().filter(|(_, all)| all.contains(parameter)).map(|(name, _)| *name).collect();
            let exception = PARAMETERS_OF_SOME
                .iter()
                .find(|(statement, parameters, ..)| *statement == name && parameters.contains(&parameter.as_str()));
            match exception {
                Some((_, _, dialects, _)) => {
                    assert_eq!(&takers, dialects, ":{parameter} of {name}");
                    excused += 1;
                }
                None => assert_eq!(takers.len(), texts.len(), ":{parameter} of {name} is taken by {takers:?} only"),
            }
        }
    }
    let listed: usize = PARAMETERS_OF_SOME.iter().map(|(_, parameters, ..)| parameters.len()).sum();
    assert_eq!(excused, listed, "an exception is listed, and no longer one");
}

#[test]
fn a_word_in_quotes_is_a_state() {
    for (path, text) in files_below("sql") {
        for word in split(&text, "--", '\'').0 {
            let is_word = !word.is_empty() && word.chars().all(|c| c.is_alphabetic());
            let known =
                OTHER_WORDS.contains(&word.as_str()) || word.parse::<State>().is_ok_and(|state| state.name() == word);
            assert!(!is_word || known, "{path}: {word}");
        }
    }
}

/// A statement that uses other words than the index of unique keys would not be served by it, or miss a holder.
#[test]
fn whether_a_key_is_held_is_asked_in_the_words_of_the_index() {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let files = files_below("sql");
    let active = one_line(&files["active.sql"]);
    let held = active.strip_prefix("unique_key IS NOT NULL AND ").unwrap();
    for (dialect, expected) in [
        ("postgres", format!("CREATE UNIQUE INDEX drip_job_unique ON drip_job (unique_key) WHERE {active};")),
        ("sqlite", format!("CREATE UNIQUE INDEX drip_job_unique ON drip_job (unique_key) WHERE {active};")),
        ("mariadb", format!("unique_active VARBINARY(32) AS (IF({held}, unique_key, NULL))")),
    ] {
        let folder = format!("{dialect}/migrations/");
        let ups = files.iter().filter(|(path, _)| path.starts_with(&folder) && path.ends_with(".up.sql"));
        let all = one_line(&ups.map(|(_, text)| text.as_str()).collect::<String>());
        let beginning = expected.split('(').next().unwrap();
        // The last word on it counts.
        let latest = &all[all.rfind(beginning).unwrap()..];
        assert!(latest.starts_with(&expected), "{dialect}\n   found: {latest}\nexpected: {expected}");
    }
}

/// By their state, which the optimizer takes for cheaper on a small table, it would lock the claims of others, and two
/// workers that complete their jobs would deadlock.
#[test]
fn mariadb_is_told_through_which_index_to_join_jobs() {
    let files = files_below("sql/mariadb");
    let joins: Vec<&str> =
        files.values().flat_map(|sql| sql.lines()).filter(|line| line.contains("STRAIGHT_JOIN drip_job")).collect();
    assert!(joins.len() >= 8, "{joins:?}");
    for join in joins {
        assert!(join.contains("STRAIGHT_JOIN drip_job FORCE INDEX"), "{join}");
    }
}

#[test]
fn there_is_no_sql_in_the_code() {
    let mut excused = BTreeSet::new();
    for (path, text) in code() {
        for literal in split(&text, "//", '"').0 {
            let verb = literal.trim_start().split(|c: char| !c.is_ascii_uppercase()).next().unwrap_or_default();
            let inside = ["INSERT INTO ", " FROM drip_", "UPDATE drip_"].iter().any(|sql| literal.contains(sql));
            if !inside && !VERBS.contains(&verb) {
                continue;
            }
            let exception = IN_CODE.iter().position(|(file, start, _)| *file == path && literal.starts_with(start));
            assert!(exception.is_some(), "src/{path} holds SQL, which belongs into sql/: {literal}");
            excused.extend(exception);
        }
    }
    assert_eq!(excused.len(), IN_CODE.len(), "an exception is listed, and no longer one");
}

#[test]
fn quotes_and_comments_are_told_apart() {
    let (quoted, outside) = split("a -- it's b\n'c -- ''d'' ' - e", "--", '\'');
    assert_eq!((quoted.concat().as_str(), outside.as_str()), ("c -- d ", "a \n - e"));
    let rust = r#"x("a\"b//c", '"', d); // "e""#;
    assert_eq!(split(rust, "//", '"').0, ["a\\\"b//c"]);
    assert_eq!(parameters("-- :a\n:b::text ':c' :d_e::int"), ["b", "d_e"].map(str::to_owned).into());
}
