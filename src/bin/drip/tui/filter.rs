//! A filter as it is typed: `state:discarded,retryable queue:mail tag:urgent`.

use drip::{JobFilter, State};

use crate::{
    escape::{escaped, unescaped},
    time::moment_or_ago,
};

/// What can be written before a colon, for whoever types.
pub const CRITERIA: &str = "state: kind: queue: tag: id: priority: worker: key: since:";

/// Reads what was typed; nothing typed is every job. A word without a colon is an id, a state, or else a kind.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn parse(text: &str) -> Result<JobFilter, String> {
    words(text)?.into_iter().try_fold(JobFilter::new(), |filter, word| match word.split_once(':') {
        Some((name, values)) => criterion(filter, name, values),
        None if word.bytes().all(|byte| byte.is_ascii_digit()) => ids(filter, &word),
        None => Ok(match word.parse::<State>() {
            Ok(state) => filter.state(state),
            Err(_) => filter.kind(unescaped(&word)),
        }),
    })
}

/// A criterion with its value, as it is typed.
pub fn typed(name: &str, value: &str) -> String {
    let value = escaped(value).replace('"', QUOTE);
    let plain = !value.contains(|c: char| c == ',' || c.is_whitespace());
    if plain { format!("{name}:{value}") } else { format!("{name}:\"{value}\"") }
}

fn criterion(filter: JobFilter, name: &str, values: &str) -> Result<JobFilter, String> {
    let mut each = values.split(',').map(unescaped);
    if values.is_empty() {
        return Err(format!("{name}: of what? Such as {name}:x"));
    }
    match name {
        "state" => each.try_fold(filter, |filter, value| {
            let names = || State::ALL.map(State::name).join(", ");
            let state = value.parse::<State>().map_err(|_| format!("{value:?} is no state; they are {}", names()))?;
            Ok(filter.state(state))
        }),
        "kind" => Ok(filter.kinds(each)),
        "queue" => Ok(filter.queues(each)),
        "tag" => Ok(filter.tags(each)),
        "worker" => Ok(each.fold(filter, JobFilter::worker)),
        "key" => Ok(each.fold(filter, JobFilter::metadata_key)),
        "id" => each.try_fold(filter, |filter, value| ids(filter, &value)),
        "priority" => each.try_fold(filter, |filter, value| match value.parse() {
            Ok(priority @ 1..=4) => Ok(filter.priority(priority)),
            _ => Err(format!("{value:?} is no priority: 1 to 4")),
        }),
        "since" => Ok(filter.created(moment_or_ago(values)?..)),
        _ => Err(format!("{name:?} is no criterion; they are {CRITERIA}")),
    }
}

/// One id, or two with a dash between them.
fn ids(filter: JobFilter, value: &str) -> Result<JobFilter, String> {
    let id = |text: &str| text.parse::<i64>().map_err(|_| format!("{value:?} is no id, nor two with a dash between"));
    match value.split_once('-') {
        Some((from, "")) => Ok(filter.id_range(id(from)?..)),
        Some((from, to)) => Ok(filter.id_range(id(from)?..=id(to)?)),
        None => Ok(filter.id(id(value)?)),
    }
}

/// Spelled out, as they can be typed, these are taken as they are.
const QUOTE: &str = r"\u{22}";
const COMMA: &str = r"\u{2c}";

/// Words; what stands between double quotes is held together.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        match c {
            '"' => (quoted, begun) = (!quoted, true),
            ',' if quoted => word.push_str(COMMA),
            c if c.is_whitespace() && !quoted => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(begun.then_some(word));
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_are_read_as_they_are_said() {
        let all = JobFilter::new;
        for (text, filter) in [
            ("", all()),
            ("  ", all()),
            ("17", all().id(17)),
            ("running", all().state(State::Running)),
            ("send_receipt", all().kind("send_receipt")),
            ("state:discarded,retryable queue:mail", all().states([State::Discarded, State::Retryable]).queue("mail")),
            (r#"queue:"late mail",b tag:x worker:"a,b""#, all().queues(["late mail", "b"]).tag("x").worker("a,b")),
            ("id:5-9", all().id_range(5..=9)),
            ("id:5-", all().id_range(5..)),
            ("id:5,7 priority:1,2 key:trace", all().ids([5, 7]).priorities([1, 2]).metadata_key("trace")),
        ] {
            assert_eq!(parse(text).unwrap(), filter, "{text:?}");
        }
        assert_ne!(parse("since:2h").unwrap(), all());
        assert_eq!(parse(&typed("queue", "late, mail")).unwrap(), all().queue("late, mail"));
        assert_eq!(typed("queue", "mail"), "queue:mail");
        for odd in ["a\u{1b}[2Jb", "a\nb", " a", "a\"b", "\u{a0}", "a\u{1}b", "a:b", "\u{1},\u{2c} "] {
            assert_eq!(parse(&typed("kind", odd)).unwrap(), all().kind(odd), "{odd:?}");
        }
        assert_eq!(parse(r"mail\u{1b}").unwrap(), all().kind("mail\u{1b}"));
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for (text, problem) in [
            ("state:failed", "no state"),
            ("state:", "of what"),
            ("priority:5", "1 to 4"),
            ("id:x", "no id"),
            ("id:1-x", "no id"),
            ("colour:red", "no criterion"),
            ("since:soon", "no time"),
            ("queue:\"a", "not closed"),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.contains(problem), "{text:?}: {found}");
        }
    }
}
