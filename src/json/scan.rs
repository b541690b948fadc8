//! One pass over a JSON text: its grammar, its depth, its keys; tokens are left to `lexer`.
//!
//! Not left to serde_json, because that recurses, keeps the last of repeated keys, and turns integers beyond 64 bits
//! into floats, all of it silently. Here the open arrays and objects are a `Vec`, which is also the path in a message.

use std::borrow::Cow;

use super::{
    JsonProblem, MAX_DEPTH,
    keys::Keys,
    lexer::{Lexer, What},
    path::{self, Level},
};

/// Answers the first thing in `text` that is outside the profile. Any value may be at the top.
pub(super) fn scan(text: &str) -> Result<(), JsonProblem> {
    let mut scanner = Scanner::new(text);
    scanner.document().map_err(|what| scanner.problem(what))
}

/// The path of what would come next in a document that breaks off, unless there is a problem before that.
pub(super) fn path_at_end(begun: &str) -> Result<String, JsonProblem> {
    let mut scanner = Scanner::new(begun);
    match scanner.document() {
        Err(what) if scanner.lexer.peek().is_some() => Err(scanner.problem(what)),
        _ => Ok(path::render(&scanner.open)),
    }
}

struct Scanner<'t> {
    lexer: Lexer<'t>,
    /// Outermost first.
    open: Vec<Level<'t>>,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        Self { lexer: Lexer::new(text), open: Vec::new() }
    }

    fn problem(&self, what: What) -> JsonProblem {
        JsonProblem { path: path::render(&self.open), what: what.into_owned() }
    }

    fn document(&mut self) -> Result<(), What> {
        self.value()?;
        while let Some(level) = self.open.last() {
            let (closing, empty) = (level.closing(), level.is_empty());
            self.next(closing, empty)?;
        }
        match self.lexer.peek() {
            None => Ok(()),
            Some(_) => Err(self.lexer.syntax("nothing more")),
        }
    }

    /// Closes the innermost level or reads its next member.
    fn next(&mut self, closing: u8, empty: bool) -> Result<(), What> {
        self.lexer.peek();
        if self.lexer.skip(closing) {
            self.open.pop();
            return Ok(());
        }
        if !empty && !self.lexer.skip(b',') {
            return Err(self.lexer.syntax(&format!("',' or '{}'", char::from(closing))));
        }
        self.member()
    }

    fn member(&mut self) -> Result<(), What> {
        match self.open.last_mut() {
            Some(Level::Array { items }) => *items += 1,
            Some(Level::Object { keys, key }) => read_key(&mut self.lexer, keys, key)?,
            None => {}
        }
        self.value()
    }

    /// Reads a scalar, or opens an array or object and leaves its members to the loop in `document`.
    fn value(&mut self) -> Result<(), What> {
        match self.lexer.peek() {
            Some(b'{') => self.enter(b'{', Level::Object { keys: Keys::default(), key: None }),
            Some(b'[') => self.enter(b'[', Level::Array { items: 0 }),
            Some(b'"') => self.lexer.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.lexer.number(),
            _ => self.lexer.word(),
        }
    }

    fn enter(&mut self, opening: u8, level: Level<'t>) -> Result<(), What> {
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep().into());
        }
        self.lexer.skip(opening);
        self.open.push(level);
        Ok(())
    }
}

pub(super) fn too_deep() -> String {
    format!("is nested deeper than {MAX_DEPTH} levels")
}

fn read_key<'t>(lexer: &mut Lexer<'t>, keys: &mut Keys<'t>, key: &mut Option<Cow<'t, str>>) -> Result<(), What> {
    *key = None;
    if lexer.peek() != Some(b'"') {
        return Err(lexer.syntax("a key in double quotes"));
    }
    let read = lexer.string().map_err(|what| format!("has a key that {what}"))?;
    let repeated = !keys.insert(read.clone());
    *key = Some(read);
    if repeated {
        return Err("is given twice".into());
    }
    lexer.peek();
    if lexer.skip(b':') { Ok(()) } else { Err(lexer.syntax("':'")) }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::scan;

    /// A small generator, so that a failure repeats.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % sides
        }
    }

    const PIECES: [&str; 34] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "{}",
        "[]",
        "0",
        "1",
        "-",
        ".",
        "e",
        "E",
        "+",
        "true",
        "false",
        "null",
        " ",
        "\n",
        "\t",
        "\\",
        "\\n",
        "\\u00e9",
        "é",
        "x",
        "\u{1}",
        "12",
        "\"a\":",
        "nul",
    ];
    const SEEDS: [&str; 5] = [
        r#"{"a":[1,2.5,-3e2,{"b":"c\n"}],"d":null}"#,
        r#"[true,false,null,"",{},[]]"#,
        r#" { "a" : [ 0 , -0.5E+3 ] } "#,
        r#"{"k":"\ud83d\ude00\\\"/","":""}"#,
        "",
    ];

    fn mutant(dice: &mut Dice) -> String {
        let mut chars: Vec<char> = SEEDS[dice.roll(SEEDS.len())].chars().collect();
        for _ in 0..=dice.roll(6) {
            let at = dice.roll(chars.len() + 1);
            let gone = at + dice.roll(2).min(chars.len() - at);
            chars.splice(at..gone, PIECES[dice.roll(PIECES.len())].chars());
        }
        chars.into_iter().collect()
    }

    /// serde_json is the judge of the grammar: what passes here, it reads; what is called invalid here, it refuses.
    #[test]
    fn agrees_with_serde_json_on_what_is_json() {
        let mut dice = Dice(1);
        let mut passed = 0;
        for _ in 0..200_000 {
            let text = mutant(&mut dice);
            let read = serde_json::from_str::<Value>(&text);
            match scan(&text) {
                Ok(()) => {
                    passed += 1;
                    assert!(read.is_ok(), "{text:?}: {read:?}");
                }
                Err(problem) if problem.what.contains("not valid JSON") => {
                    assert!(read.is_err(), "{text:?}: {problem}");
                }
                Err(_) => {}
            }
        }
        assert!(passed > 5_000, "only {passed} texts were JSON");
    }
}
