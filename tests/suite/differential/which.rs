//! Which jobs a list, a figure or a change of many is about, as data.

use drip::{JobFilter, State};
use jiff::Timestamp;
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::step::{KINDS, QUEUES, TAGS, WORKERS, place, states, time};

const KEYS: &[&str] = &["n", "N", "a.b", "$", "output", "é\"\\"];

/// A filter that may name jobs.
#[derive(Debug, Clone)]
pub struct Which {
    pub filter: JobFilter,
    pub jobs: Option<Vec<usize>>,
    pub range: Option<(usize, usize)>,
}

#[derive(Debug, Clone)]
pub struct Paging {
    pub newest_first: bool,
    pub limit: usize,
    /// After, or before, a job.
    pub cursor: Option<(bool, usize)>,
}

pub fn which() -> impl Strategy<Value = Which> {
    (vec(criterion(), 0..3), option::weighted(0.15, vec(place(), 0..4)), option::weighted(0.15, (place(), place())))
        .prop_map(|(criteria, jobs, range)| {
            let filter = criteria.into_iter().fold(JobFilter::new(), |filter, criterion| criterion.of(filter));
            Which { filter, jobs, range }
        })
}

#[derive(Debug, Clone)]
enum Criterion {
    States(Vec<State>),
    Queue(&'static str),
    Kind(&'static str),
    Priority(u8),
    Tag(&'static str),
    Key(&'static str),
    Worker(&'static str),
    Created(Timestamp, Timestamp),
    Scheduled(Timestamp, Timestamp),
    Finalized(Timestamp, Timestamp),
}

fn criterion() -> impl Strategy<Value = Criterion> {
    prop_oneof![
        5 => states().prop_map(Criterion::States),
        1 => select(QUEUES).prop_map(Criterion::Queue),
        1 => select(KINDS).prop_map(Criterion::Kind),
        1 => prop_oneof![9 => 1..=4_u8, 1 => Just(0)].prop_map(Criterion::Priority),
        2 => select(TAGS).prop_map(Criterion::Tag),
        2 => select(KEYS).prop_map(Criterion::Key),
        1 => select(WORKERS).prop_map(Criterion::Worker),
        1 => times().prop_map(|(from, to)| Criterion::Created(from, to)),
        1 => times().prop_map(|(from, to)| Criterion::Scheduled(from, to)),
        1 => times().prop_map(|(from, to)| Criterion::Finalized(from, to)),
    ]
}

impl Criterion {
    fn of(self, filter: JobFilter) -> JobFilter {
        match self {
            Criterion::States(states) => filter.states(states),
            Criterion::Queue(queue) => filter.queue(queue),
            Criterion::Kind(kind) => filter.kind(kind),
            Criterion::Priority(priority) => filter.priority(priority),
            Criterion::Tag(tag) => filter.tag(tag),
            Criterion::Key(key) => filter.metadata_key(key),
            Criterion::Worker(worker) => filter.worker(worker),
            Criterion::Created(from, to) => filter.created(from..to),
            Criterion::Scheduled(from, to) => filter.scheduled(from..=to),
            Criterion::Finalized(from, to) => filter.finalized(from..to),
        }
    }
}

pub fn paging() -> impl Strategy<Value = Paging> {
    (any::<bool>(), 1..6_usize, option::of((any::<bool>(), place()))).prop_map(|(newest_first, limit, cursor)| Paging {
        newest_first,
        limit,
        cursor,
    })
}

fn times() -> impl Strategy<Value = (Timestamp, Timestamp)> {
    (time(), time()).prop_map(|(one, other)| (one.min(other), one.max(other)))
}
