//! One database, and what it shows of each step: with the places of jobs in the order of inserts instead of their ids,
//! which need not be the same everywhere.

use std::{error::Error as _, time::Duration};

use drip::{
    AnySession, Client, Clock, Cursor, Dialect, Error, Inserted, Job, JobFilter, Listed, Page, Result, Target,
    cancel_job, cancel_jobs, complete_job, count_jobs, delete_job, delete_jobs, discard_job, discard_jobs, expire_jobs,
    fail_job, fetch_jobs, get_job, get_queue, insert_job, insert_many, insert_many_fast, list_jobs, list_queues,
    pause_all, pause_queue, promote_jobs, record_output, release_job, renew_lease, rescue_jobs, resume_all,
    resume_queue, retry_completed_job, retry_job, retry_jobs, snooze_job, swap_job, update_job, upsert_queue,
};

use super::{
    step::{Ending, Operation, Step, Sweep, Switch, Verb, Whose},
    which::{Paging, Which},
};
use crate::support::{Db, End, Place, START, Tx};

pub struct Side {
    db: Db,
    memory: Memory,
}

/// What a call has answered, and all jobs after it.
#[derive(Debug, PartialEq)]
pub struct Moment {
    pub answer: String,
    pub jobs: Vec<Job>,
}

impl Side {
    /// A database of this kind, if there is one.
    pub fn of(dialect: Dialect) -> Option<Side> {
        Some(Side { db: Db::of(dialect, Place::Own)?, memory: Memory::default() })
    }

    pub fn dialect(&self) -> Dialect {
        self.db.dialect
    }

    /// No jobs, and the clock set back.
    pub fn begin_anew(&mut self) {
        self.db.execute("DELETE FROM drip_job; DELETE FROM drip_queue");
        self.db.clock = Clock::at(START.parse().unwrap());
        self.db.client = Client::builder().clock(self.db.clock.clone()).connect(&self.db.url).unwrap();
        self.memory = Memory::default();
    }

    pub fn perform(&mut self, step: &Step) -> Vec<Moment> {
        let Side { db, memory } = self;
        let own = &mut Where::Client(&db.client);
        match step {
            Step::Own(verb) => vec![memory.after(verb, own)],
            Step::Callers(verbs, end) => {
                let before = (memory.ids.len(), memory.claims.len());
                let in_it = |tx: &mut Tx<'_, '_>| {
                    verbs.iter().map(|verb| memory.after(verb, &mut Where::Tx(tx))).collect::<Vec<_>>()
                };
                let (mut moments, ended) = db.ended(*end, in_it);
                ended.unwrap();
                if *end == End::Rollback {
                    memory.ids.truncate(before.0);
                    memory.claims.truncate(before.1);
                }
                moments.push(memory.now("ended".to_owned(), own));
                moments
            }
            Step::Advance(by) => {
                db.clock.advance(*by);
                vec![memory.now("advanced".to_owned(), own)]
            }
        }
    }
}

enum Where<'p, 't, 'c> {
    Client(&'p Client),
    Tx(&'p mut Tx<'t, 'c>),
}

impl Where<'_, '_, '_> {
    fn on(&mut self) -> AnySession<'_> {
        match self {
            Where::Client(client) => AnySession::new(*client),
            Where::Tx(tx) => tx.on(),
        }
    }
}

