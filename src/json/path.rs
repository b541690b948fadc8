//! Where in a document something is, such as `$.a[3].b`, fit for a message.
//!
//! Keys are the caller's data: a path is bounded in length and has nothing in it that a terminal or log would obey.

use std::borrow::Cow;

use super::keys::Keys;

const MAX_KEY_CHARS: usize = 40;
const MAX_PATH_CHARS: usize = 200;

/// An array or object that has been opened and not yet closed.
pub(super) enum Level<'t> {
    Array {
        /// Counting the one that is being read.
        items: usize,
    },
    Object {
        keys: Keys<'t>,
        /// Of the member that is being read; `None` while that is the key itself.
        key: Option<Cow<'t, str>>,
    },
}

impl Level<'_> {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Level::Array { items } => *items == 0,
            Level::Object { keys, .. } => keys.is_empty(),
        }
    }

    pub(super) fn closing(&self) -> u8 {
        match self {
            Level::Array { .. } => b']',
            Level::Object { .. } => b'}',
        }
    }
}

/// The path of the member that is being read at each of the open levels.
pub(super) fn render(open: &[Level<'_>]) -> String {
    let mut path = String::from("$");
    for level in open {
        match level {
            Level::Array { items: 0 } | Level::Object { key: None, .. } => {}
            Level::Array { items } => path.push_str(&format!("[{}]", items - 1)),
            Level::Object { key: Some(key), .. } => push_key(&mut path, key),
        }
    }
    shorten(path, MAX_PATH_CHARS)
}

fn push_key(path: &mut String, key: &str) {
    let short = shorten(key.chars().take(MAX_KEY_CHARS + 1).collect(), MAX_KEY_CHARS);
    let plain = !key.is_empty() && short.chars().all(|c| c.is_alphanumeric() || "_-…".contains(c));
    if plain {
        path.push('.');
        path.push_str(&short);
    } else {
        path.push_str(&format!("[{short:?}]"));
    }
}

fn shorten(text: String, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use crate::json::scan::scan;

    fn path_in(text: &str) -> String {
        scan(text).unwrap_err().path
    }

    #[test]
    fn a_path_names_the_member() {
        for (text, path) in [
            (r#"?"#, "$"),
            (r#"{"a":?"#, "$.a"),
            (r#"{"a":[0,[],{},{"b":?"#, "$.a[3].b"),
            (r#"{"a":1,?"#, "$"),
            (r#"{"a":{"b":1,"#, "$.a"),
            (r#"[?"#, "$[0]"),
            (r#"[1,"#, "$[1]"),
            (r#"{"":?"#, r#"$[""]"#),
            (r#"{"a b":?"#, r#"$["a b"]"#),
            (r#"{"Zoë-1_":?"#, "$.Zoë-1_"),
            (r#"{"\u001b[2J\u202e\"":?"#, r#"$["\u{1b}[2J\u{202e}\""]"#),
        ] {
            assert_eq!(path_in(text), path, "{text}");
        }
    }

    #[test]
    fn a_path_is_bounded() {
        let long_key = "é".repeat(1000);
        assert_eq!(path_in(&format!("{{\"{long_key}\":?")), format!("$.{}…", "é".repeat(40)));
        let deep = format!("{{\"{long_key}\":").repeat(31);
        assert_eq!(path_in(&deep).chars().count(), 201);
    }
}
