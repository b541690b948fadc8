//! What must hold once everything has come to its end, rule by rule.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use drip::{Dialect, Result};
use serde_json::Value;

use super::{
    evidence::{Batch, Evidence, Life, is_final},
    ledger::Told,
    rows::{number, rows},
    worker::{PLAIN, TICK, TRANSACTIONAL, child},
};
use crate::support::Db;

/// How many complaints of one rule are shown with all that is known.
const SHOWN: usize = 3;

/// More crashes than this, and a job is given up.
const CRASHES: i64 = 3;

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    pub rule: &'static str,
    pub text: String,
}

impl Complaint {
    pub fn new(rule: &'static str, text: String) -> Complaint {
        Complaint { rule, text }
    }
}

/// The complaints as a text, by rule, of each the first few.
pub fn report(complaints: &[Complaint]) -> String {
    let mut by_rule = BTreeMap::<_, Vec<_>>::new();
    for complaint in complaints {
        let texts = by_rule.entry(complaint.rule).or_default();
        if !texts.contains(&&complaint.text) {
            texts.push(&complaint.text);
        }
    }
    let mut report = String::new();
    for (rule, texts) in by_rule {
        report += &format!("\n{rule}: {} complaints\n", texts.len());
        texts.iter().take(SHOWN).for_each(|text| report += &format!("  {text}\n"));
    }
    report
}

pub fn examine(db: &Db, evidence: &Evidence) -> Vec<Complaint> {
    let of_evidence = [
        c1_nothing_that_was_acknowledged_is_lost,
        c2_nothing_that_was_not_to_be_has_come_to_be,
        c3_what_belongs_together_is_there_whole_or_not_at_all,
        c4_transactional_effects_are_there_once_exactly_if_their_job_is_completed,
        c5_plain_handlers_have_run_if_their_job_is_completed_and_once_a_claim,
        c6_what_has_ended_has_not_changed_any_more,
        c7_claims_go_up_and_attempts_and_crashes_stay_within_their_budgets,
        c9_each_slot_has_one_job,
        c10_nothing_is_left_undone,
        c11_there_are_as_many_jobs_as_were_inserted_and_not_removed,
    ];
    let mut complaints: Vec<_> = of_evidence.iter().flat_map(|rule| rule(evidence)).collect();
    complaints.extend(c8_no_two_active_jobs_have_one_key(db).unwrap());
    complaints.extend(c12_nobody_is_still_in_a_transaction_and_the_file_is_sound(db).unwrap());
    complaints
}

/// A complaint for each life of which something is to be said.
fn of_lives(rule: &'static str, evidence: &Evidence, problem: impl Fn(&Life) -> Option<String>) -> Vec<Complaint> {
    let complain = |life| {
        let problem: String = problem(life)?;
        Some(Complaint::new(rule, format!("job {}: {problem}\n  {}", life.id, evidence.history(life))))
    };
    evidence.lives.values().filter_map(complain).collect()
}

/// A complaint for each batch of which something is to be said.
fn of_batches(
    rule: &'static str,
    evidence: &Evidence,
    problem: impl Fn(&str, &Batch) -> Option<String>,
) -> Vec<Complaint> {
    let complain = |(name, batch): (&String, &Batch)| {
        let problem = problem(name, batch)?;
        let lives =
            batch.uids.iter().flat_map(|uid| evidence.jobs_of(uid)).map(|id| evidence.history(&evidence.lives[id]));
        let notes = batch.uids.iter().flat_map(|uid| evidence.history_of(-1, uid));
        let all: Vec<_> = notes.chain(lives).collect();
        Some(Complaint::new(rule, format!("batch {name}: {problem}\n{}", all.join("\n"))))
    };
    evidence.batches.iter().filter_map(complain).collect()
}

/// What a producer was told is inserted is there under that id, unless it was ephemeral and is done; and so is what it was
/// told to be there already.
fn c1_nothing_that_was_acknowledged_is_lost(evidence: &Evidence) -> Vec<Complaint> {
    let is_there = |told: &Told| {
        let life = evidence.lives.get(&told.id).filter(|life| told.duplicate || life.uid == told.uid);
        life.is_some_and(|life| life.row.is_some() || life.completed_under().is_some())
    };
    of_batches("C1", evidence, |_, batch| {
        let lost = batch.told.iter().flatten().filter(|told| !is_there(told)).map(|told| told.id);
        let lost: Vec<_> = lost.collect();
        (!lost.is_empty()).then(|| format!("acknowledged and lost: {lost:?}"))
    })
}

