//! What the checker looks at: what everybody has noted, and what the database says.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
};

use super::{
    ledger::{self, Entry, Note, Told},
    rows::rows,
    worker::uid,
};
use crate::support::Db;

#[derive(Debug, Default)]
pub struct Evidence {
    notes: Vec<Note>,
    pub batches: BTreeMap<String, Batch>,
    /// All jobs that there have ever been.
    pub lives: BTreeMap<i64, Life>,
    pub by_uid: HashMap<String, Vec<i64>>,
    pub purchases: HashMap<String, usize>,
    /// The claims under which effects were written, by job.
    pub effects: HashMap<i64, Vec<i64>>,
    /// How often the handler of a job was begun under a claim.
    pub begun: HashMap<(i64, i64), usize>,
    /// Jobs whose plain handler has done its work, and the claims under which it has.
    pub ran: HashSet<(i64, i64)>,
    /// Workers that the database still knows.
    pub workers: Vec<String>,
}

/// What was inserted in one go.
#[derive(Debug, Default)]
pub struct Batch {
    pub uids: Vec<String>,
    pub beside_order: bool,
    pub unique: bool,
    pub committing: bool,
    pub told: Option<Vec<Told>>,
}

/// A job, from its insertion on.
#[derive(Debug)]
pub struct Life {
    pub id: i64,
    pub uid: String,
    pub kind: String,
    pub changes: Vec<Change>,
    /// What is left of it.
    pub row: Option<Row>,
}

#[derive(Debug)]
pub struct Change {
    pub what: String,
    pub old_state: String,
    pub state: String,
    pub attempt: i64,
    pub max_attempts: i64,
    pub old_claim: i64,
    pub claim: i64,
    pub crash_count: i64,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub state: String,
    pub claim: i64,
    pub metadata: String,
}

pub fn is_final(state: &str) -> bool {
    matches!(state, "completed" | "discarded" | "cancelled")
}

impl Evidence {
    pub fn gather(db: &Db, ledger: &Path) -> Evidence {
        let mut evidence = Evidence { notes: ledger::read(ledger), ..Evidence::default() };
        let all = |sql| rows(db, sql).unwrap();
        for note in &evidence.notes {
            evidence.batches.read(note);
            match note.entry {
                Entry::Began { job, claim } => *evidence.begun.entry((job, claim)).or_default() += 1,
                Entry::Ran { job, claim } => drop(evidence.ran.insert((job, claim))),
                _ => {}
            }
        }
        evidence.lives = lives(db);
        for life in evidence.lives.values().filter(|life| !life.uid.is_empty()) {
            evidence.by_uid.entry(life.uid.clone()).or_default().push(life.id);
        }
        for mut row in all("SELECT uid FROM purchase") {
            *evidence.purchases.entry(row.remove(0)).or_default() += 1;
        }
        for row in all("SELECT job_id, claim FROM effect") {
            evidence.effects.entry(int(&row[0])).or_default().push(int(&row[1]));
        }
        evidence.workers = all("SELECT id FROM drip_worker").into_iter().flatten().collect();
        evidence
    }

    /// All that is known of a job.
    pub fn history(&self, life: &Life) -> String {
        let mut lines = vec![format!("job {} ({}, {:?}):", life.id, life.kind, life.uid)];
        lines.extend(life.changes.iter().map(Change::line));
        lines.push(format!("    is now {:?}; effects under the claims {:?}", life.row, self.effects_of(life.id)));
        lines.extend(self.history_of(life.id, &life.uid));
        lines.join("\n")
    }

    /// All that was noted of a name.
    pub fn history_of(&self, id: i64, uid: &str) -> Vec<String> {
        let about = self.notes.iter().filter(|note| note.entry.is_about(id, uid));
        about.map(|note| format!("    {}: {:?}", note.who, note.entry)).collect()
    }

