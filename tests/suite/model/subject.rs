//! A database to which the steps of a test are done, and what it shows after each.

use std::time::Duration;

use drip::{
    AnySession, Client, Clock, Context, Error, Failure, Inserted, Job, JobFilter, JobUpdate, NewJob, OnDuplicate,
    Outcome, Page, RescueAfter, Result, Retention, RetryPolicy, State, Target, Unique, Worked, Worker, cancel_job,
    cancel_jobs, complete_job, delete_job, delete_jobs, discard_job, discard_jobs, expire_jobs, fail_job, fetch_jobs,
    insert_job, insert_many, insert_many_fast, list_jobs, pause_all, pause_queue, promote_jobs, record_output,
    release_job, rescue_jobs, rescue_overdue_jobs, resume_all, resume_queue, retain_jobs, retry_completed_job,
    retry_job, retry_jobs, snooze_job, update_job,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    op::{Change, Choice, Ending, Handled, New, Op, PERIOD, Sameness, Step, Verb, Whose},
    row::{Answer, Refusal, Row},
};
use crate::support::{Db, End, Plain, START, Tx};

pub struct Subject<'d> {
    db: &'d Db,
    connection: Plain,
    client: Client,
    clock: Clock,
    memory: Memory,
}

/// What the test knows of the database.
#[derive(Clone, Default)]
struct Memory {
    /// Of every job there has been, in the order of inserts.
    ids: Vec<i64>,
    claims: Vec<Job>,
    keys: Vec<Vec<u8>>,
}

/// What a call has answered, before the ids in it are known.
enum Told {
    Nothing,
    Jobs(Vec<Job>),
    Inserted(Vec<Inserted>),
    Count(usize),
    Changed(usize, usize),
}

impl<'d> Subject<'d> {
    pub fn new(db: &'d Db) -> Subject<'d> {
        let (client, clock) = client_at_start(db);
        Subject { db, connection: db.connection().unwrap(), client, clock, memory: Memory::default() }
    }

    /// No jobs, and the clock set back.
    pub fn begin_anew(&mut self) {
        self.plainly("DELETE FROM drip_job");
        self.plainly("DELETE FROM drip_queue");
        (self.client, self.clock) = client_at_start(self.db);
        self.memory = Memory::default();
    }

    /// Runs plain SQL, behind the library's back.
    pub fn plainly(&mut self, sql: &str) {
        let (_, ended) = self.connection.ended_by(self.clock.now(), |_| End::Commit, |tx| tx.execute(sql).unwrap());
        ended.unwrap();
    }

    pub fn perform(&mut self, step: &Step) -> Vec<(Answer, Vec<Row>)> {
        match step {
            Step::Own(op) => {
                let told = ask(op, AnySession::new(&self.client), &mut self.memory);
                vec![self.seen(told)]
            }
            Step::Callers(ops, end) => self.in_transaction(ops, *end),
            Step::Advance(by) => {
                self.clock.advance(*by);
                vec![self.seen(Ok(Told::Nothing))]
            }
            Step::WorkOnce { queues, kinds, answer } => {
                let told = work_once(&self.client, queues, kinds, *answer);
                vec![self.seen(told)]
            }
        }
    }

    fn in_transaction(&mut self, ops: &[Op], end: End) -> Vec<(Answer, Vec<Row>)> {
        let before = self.memory.clone();
        let memory = &mut self.memory;
        let work = |tx: &mut Tx<'_, '_>| -> Vec<_> {
            let one = |op: &Op| {
                let told = ask(op, tx.on(), memory);
                let rows = memory.look(tx);
                (memory.answer(told), rows)
            };
            ops.iter().map(one).collect()
        };
        let (mut seen, ended) = self.connection.ended_by(self.clock.now(), |_| end, work);
        ended.unwrap();
        if end == End::Rollback {
            self.memory = before;
        }
        seen.push(self.seen(Ok(Told::Nothing)));
        seen
    }

    fn seen(&mut self, told: Result<Told>) -> (Answer, Vec<Row>) {
        let memory = &mut self.memory;
        let (rows, ended) = self.connection.ended_by(self.clock.now(), |_| End::Commit, |tx| memory.look(tx));
        ended.unwrap();
        (memory.answer(told), rows)
    }
}

fn client_at_start(db: &Db) -> (Client, Clock) {
    let clock = Clock::at(START.parse().unwrap());
    (Client::builder().clock(clock.clone()).connect(&db.url).unwrap(), clock)
}

impl Memory {
    /// All jobs that there are; new ones are remembered.
    fn look(&mut self, tx: &mut Tx<'_, '_>) -> Vec<Row> {
        let listed = list_jobs(tx.on(), &JobFilter::new(), Page::oldest_first().limit(1000)).unwrap();
        assert!(listed.next.is_none(), "more jobs than this test can compare");
        let last = self.ids.last().copied().unwrap_or_default();
        self.ids.extend(listed.jobs.iter().map(|job| job.id).filter(|id| *id > last));
        // The one column that a job does not show.
        let masks = tx.texts("SELECT COALESCE(CAST(unique_states AS char(5)), '') FROM drip_job ORDER BY id");
        assert_eq!(masks.len(), listed.jobs.len());
        listed.jobs.into_iter().zip(masks).map(|(job, mask)| self.row(job, &mask)).collect()
    }