/// Jobs, and orders beside them, were attempted; and if in a transaction, then one that was to be committed.
fn c2_nothing_that_was_not_to_be_has_come_to_be(evidence: &Evidence) -> Vec<Complaint> {
    let may_be = |uid: &str| match uid.rsplit_once('.').and_then(|(batch, _)| evidence.batches.get(batch)) {
        Some(batch) => batch.committing || !batch.beside_order,
        None => false,
    };
    let ghost = |life: &Life| {
        let was_inserted_by_nobody = life.kind != TICK && !may_be(&life.uid);
        was_inserted_by_nobody.then(|| "a ghost: its transaction was not committed".to_owned())
    };
    let mut complaints = of_lives("C2", evidence, ghost);
    let ghosts =
        evidence.purchases.keys().filter(|name| !evidence.batches.get(*name).is_some_and(|batch| batch.committing));
    complaints.extend(ghosts.map(|name| Complaint::new("C2", format!("the order {name} is a ghost"))));
    complaints
}

/// Whether it is known that they were committed or not: all jobs of a batch, each once, and the order beside them; or none.
fn c3_what_belongs_together_is_there_whole_or_not_at_all(evidence: &Evidence) -> Vec<Complaint> {
    of_batches("C3", evidence, |name, batch| {
        let counts: Vec<_> = batch.uids.iter().map(|uid| evidence.jobs_of(uid).len()).collect();
        let whole = counts.iter().all(|count| *count == 1);
        let none = counts.iter().all(|count| *count == 0);
        let orders = evidence.purchases.get(name).copied().unwrap_or_default();
        let duplicate = batch.told.iter().flatten().any(|told| told.duplicate);
        if !whole && !none {
            return Some(format!("its jobs are there {counts:?} times"));
        }
        if duplicate && !none {
            return Some("called a duplicate, and inserted".to_owned());
        }
        let expected = if whole { Some(1) } else { (!batch.unique).then_some(0) };
        let agrees = !batch.beside_order || expected.is_none_or(|expected| orders == expected);
        (!agrees).then(|| format!("its jobs are there {counts:?} times, and its order {orders} times"))
    })
}

/// Exactly once, and by the claim that completed the job; so is the child.
fn c4_transactional_effects_are_there_once_exactly_if_their_job_is_completed(evidence: &Evidence) -> Vec<Complaint> {
    of_lives("C4", evidence, |life| {
        if !TRANSACTIONAL.contains(&&*life.kind) {
            return None;
        }
        let expected = Vec::from_iter(life.completed_under());
        let effects = evidence.effects_of(life.id);
        if effects != expected {
            return Some(format!("effects under the claims {effects:?}, completed under {expected:?}"));
        }
        let children = evidence.jobs_of(&child(&life.uid)).len();
        let wanted = if life.kind == "parent" { expected.len() } else { 0 };
        (children != wanted).then(|| format!("{children} children instead of {wanted}"))
    })
}

fn c5_plain_handlers_have_run_if_their_job_is_completed_and_once_a_claim(evidence: &Evidence) -> Vec<Complaint> {
    let mut claims = HashMap::<i64, Vec<i64>>::new();
    for ((id, claim), _) in evidence.begun.iter().filter(|(_, times)| **times > 1) {
        claims.entry(*id).or_default().push(*claim);
    }
    of_lives("C5", evidence, |life| {
        if let Some(claims) = claims.get(&life.id) {
            return Some(format!("begun more than once under the claims {claims:?}"));
        }
        let completed = life.completed_under().filter(|_| PLAIN.contains(&&*life.kind))?;
        let has_run = evidence.ran.contains(&(life.id, completed));
        (!has_run).then(|| format!("completed under claim {completed}, and has not run under it"))
    })
}

fn c6_what_has_ended_has_not_changed_any_more(evidence: &Evidence) -> Vec<Complaint> {
    of_lives("C6", evidence, |life| {
        let changed = life.changes.iter().find(|change| is_final(&change.old_state))?;
        Some(format!("changed after it had ended, from {} to {:?}", changed.old_state, changed.state))
    })
}

fn c7_claims_go_up_and_attempts_and_crashes_stay_within_their_budgets(evidence: &Evidence) -> Vec<Complaint> {
    of_lives("C7", evidence, |life| {
        life.changes.iter().find_map(|change| {
            let claimed = change.state == "running" && change.old_state != "running";
            let discarded = change.state == "discarded" && !is_final(&change.old_state);
            if change.claim != change.old_claim + i64::from(claimed) && change.what == "update" {
                return Some(format!("claim {} after {}", change.claim, change.old_claim));
            }
            if change.attempt > change.max_attempts {
                return Some(format!("attempt {} of {}", change.attempt, change.max_attempts));
            }
            let spent = change.attempt == change.max_attempts || change.crash_count > CRASHES;
            (discarded && !spent).then(|| "discarded with something left of its budgets".to_owned())
        })
    })
}

