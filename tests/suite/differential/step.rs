//! What can be called, as data: which job a call is about is said by its place in the order of inserts.
//!
//! The values come from short lists, so that jobs meet each other: in queues, by unique keys, at the same microsecond.

use std::time::Duration;

use drip::{Failure, JobUpdate, NewJob, OnDuplicate, RetryPolicy, State, Unique};
use jiff::{SignedDuration, Timestamp};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::Value;

use super::which::{Paging, Which, paging, which};
use crate::support::{End, START};

/// One move of the whole test.
#[derive(Debug, Clone)]
pub enum Step {
    /// A call through the client.
    Own(Box<Verb>),
    /// Calls in a transaction of the caller's.
    Callers(Vec<Verb>, End),
    Advance(Duration),
}

#[derive(Debug, Clone)]
pub enum Verb {
    Insert(NewJob),
    InsertMany(Vec<NewJob>),
    InsertFast(Vec<NewJob>),
    Fetch {
        queue: &'static str,
        worker: &'static str,
        limit: usize,
    },
    Settle(Ending, Whose),
    Operate(Operation, usize),
    Update(usize, JobUpdate),
    /// Whether the closure agrees.
    Swap(usize, JobUpdate, bool),
    Bulk(Operation, Which),
    List(Which, Paging),
    Count(Which),
    Sweep(Sweep),
    Queue(Switch, &'static str),
}

/// What a worker or an operator does now and then.
#[derive(Debug, Clone, Copy)]
pub enum Sweep {
    Promote,
    Expire,
    RenewLease(&'static str),
    ListQueues,
}

#[derive(Debug, Clone)]
pub enum Switch {
    Pause,
    Resume,
    PauseAll,
    ResumeAll,
    Upsert(Value),
    Get,
}

#[derive(Debug, Clone)]
pub enum Ending {
    Complete,
    Fail(Failure),
    Snooze(Duration),
    Cancel,
    Discard,
    Output(Value),
}

/// By what right: of the claim that is so many back, or of an operator.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    Claim(usize),
    Job(usize),
}

#[derive(Debug, Clone, Copy)]
pub enum Operation {
    Get,
    Retry,
    RetryCompleted,
    Release,
    Delete,
    Cancel,
    Discard,
    /// Of many only.
    Rescue,
}

pub const QUEUES: &[&str] = &["default", "default", "default", "Default", "é 📮"];
pub const KINDS: &[&str] = &["mail", "mail", "Mail", "'; --"];
pub const WORKERS: &[&str] = &["w1", "W1", "w 'é'"];
pub const TAGS: &[&str] = &["a", "A", "b", "%", "x\"y\\", "📮"];
const ARGS: &[&str] = &[
    "{}",
    r#"{"n":1}"#,
    r#"{"n":1}"#,
    r#"{ "n" : 1.0 , "m": [ null, true ] }"#,
    r#"{"n":2,"é":"📮\u0041\n' \" \\"}"#,
    r#"{"m":[null,true],"n":1.0}"#,
    r#"{"big":[18446744073709551615,-9223372036854775808,1e-308,-0.0]}"#,
];
const METADATA: &[&str] = &[
    "{}",
    r#"{"n":1,"N":{"n":null}}"#,
    r#"{"a.b":[1.5],"n":null}"#,
    r#"{"output":{"was":1},"$":"x"}"#,
    r#"{"é\"\\":"é"}"#,
];
const OUTPUTS: &[&str] = &["null", "7", r#"{"é":[1.0,-0.0,"\""]}"#, r#""\u0000""#];
const ERRORS: &[&str] = &["boom", "", "a\0b ' \" \\ 📮", "{\"error\": \"\\u0000\"}"];
/// In microseconds, from the start of the test.
const TIMES: &[i64] = &[-86_400_000_000, -1, 0, 0, 1, 1_000_000, 60_000_001, 3_600_000_000, 86_400_000_000];
/// In microseconds.
const SPANS: &[u64] = &[1_000, 1_234_567, 60_000_000, 60_000_000, 3_600_000_000, 400_000_000_000];

pub fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => verb().prop_map(|verb| Step::Own(Box::new(verb))),
        3 => (vec(verb(), 1..6), select(vec![End::Commit, End::Rollback])).prop_map(|(verbs, end)| Step::Callers(verbs, end)),
        3 => span().prop_map(Step::Advance),
    ]
}

