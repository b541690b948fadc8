//! The one JSON profile: what args, metadata and output may hold, the same on all three databases.
//!
//! Checked before any SQL, because each database refuses or bends something else: jsonb has no NUL, no lone surrogates
//! and no number of more than 16383 decimals; MariaDB no document nested deeper than [`MAX_DEPTH`]; SQLite turns
//! integers beyond 64 bits into floats. Whatever the form of the input, its *text* is what is judged, by `scan`. How a
//! value becomes text is in `typed`, the encoding that unique keys are hashed from in `canonical`.

mod canonical;
mod keys;
mod lexer;
mod misfit;
mod path;
mod sanitise;
mod scan;
mod typed;

use std::{error::Error, fmt};

use serde_json::Value;

pub(crate) use self::{
    canonical::{canonical, canonical_keys},
    misfit::misfit,
    sanitise::sanitise_text,
    typed::check_typed,
};

/// How long a document may be, in bytes, unless configured otherwise.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// How many objects and arrays may lie within each other; the top object is the first.
///
/// MariaDB before 12.2 has a stack of 32 for this and keeps one slot for itself: at 32 its `JSON_VALID` says no, and
/// with it the CHECK of every JSON column.
pub(crate) const MAX_DEPTH: usize = 31;

/// Why a document is outside the profile, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonProblem {
    /// Such as `$.a[3].b`; of bounded length, control characters escaped.
    pub(crate) path: String,
    /// A predicate of what is at the path, such as `holds a NUL character`.
    pub(crate) what: String,
}

impl JsonProblem {
    fn of_whole(what: impl Into<String>) -> Self {
        Self { path: "$".into(), what: what.into() }
    }
}

impl fmt::Display for JsonProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.path, self.what)
    }
}

impl Error for JsonProblem {}

/// Checks a document that is already text, and answers it as written, without the white space around it.
pub(crate) fn check_text(text: &[u8], max_bytes: usize) -> Result<String, JsonProblem> {
    let text = trim(text);
    // The length first: nothing that follows should be spent on a text that is too long anyway.
    check_length(text.len(), max_bytes)?;
    let text = decode(text)?;
    check_document(text)?;
    Ok(text.to_owned())
}

/// Checks a built value. It is taken, not borrowed, because a refused one may be too deep for its own destructor.
pub(crate) fn check_value(value: Value, max_bytes: usize) -> Result<String, JsonProblem> {
    let checked = check_typed(&value, max_bytes);
    if checked.is_err() {
        dismantle(value);
    }
    checked
}

/// A job's output as it will be stored: any JSON, under a key of its metadata. Judged before anybody copies it or lets go
/// of it, because one that is nested too deep overflows the stack.
pub(crate) fn check_output(output: Value) -> Result<Value, JsonProblem> {
    let whole = serde_json::Map::from_iter([("output".to_owned(), output)]);
    let text = check_value(Value::Object(whole), MAX_BYTES)?;
    let mut whole: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    Ok(whole.remove("output").unwrap_or_default())
}

/// Everything but the length.
fn check_document(text: &str) -> Result<(), JsonProblem> {
    scan::scan(text)?;
    if !text.starts_with('{') {
        return Err(JsonProblem::of_whole("must be a JSON object"));
    }
    Ok(())
}

fn check_length(len: usize, max_bytes: usize) -> Result<(), JsonProblem> {
    if len > max_bytes {
        return Err(JsonProblem::of_whole(format!("is {len} bytes long; the limit is {max_bytes}")));
    }
    Ok(())
}

fn decode(text: &[u8]) -> Result<&str, JsonProblem> {
    if text.starts_with(b"\xEF\xBB\xBF") {
        return Err(JsonProblem::of_whole("starts with a byte order mark"));
    }
    let not_utf8 = |e: std::str::Utf8Error| format!("is not valid UTF-8 at byte {}", e.valid_up_to());
    std::str::from_utf8(text).map_err(|e| JsonProblem::of_whole(not_utf8(e)))
}

/// Not `trim_ascii`, which also takes the form feed, which JSON does not count as white space.
fn trim(text: &[u8]) -> &[u8] {
    let solid = |byte: &u8| !lexer::is_space(*byte);
    let start = text.iter().position(solid).unwrap_or(text.len());
    let end = text.iter().rposition(solid).map_or(start, |last| last + 1);
    &text[start..end]
}

/// Drops a value level by level: the derived destructor recurses, and overflows the stack on a deep one.
fn dismantle(value: Value) {
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(members) => rest.extend(members.into_iter().map(|(_, member)| member)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