/// Asked of the database at any time.
pub fn c8_no_two_active_jobs_have_one_key(db: &Db) -> Result<Vec<Complaint>> {
    let twice = rows(
        db,
        "SELECT unique_key, min(id), max(id) FROM drip_job
         WHERE unique_key IS NOT NULL AND state NOT IN ('completed', 'discarded', 'cancelled')
         GROUP BY unique_key HAVING count(*) > 1",
    )?;
    let complain =
        |row: Vec<String>| Complaint::new("C8", format!("one key for the active jobs {} and {}", row[1], row[2]));
    Ok(twice.into_iter().map(complain).collect())
}

/// None is missed either: no outage is as long as the hundred slots that are made up for.
fn c9_each_slot_has_one_job(evidence: &Evidence) -> Vec<Complaint> {
    let mut slots = BTreeMap::<i64, Vec<i64>>::new();
    for life in evidence.lives.values().filter(|life| life.kind == TICK) {
        let metadata = life.row.as_ref().map_or("", |row| &row.metadata);
        let metadata: Value = serde_json::from_str(metadata).unwrap_or_default();
        let slot = metadata["slot"].as_str().and_then(|slot| slot.parse::<jiff::Timestamp>().ok());
        slots.entry(slot.map_or(0, |slot| slot.as_second())).or_default().push(life.id);
    }
    let twice = slots.iter().filter(|(_, jobs)| jobs.len() > 1);
    let twice = twice.map(|(slot, jobs)| format!("the slot {slot} has the jobs {jobs:?}"));
    let known: Vec<_> = slots.keys().collect();
    let gaps = known.windows(2).filter(|pair| pair[1] - pair[0] != 1);
    let gaps = gaps.map(|pair| format!("no slot between {} and {} has a job", pair[0], pair[1]));
    twice.chain(gaps).map(|text| Complaint::new("C9", text)).collect()
}

fn c10_nothing_is_left_undone(evidence: &Evidence) -> Vec<Complaint> {
    let mut complaints = of_lives("C10", evidence, |life| {
        let state = &life.row.as_ref()?.state;
        (!is_final(state)).then(|| format!("still {state}"))
    });
    let workers = evidence.workers.iter().map(|worker| format!("the worker {worker} is gone, and has not been missed"));
    complaints.extend(workers.map(|text| Complaint::new("C10", text)));
    complaints
}

fn c11_there_are_as_many_jobs_as_were_inserted_and_not_removed(evidence: &Evidence) -> Vec<Complaint> {
    of_lives("C11", evidence, |life| {
        let times = |what: &str| life.changes.iter().filter(|change| change.what == what).count();
        let left = times("insert").checked_sub(times("delete"));
        let agrees = times("insert") == 1 && left == Some(usize::from(life.row.is_some()));
        (!agrees).then(|| "its row does not follow from its insertions and removals".to_owned())
    })
}

fn c12_nobody_is_still_in_a_transaction_and_the_file_is_sound(db: &Db) -> Result<Vec<Complaint>> {
    let asked = Instant::now();
    loop {
        let problem = match db.dialect {
            Dialect::Postgres => format!("{} open transactions", number(db, OPEN_ON_POSTGRES)?),
            Dialect::Mariadb => format!("{} open transactions", open_on_mariadb(db)?),
            _ => rows(db, "PRAGMA integrity_check")?.concat().concat(),
        };
        if ["0 open transactions", "ok"].contains(&&*problem) {
            return Ok(Vec::new());
        }
        // What a process that is gone has left is rolled back soon.
        if db.dialect == Dialect::Sqlite || asked.elapsed() > Duration::from_secs(1) {
            return Ok(vec![Complaint::new("C12", problem)]);
        }
    }
}

const OPEN_ON_POSTGRES: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL";

/// From a text for people: the table of transactions shows what somebody has asked for before, if that was of late.
fn open_on_mariadb(db: &Db) -> Result<usize> {
    let status = rows(db, "SHOW ENGINE INNODB STATUS")?.concat().concat();
    let transactions = status.split("---TRANSACTION ").skip(1).filter(|text| text.contains("ACTIVE"));
    let threads: Vec<_> = transactions.filter_map(|text| text.split("thread id ").nth(1)?.split(',').next()).collect();
    let ours = rows(db, "SELECT id FROM information_schema.processlist WHERE db = database()")?;
    Ok(ours.iter().filter(|id| threads.contains(&&*id[0])).count())
}
