//! A job that is to be inserted, as a line of a file says it.

use std::time::Duration;

use drip::NewJob;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// What a line may say.
const READ: &str = "kind, args, queue, priority, max_attempts, scheduled_at, tags, metadata, timeout_ms and ephemeral";

/// What else a [`JobDocument`](super::JobDocument) holds: the queue says it.
const PASSED_OVER: [&str; 13] = [
    "id",
    "state",
    "attempt",
    "errors",
    "errors_text",
    "attempted_by",
    "attempted_at",
    "created_at",
    "finalized_at",
    "expires_at",
    "unique_key",
    "snooze_count",
    "crash_count",
];

/// Reads a line.
///
/// # Errors
/// What is wrong with it: which field, and what is wanted there.
pub fn new_job(line: &str) -> Result<NewJob, String> {
    let fields: Map<String, Value> = serde_json::from_str(line).map_err(|error| syntax(&error))?;
    let kind = match fields.get("kind") {
        Some(Value::String(kind)) => kind.clone(),
        Some(_) => return Err("kind: a text is wanted".to_owned()),
        None => return Err("it has no kind".to_owned()),
    };
    let args = fields.get("args").filter(|args| !args.is_null()).cloned();
    let job = NewJob::new(kind, args.unwrap_or_else(|| Value::Object(Map::new())));
    let others = fields.iter().filter(|(name, value)| !["kind", "args"].contains(&name.as_str()) && !value.is_null());
    let known =
        |name: &String| ["kind", "args"].contains(&name.as_str()) || FIELDS.iter().any(|(field, ..)| field == name);
    if let Some(name) = fields.keys().find(|name| !known(name) && !PASSED_OVER.contains(&name.as_str())) {
        return Err(format!("there is no field {name:?}; there are {READ}"));
    }
    others.into_iter().try_fold(job, |job, (name, value)| {
        let Some((_, wanted, set)) = FIELDS.iter().find(|(field, ..)| field == name) else { return Ok(job) };
        set(job, value).ok_or_else(|| format!("{name}: {wanted} is wanted"))
    })
}

/// A field, what it holds, and what that does to a job; nothing, if it holds something else.
type Field = (&'static str, &'static str, fn(NewJob, &Value) -> Option<NewJob>);

const FIELDS: [Field; 8] = [
    ("queue", "a text", |job, value| Some(job.queue(value.as_str()?.to_owned()))),
    ("priority", "a whole number from 1 to 4", |job, value| Some(job.priority(whole(value)?))),
    ("max_attempts", "a whole number", |job, value| Some(job.max_attempts(whole(value)?))),
    ("scheduled_at", "a time such as \"2030-01-31T09:00:00Z\"", |job, value| {
        Some(job.scheduled_at(value.as_str()?.parse::<Timestamp>().ok()?))
    }),
    ("tags", "a list of texts", |job, value| {
        let tags: Option<Vec<&str>> = value.as_array()?.iter().map(Value::as_str).collect();
        Some(job.tags(tags?))
    }),
    ("metadata", "an object", |job, value| value.is_object().then(|| job.metadata(value.clone()))),
    ("timeout_ms", "a whole number", |job, value| Some(job.timeout(Duration::from_millis(value.as_u64()?)))),
    ("ephemeral", "true or false", |job, value| Some(if value.as_bool()? { job.ephemeral() } else { job })),
];

fn whole<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    T::try_from(value.as_u64()?).ok()
}

/// The line is known better than by the parser, which sees but one.
fn syntax(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    match error.classify() {
        serde_json::error::Category::Data => "it is no JSON object".to_owned(),
        _ => format!("is not JSON: {text}, at column {}", error.column()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_says_is_read_and_what_it_cannot_say_is_refused() {
        assert!(new_job(r#"{"kind": "a", "queue": null, "id": 17, "tags": ["x"], "ephemeral": false}"#).is_ok());
        for (line, says) in [
            ("{", "at column 1"),
            ("[]", "no JSON object"),
            ("{}", "no kind"),
            (r#"{"kind": 7}"#, "kind: a text is wanted"),
            (r#"{"kind": "a", "prioritty": 1}"#, "no field \"prioritty\"; there are kind, args"),
            (r#"{"kind": "a", "priority": "high"}"#, "priority: a whole number from 1 to 4 is wanted"),
            (r#"{"kind": "a", "tags": "x,y"}"#, "tags: a list of texts"),
            (r#"{"kind": "a", "scheduled_at": "soon"}"#, "2030-01-31T09:00:00Z"),
            (r#"{"kind": "a", "metadata": []}"#, "metadata: an object"),
        ] {
            let problem = new_job(line).map(drop).unwrap_err();
            assert!(problem.contains(says), "{line}: {problem}");
        }
    }
}
