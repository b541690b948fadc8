//! The program `drip`, run as people run it, and what it says, written down.

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

use crate::support::Db;

/// What a run has come to.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// The program with these arguments, on this database and in UTC, with no terminal.
pub fn command(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drip"));
    command.args(args).env("DRIP_URL", url).env("TZ", "UTC").env_remove("NO_COLOR").env_remove("COLUMNS");
    command.stdin(Stdio::null());
    command
}

/// Runs it.
pub fn drip(db: &Db, args: &[&str]) -> Ran {
    command(&db.url, args).output().unwrap().into()
}

/// Runs it, and it succeeds.
#[track_caller]
pub fn done(db: &Db, args: &[&str]) -> String {
    let ran = drip(db, args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}: {}", ran.out);
    ran.out
}

/// Runs it with something on its standard input.
pub fn fed(db: &Db, args: &[&str], input: &str) -> Ran {
    let mut command = command(&db.url, args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// How wide that terminal is.
pub const COLUMNS: usize = 80;

/// Runs it in a terminal, in which somebody types; answers what was on the screen, and the exit code. `None`: there is no
/// `script` here.
pub fn typed(db: &Db, args: &[&str], keys: &str, environment: &[(&str, &str)]) -> Option<(String, i32)> {
    let line = args.iter().map(|arg| format!("'{arg}'")).collect::<Vec<_>>().join(" ");
    let mut command = Command::new("script");
    let line = format!("stty cols {COLUMNS} rows 24; exec '{}' {line}", env!("CARGO_BIN_EXE_drip"));
    command.args(["-qec", &line, "/dev/null"]);
    command.env("DRIP_URL", &db.url).env("TZ", "UTC").env("TERM", "xterm").env_remove("NO_COLOR");
    command.envs(environment.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "script cannot be had, and CI=true");
            eprintln!("*** script NOT FOUND: what happens in a terminal is not tested ***");
            return None;
        }
        child => child.unwrap(),
    };
    // Kept open: the end of it would be the end of the terminal.
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(keys.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(keyboard);
    Some((String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap_or(-1)))
}

/// Runs command lines one after the other, and holds what they say against a file: the same for all databases. With
/// `DRIP_UPDATE_GOLDEN=1` the file is written anew.
#[track_caller]
pub fn golden(db: &Db, name: &str, lines: &[&str]) {
    let transcript: String = lines.iter().map(|line| entry(db, line)).collect();
    let path = format!("{}/tests/suite/cli/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var("DRIP_UPDATE_GOLDEN").as_deref() == Ok("1") {
        fs::write(path, transcript).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    for (index, (found, wanted)) in transcript.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, wanted, "{path}, line {}; the whole:\n{transcript}", index + 1);
    }
    assert_eq!(transcript.lines().count(), expected.lines().count(), "{path}; the whole:\n{transcript}");
}

/// A command line, and what it leads to. Quotes hold words together, as in a shell.
fn entry(db: &Db, line: &str) -> String {
    let words: Vec<String> = words(line);
    let ran = drip(db, &words.iter().map(String::as_str).collect::<Vec<_>>());
    let code = if ran.code == 0 { String::new() } else { format!("[exit code {}]\n", ran.code) };
    format!("$ drip {line}\n{}{}{code}\n", normalised(&ran.out), normalised(&ran.err))
}

fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate().flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        _ => vec![part.to_owned()],
    });
    quoted.collect()
}

/// With every time, and every length of time, in the same words.
pub fn normalised(text: &str) -> String {
    text.lines().map(|line| spans(&times(line)) + "\n").collect()
}

const TIME: &[u8] = b"0000-00-00 00:00:00";

/// Times are recognised by their form; fractions of seconds vary in length.
fn times(line: &str) -> String {
    let bytes = line.as_bytes();
    let is_time = |at: usize| {
        bytes.len() >= at + TIME.len()
            && TIME.iter().zip(&bytes[at..]).all(|(form, byte)| match form {
                b'0' => byte.is_ascii_digit(),
                b' ' => matches!(byte, b' ' | b'T'),
                other => byte == other,
            })
    };
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if !is_time(at) {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        out.extend_from_slice(if bytes[at + 10] == b'T' { b"YYYY-MM-DDThh:mm:ss" } else { b"YYYY-MM-DD hh:mm:ss" });
        at += TIME.len();
        if bytes.get(at) == Some(&b'.') {
            at += 1 + bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        }
    }
    String::from_utf8(out).unwrap()
}

/// `12ms` in a column of its own, or before `ago`; and `"oldest_ms": 12`.
fn spans(line: &str) -> String {
    let line = without_figure(line, "\"oldest_ms\":");
    let is_span = |word: &str| {
        let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
        unit.len() < word.len() && ["ms", "s"].contains(&unit)
    };
    let mut out = String::new();
    let mut pieces = line.split_inclusive(' ').peekable();
    while let Some(piece) = pieces.next() {
        let word = piece.trim_end();
        let stands_alone = out.ends_with("  ") || pieces.peek().is_some_and(|next| next.trim_end() == "ago");
        if is_span(word) && stands_alone {
            out.truncate(out.trim_end().len());
            out += &format!("  SPAN{}", &piece[word.len()..]);
        } else {
            out += piece;
        }
    }
    out
}

fn without_figure(line: &str, name: &str) -> String {
    let mut parts = line.split(name);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let figure = part.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        let value = if figure.len() < part.trim_start().len() { " SPAN" } else { "" };
        out += &format!("{name}{value}{}", if value.is_empty() { part } else { figure });
    }
    out
}
