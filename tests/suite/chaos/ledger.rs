//! What each process says that it is about to do, and has done: on disk before it goes on, in a file of its own.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::Mutex,
};

use serde::{Deserialize, Serialize};

/// One line of a file. The last may be torn, where its writer was killed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Note {
    pub who: String,
    pub entry: Entry,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Entry {
    /// A producer is about to insert jobs, all or none; `beside_order`: in a transaction of its own, with its order.
    Attempt { batch: String, jobs: Vec<String>, beside_order: bool, unique: bool },
    /// It is about to send COMMIT.
    Committing { batch: String },
    /// It was told that they are inserted, and, beside an order, committed.
    Acknowledged { batch: String, jobs: Vec<Told> },
    /// It was told that something went wrong, or has rolled back.
    Failed { batch: String, error: String },
    /// A worker is about to call the handler of a job under this claim.
    Began { job: i64, claim: i64 },
    /// A plain handler has done its work.
    Ran { job: i64, claim: i64 },
    /// Whoever makes the trouble has made some.
    Did(String),
}

/// What a producer was told of one job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Told {
    pub uid: String,
    pub id: i64,
    pub duplicate: bool,
}

impl Entry {
    /// Whether it is about this job.
    pub fn is_about(&self, id: i64, uid: &str) -> bool {
        match self {
            Entry::Attempt { jobs, .. } => jobs.iter().any(|job| job == uid),
            Entry::Acknowledged { jobs, .. } => jobs.iter().any(|told| told.uid == uid || told.id == id),
            Entry::Committing { batch } | Entry::Failed { batch, .. } => {
                uid.rsplit_once('.').is_some_and(|(of, _)| of == batch)
            }
            Entry::Began { job, .. } | Entry::Ran { job, .. } => *job == id,
            Entry::Did(what) => what.ends_with(&format!(" job {id}")),
        }
    }
}

pub struct Ledger {
    who: String,
    file: Mutex<File>,
}

impl Ledger {
    /// A new file; `who` must be the first of that name.
    pub fn open(directory: &Path, who: &str) -> Ledger {
        let file = OpenOptions::new().create_new(true).append(true).open(directory.join(who)).unwrap();
        Ledger { who: who.to_owned(), file: Mutex::new(file) }
    }

    pub fn note(&self, entry: Entry) {
        let line = serde_json::to_string(&Note { who: self.who.clone(), entry }).unwrap() + "\n";
        let mut file = self.file.lock().unwrap();
        file.write_all(line.as_bytes()).unwrap();
        file.sync_data().unwrap();
    }
}

/// What all have noted, each in its order.
pub fn read(directory: &Path) -> Vec<Note> {
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| read_file(file)).collect()
}

fn read_file(file: &Path) -> Vec<Note> {
    let text = std::fs::read_to_string(file).unwrap();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _torn)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_that_was_torn_by_a_kill_is_left_out_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(directory.path(), "a");
    ledger.note(Entry::Did("this job 1".to_owned()));
    ledger.note(Entry::Did("that job 2".to_owned()));
    ledger.file.lock().unwrap().write_all(br#"{"who":"a","entry":{"Di"#).unwrap();
    let notes = read(directory.path());
    assert_eq!(notes.iter().map(|note| note.entry.is_about(2, "")).collect::<Vec<_>>(), [false, true]);
}