    fn row(&mut self, job: Job, mask: &str) -> Row {
        let key = job.unique_key.clone().map(|key| self.key(key));
        let mask: u8 = if mask.is_empty() { 0 } else { mask.trim().parse().unwrap() };
        let held = State::ALL.into_iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, state)| state);
        Row::of(job.clone(), self.place(job.id), key, held.collect())
    }

    /// The number of a key.
    fn key(&mut self, key: Vec<u8>) -> usize {
        let known = self.keys.iter().position(|known| *known == key);
        known.unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        })
    }

    /// The place of an id; 0 for one that nobody had.
    fn place(&self, id: i64) -> usize {
        self.ids.binary_search(&id).map_or(0, |index| index + 1)
    }

    /// The id of a job, counted back from the newest; beyond the oldest there is none.
    fn id(&self, back: usize) -> i64 {
        self.ids.len().checked_sub(back.saturating_add(1)).map_or(-1, |index| self.ids[index])
    }

    fn target(&self, whose: Whose) -> Target {
        match whose {
            Whose::Claim(back) if back < self.claims.len() => (&self.claims[self.claims.len() - 1 - back]).into(),
            Whose::Claim(_) => (-1).into(),
            Whose::Job(back) => self.id(back).into(),
        }
    }

    /// The jobs of an answer show no states in which they hold their keys.
    fn answer(&mut self, told: Result<Told>) -> Answer {
        match told {
            Ok(Told::Nothing) => Answer::Nothing,
            Ok(Told::Jobs(jobs)) => Answer::Jobs(jobs.into_iter().map(|job| self.row(job, "")).collect()),
            Ok(Told::Inserted(inserted)) => {
                let one = |one: Inserted| (!one.is_duplicate(), self.row(one.into_job(), ""));
                Answer::Inserted(inserted.into_iter().map(one).collect())
            }
            Ok(Told::Count(count)) => Answer::Count(count),
            Ok(Told::Changed(changed, skipped)) => Answer::Changed(changed, skipped),
            Err(error) => Answer::Refused(Refusal::of(&error, |id| self.place(id))),
        }
    }
}

fn ask(op: &Op, on: AnySession<'_>, memory: &mut Memory) -> Result<Told> {
    Ok(match op {
        Op::Insert(jobs) => Told::Inserted(match &jobs[..] {
            [one] => vec![insert_job(on, new_job(one))?],
            many => insert_many(on, many.iter().map(new_job))?,
        }),
        Op::InsertFast(jobs) => Told::Count(insert_many_fast(on, jobs.iter().map(new_job))?),
        Op::Fetch { queue, worker, limit } => {
            let claimed = fetch_jobs(on, queue, worker, *limit)?;
            memory.claims.extend(claimed.iter().cloned());
            Told::Jobs(claimed)
        }
        Op::Settle(ending, whose) => Told::Jobs(vec![settle(on, *ending, memory.target(*whose))?]),
        Op::Operate(Verb::Rescue, back) => in_bulk(on, Verb::Rescue, &JobFilter::new().id(memory.id(*back)))?,
        Op::Operate(verb, back) => Told::Jobs(vec![operate(on, *verb, memory.id(*back))?]),
        Op::Update(back, changes) => Told::Jobs(vec![update_job(on, memory.id(*back), job_update(changes))?]),
        Op::Bulk(verb, states, queue) => {
            in_bulk(on, *verb, &JobFilter::new().states(states.iter().copied()).queue(*queue))?
        }
        Op::RescueOverdue(span) => Told::Count(rescue_overdue_jobs(on, &RescueAfter::new(*span))?),
        Op::Promote => Told::Count(promote_jobs(on)?),
        Op::Expire => Told::Count(expire_jobs(on)?),
        Op::Retain(span) => {
            let retention = Retention::forever().completed(*span).cancelled(*span).discarded(*span);
            Told::Count(retain_jobs(on, &retention)?)
        }
        Op::Pause(Some(queue)) => pause_queue(on, queue).map(|_| Told::Nothing)?,
        Op::Pause(None) => pause_all(on).map(|()| Told::Nothing)?,
        Op::Resume(Some(queue)) => resume_queue(on, queue).map(|_| Told::Nothing)?,
        Op::Resume(None) => resume_all(on).map(|()| Told::Nothing)?,
    })
}

fn settle(on: AnySession<'_>, ending: Ending, target: Target) -> Result<Job> {
    match ending {
        Ending::Complete => complete_job(on, target),
        Ending::Fail(delay) => fail_job(on, target, Failure::new("boom").retry(steadily(delay))),
        Ending::Snooze(delay) => snooze_job(on, target, delay),
        Ending::Cancel => cancel_job(on, target),
        Ending::Discard => discard_job(on, target),
        Ending::Output(n) => record_output(on, target, json!(n)),
    }
}

fn steadily(delay: Duration) -> RetryPolicy {
    RetryPolicy::constant(delay).jitter(0.0)
}

