//! What a job has to show: its progress while it runs, its result when it is done, kept in its row.
//!
//! `cargo run --example record_output` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use std::{sync::mpsc, time::Duration};

use drip::{Client, Context, Event, HandlerResult, JobArgs, NewJob, Outcome, Worker};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Serialize, Deserialize)]
struct Import {
    rows: u32,
}

impl JobArgs for Import {
    const KIND: &'static str = "record_output_import";
}

/// The result, as a type.
#[derive(Debug, Serialize, Deserialize)]
struct Imported {
    rows: u32,
    rejected: Vec<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/imports.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;
    let subscription = client.subscribe();
    let patience = Duration::from_secs(20);

    // So that this program sees the job half way through: it says when, and waits.
    let (say, half_way) = mpsc::channel();
    let (go, go_on) = mpsc::channel();
    let go_on = std::sync::Mutex::new(go_on);
    let import = move |context: &Context, import: Import| -> HandlerResult<Outcome> {
        // Each output takes the place of the one before. A claim that has ended can no longer record any.
        drip::record_output(context.client(), context.job(), json!({"rows": import.rows / 2}))?;
        say.send(())?;
        go_on.lock().map_err(|error| error.to_string())?.recv_timeout(patience)?;
        // The last one comes with the completion, in one statement.
        Ok(Outcome::output(Imported { rows: import.rows, rejected: vec!["line 17: no name".to_owned()] })?)
    };
    let running = Worker::new(&client).queue("record_output").handle(import).start()?;

    let job = NewJob::from(Import { rows: 1000 }).queue("record_output").metadata(json!({"asked_by": "Ada"}));
    let id = drip::insert_job(&client, job)?.job().id;
    let show = |when: &str| -> Result<drip::Job, Box<dyn std::error::Error>> {
        let job = drip::get_job(&client, id)?.ok_or("the job is gone")?;
        println!("{when}: {}, output {}", job.state, job.output().unwrap_or_default());
        Ok(job)
    };
    half_way.recv_timeout(patience)?;
    show("half way through")?;
    go.send(())?;
    while !matches!(subscription.events().recv_timeout(patience)?, Event::Completed(job) if job.id == id) {}
    running.stop(Duration::from_secs(5));

    let job = show("in the end")?;
    let imported: Imported = serde_json::from_value(job.output().unwrap_or_default())?;
    println!("rows: {}, rejected: {:?}", imported.rows, imported.rejected);
    println!("the rest of its metadata is still there: {}", job.metadata()?["asked_by"] == "Ada");
    // Given an id, an operator may correct it, in any state.
    let job = drip::record_output(&client, id, json!({"rows": 999}))?;
    println!("corrected: {}, and still {}", job.output().unwrap_or_default(), job.state);
    Ok(())
}
