//! What comes from the database, or from whoever typed it, made harmless for a terminal.

use std::{convert::Infallible, fmt::Write};

/// With every character that would move the cursor, change colours, or turn the direction of writing spelled out, as
/// `\u{a}` and `\u{1b}`.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) { safe.extend(c.escape_unicode()) } else { safe.push(c) }
    }
    safe
}

/// What was typed, with every character that was spelled out as [`escaped`] does it; nothing else is an escape, so that a
/// kind may be called `App\notify`.
pub fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}').and_then(|(code, rest)| Some((character(code)?, rest))) {
            Some((c, rest)) => {
                plain.push(c);
                plain.push_str(rest);
            }
            None => {
                plain.push_str("\\u{");
                plain.push_str(part);
            }
        }
    }
    plain
}

fn character(code: &str) -> Option<char> {
    char::from_u32(u32::from_str_radix(code, 16).ok()?)
}

/// A name on a command line.
pub fn name(text: &str) -> Result<String, Infallible> {
    Ok(unescaped(text))
}

/// A name in a message.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", escaped(name))
}

/// As [`escaped`], line by line.
pub fn escaped_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| escaped(&line.replace('\t', "    ")))
}

/// JSON in which such characters are spelled as JSON spells them; they can only stand inside of strings.
pub fn escaped_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' => safe.push(c),
            c if is_harmful(c) => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(safe, "\\u{unit:04x}");
            }),
            c => safe.push(c),
        }
    }
    safe
}

/// Without what stands before the host of a URL, and without what is said to be a password.
pub fn without_passwords(text: &str) -> String {
    let text = without_logins(text);
    let mut parts = text.split("password=");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |safe, part| safe + "password=…" + &part[part.find(ends_a_value).unwrap_or(part.len())..])
}

fn ends_a_value(c: char) -> bool {
    c.is_whitespace() || matches!(c, '&' | '\'' | '"')
}

fn without_logins(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        safe.push_str(before);
        // To the last @: a password may hold one that was not spelled as %40, and a slash.
        let end = after.find(|c: char| c.is_whitespace() || c == '\'' || c == '"').unwrap_or(after.len());
        let login = after[..end].rfind('@').unwrap_or(0);
        if login > 0 {
            safe.push('…');
        }
        rest = &after[login..];
    }
    safe + rest
}

/// Controls, what changes the direction of writing or breaks lines, and what nobody sees.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(escaped("a\u{1b}[2J\u{9b}1m\r\nb\u{202e}ü"), r"a\u{1b}[2J\u{9b}1m\u{d}\u{a}b\u{202e}ü");
        assert_eq!(escaped_json("{\n\"a\": \"\u{9b}\u{7f}ü\"}"), "{\n\"a\": \"\\u009b\\u007fü\"}");
        assert_eq!(escaped("mail\u{e0061}\u{fff9}\u{180e}"), r"mail\u{e0061}\u{fff9}\u{180e}");
        assert_eq!(escaped_json("\"\u{e0061}\""), r#""\udb40\udc61""#);
        assert_eq!(escaped_lines("a\tb\n\u{1b}c").collect::<Vec<_>>(), ["a    b", r"\u{1b}c"]);
    }

    #[test]
    fn what_is_spelled_out_is_read_back() {
        for text in [
            "",
            "mail",
            "a\u{1b}[2J\u{9b}1m\r\nb\u{202e}ü",
            "\0",
            r"App\notify\u",
            r"\u{",
            r"\u{}x",
            r"\u{110000}",
            "\u{feff}",
        ] {
            assert_eq!(unescaped(&escaped(text)), text);
        }
        assert_eq!(unescaped(r"a\u{2c}b\u{5c}u{1b}"), r"a,b\u{1b}");
    }

    #[test]
    fn passwords_are_left_out() {
        for (text, safe) in [
            ("no 'postgres://ada:se@cr/et@db/app' here", "no 'postgres://…@db/app' here"),
            ("mariadb://db/app and sqlite://x.db", "mariadb://db/app and sqlite://x.db"),
            ("a://b:c@d e://f:g@h", "a://…@d e://…@h"),
            ("'a://b/c?password=d&e=f' password=g", "'a://b/c?password=…&e=f' password=…"),
        ] {
            assert_eq!(without_passwords(text), safe);
        }
    }
}