fn verb() -> impl Strategy<Value = Verb> {
    let some_jobs = || vec(new_job(), 0..5);
    prop_oneof![
        6 => new_job().prop_map(Verb::Insert),
        2 => some_jobs().prop_map(Verb::InsertMany),
        1 => vec(job(plain_option()), 0..5).prop_map(Verb::InsertFast),
        1 => some_jobs().prop_map(Verb::InsertFast),
        7 => (select(QUEUES), select(WORKERS), prop_oneof![20 => 1..6_usize, 1 => Just(0)])
            .prop_map(|(queue, worker, limit)| Verb::Fetch { queue, worker, limit }),
        8 => (ending(), whose()).prop_map(|(ending, whose)| Verb::Settle(ending, whose)),
        4 => (operation(), place()).prop_map(|(operation, job)| Verb::Operate(operation, job)),
        3 => (place(), update()).prop_map(|(job, update)| Verb::Update(job, update)),
        1 => (place(), update(), any::<bool>()).prop_map(|(job, update, agrees)| Verb::Swap(job, update, agrees)),
        2 => (prop_oneof![8 => operation(), 1 => Just(Operation::Rescue)], which())
            .prop_map(|(operation, which)| Verb::Bulk(operation, which)),
        3 => (which(), paging()).prop_map(|(which, paging)| Verb::List(which, paging)),
        1 => which().prop_map(Verb::Count),
        4 => sweep().prop_map(Verb::Sweep),
        1 => (switch(), select(QUEUES)).prop_map(|(switch, queue)| Verb::Queue(switch, queue)),
    ]
}

fn sweep() -> impl Strategy<Value = Sweep> {
    prop_oneof![
        3 => Just(Sweep::Promote),
        1 => Just(Sweep::Expire),
        1 => select(WORKERS).prop_map(Sweep::RenewLease),
        1 => Just(Sweep::ListQueues),
    ]
}

fn switch() -> impl Strategy<Value = Switch> {
    prop_oneof![
        1 => Just(Switch::Pause),
        2 => Just(Switch::Resume),
        1 => Just(Switch::PauseAll),
        // More often, for with all queues paused little happens.
        4 => Just(Switch::ResumeAll),
        2 => metadata().prop_map(Switch::Upsert),
        1 => Just(Switch::Get),
    ]
}

fn new_job() -> impl Strategy<Value = NewJob> {
    prop_oneof![6 => job(prop_oneof![2 => plain_option(), 1 => unique().prop_map(NewOption::Unique)]), 1 => in_line()]
}

/// Jobs of which many may wait, but only one may come to its turn.
fn in_line() -> impl Strategy<Value = NewJob> {
    let turns = vec![vec![State::Available], vec![State::Running], vec![State::Available, State::Running]];
    (select(turns), span()).prop_map(|(turn, delay)| {
        NewJob::new("in line", serde_json::json!({})).delay(delay).unique(Unique::new().by_states(turn))
    })
}

