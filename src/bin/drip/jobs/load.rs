//! `drip jobs load`: many jobs, a line each, as fast as the database takes them.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use clap::Args;
use drip::{Client, NewJob};

use crate::{
    app::App,
    failure::{Failure, Outcome},
    json::{LoadedDocument, new_job},
    table::counted,
};

/// How many jobs are inserted by one transaction.
const BATCH: usize = 5000;

#[derive(Debug, Args)]
pub struct LoadCommand {
    /// A file with a JSON object a line, as `drip jobs list --format jsonl` writes them; - is standard input. Read are
    /// kind, args, queue, priority, max_attempts, scheduled_at, tags, metadata, timeout_ms and ephemeral; what else such a
    /// list says of a job is the queue's to say, and passed over
    #[arg(value_name = "PATH")]
    path: String,
}

impl LoadCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let client = app.client()?;
        let (mut batch, mut numbers, mut loaded) = (Vec::new(), Vec::new(), 0);
        for (index, line) in self.lines()?.enumerate() {
            let unreadable = |error: io::Error| Failure::failed(format!("line {}: {error}", index + 1));
            let line = line.map_err(unreadable).map_err(|failure| so_far(failure, loaded))?;
            if !line.trim().is_empty() {
                batch.push(job(index + 1, &line).map_err(|failure| so_far(failure, loaded))?);
                numbers.push(index + 1);
            }
            if batch.len() == BATCH {
                loaded += insert(&client, &mut batch, &mut numbers).map_err(|failure| so_far(failure, loaded))?;
            }
        }
        loaded += insert(&client, &mut batch, &mut numbers).map_err(|failure| so_far(failure, loaded))?;
        app.output.one(&LoadedDocument { inserted: loaded }, |output| {
            output.line(format!("{} inserted.", counted(loaded, "job")))
        })
    }

    fn lines(&self) -> Outcome<Box<dyn Iterator<Item = io::Result<String>>>> {
        if self.path == "-" {
            return Ok(Box::new(io::stdin().lines()));
        }
        let unreadable = |error| Failure::usage(format!("cannot read {}: {error}", self.path));
        Ok(Box::new(BufReader::new(File::open(&self.path).map_err(unreadable)?).lines()))
    }
}

fn job(number: usize, line: &str) -> Outcome<NewJob> {
    new_job(line).map_err(|problem| Failure::usage(format!("line {number}: {problem}")))
}

/// `numbers` are those of the lines that the jobs stand in.
fn insert(client: &Client, batch: &mut Vec<NewJob>, numbers: &mut Vec<usize>) -> Outcome<u64> {
    let inserted = drip::insert_many_fast(client, batch.drain(..)).map_err(|error| by_line(error, numbers))?;
    numbers.clear();
    Ok(inserted as u64)
}

/// Whoever wrote the file counts lines, not jobs of a batch.
fn by_line(error: drip::Error, numbers: &[usize]) -> Failure {
    let text = error.to_string();
    let named = text.strip_prefix("job ").and_then(|rest| rest.split_once(" of the batch: "));
    let line = named.and_then(|(index, problem)| Some((numbers.get(index.parse::<usize>().ok()?)?, problem)));
    match line {
        Some((number, problem)) => Failure::usage(format!("line {number}: {problem}")),
        None => error.into(),
    }
}

/// What was inserted before stays.
fn so_far(failure: Failure, loaded: u64) -> Failure {
    match loaded {
        0 => failure.advise("nothing was inserted"),
        loaded => failure.advise(format!("the first {} have been inserted", counted(loaded, "job"))),
    }
}