/// What an answer holds; how it is shown waits until the ids of new jobs are known.
enum Answer {
    Jobs(Vec<(&'static str, Job)>),
    Listed(Listed, bool),
    Figures(String),
}

impl From<Job> for Answer {
    fn from(job: Job) -> Answer {
        Answer::Jobs(vec![("", job)])
    }
}

impl From<Vec<Inserted>> for Answer {
    fn from(inserted: Vec<Inserted>) -> Answer {
        let labelled = |one: Inserted| (if one.is_duplicate() { "duplicate" } else { "new" }, one.into_job());
        Answer::Jobs(inserted.into_iter().map(labelled).collect())
    }
}

/// What the test knows of a database.
#[derive(Default)]
struct Memory {
    /// Of every job there has been, in the order of inserts.
    ids: Vec<i64>,
    claims: Vec<Job>,
}

impl Memory {
    /// Makes a call and looks around.
    fn after(&mut self, verb: &Verb, place: &mut Where<'_, '_, '_>) -> Moment {
        let answer = self.ask(verb, place.on());
        let jobs = self.look(place);
        let answer = match answer {
            Ok(answer) => self.shown(answer),
            Err(error) => self.told(&error),
        };
        Moment { answer, jobs }
    }

    fn now(&mut self, answer: String, place: &mut Where<'_, '_, '_>) -> Moment {
        Moment { answer, jobs: self.look(place) }
    }

    /// All jobs there are; new ones are remembered.
    fn look(&mut self, place: &mut Where<'_, '_, '_>) -> Vec<Job> {
        let listed = list_jobs(place.on(), &JobFilter::new(), Page::oldest_first().limit(1000)).unwrap();
        assert!(listed.next.is_none(), "more jobs than this test can compare");
        let last = self.ids.last().copied().unwrap_or_default();
        self.ids.extend(listed.jobs.iter().map(|job| job.id).filter(|id| *id > last));
        listed.jobs.into_iter().map(|job| self.placed(job)).collect()
    }

    /// The id of a job, counted back from the newest; beyond the oldest there is none.
    fn id(&self, back: usize) -> i64 {
        if back < self.ids.len() { self.ids[self.ids.len() - 1 - back] } else { -1 }
    }

    fn target(&self, whose: Whose) -> Target {
        match whose {
            Whose::Claim(back) if back < self.claims.len() => (&self.claims[self.claims.len() - 1 - back]).into(),
            Whose::Claim(_) => (-1).into(),
            Whose::Job(back) => self.id(back).into(),
        }
    }

    fn filter(&self, which: &Which) -> JobFilter {
        let mut filter = which.filter.clone();
        if let Some(jobs) = &which.jobs {
            filter = filter.ids(jobs.iter().map(|place| self.id(*place)));
        }
        match which.range {
            Some((from, to)) => filter.id_range(self.id(from)..=self.id(to)),
            None => filter,
        }
    }

    fn page(&self, paging: &Paging) -> Page {
        let page = if paging.newest_first { Page::newest_first() } else { Page::oldest_first() };
        match paging.cursor {
            Some((true, place)) => page.limit(paging.limit).at(Cursor::after(self.id(place))),
            Some((false, place)) => page.limit(paging.limit).at(Cursor::before(self.id(place))),
            None => page.limit(paging.limit),
        }
    }

    fn ask(&mut self, verb: &Verb, on: AnySession<'_>) -> Result<Answer> {
        Ok(match verb {
            Verb::Insert(job) => vec![insert_job(on, job.clone())?].into(),
            Verb::InsertMany(jobs) => insert_many(on, jobs.clone())?.into(),
            Verb::InsertFast(jobs) => Answer::Figures(insert_many_fast(on, jobs.clone())?.to_string()),
            Verb::Fetch { queue, worker, limit } => {
                let claimed = fetch_jobs(on, queue, worker, *limit)?;
                self.claims.extend(claimed.iter().cloned());
                Answer::Jobs(claimed.into_iter().map(|job| ("", job)).collect())
            }
            Verb::Settle(ending, whose) => settle(on, ending, self.target(*whose))?.into(),
            Verb::Operate(operation, place) => operate(on, *operation, self.id(*place))?,
            Verb::Update(place, update) => update_job(on, self.id(*place), update.clone())?.into(),
            Verb::Swap(place, update, agrees) => swap_job(on, self.id(*place), |job| {
                let more = update.clone().merge_metadata(serde_json::json!({"n": job.attempt}));
                agrees.then_some(more).ok_or_else(|| Error::other("not this one"))
            })?
            .into(),
            Verb::Bulk(operation, which) => Answer::Figures(in_bulk(on, *operation, &self.filter(which))?),
            Verb::List(which, paging) => {
                let listed = list_jobs(on, &self.filter(which), self.page(paging))?;
                Answer::Listed(listed, paging.newest_first)
            }
            Verb::Count(which) => Answer::Figures(format!("{:?}", count_jobs(on, &self.filter(which))?)),
            Verb::Sweep(sweep) => Answer::Figures(sweep_up(on, *sweep)?),
            Verb::Queue(switch, queue) => Answer::Figures(turn(on, switch, queue)?),
        })
    }

    fn placed(&self, job: Job) -> Job {
        let mut job = job;
        job.id = self.place(job.id);
        job
    }

    /// The place of an id: 1 for the first job; for an id that no job had, how many have smaller ones, in the negative.
    fn place(&self, id: i64) -> i64 {
        match self.ids.binary_search(&id) {
            Ok(index) => index as i64 + 1,
            Err(index) => -(index as i64),
        }
    }

    fn shown(&self, answer: Answer) -> String {
        match answer {
            Answer::Jobs(jobs) => {
                let jobs: Vec<_> = jobs.into_iter().map(|(label, job)| (label, self.placed(job))).collect();
                format!("{jobs:#?}")
            }
            Answer::Listed(listed, newest_first) => {
                let cursors = [listed.previous, listed.next].map(|cursor| self.leads_to(cursor?, newest_first));
                let jobs: Vec<_> = listed.jobs.into_iter().map(|job| self.placed(job)).collect();
                format!("{jobs:#?}, before and after that {cursors:?}")
            }
            Answer::Figures(text) => text,
        }
    }

    /// How many jobs there have been beyond a cursor.
    fn leads_to(&self, cursor: Cursor, newest_first: bool) -> Option<usize> {
        let text = cursor.to_string();
        let (side, id) = text.split_once(':')?;
        let id: i64 = id.parse().ok()?;
        let towards_smaller = newest_first == (side == "after");
        let smaller = self.ids.partition_point(|known| *known < id);
        let larger = self.ids.len() - self.ids.partition_point(|known| *known <= id);
        Some(if towards_smaller { smaller } else { larger })
    }

    /// An error's kind, and its text as far as that is the library's own.
    fn told(&self, error: &Error) -> String {
        let kinds = [
            ("invalid", error.is_invalid_input()),
            ("not found", error.is_not_found()),
            ("wrong state", error.is_wrong_state()),
            ("lost claim", error.is_lost_claim()),
            ("conflict", error.is_unique_conflict()),
            ("the test's own", error.to_string() == "not this one"),
        ];
        let kinds: Vec<_> = kinds.iter().filter(|(_, is)| *is).map(|(kind, _)| kind).collect();
        assert!(!kinds.is_empty() && !error.is_transient(), "no such error was asked for: {error}");
        let holder = error.conflicting_job().map(|id| self.place(id));
        format!("{kinds:?} {:?} {holder:?} {}", error.state(), self.text(error))
    }

    fn text(&self, error: &Error) -> String {
        let text = error.to_string();
        let drivers = error.source().map(|source| source.to_string()).unwrap_or_default();
        let first_line = drivers.lines().next().unwrap_or_default();
        let own = text.split(&format!(": {first_line}")).next().filter(|_| !first_line.is_empty()).unwrap_or(&text);
        let mut shown = String::new();
        for (n, piece) in own.split("job ").enumerate() {
            let digits = piece.len() - piece.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit()).len();
            match piece[..digits].parse() {
                Ok(id) if n > 0 && !piece[digits..].starts_with(" of the batch") => {
                    shown += &format!("job #{}{}", self.place(id), &piece[digits..]);
                }
                _ => shown += piece,
            }
        }
        shown
    }
}

fn settle(on: AnySession<'_>, ending: &Ending, target: Target) -> Result<Job> {
    match ending {
        Ending::Complete => complete_job(on, target),
        Ending::Fail(failure) => fail_job(on, target, failure.clone()),
        Ending::Snooze(delay) => snooze_job(on, target, *delay),
        Ending::Cancel => cancel_job(on, target),
        Ending::Discard => discard_job(on, target),
        Ending::Output(output) => record_output(on, target, output.clone()),
    }
}

fn operate(on: AnySession<'_>, operation: Operation, id: i64) -> Result<Answer> {
    let job = match operation {
        Operation::Get => {
            return Ok(Answer::Jobs(get_job(on, id)?.into_iter().map(|job| ("", job)).collect()));
        }
        Operation::Retry => retry_job(on, id),
        Operation::RetryCompleted => retry_completed_job(on, id),
        Operation::Release => release_job(on, id),
        Operation::Delete => delete_job(on, id),
        Operation::Cancel => cancel_job(on, id),
        Operation::Discard => discard_job(on, id),
        Operation::Rescue => unreachable!("is of many only"),
    };
    job.map(Answer::from)
}

/// Of the operations that there are for many jobs the one that is nearest.
fn in_bulk(on: AnySession<'_>, operation: Operation, filter: &JobFilter) -> Result<String> {
    let changed = match operation {
        Operation::Retry | Operation::RetryCompleted | Operation::Release => retry_jobs(on, filter),
        Operation::Get | Operation::Delete => return Ok(delete_jobs(on, filter)?.to_string()),
        Operation::Cancel => cancel_jobs(on, filter),
        Operation::Discard => discard_jobs(on, filter),
        Operation::Rescue => rescue_jobs(on, filter),
    };
    changed.map(|changed| format!("{changed:?}"))
}

fn sweep_up(on: AnySession<'_>, sweep: Sweep) -> Result<String> {
    Ok(match sweep {
        Sweep::Promote => promote_jobs(on)?.to_string(),
        Sweep::Expire => expire_jobs(on)?.to_string(),
        Sweep::RenewLease(worker) => format!("{:?}", renew_lease(on, worker, Duration::from_secs(30))?),
        Sweep::ListQueues => format!("{:#?}", list_queues(on)?),
    })
}

fn turn(on: AnySession<'_>, switch: &Switch, queue: &str) -> Result<String> {
    Ok(match switch {
        Switch::Pause => format!("{:?}", pause_queue(on, queue)?),
        Switch::Resume => format!("{:?}", resume_queue(on, queue)?),
        Switch::PauseAll => format!("{:?}", pause_all(on)?),
        Switch::ResumeAll => format!("{:?}", resume_all(on)?),
        Switch::Upsert(metadata) => format!("{:?}", upsert_queue(on, queue, metadata.clone())?),
        Switch::Get => format!("{:?}", get_queue(on, queue)?),
    })
}
