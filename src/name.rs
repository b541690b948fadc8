//! What may be the name of a queue or a kind, or a tag.

use crate::{Error, Result};

/// The longest name, in bytes of UTF-8. A notification carries a queue's name, and an index entry both names.
pub(crate) const MAX_NAME_BYTES: usize = 127;

/// What stands for all queues, those that nobody has seen yet included. No queue is called so.
pub(crate) const ALL_QUEUES: &str = "*";

/// Checks the name of a queue: as any name, and not that of all queues.
pub(crate) fn check_queue(name: &str) -> Result<()> {
    check("queue", name)?;
    match name {
        ALL_QUEUES => Err(Error::invalid("queue", "may not be `*`, which stands for all queues")),
        _ => Ok(()),
    }
}

/// Checks a name that is looked for. Whatever stands in a table can be named, and plain SQL puts there what no verb would;
/// an empty one is a variable that nobody has set.
pub(crate) fn check_sought(field: &'static str, name: &str) -> Result<()> {
    if name.is_empty() { check(field, name) } else { Ok(()) }
}

/// As [`check_sought`], of a queue.
pub(crate) fn check_sought_queue(name: &str) -> Result<()> {
    if name == ALL_QUEUES { check_queue(name) } else { check_sought("queue", name) }
}

/// Checks a name of `field`: 1 to 127 bytes, no control or direction-changing characters, no space at either end.
///
/// Upper and lower case are different names, and so are different ways to write the same accented letter.
pub(crate) fn check(field: &'static str, name: &str) -> Result<()> {
    let problem = match name {
        "" => "may not be empty".to_owned(),
        _ if name.len() > MAX_NAME_BYTES => {
            format!("is {} bytes long; the limit is {MAX_NAME_BYTES}", name.len())
        }
        _ if name.trim() != name => "may not begin or end with a space".to_owned(),
        _ => match name.chars().find(|c| is_treacherous(*c)) {
            Some(character) => format!("may not hold the control character {character:?}"),
            None => return Ok(()),
        },
    };
    Err(Error::invalid(field, problem))
}

/// Control characters, and those that reorder the text around them, so that a name would not be what it seems.
fn is_treacherous(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_not_called_as_all_are() {
        check("kind", "*").unwrap();
        assert!(check_queue("*").unwrap_err().to_string().contains("all queues"));
        for good in ["**", "a*", "default"] {
            check_queue(good).unwrap();
        }
        assert!(check_queue("").unwrap_err().to_string().starts_with("queue: "));
    }

    #[test]
    fn what_is_looked_for_may_be_called_anything() {
        for odd in ["a\0", " a ", "\u{1b}[2J", "a\u{202E}b", &"q".repeat(128)] {
            check_sought_queue(odd).unwrap();
        }
        assert!(check_sought("kinds", "").unwrap_err().to_string().starts_with("kinds: "));
        assert!(check_sought_queue("*").unwrap_err().to_string().contains("all queues"));
    }

    #[test]
    fn names() {
        let longest = "q".repeat(127);
        for good in ["default", "Email", "foo/bar.baz?x=1#y", "null", "*", "é", "e\u{301}", "📮", "a b", &longest] {
            check("queue", good).unwrap_or_else(|error| panic!("{good:?}: {error}"));
        }
        let too_long = "q".repeat(128);
        for bad in ["", " a", "a ", "a\0", "a\n", "\u{7f}", "a\u{202E}b", &too_long, "\u{a0}a"] {
            let error = check("queue", bad).expect_err(bad);
            assert!(error.is_invalid_input() && error.to_string().starts_with("queue: "), "{error}");
        }
    }
}
