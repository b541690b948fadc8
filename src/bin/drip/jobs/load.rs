//! `drip jobs load`: many jobs, a line each, as fast as the database takes them.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    thread,
    time::Duration,
};

use clap::Args;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use drip::{Client, NewJob};

use crate::{
    app::App,
    failure::{Failure, Outcome},
    interrupt::Interrupt,
    json::{LoadedDocument, new_job},
    table::counted,
};

/// How many jobs are inserted by one transaction.
const BATCH: usize = 5000;

/// How soon whoever interrupts is heard.
const BEAT: Duration = Duration::from_millis(50);

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
        let mut lines = Lines { source: self.source()?, interrupt: Interrupt::watch()? };
        let mut loaded = 0;
        load(&client, &mut lines, &mut loaded).map_err(|failure| so_far(failure, loaded))?;
        app.output.one(&LoadedDocument { inserted: loaded }, |output| {
            output.line(format!("{} inserted.", counted(loaded, "job")))
        })
    }

    fn source(&self) -> Outcome<Source> {
        if self.path == "-" {
            return Ok(Source::Input(input()));
        }
        let unreadable = |error| Failure::usage(format!("cannot read {}: {error}", self.path));
        Ok(Source::File(BufReader::new(File::open(&self.path).map_err(unreadable)?).lines()))
    }
}

/// Batch by batch; counts what has been inserted.
fn load(client: &Client, lines: &mut Lines, loaded: &mut u64) -> Outcome {
    let (mut batch, mut numbers) = (Vec::new(), Vec::new());
    let mut number = 0;
    while let Some(line) = lines.next()? {
        number += 1;
        let line = line.map_err(|error| Failure::failed(format!("line {number}: {error}")))?;
        // As some editors begin a file.
        let line = if number == 1 { line.trim_start_matches('\u{feff}') } else { &line };
        if !line.trim().is_empty() {
            batch.push(job(number, line)?);
            numbers.push(number);
        }
        if batch.len() == BATCH {
            *loaded += insert(client, &mut batch, &mut numbers)?;
        }
    }
    *loaded += insert(client, &mut batch, &mut numbers)?;
    Ok(())
}

enum Source {
    File(io::Lines<BufReader<File>>),
    Input(Receiver<io::Result<String>>),
}

/// What is read, until somebody interrupts.
struct Lines {
    source: Source,
    interrupt: Interrupt,
}

impl Lines {
    /// None at the end. Where an interrupt ended also the program that writes, this is no end.
    fn next(&mut self) -> Outcome<Option<io::Result<String>>> {
        loop {
            let read = match &mut self.source {
                Source::File(lines) => Ok(lines.next()),
                Source::Input(lines) => match lines.recv_timeout(BEAT) {
                    Err(RecvTimeoutError::Timeout) => Err(()),
                    line => Ok(line.ok()),
                },
            };
            if self.interrupt.is_asked() {
                return Err(Failure::failed("interrupted"));
            }
            if let Ok(line) = read {
                return Ok(line);
            }
        }
    }
}

/// Read by another thread: whoever interrupts need not wait for a line that does not come.
fn input() -> Receiver<io::Result<String>> {
    let (sender, lines) = bounded(BATCH);
    thread::spawn(move || io::stdin().lines().try_for_each(|line| sender.send(line)));
    lines
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
