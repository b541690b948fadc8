//! A filter as a statement's condition.

use crate::{
    Dialect, JobFilter, State,
    dialect::{Assembled, Fragments, Value, fragments, letters, statement},
};

static JOB_FILTER: Fragments = fragments!("job_filter");

/// Puts the criteria that are given in the statement's place `{filter}`.
pub(super) fn apply<'v>(filter: &'v JobFilter, statement: &mut Assembled<'v>, dialect: Dialect) {
    let mut criteria = Criteria { text: String::new(), dialect };
    criteria.any("ids", &filter.ids);
    criteria.any("states", &filter.states);
    criteria.indexed(filter.states.as_deref().unwrap_or_default());
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
    give_values(filter, statement);
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
    fn indexed(&mut self, states: &[State]) {
        let seldom = |state: &State| !matches!(state, State::Available | State::Completed);
        if !states.is_empty() && states.iter().all(seldom) {
            self.push("seldom");
        }
        if !states.is_empty() && states.iter().all(|state| state.is_final()) {
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

fn give_values<'v>(filter: &'v JobFilter, statement: &mut Assembled<'v>) {
    let names = |names: &'v Option<Vec<String>>| names.iter().flatten().map(|name| Value::Text(Some(name)));
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
