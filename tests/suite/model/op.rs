//! What can be done to the queue, as data: plain enough for the model to read, and for a failure to be made smaller.
//!
//! Jobs are named by how many were inserted after them, claims by how many were made after them. The values come from short
//! lists, so that jobs meet: in queues, by unique keys, at the same microsecond.

use std::time::Duration;

use drip::State;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::support::End;

/// One step of a test.
#[derive(Debug, Clone)]
pub enum Step {
    Own(Op),
    /// In one transaction of the caller's.
    Callers(Vec<Op>, End),
    Advance(Duration),
    /// One job, run in this thread by a worker of these queues and kinds.
    WorkOnce {
        queues: Vec<&'static str>,
        kinds: Vec<&'static str>,
        answer: Handled,
    },
}

#[derive(Debug, Clone)]
pub enum Op {
    /// One alone, or several together.
    Insert(Vec<New>),
    InsertFast(Vec<New>),
    Fetch {
        queue: &'static str,
        worker: &'static str,
        limit: usize,
    },
    Settle(Ending, Whose),
    Operate(Verb, usize),
    Update(usize, Vec<Change>),
    /// All jobs in these states and this queue.
    Bulk(Verb, Vec<State>, &'static str),
    RescueOverdue(Duration),
    Promote,
    Expire,
    /// What has ended for so long goes, whatever its state.
    Retain(Duration),
    /// One queue, or all.
    Pause(Option<&'static str>),
    Resume(Option<&'static str>),
}

/// A job to be inserted, with the args `{"n": n}`. Of options that exclude each other the last one counts.
#[derive(Debug, Clone)]
pub struct New {
    pub kind: &'static str,
    pub n: u8,
    pub options: Vec<Choice>,
}

#[derive(Debug, Clone)]
pub enum Choice {
    Queue(&'static str),
    Priority(u8),
    MaxAttempts(u32),
    /// So many seconds after the start of the test.
    At(i64),
    Delay(Duration),
    Tag(&'static str),
    Metadata(u8),
    Timeout(Duration),
    Ttl(Duration),
    Ephemeral,
    Pending,
    Unique(Sameness),
}

/// What makes a job unique.
#[derive(Debug, Clone)]
pub struct Sameness {
    pub by_args: bool,
    pub by_queue: bool,
    pub exclude_kind: bool,
    pub by_period: bool,
    /// `None`: the default.
    pub states: Option<&'static [State]>,
    pub replace: bool,
}

/// The period of those that have one.
pub const PERIOD: Duration = Duration::from_secs(3600);

/// What is changed in a job.
#[derive(Debug, Clone)]
pub enum Change {
    To(Choice),
    Args(u8),
    NoTtl,
    NoTimeout,
    Lasting,
}

#[derive(Debug, Clone, Copy)]
pub enum Ending {
    Complete,
    /// With this much until the next attempt.
    Fail(Duration),
    Snooze(Duration),
    Cancel,
    Discard,
    Output(u8),
}

/// What a handler answers.
#[derive(Debug, Clone, Copy)]
pub enum Handled {
    Complete,
    Output(u8),
    Snooze(Duration),
    Cancel,
    Discard,
    Fail(Duration),
}

/// By what right: of a claim, or of an operator.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    Claim(usize),
    Job(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Retry,
    RetryCompleted,
    Release,
    Delete,
    Cancel,
    Discard,
    Rescue,
}

pub const QUEUES: &[&str] = &["default", "default", "mail"];
pub const KINDS: &[&str] = &["a", "a", "b"];
const WORKERS: &[&str] = &["w1", "w2"];
const TAGS: &[&str] = &["red", "blue"];
/// The verbs that there are for all jobs that a filter leaves.
const MANY: &[Verb] = &[Verb::Retry, Verb::Cancel, Verb::Discard, Verb::Delete, Verb::Rescue];
/// In seconds.
const TIMES: &[i64] = &[-1, 0, 1, 60, 3600, 86_400];
/// In milliseconds.
const SPANS: &[u64] = &[1, 1000, 1000, 60_000, 3_600_000, 86_400_000];

/// The states in which a key is held.
const HELD: &[Option<&[State]>] = &[
    None,
    None,
    Some(&[State::Available]),
    Some(&[State::Running]),
    Some(&[State::Available, State::Running]),
    Some(&[State::Scheduled, State::Retryable]),
    Some(&[State::Completed]),
    Some(&[State::Discarded, State::Cancelled]),
    Some(&State::ALL),
];

pub fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), count)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        14 => op().prop_map(Step::Own),
        3 => (vec(op(), 1..5), select(vec![End::Commit, End::Rollback])).prop_map(|(ops, end)| Step::Callers(ops, end)),
        4 => span().prop_map(Step::Advance),
        3 => (select(vec![vec!["default"], vec!["mail", "default"], vec!["default", "mail"]]),
              select(vec![vec!["a"], vec!["b"], vec!["a", "b"]]), handled())
            .prop_map(|(queues, kinds, answer)| Step::WorkOnce { queues, kinds, answer }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => new_job(true).prop_map(|new| Op::Insert(vec![new])),
        2 => vec(new_job(true), 0..5).prop_map(Op::Insert),
        1 => vec(new_job(false), 0..5).prop_map(Op::InsertFast),
        8 => (select(QUEUES), select(WORKERS), 1..5_usize)
            .prop_map(|(queue, worker, limit)| Op::Fetch { queue, worker, limit }),
        10 => (ending(), whose()).prop_map(|(ending, whose)| Op::Settle(ending, whose)),
        5 => (verb(), place()).prop_map(|(verb, job)| Op::Operate(verb, job)),
        3 => (place(), vec(change(), 0..3)).prop_map(|(job, changes)| Op::Update(job, changes)),
        1 => (select(MANY), vec(select(&State::ALL[..]), 1..4), select(QUEUES))
            .prop_map(|(verb, states, queue)| Op::Bulk(verb, states, queue)),
        1 => span().prop_map(Op::RescueOverdue),
        4 => Just(Op::Promote),
        2 => Just(Op::Expire),
        1 => span().prop_map(Op::Retain),
        1 => named_or_all().prop_map(Op::Pause),
        // More often, for where all queues are paused little happens.
        3 => named_or_all().prop_map(Op::Resume),
    ]
}

fn new_job(may_be_unique: bool) -> impl Strategy<Value = New> {
    let choices = match may_be_unique {
        true => prop_oneof![2 => choice(), 1 => sameness().prop_map(Choice::Unique)].boxed(),
        false => choice().boxed(),
    };
    (select(KINDS), 0..2_u8, vec(choices, 0..4)).prop_map(|(kind, n, options)| New { kind, n, options })
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        2 => select(QUEUES).prop_map(Choice::Queue),
        2 => (1..=4_u8).prop_map(Choice::Priority),
        4 => (1..=2_u32).prop_map(Choice::MaxAttempts),
        2 => select(TIMES).prop_map(Choice::At),
        2 => span().prop_map(Choice::Delay),
        1 => select(TAGS).prop_map(Choice::Tag),
        1 => (0..3_u8).prop_map(Choice::Metadata),
        1 => span().prop_map(Choice::Timeout),
        2 => span().prop_map(Choice::Ttl),
        1 => Just(Choice::Ephemeral),
        2 => Just(Choice::Pending),
    ]
}

fn sameness() -> impl Strategy<Value = Sameness> {
    let seldom = || proptest::bool::weighted(0.2);
    (seldom(), seldom(), seldom(), seldom(), select(HELD), any::<bool>()).prop_map(
        |(by_args, by_queue, exclude_kind, by_period, states, replace)| Sameness {
            by_args,
            by_queue,
            exclude_kind,
            by_period,
            states,
            replace,
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => choice().prop_map(Change::To),
        1 => (0..2_u8).prop_map(Change::Args),
        1 => Just(Change::NoTtl),
        1 => Just(Change::NoTimeout),
        1 => Just(Change::Lasting),
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        3 => Just(Ending::Complete),
        4 => span().prop_map(Ending::Fail),
        2 => span().prop_map(Ending::Snooze),
        1 => Just(Ending::Cancel),
        1 => Just(Ending::Discard),
        1 => (0..3_u8).prop_map(Ending::Output),
    ]
}

fn handled() -> impl Strategy<Value = Handled> {
    prop_oneof![
        3 => Just(Handled::Complete),
        1 => (0..3_u8).prop_map(Handled::Output),
        1 => span().prop_map(Handled::Snooze),
        1 => Just(Handled::Cancel),
        1 => Just(Handled::Discard),
        2 => span().prop_map(Handled::Fail),
    ]
}

fn whose() -> impl Strategy<Value = Whose> {
    prop_oneof![3 => (0..4_usize).prop_map(Whose::Claim), 1 => place().prop_map(Whose::Job)]
}

fn verb() -> impl Strategy<Value = Verb> {
    use Verb::*;
    select(vec![Retry, Retry, RetryCompleted, Release, Release, Delete, Cancel, Discard, Rescue])
}

/// Beyond the oldest: of a job that there is not.
fn place() -> impl Strategy<Value = usize> {
    prop_oneof![9 => 0..8_usize, 2 => 0..30_usize, 1 => Just(usize::MAX)]
}

fn span() -> impl Strategy<Value = Duration> {
    select(SPANS).prop_map(Duration::from_millis)
}

fn named_or_all() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![2 => select(QUEUES).prop_map(Some), 1 => Just(None)]
}

impl Step {
    /// The same step with a little less in it, in every way there is.
    pub fn smaller(&self) -> Vec<Step> {
        match self {
            Step::Own(op) => op.smaller().into_iter().map(Step::Own).collect(),
            Step::Callers(ops, end) => {
                let fewer = without_one(ops).into_iter().filter(|ops| !ops.is_empty());
                let alone = ops.iter().filter(|_| ops.len() == 1).cloned().map(Step::Own);
                alone.chain(fewer.map(|ops| Step::Callers(ops, *end))).collect()
            }
            Step::Advance(_) | Step::WorkOnce { .. } => Vec::new(),
        }
    }
}

impl Op {
    fn smaller(&self) -> Vec<Op> {
        match self {
            Op::Insert(jobs) => fewer_or_plainer(jobs).into_iter().map(Op::Insert).collect(),
            Op::InsertFast(jobs) => fewer_or_plainer(jobs).into_iter().map(Op::InsertFast).collect(),
            Op::Update(job, changes) => without_one(changes).into_iter().map(|less| Op::Update(*job, less)).collect(),
            _ => Vec::new(),
        }
    }
}

fn fewer_or_plainer(jobs: &[New]) -> Vec<Vec<New>> {
    let plainer = jobs.iter().enumerate().flat_map(|(at, job)| {
        without_one(&job.options).into_iter().map(move |options| {
            let mut jobs = jobs.to_vec();
            jobs[at].options = options;
            jobs
        })
    });
    without_one(jobs).into_iter().filter(|jobs| !jobs.is_empty()).chain(plainer).collect()
}

fn without_one<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    let without = |at: usize| all.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, one)| one.clone()).collect();
    (0..all.len()).map(without).collect()
}
