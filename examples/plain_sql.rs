//! A job enqueued by an `INSERT`: from a console, a trigger, or a program in another language.
//!
//! `cargo run --example plain_sql` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use drip::{Client, Context, Dialect, HandlerResult, Worked, Worker};
use mysql::prelude::Queryable;
use serde_json::Value;

/// All that a job needs; it is due at once, in the queue `default`, unless it says otherwise.
const PLAIN: &str = r#"INSERT INTO drip_job (kind, args, queue) VALUES ('sql_greet', '{"name": "Ada"}', 'sql')"#;

/// Some of what it may say.
const WITH_OPTIONS: &str = r#"
    INSERT INTO drip_job (kind, args, queue, priority, tags, max_attempts, timeout_ms)
    VALUES ('sql_greet', '{"name": "Grace"}', 'sql', 2, '["vip"]', 5, 30000)"#;

/// There are four priorities: the table itself knows.
const NONSENSE: &str = "INSERT INTO drip_job (kind, queue, priority) VALUES ('sql_greet', 'sql', 9)";

fn greet(context: &Context, args: Value) -> HandlerResult {
    let name = args["name"].as_str().ok_or("nobody is named")?;
    let job = context.job();
    println!("hello, {name}! (priority {}, tags {:?}, at most {} attempts)", job.priority, job.tags, job.max_attempts);
    Ok(())
}

/// Runs SQL as any other program would: the queue's library has no part in this.
fn execute(url: &str, dialect: Dialect, sql: &str) -> Result<(), Box<dyn std::error::Error>> {
    match dialect {
        Dialect::Postgres => postgres::Client::connect(url, postgres::NoTls)?.batch_execute(sql)?,
        Dialect::Mariadb => mysql::Conn::new(url.replacen("mariadb:", "mysql:", 1).as_str())?.query_drop(sql)?,
        _ => {
            let connection = rusqlite::Connection::open(url.trim_start_matches("sqlite://"))?;
            connection.execute_batch(sql)?;
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let url = std::env::var("DRIP_URL").unwrap_or(format!("sqlite://{}/sql.db", directory.path().display()));
    let client = Client::connect(&url)?;
    client.migrate()?;

    execute(&url, client.dialect(), PLAIN)?;
    execute(&url, client.dialect(), WITH_OPTIONS)?;
    println!("priority 9 is refused: {}", execute(&url, client.dialect(), NONSENSE).is_err());

    let worker = Worker::new(&client).queue("sql").handle_kind("sql_greet", greet);
    while worker.work_once()? != Worked::Nothing {}
    Ok(())
}
