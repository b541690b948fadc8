//! The queue as its pages say that it is: jobs in a list, and what each operation does to them.
//!
//! Written from what is promised, not from the statements. Where the promises leave something open, the comment says what
//! the databases agree on.

use std::collections::{BTreeSet, HashSet};

use drip::State::{self, *};
use jiff::Timestamp;

use super::{
    fate::{
        alter, end, expire, fail, finish, held_in, inserted, is_waiting, moves, overrun, put_output, replaced, snooze,
        takes_key, wait,
    },
    op::{Change, Choice, Ending, Handled, New, Op, PERIOD, Sameness, Step, Verb, Whose},
    row::{Answer, Refusal, Row},
};
use crate::support::{End, START};

#[derive(Debug, Clone)]
pub struct World {
    pub jobs: Vec<Row>,
    now: Timestamp,
    inserted: usize,
    /// Of which job, and its number there.
    claims: Vec<(usize, i64)>,
    keys: Vec<Key>,
    /// `None`: the switch of all queues.
    paused: BTreeSet<Option<&'static str>>,
}

/// What two jobs must have in common to be the same: kind, queue, args, and the window in which they are due.
type Key = (Option<&'static str>, Option<String>, Option<u8>, Option<i64>);

type Result<T> = std::result::Result<T, Refusal>;

impl World {
    pub fn new() -> World {
        World {
            jobs: Vec::new(),
            now: START.parse().unwrap(),
            inserted: 0,
            claims: Vec::new(),
            keys: Vec::new(),
            paused: BTreeSet::new(),
        }
    }

    /// What is to be seen after each call of a step: its answer, and all jobs.
    pub fn perform(&mut self, step: &Step) -> Vec<(Answer, Vec<Row>)> {
        match step {
            Step::Own(op) => vec![self.seen(op)],
            Step::Callers(ops, end) => {
                let before = self.clone();
                let mut seen: Vec<_> = ops.iter().map(|op| self.seen(op)).collect();
                if *end == End::Rollback {
                    *self = before;
                }
                seen.push((Answer::Nothing, self.jobs.clone()));
                seen
            }
            Step::Advance(by) => {
                self.now += *by;
                vec![(Answer::Nothing, self.jobs.clone())]
            }
            Step::WorkOnce { queues, kinds, answer } => {
                let answer = self.work_once(queues, kinds, *answer);
                vec![(answer, self.jobs.clone())]
            }
        }
    }

    fn seen(&mut self, op: &Op) -> (Answer, Vec<Row>) {
        let answer = self.answer(op).unwrap_or_else(Answer::Refused);
        (answer, self.jobs.clone())
    }

    fn answer(&mut self, op: &Op) -> Result<Answer> {
        Ok(match op {
            Op::Insert(jobs) => Answer::Inserted(jobs.iter().map(|new| self.insert(new)).collect()),
            Op::InsertFast(jobs) => {
                jobs.iter().for_each(|new| drop(self.insert(new)));
                Answer::Count(jobs.len())
            }
            Op::Fetch { queue, worker, limit } => {
                let claimed = self.claim(queue, None, worker, *limit);
                self.claims.extend(claimed.iter().map(|row| (row.place, row.claim_seq)));
                Answer::Jobs(claimed)
            }
            Op::Settle(ending, whose) => Answer::Jobs(vec![self.settle(*ending, *whose)?]),
            Op::Operate(verb, back) => self.operate(*verb, self.place(*back))?,
            Op::Update(back, changes) => Answer::Jobs(vec![self.update(self.place(*back), changes)?]),
            Op::Bulk(verb, states, queue) => {
                let places = self.places(|row| states.contains(&row.state) && row.queue == *queue);
                self.in_bulk(*verb, places)
            }
            Op::RescueOverdue(span) => {
                let now = self.now;
                let overdue = |row: &Row| row.state == Running && row.attempted_at.is_some_and(|at| at + *span <= now);
                let places = self.places(overdue);
                Answer::Count(self.move_all(places, |row| overrun(row, now)).0)
            }
            Op::Promote => Answer::Count(self.promote()),
            Op::Expire => {
                let now = self.now;
                let expired = |row: &Row| is_waiting(row.state) && row.expires_at.is_some_and(|at| at <= now);
                let mut places = self.places(expired);
                places.sort_by_key(|place| self.job(*place).map(|row| row.expires_at).ok());
                Answer::Count(self.move_all(places, |row| expire(row, now)).0)
            }
            Op::Retain(span) => {
                let now = self.now;
                let old = self.places(|row| row.finalized_at.is_some_and(|at| at + *span <= now));
                Answer::Count(old.iter().map(|place| self.remove(*place)).count())
            }
            Op::Pause(queue) => {
                self.paused.insert(*queue);
                Answer::Nothing
            }
            Op::Resume(queue) => {
                self.paused.remove(queue);
                Answer::Nothing
            }
        })
    }

    // Looking.

    /// The place of a job, counted back from the newest; 0 is nobody's.
    fn place(&self, back: usize) -> usize {
        self.inserted.saturating_sub(back)
    }

    fn places(&self, wanted: impl Fn(&Row) -> bool) -> Vec<usize> {
        self.jobs.iter().filter(|row| wanted(row)).map(|row| row.place).collect()
    }

    fn job(&self, place: usize) -> Result<&Row> {
        self.jobs.iter().find(|row| row.place == place).ok_or(Refusal::NotFound)
    }

    /// Another job whose key this one would need in its state.
    fn in_the_way_of(&self, row: &Row) -> Option<usize> {
        let holds = |other: &&Row| other.place != row.place && other.key == row.key && other.is_active();
        if row.is_active() { self.jobs.iter().find(holds).map(|other| other.place) } else { None }
    }

    fn put(&mut self, row: &Row) {
        let at = self.jobs.iter().position(|other| other.place == row.place);
        self.jobs[at.expect("it is there")] = row.clone();
    }

    fn remove(&mut self, place: usize) {
        self.jobs.retain(|row| row.place != place);
    }

    // Inserting.

    fn insert(&mut self, new: &New) -> (bool, Row) {
        let mut row = inserted(new, self.inserted + 1, self.now);
        let sameness = new.options.iter().rev().find_map(|choice| match choice {
            Choice::Unique(sameness) => Some(sameness),
            _ => None,
        });
        if let Some(sameness) = sameness {
            row.key = Some(self.key(sameness, new, &row));
            row.held_in = held_in(sameness);
        }
        match self.in_the_way_of(&row).and_then(|place| self.job(place).ok()).cloned() {
            Some(holder) => (false, self.meet(holder, row, sameness.is_some_and(|sameness| sameness.replace))),
            None => {
                self.inserted += 1;
                self.jobs.push(row.clone());
                (true, row)
            }
        }
    }

    /// The number of a key.
    fn key(&mut self, sameness: &Sameness, new: &New, row: &Row) -> usize {
        let period = PERIOD.as_micros() as i64;
        let key = (
            (!sameness.exclude_kind).then_some(new.kind),
            sameness.by_queue.then(|| row.queue.clone()),
            sameness.by_args.then_some(new.n),
            sameness.by_period.then(|| row.scheduled_at.as_microsecond().div_euclid(period)),
        );
        let known = self.keys.iter().position(|known| *known == key);
        known.unwrap_or_else(|| {
            // A key that nobody has had yet is nobody's, so this one comes to be in a row.
            self.keys.push(key);
            self.keys.len() - 1
        })
    }

    /// A duplicate leaves the job that is there as it is, or puts its content into it, if that has not started.
    fn meet(&mut self, holder: Row, new: Row, replaces: bool) -> Row {
        if !replaces || !is_waiting(holder.state) {
            return holder;
        }
        let row = replaced(holder, new, self.now);
        self.put(&row);
        row
    }

    // Claiming.

    fn claim(&mut self, queue: &str, kinds: Option<&[&str]>, worker: &str, limit: usize) -> Vec<Row> {
        let first = self.next(queue, kinds, worker, limit);
        let keys: Vec<_> = first.iter().filter(|row| takes_key(row, Available)).map(|row| row.key).collect();
        let are_distinct = keys.iter().collect::<HashSet<_>>().len() == keys.len();
        // Where two of them exclude each other they are claimed one by one, so that the second is passed over.
        let claimed = if are_distinct { first } else { Vec::new() };
        claimed.iter().for_each(|row| self.put(row));
        if are_distinct {
            claimed
        } else {
            (0..limit).map_while(|_| self.claim(queue, kinds, worker, 1).pop()).collect()
        }
    }

    /// The next jobs to be claimed, as they are then: by priority, due time and id.
    fn next(&self, queue: &str, kinds: Option<&[&str]>, worker: &str, limit: usize) -> Vec<Row> {
        if self.paused.iter().any(|paused| paused.is_none_or(|paused| paused == queue)) {
            return Vec::new();
        }
        let fits = |row: &&Row| {
            row.state == Available
                && row.queue == queue
                && row.scheduled_at <= self.now
                && row.expires_at.is_none_or(|at| at > self.now)
                && kinds.is_none_or(|kinds| kinds.contains(&&*row.kind))
        };
        let claimed = |row: &Row| Row {
            state: Running,
            attempt: row.attempt + 1,
            claim_seq: row.claim_seq + 1,
            attempted_at: Some(self.now),
            attempted_by: Some(worker.to_owned()),
            ..row.clone()
        };
        let mut next: Vec<Row> = self.jobs.iter().filter(fits).map(claimed).collect();
        next.retain(|row| !takes_key(row, Available) || self.in_the_way_of(row).is_none());
        next.sort_by_key(|row| (row.priority, row.scheduled_at, row.place));
        next.truncate(limit);
        next
    }

    /// Due jobs first become available; the first queue in which there is a job counts.
    fn work_once(&mut self, queues: &[&str], kinds: &[&str], answer: Handled) -> Answer {
        self.promote();
        let claimed = queues.iter().find_map(|queue| self.claim(queue, Some(kinds), "once", 1).pop());
        let Some(claimed) = claimed else { return Answer::Nothing };
        let now = self.now;
        let settled = self.take(claimed, |row| match answer {
            Handled::Complete => finish(row, Completed, now),
            Handled::Output(n) => {
                put_output(row, n);
                finish(row, Completed, now);
            }
            Handled::Snooze(delay) => snooze(row, delay, now),
            Handled::Cancel => end(row, Cancelled, "no need", now),
            Handled::Discard => end(row, Discarded, "no hope", now),
            Handled::Fail(delay) => fail(row, delay, now),
        });
        Answer::Jobs(settled.into_iter().collect())
    }

    // Moving.

    /// Moves a job, unless the key that it needs there is another's. One that leaves `running` must leave it: it is discarded
    /// then, and keeps only what the attempt has left in errors and output.
    fn take(&mut self, before: Row, change: impl Fn(&mut Row)) -> Result<Row> {
        let mut row = before.clone();
        change(&mut row);
        if row.ephemeral && row.state == Completed && before.state != Completed {
            self.remove(row.place);
            return Ok(row);
        }
        if let (true, Some(other)) = (takes_key(&row, before.state), self.in_the_way_of(&row)) {
            if before.state != Running {
                return Err(Refusal::Conflict(Some(other)));
            }
            row = Row { errors: row.errors, metadata: row.metadata, ..before };
            // There it must stand beside the other.
            row.held_in.retain(|state| *state != Discarded);
            end(&mut row, Discarded, "unique_conflict: another job holds the same unique key", self.now);
        }
        self.put(&row);
        Ok(row)
    }

    /// Moves many; answers how many could be moved, and how many could not. Those that need a key for it come first, while the
    /// others still hold theirs.
    fn move_all(&mut self, mut places: Vec<usize>, change: impl Fn(&mut Row)) -> (usize, usize) {
        let all = places.len();
        let needs_key = |world: &World, place: &usize| {
            let before = world.job(*place).expect("it was found");
            let mut row = before.clone();
            change(&mut row);
            takes_key(&row, before.state)
        };
        places.sort_by_key(|place| !needs_key(self, place));
        let mut move_one = |place: usize| self.take(self.job(place).ok()?.clone(), &change).ok();
        let moved = places.into_iter().filter_map(&mut move_one).count();
        (moved, all - moved)
    }

    fn settle(&mut self, ending: Ending, whose: Whose) -> Result<Row> {
        let before = match whose {
            Whose::Job(back) => self.job(self.place(back))?.clone(),
            Whose::Claim(back) => self.claimed(back)?,
        };
        let now = self.now;
        match (ending, before.state) {
            (Ending::Output(n), _) => self.take(before, |row| put_output(row, n)),
            (Ending::Complete, Completed) | (Ending::Cancel, Cancelled) | (Ending::Discard, Discarded) => Ok(before),
            (Ending::Complete, Running) => self.take(before, |row| finish(row, Completed, now)),
            (Ending::Fail(delay), Running) => self.take(before, |row| fail(row, delay, now)),
            (Ending::Snooze(delay), Running) => self.take(before, |row| snooze(row, delay, now)),
            (Ending::Cancel, state) if !state.is_final() => self.take(before, |row| finish(row, Cancelled, now)),
            (Ending::Discard, state) if !state.is_final() => self.take(before, |row| finish(row, Discarded, now)),
            (_, state) => Err(Refusal::WrongState(state)),
        }
    }

    /// The job of a claim that stands.
    fn claimed(&self, back: usize) -> Result<Row> {
        let claims = self.claims.len();
        // Beyond the first there is none: nobody's job is asked for then.
        let Some(at) = claims.checked_sub(back + 1) else { return Err(Refusal::NotFound) };
        let (place, claim_seq) = self.claims[at];
        let stands = |row: &&Row| row.state == Running && row.claim_seq == claim_seq;
        self.job(place).ok().filter(stands).cloned().ok_or(Refusal::LostClaim)
    }

    fn operate(&mut self, verb: Verb, place: usize) -> Result<Answer> {
        if verb == Verb::Rescue {
            let places = self.places(|row| row.place == place);
            return Ok(self.in_bulk(verb, places));
        }
        let before = self.job(place)?.clone();
        let now = self.now;
        let row = match (verb, before.state) {
            (Verb::Retry | Verb::RetryCompleted, Available) | (Verb::Release, Available | Scheduled) => before,
            (Verb::Cancel, Cancelled) | (Verb::Discard, Discarded) => before,
            (Verb::Release, Pending) => self.take(before, |row| {
                row.state = Available;
                wait(row, now);
            })?,
            (Verb::Delete, state) if state != Running => {
                self.remove(place);
                before
            }
            (verb, state) => match moves(verb, state) {
                Some(change) => self.take(before, |row| change(row, now))?,
                None => return Err(Refusal::WrongState(state)),
            },
        };
        Ok(Answer::Jobs(vec![row]))
    }

    /// Of these jobs those that the verb moves.
    fn in_bulk(&mut self, verb: Verb, mut places: Vec<usize>) -> Answer {
        let now = self.now;
        if verb == Verb::Delete {
            places.retain(|place| self.job(*place).is_ok_and(|row| row.state != Running));
            return Answer::Count(places.into_iter().map(|place| self.remove(place)).count());
        }
        places.retain(|place| self.job(*place).is_ok_and(|row| moves(verb, row.state).is_some()));
        let change = |row: &mut Row| moves(verb, row.state).into_iter().for_each(|change| change(row, now));
        let (changed, skipped) = self.move_all(places, change);
        Answer::Changed(changed, skipped)
    }

    /// Makes due jobs available, of each key that is free the one that was inserted first.
    fn promote(&mut self) -> usize {
        let due = |row: &&Row| matches!(row.state, Scheduled | Retryable) && row.scheduled_at <= self.now;
        let promoted = |row: &Row| (row.state, Row { state: Available, ..row.clone() });
        let mut keys = HashSet::new();
        let mut free = |(from, row): &(State, Row)| match takes_key(row, *from) {
            true => self.in_the_way_of(row).is_none() && keys.insert(row.key),
            false => true,
        };
        let promoted: Vec<_> = self.jobs.iter().filter(due).map(promoted).filter(&mut free).collect();
        promoted.iter().for_each(|(_, row)| self.put(row));
        promoted.len()
    }

    fn update(&mut self, place: usize, changes: &[Change]) -> Result<Row> {
        let before = self.job(place)?.clone();
        let names = |change: &Change| matches!(change, Change::Args(_) | Change::To(Choice::At(_)));
        if before.state == Running || (before.state.is_final() && changes.iter().any(names)) {
            return Err(Refusal::WrongState(before.state));
        }
        let now = self.now;
        self.take(before, |row| changes.iter().for_each(|change| alter(row, change, now)))
    }
}