    /// What has happened, in numbers.
    pub fn summary(&self) -> String {
        let mut states = BTreeMap::<_, usize>::new();
        for life in self.lives.values() {
            *states.entry(life.row.as_ref().map_or("done and removed", |row| &row.state)).or_default() += 1;
        }
        let acknowledged = self.batches.values().filter(|batch| batch.told.is_some()).count();
        let batches = self.batches.len();
        format!("{states:?}, {} rescued, {acknowledged} of {batches} batches acknowledged", self.rescued())
    }

    /// Jobs that were claimed more than once, without having failed or been put off.
    fn rescued(&self) -> usize {
        let rescue = |change: &Change| change.old_state == "running" && change.state == "available";
        self.lives.values().filter(|life| life.changes.iter().any(rescue)).count()
    }

    /// Whether that much has happened that the complaints, or that there are none, mean something.
    pub fn is_eventful(&self) -> bool {
        let completed = self.lives.values().filter(|life| life.completed_under().is_some()).count();
        self.rescued() > 0 && completed > 20 && self.batches.values().any(|batch| batch.told.is_none())
    }

    pub fn effects_of(&self, id: i64) -> &[i64] {
        self.effects.get(&id).map_or(&[], Vec::as_slice)
    }

    pub fn jobs_of(&self, uid: &str) -> &[i64] {
        self.by_uid.get(uid).map_or(&[], Vec::as_slice)
    }
}

impl Life {
    /// The claim under which it was completed, if it was.
    pub fn completed_under(&self) -> Option<i64> {
        match &self.row {
            Some(row) => (row.state == "completed").then_some(row.claim),
            // Only a job that is ephemeral is removed; then it has been running.
            None => self.changes.last().filter(|last| last.old_state == "running").map(|last| last.claim),
        }
    }
}

impl Change {
    fn line(&self) -> String {
        let Change { what, old_state, state, attempt, claim, crash_count, .. } = self;
        format!("    {what}: {old_state} > {state}, attempt {attempt}, claim {claim}, crashes {crash_count}")
    }
}

trait Batches {
    fn read(&mut self, note: &Note);
}

impl Batches for BTreeMap<String, Batch> {
    fn read(&mut self, note: &Note) {
        match note.entry.clone() {
            Entry::Attempt { batch, jobs, beside_order, unique } => {
                drop(self.insert(batch, Batch { uids: jobs, beside_order, unique, ..Batch::default() }));
            }
            Entry::Committing { batch } => self.get_mut(&batch).expect("was attempted").committing = true,
            Entry::Acknowledged { batch, jobs } => self.get_mut(&batch).expect("was attempted").told = Some(jobs),
            _ => {}
        }
    }
}

fn int(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn lives(db: &Db) -> BTreeMap<i64, Life> {
    let changes =
        "SELECT job_id, what, old_state, state, attempt, max_attempts, old_claim, claim, crash_count, kind, args
                   FROM job_change ORDER BY n";
    let mut lives = BTreeMap::new();
    for row in rows(db, changes).unwrap() {
        let [what, old_state, state] = [1, 2, 3].map(|column| row[column].clone());
        let [id, attempt, max_attempts, old_claim, claim, crash_count] =
            [0, 4, 5, 6, 7, 8].map(|column| int(&row[column]));
        let change = Change { what, old_state, state, attempt, max_attempts, old_claim, claim, crash_count };
        let args = serde_json::from_str(&row[10]).unwrap_or_default();
        let new = || Life { id, uid: uid(&args), kind: row[9].clone(), changes: Vec::new(), row: None };
        lives.entry(id).or_insert_with(new).changes.push(change);
    }
    for row in rows(db, "SELECT id, state, claim_seq, metadata, kind FROM drip_job").unwrap() {
        let id = int(&row[0]);
        let now = Row { state: row[1].clone(), claim: int(&row[2]), metadata: row[3].clone() };
        let new = || Life { id, uid: String::new(), kind: row[4].clone(), changes: Vec::new(), row: None };
        lives.entry(id).or_insert_with(new).row = Some(now);
    }
    lives
}
