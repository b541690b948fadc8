//! A filter as a statement's condition.

use crate::{
    Dialect, JobFilter, State,
    dialect::{Assembled, Fragments, Value, fragments, letters, statement},
    filter::Between,
};

static JOB_FILTER: Fragments = fragments!("job_filter");

/// In which order a statement wants the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    ById,
    Any,
}

/// Puts the criteria that are given in the statement's place `{filter}`.
pub(super) fn apply<'v>(filter: &'v JobFilter, statement: &mut Assembled<'v>, dialect: Dialect, order: Order) {
    let mut criteria = Criteria { text: String::new(), dialect };
    criteria.any("ids", &filter.ids);
    criteria.any("states", &filter.states);
    criteria.indexed(filter, order);
    criteria.any("queues", &filter.queues);
    criteria.any("kinds", &filter.kinds);
    criteria.any("priorities", &filter.priorities);
    criteria.any("workers", &filter.workers);
    criteria.each("tag", &filter.tags);
    criteria.each("key", &filter.metadata_keys);
    for (name, end) in ends(filter) {
        if end.is_some() {
            criteria.push(name);
        }
    }
    statement.put("filter", &criteria.text);
    give_values(filter, statement, dialect);
}

struct Criteria {
    text: String,
    dialect: Dialect,
}

impl Criteria {
    fn push(&mut self, name: &str) {
        self.text.push(' ');
        self.text.push_str(JOB_FILTER.text(self.dialect, name));
    }

    /// A criterion that takes a list; an empty one leaves nothing.
    fn any<T>(&mut self, name: &str, values: &Option<Vec<T>>) {
        match values {
            Some(values) if values.is_empty() => self.push("none"),
            Some(_) => self.push(name),
            None => {}
        }
    }

    /// What a database may need to be told to use its partial indexes.
    fn indexed(&mut self, filter: &JobFilter, order: Order) {
        let all =
            |which: fn(&State) -> bool| filter.states.as_ref().is_some_and(|s| !s.is_empty() && s.iter().all(which));
        if all(|state| *state == State::Available) {
            self.push("available");
        }
        if all(|state| !matches!(state, State::Available | State::Completed)) {
            self.push("seldom");
        }
        // By state alone most jobs may be found, and are then sooner read in order than sorted.
        let narrowed = filter.queues.is_some() || filter.finalized != Between::default();
        if all(|state| state.is_final()) && (narrowed || order == Order::Any) {
            self.push("final");
        }
    }

    /// A criterion that takes one value, repeated for each.
    fn each(&mut self, name: &str, values: &Option<Vec<String>>) {
        match values {
            Some(values) if values.is_empty() => self.push("none"),
            Some(values) => {
                let one = JOB_FILTER.text(self.dialect, name);
                let all: Vec<_> = (0..values.len())
                    .map(|n| one.replace(&format!(":{name}"), &format!(":{}", numbered(name, n))))
                    .collect();
                self.text.push_str(&format!(" AND ({})", all.join(" OR ")));
            }
            None => {}
        }
    }
}

/// The ends of ranges, by the names of their fragments and parameters.
fn ends(filter: &JobFilter) -> [(&'static str, Option<Value<'static>>); 8] {
    let id = |id: Option<i64>| id.map(|id| Value::Int(Some(id)));
    let time = |at: Option<jiff::Timestamp>| at.map(|at| Value::Time(Some(at)));
    [
        ("id_from", id(filter.id_range.from)),
        ("id_to", id(filter.id_range.to)),
        ("created_from", time(filter.created.from)),
        ("created_to", time(filter.created.to)),
        ("scheduled_from", time(filter.scheduled.from)),
        ("scheduled_to", time(filter.scheduled.to)),
        ("finalized_from", time(filter.finalized.from)),
        ("finalized_to", time(filter.finalized.to)),
    ]
}

fn give_values<'v>(filter: &'v JobFilter, statement: &mut Assembled<'v>, dialect: Dialect) {
    let text = move |text: &'v String| Value::Text(dialect.sought(text));
    let names = |names: &'v Option<Vec<String>>| names.iter().flatten().map(text);
    statement
        .put("states", &literals(filter.states.as_deref().unwrap_or_default()))
        .set_all("ids", filter.ids.iter().flatten().map(|id| Value::Int(Some(*id))))
        .set_all("queues", names(&filter.queues))
        .set_all("kinds", names(&filter.kinds))
        .set_all("workers", names(&filter.workers))
        .set_all("priorities", filter.priorities.iter().flatten().map(|priority| Value::Int(Some((*priority).into()))));
    for (name, values) in [("tag", &filter.tags), ("key", &filter.metadata_keys)] {
        for (n, value) in names(values).enumerate() {
            statement.set(&numbered(name, n), value);
        }
    }
    for (name, end) in ends(filter) {
        if let Some(value) = end {
            statement.set(name, value);
        }
    }
}

/// States are spelled out, so that partial indexes match.
fn literals(states: &[State]) -> String {
    states.iter().map(|state| format!("'{state}'")).collect::<Vec<_>>().join(", ")
}

/// The parameter of the n-th value.
fn numbered(name: &str, n: usize) -> String {
    format!("{name}_{}", letters(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_named_where_its_states_are_all_that_is_asked_for() {
        let final_states = || JobFilter::new().states([State::Completed, State::Discarded]);
        for (filter, order, expected) in [
            (JobFilter::new(), Order::ById, &[][..]),
            (JobFilter { states: Some(Vec::new()), ..JobFilter::new() }, Order::Any, &[]),
            (JobFilter::new().state(State::Available), Order::ById, &["available"]),
            (JobFilter::new().states([State::Available, State::Running]), Order::ById, &[]),
            (JobFilter::new().states([State::Running, State::Pending]), Order::ById, &["seldom"]),
            (JobFilter::new().states([State::Completed, State::Running]), Order::Any, &[]),
            (JobFilter::new().state(State::Completed), Order::ById, &[]),
            (JobFilter::new().state(State::Completed), Order::Any, &["final"]),
            (JobFilter::new().state(State::Discarded), Order::Any, &["seldom", "final"]),
            (final_states().queue("q"), Order::ById, &["final"]),
            (final_states().finalized(..=jiff::Timestamp::UNIX_EPOCH), Order::ById, &["final"]),
        ] {
            let mut criteria = Criteria { text: String::new(), dialect: Dialect::Sqlite };
            criteria.indexed(&filter, order);
            let text: String =
                expected.iter().map(|name| format!(" {}", JOB_FILTER.text(Dialect::Sqlite, name))).collect();
            assert_eq!(criteria.text, text, "{filter:?} {order:?}");
        }
    }
}