fn job(options: impl Strategy<Value = NewOption>) -> impl Strategy<Value = NewJob> {
    let args = prop_oneof![40 => select(ARGS), 1 => select(&["[]", r#"{"a":"\u0000"}"#, r#"{"a":1,"a":2}"#][..])];
    (select(KINDS), args, vec(options, 0..5)).prop_map(|(kind, args, options)| {
        options.into_iter().fold(NewJob::from_json(kind, args), |job, option| option.of(job))
    })
}

#[derive(Debug, Clone)]
enum NewOption {
    Queue(&'static str),
    Priority(u8),
    MaxAttempts(u32),
    At(Timestamp),
    Delay(Duration),
    Tags(Vec<&'static str>),
    Metadata(Value),
    Unique(Unique),
    Ttl(Duration),
    Timeout(Duration),
    Ephemeral,
    Pending,
}

fn plain_option() -> impl Strategy<Value = NewOption> {
    prop_oneof![
        select(QUEUES).prop_map(NewOption::Queue),
        prop_oneof![30 => 1..=4_u8, 1 => Just(5)].prop_map(NewOption::Priority),
        prop_oneof![15 => 1..=2_u32, 1 => Just(0)].prop_map(NewOption::MaxAttempts),
        time().prop_map(NewOption::At),
        span().prop_map(NewOption::Delay),
        vec(select(TAGS), 0..3).prop_map(NewOption::Tags),
        metadata().prop_map(NewOption::Metadata),
        span().prop_map(NewOption::Ttl),
        span().prop_map(NewOption::Timeout),
        Just(NewOption::Ephemeral),
        Just(NewOption::Pending),
    ]
}

impl NewOption {
    fn of(self, job: NewJob) -> NewJob {
        match self {
            NewOption::Queue(queue) => job.queue(queue),
            NewOption::Priority(priority) => job.priority(priority),
            NewOption::MaxAttempts(attempts) => job.max_attempts(attempts),
            NewOption::At(at) => job.scheduled_at(at),
            NewOption::Delay(delay) => job.delay(delay),
            NewOption::Tags(tags) => job.tags(tags),
            NewOption::Metadata(metadata) => job.metadata(metadata),
            NewOption::Unique(unique) => job.unique(unique),
            NewOption::Ttl(ttl) => job.ttl(ttl),
            NewOption::Timeout(timeout) => job.timeout(timeout),
            NewOption::Ephemeral => job.ephemeral(),
            NewOption::Pending => job.pending(),
        }
    }
}

fn unique() -> impl Strategy<Value = Unique> {
    let states = prop_oneof![1 => Just(None), 2 => states().prop_map(Some)];
    // By kind alone more often than not, so that jobs meet.
    let more = prop_oneof![3 => Just(Vec::new()), 2 => vec(0..6_usize, 1..3)];
    (states, any::<bool>(), more).prop_map(|(states, replace, more)| {
        let unique = match states {
            Some(states) => Unique::new().by_states(states),
            None => Unique::new(),
        };
        let on_duplicate = if replace { OnDuplicate::Replace } else { OnDuplicate::Keep };
        more.into_iter().fold(unique.on_duplicate(on_duplicate), |unique, what| match what {
            0 => unique.by_args(),
            1 => unique.by_keys(["n"]),
            2 => unique.by_period(Duration::from_secs(3600)),
            3 => unique.by_queue(),
            4 => unique.exclude_kind(),
            _ => unique.by_keys(["n", "é"]),
        })
    })
}

pub fn states() -> impl Strategy<Value = Vec<State>> {
    prop_oneof![subsequence(State::ALL.to_vec(), 0..=8), Just(vec![State::Available, State::Running])]
}

pub fn time() -> impl Strategy<Value = Timestamp> {
    let start: Timestamp = START.parse().unwrap();
    let from_start = select(TIMES).prop_map(move |micros| start + SignedDuration::from_micros(micros));
    // Between two microseconds, too.
    let odd = (select(TIMES), 1..1000_i64)
        .prop_map(move |(micros, nanos)| start + SignedDuration::from_nanos(micros * 1000 + nanos));
    let before_all = start - SignedDuration::from_hours(24 * 365 * 61);
    prop_oneof![12 => from_start, 2 => odd, 1 => Just(Timestamp::UNIX_EPOCH), 1 => Just(Timestamp::MAX), 1 => Just(before_all)]
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![12 => select(SPANS), 1 => 0..2_u64].prop_map(Duration::from_micros)
}

/// Of a job, counted back from the newest one; beyond the oldest: of one that there is not.
pub fn place() -> impl Strategy<Value = usize> {
    prop_oneof![9 => 0..8_usize, 3 => 0..40_usize, 1 => Just(usize::MAX)]
}

fn parsed(texts: &'static [&'static str]) -> impl Strategy<Value = Value> {
    select(texts).prop_map(|text| serde_json::from_str(text).unwrap())
}

fn metadata() -> impl Strategy<Value = Value> {
    prop_oneof![20 => parsed(METADATA), 1 => parsed(OUTPUTS)]
}

fn ending() -> impl Strategy<Value = Ending> {
    let policy = select(vec![
        RetryPolicy::immediate(),
        RetryPolicy::constant(Duration::from_secs(60)),
        RetryPolicy::exponential(Duration::from_micros(1_234_567)).jitter(0.0),
        RetryPolicy::linear(Duration::from_secs(1)).jitter(0.0),
    ]);
    let failure = (select(ERRORS), select(ERRORS), policy)
        .prop_map(|(error, trace, retry)| Ending::Fail(Failure::new(error).trace(trace).retry(retry.jitter(0.0))));
    prop_oneof![
        3 => Just(Ending::Complete),
        4 => failure,
        2 => span().prop_map(Ending::Snooze),
        1 => Just(Ending::Cancel),
        1 => Just(Ending::Discard),
        2 => parsed(OUTPUTS).prop_map(Ending::Output),
    ]
}

fn whose() -> impl Strategy<Value = Whose> {
    prop_oneof![3 => (0..4_usize).prop_map(Whose::Claim), 1 => place().prop_map(Whose::Job)]
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    select(vec![Get, Retry, Retry, RetryCompleted, Release, Release, Delete, Cancel, Discard])
}

fn update() -> impl Strategy<Value = JobUpdate> {
    let change = (plain_option(), any::<bool>());
    vec(change, 0..4).prop_map(|changes| {
        changes.into_iter().fold(JobUpdate::new(), |update, (change, other)| match change {
            NewOption::Queue(queue) => update.queue(queue),
            NewOption::Priority(priority) => update.priority(priority),
            NewOption::MaxAttempts(attempts) => update.max_attempts(attempts),
            NewOption::At(at) => update.scheduled_at(at),
            NewOption::Tags(tags) => update.tags(tags),
            NewOption::Metadata(metadata) if other => update.merge_metadata(metadata),
            NewOption::Metadata(metadata) => update.metadata(metadata),
            NewOption::Ttl(ttl) => update.ttl(other.then_some(ttl)),
            NewOption::Timeout(timeout) => update.timeout(other.then_some(timeout)),
            NewOption::Pending => update.args(serde_json::json!({"n": 1, "changed": other})),
            _ => update.ephemeral(other),
        })
    })
}