fn operate(on: AnySession<'_>, verb: Verb, id: i64) -> Result<Job> {
    match verb {
        Verb::Retry => retry_job(on, id),
        Verb::RetryCompleted => retry_completed_job(on, id),
        Verb::Release => release_job(on, id),
        Verb::Delete => delete_job(on, id),
        Verb::Cancel => cancel_job(on, id),
        Verb::Discard => discard_job(on, id),
        Verb::Rescue => unreachable!("is of many"),
    }
}

fn in_bulk(on: AnySession<'_>, verb: Verb, filter: &JobFilter) -> Result<Told> {
    let changed = match verb {
        Verb::Retry => retry_jobs(on, filter)?,
        Verb::Cancel => cancel_jobs(on, filter)?,
        Verb::Discard => discard_jobs(on, filter)?,
        Verb::Rescue => rescue_jobs(on, filter)?,
        Verb::Delete => return Ok(Told::Count(delete_jobs(on, filter)?)),
        Verb::RetryCompleted | Verb::Release => unreachable!("is of one"),
    };
    Ok(Told::Changed(changed.changed, changed.skipped))
}

fn work_once(client: &Client, queues: &[&'static str], kinds: &[&str], answer: Handled) -> Result<Told> {
    let handler = move |_: &Context, _: Value| match answer {
        Handled::Complete => Ok(Outcome::Complete),
        Handled::Output(n) => Ok(Outcome::CompleteWith(json!(n))),
        Handled::Snooze(delay) => Ok(Outcome::Snooze(delay)),
        Handled::Cancel => Ok(Outcome::Cancel("no need".into())),
        Handled::Discard => Ok(Outcome::Discard("no hope".into())),
        Handled::Fail(_) => Err(Error::other("boom")),
    };
    let worker = Worker::new(client).label("once");
    let worker = if let Handled::Fail(delay) = answer { worker.retry(steadily(delay)) } else { worker };
    let worker = queues.iter().fold(worker, |worker, queue| worker.queue(*queue));
    let worker = kinds.iter().fold(worker, |worker, kind| worker.handle_kind(*kind, handler));
    Ok(match worker.work_once()? {
        Worked::Done(job) | Worked::Failed(job) => Told::Jobs(vec![job]),
        _ => Told::Nothing,
    })
}

fn new_job(new: &New) -> NewJob {
    new.options.iter().fold(NewJob::new(new.kind, json!({"n": new.n})), |job, choice| match choice {
        Choice::Queue(queue) => job.queue(*queue),
        Choice::Priority(priority) => job.priority(*priority),
        Choice::MaxAttempts(attempts) => job.max_attempts(*attempts),
        Choice::At(seconds) => job.scheduled_at(at(*seconds)),
        Choice::Delay(delay) => job.delay(*delay),
        Choice::Tag(tag) => job.tags([*tag]),
        Choice::Metadata(n) => job.metadata_entry("m", json!({"n": n})),
        Choice::Timeout(timeout) => job.timeout(*timeout),
        Choice::Ttl(ttl) => job.ttl(*ttl),
        Choice::Ephemeral => job.ephemeral(),
        Choice::Pending => job.pending(),
        Choice::Unique(sameness) => job.unique(unique(sameness)),
    })
}

fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = START.parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

fn unique(sameness: &Sameness) -> Unique {
    let on_duplicate = if sameness.replace { OnDuplicate::Replace } else { OnDuplicate::Keep };
    let mut unique = Unique::new().on_duplicate(on_duplicate);
    if sameness.by_args {
        unique = unique.by_args();
    }
    if sameness.by_queue {
        unique = unique.by_queue();
    }
    if sameness.exclude_kind {
        unique = unique.exclude_kind();
    }
    if sameness.by_period {
        unique = unique.by_period(PERIOD);
    }
    match sameness.states {
        Some(states) => unique.by_states(states.iter().copied()),
        None => unique,
    }
}

fn job_update(changes: &[Change]) -> JobUpdate {
    changes.iter().fold(JobUpdate::new(), |update, change| match change {
        Change::To(Choice::Queue(queue)) => update.queue(*queue),
        Change::To(Choice::Priority(priority)) => update.priority(*priority),
        Change::To(Choice::MaxAttempts(attempts)) => update.max_attempts(*attempts),
        Change::To(Choice::At(seconds)) => update.scheduled_at(at(*seconds)),
        Change::To(Choice::Tag(tag)) => update.tags([*tag]),
        Change::To(Choice::Metadata(n)) => update.merge_metadata(json!({"m": {"n": n}})),
        Change::To(Choice::Timeout(timeout)) => update.timeout(*timeout),
        Change::To(Choice::Ttl(ttl)) => update.ttl(*ttl),
        Change::To(Choice::Ephemeral) => update.ephemeral(true),
        // There is nothing like it for a job that is there.
        Change::To(Choice::Delay(_) | Choice::Pending | Choice::Unique(_)) => update,
        Change::Args(n) => update.args(json!({"n": n})),
        Change::NoTtl => update.ttl(None),
        Change::NoTimeout => update.timeout(None),
        Change::Lasting => update.ephemeral(false),
    })
}
