//! The statements under `sql/` as a console would run them: parameters filled in, or bound by the driver itself.

use drip::Dialect;

/// A value for a parameter.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    Null,
    Int(i64),
    Bool(bool),
    Text(&'static str),
    Bytes(&'static str),
}

/// What a parameter is on PostgreSQL, and a value for it that makes sense in every statement.
pub fn parameter(name: &str, dialect: Dialect) -> (&'static str, Value) {
    use Value::{Bool, Bytes, Int, Null, Text};
    let time = match dialect {
        Dialect::Sqlite => Text("2030-01-01T00:00:00.000000Z"),
        _ => Text("2030-01-01 00:00:00"),
    };
    match name {
        "now" if dialect == Dialect::Sqlite => ("", time),
        // As in production: the database's own clock.
        "now" | "expires_at" | "since" | "before" | "slot" | "lease_until" => ("timestamptz", Null),
        "at" | "scheduled_at" | "created_at" | "next_at" | "until" => ("timestamptz", time),
        "args" | "metadata" | "options" => ("json", Text("{}")),
        "tags" | "moves" => ("json", Text("[]")),
        "ids" | "found" => ("json", Text("[8, 16, 24]")),
        "places" => ("json", Text(r#"[{"id": 8, "at": "2020-01-01T00:00:00.000000Z"}]"#)),
        "claims" if dialect == Dialect::Sqlite => ("", Text(r#"{"1": 0, "9": 0}"#)),
        "claims" => ("json", Text("[[1, 0], [9, 0]]")),
        "kinds" => ("json", Text(r#"["k1", "k2"]"#)),
        "queues" | "names" => ("json", Text(r#"["q1", "q2"]"#)),
        "wanted" => (
            "json",
            Text(
                r#"[{"queue": "q1", "limit": 10, "stretches": [{"from_priority": 0, "from_at": "0001-01-01T00:00:00Z",
            "from_id": 0, "to_priority": 4}]}, {"queue": "q2", "limit": 10, "stretches": [{"from_priority": 1, "from_at":
            "2019-01-01T00:00:00Z", "from_id": 3, "to_priority": 1}, {"from_priority": 2, "from_at":
            "2019-01-01T00:00:00Z", "from_id": 3, "to_priority": 2}]}]"#,
            ),
        ),
        "from_priority" => ("bigint", Int(0)),
        "from_at" if dialect == Dialect::Sqlite => ("", Text("0001-01-01T00:00:00.000000Z")),
        "from_at" => ("timestamptz", Text("0001-01-01 00:00:00")),
        "from_id" => ("bigint", Int(0)),
        "to_priority" => ("bigint", Int(4)),
        "from" => (
            "timestamptz",
            if dialect == Dialect::Sqlite { Text("2010-01-01T00:00:00.000000Z") } else { Text("2010-01-01") },
        ),
        "id" | "after_id" | "runs" | "changed" | "priority" | "limit" | "max_attempts" => ("bigint", Int(4)),
        "version" => ("bigint", Int(999)),
        "label" | "host" | "library" => ("text", Text("k1")),
        "claim_seq" | "beats" => ("bigint", Int(0)),
        "pid" | "concurrency" | "lease_ms" => ("bigint", Int(1000)),
        "limit_ms" if dialect == Dialect::Postgres => ("text", Text("60000")),
        "limit_ms" => ("", Int(60_000)),
        "suspects" | "job" => ("bigint", Null),
        "every_ms" => ("bigint", Int(86_400_000)),
        "offset_ms" | "catch_up" | "grace_ms" | "jitter_ms" => ("bigint", Int(0)),
        "cron" | "time_zone" | "owner" => ("text", Null),
        "paused" => ("boolean", Bool(false)),
        "claimed" => ("boolean", Bool(true)),
        "delay_us" | "ttl_us" | "timeout_ms" | "unique_states" => ("bigint", Null),
        "pending" | "ephemeral" | "notify" | "callers" => ("boolean", Bool(false)),
        "after" | "queue" => ("text", Text("q1")),
        "kind" | "name" | "worker" | "nonce" | "task" | "runner" | "error" => ("text", Text("k1")),
        "state" => ("text", Text("scheduled")),
        "final" => ("text", Text("completed")),
        "unique_key" => ("bytea", Bytes("k40")),
        "each_state" => ("text[]", Text(r#"{"scheduled"}"#)),
        "each_queue" | "each_kind" => ("text[]", Text("{k1}")),
        "each_priority" => ("smallint[]", Text("{4}")),
        "each_args" => ("json[]", Text("{\"{}\",\"{}\"}")),
        "each_metadata" => ("json[]", Text("{\"{}\"}")),
        "each_tags" => ("json[]", Text("{\"[]\"}")),
        "each_max_attempts" => ("bigint[]", Text("{4}")),
        "each_scheduled_at" | "each_created_at" => ("timestamptz[]", Text("{2030-01-01 00:00:00}")),
        "each_expires_at" => ("timestamptz[]", Text("{NULL}")),
        "each_timeout_ms" => ("bigint[]", Text("{NULL}")),
        "each_ephemeral" => ("boolean[]", Text("{false}")),
        other => panic!("no value for :{other}"),
    }
}

impl Value {
    /// As it is written in SQL.
    pub fn literal(self, dialect: Dialect) -> String {
        match self {
            Value::Null => "NULL".to_owned(),
            Value::Int(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Text(text) => format!("'{text}'"),
            Value::Bytes(bytes) if dialect == Dialect::Sqlite => format!("CAST('{bytes}' AS BLOB)"),
            Value::Bytes(bytes) => format!("'{bytes}'"),
        }
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(format!("{}/sql/{path}", env!("CARGO_MANIFEST_DIR"))).ok()
}

/// The names of all statements of a dialect.
pub fn names(dialect: Dialect) -> Vec<String> {
    let files = std::fs::read_dir(format!("{}/sql/{}", env!("CARGO_MANIFEST_DIR"), dialect.name())).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter_map(|name| name.strip_suffix(".sql").map(str::to_owned)).collect();
    // These are settings, several statements each, and pieces of statements.
    names.retain(|name| !name.ends_with("_connection") && name != "job_filter");
    // What is copied cannot be prepared.
    names.retain(|name| name != "load_jobs" || dialect != Dialect::Postgres);
    names.sort();
    assert!(names.len() > 20);
    names
}

/// What a criterion of a filter asks, if the dialect has it.
pub fn criterion(dialect: Dialect, name: &str) -> Option<String> {
    let all = read(&format!("{}/job_filter.sql", dialect.name()))?;
    let (_, after) = all.split_once(&format!("-- [{name}]\n"))?;
    after.split("-- [").next().map(|text| format!(" {}", text.trim_end()))
}

/// A statement, if the dialect has it, with whatever `place` puts where its parameters are.
pub fn text(dialect: Dialect, name: &str, place: impl FnMut(&str) -> String) -> Option<String> {
    filtered(dialect, name, "", place)
}

/// As [`text`], of a statement that takes a filter.
pub fn filtered(dialect: Dialect, name: &str, filter: &str, mut place: impl FnMut(&str) -> String) -> Option<String> {
    let sql = read(&format!("{}/{name}.sql", dialect.name()))?;
    let bare: String = sql.lines().map(|line| line.split("--").next().unwrap_or_default().to_owned() + "\n").collect();
    let sql = bare.replace("{job}", &read("job_columns.sql")?).replace("{active}", &read("active.sql")?);
    let sql = sql.replace("{schedule}", &read("schedule_columns.sql")?);
    let sql = sql.replace("{filter}", filter).replace("{direction}", "DESC");
    let mut text = String::new();
    let mut rest = sql.as_str();
    while let Some(at) = rest.find(':') {
        let after = &rest[at + 1..];
        let name = &after[..after.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(after.len())];
        text.push_str(&rest[..at]);
        (text, rest) = match after.strip_prefix(':') {
            Some(cast) => (text + "::", cast),
            None if !name.is_empty() => (text + &place(name), &after[name.len()..]),
            None => (text + ":", after),
        };
    }
    Some(text + rest)
}

/// The numbered placeholder of a parameter among those that have been seen.
pub fn number(names: &mut Vec<String>, name: &str, mark: char) -> String {
    let index = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    format!("{mark}{}", index + 1)
}

/// What follows the name in PostgreSQL's `PREPARE` and in its `EXECUTE`.
pub fn typed(names: &[String]) -> (String, String) {
    let parameters = || names.iter().map(|name| parameter(name, Dialect::Postgres));
    let list = |items: Vec<String>| if items.is_empty() { String::new() } else { format!("({})", items.join(", ")) };
    let types = parameters().map(|(kind, _)| kind.to_owned());
    let values = parameters().map(|(_, value)| value.literal(Dialect::Postgres));
    (list(types.collect()), list(values.collect()))
}
