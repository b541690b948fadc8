//! The texts: those that look like something else, those that may be names, and those that may not.

/// What may be a name.
const SQL: &[&str] = &[
    "'; DROP TABLE drip_job; --",
    "\"; DELETE FROM drip_job; --",
    "') OR 1=1 --",
    "a' OR 'a'='a",
    "/* a comment */",
    "-- a comment",
    "NULL",
    "null",
    "DEFAULT",
    "'",
    "''",
    "\"",
    "\"\"",
    "`",
    "``",
    "\\",
    "\\\\",
    "\\'",
    "\\\"",
    "a\\",
    "\\N",
    "\\.",
    "\\u0041",
    "\\x41",
    "\\0",
    "%",
    "_",
    "a%",
    "a_",
    "ab",
    ":name",
    ":now",
    ":queue",
    "::text",
    "?",
    "?1",
    "$1",
    "$$",
    "@@version",
    "{filter}",
    "{states}",
    "{job}",
    "{active}",
    "{}",
    "[]",
    "[\"a\"]",
    "$",
    "$.a",
    "a.b",
    "a",
    "A",
    "0",
    "00",
    "1",
    "1.0",
    "1e0",
    "true",
    "é",
    "e\u{301}",
    "É",
    "ß",
    "ss",
    "📮",
    "📯",
    "a\u{200b}",
    "\u{feff}a",
    "\u{fffd}",
    "\u{10ffff}",
    "a  b",
    "a b",
    "ａ",
];

/// These are nobody's names.
const UNNAMEABLE: &[&str] = &[
    "",
    " ",
    "a ",
    " a",
    "\u{a0}",
    "a\0b",
    "\0",
    "a\nb",
    "a\r\nb\tc",
    "\u{8}\u{c}\u{b}",
    "\u{1}\u{1f}\u{7f}\u{80}\u{9f}",
    "a\u{200f}b",
    "\u{202e}gol.txt",
    "\u{2066}a\u{2069}",
];

/// All that may be a name, the longest ones included.
pub fn names() -> Vec<String> {
    let long = ["'".repeat(127), "\\".repeat(127), "%".repeat(127), "📮".repeat(31)];
    SQL.iter().map(|text| (*text).to_owned()).chain(long).collect()
}

/// All that may not.
pub fn no_names() -> Vec<String> {
    let long = ["'".repeat(128), "é".repeat(64), "\\".repeat(20_000)];
    UNNAMEABLE.iter().map(|text| (*text).to_owned()).chain(long).collect()
}

pub fn texts() -> impl Iterator<Item = String> {
    names().into_iter().chain(no_names())
}

/// What is kept of the text of an error.
pub fn kept(text: &str) -> String {
    const LONGEST: usize = 8 * 1024;
    match text.len() {
        0..=LONGEST => text.replace('\0', "\u{fffd}"),
        bytes => format!("{} [{} more bytes]", &text[..LONGEST], bytes - LONGEST),
    }
}
