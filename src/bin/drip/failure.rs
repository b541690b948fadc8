//! What went wrong, what to do next, and the exit code that says so.

use std::{io, process::ExitCode};

use crate::escape::{escaped, without_passwords};

/// What a command comes to.
pub type Outcome<T = ()> = Result<T, Failure>;

/// It failed.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// There is no such job, queue or schedule.
pub const NOT_FOUND: u8 = 3;
/// The job's state refuses.
pub const REFUSED: u8 = 4;

/// What went wrong.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
    advice: Option<String>,
}

impl Failure {
    pub fn failed(message: impl Into<String>) -> Failure {
        Failure { code: FAILED, message: message.into(), advice: None }
    }

    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { code: USAGE, ..Failure::failed(message) }
    }

    pub fn not_found(message: impl Into<String>) -> Failure {
        Failure { code: NOT_FOUND, ..Failure::failed(message) }
    }

    pub fn refused(message: impl Into<String>) -> Failure {
        Failure { code: REFUSED, ..Failure::failed(message) }
    }

    /// All has been said already.
    pub fn silent(code: u8) -> Failure {
        Failure { code, ..Failure::failed("") }
    }

    /// What to do next.
    pub fn advise(self, advice: impl Into<String>) -> Failure {
        Failure { advice: Some(advice.into()), ..self }
    }

    pub fn is_advised(&self) -> bool {
        self.advice.is_some()
    }

    pub fn code(&self) -> u8 {
        self.code
    }

    /// Says it on standard error.
    pub fn tell(&self) {
        if !self.message.is_empty() {
            eprintln!("drip: {}", safe(&self.message));
            self.advice.iter().for_each(|advice| eprintln!("      {}", safe(advice)));
        }
    }
}

/// Messages may quote what was typed, and what the database said.
fn safe(text: &str) -> String {
    escaped(&without_passwords(text))
}

/// Ends the program.
pub fn exit(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            ExitCode::from(failure.code)
        }
    }
}

impl From<drip::Error> for Failure {
    fn from(error: drip::Error) -> Failure {
        let failure = Failure { code: code(&error), ..Failure::failed(message(&error)) };
        match advice(&error) {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    }
}

/// What an error says, to somebody who has a command line and no code.
pub fn message(error: &drip::Error) -> String {
    let text = error.to_string();
    if error.is_not_migrated() {
        "the queue's tables are not there, or not all of them".to_owned()
    } else if error.is_timed_out() {
        text.replace(", or see search_timeout", "")
    } else {
        text
    }
}

/// As [`message`], with what to do next.
pub fn advised_message(error: &drip::Error) -> String {
    match advice(error) {
        Some(advice) => format!("{}: {advice}", message(error)),
        None => message(error),
    }
}

fn code(error: &drip::Error) -> u8 {
    if error.is_invalid_input() {
        USAGE
    } else if error.is_not_found() {
        NOT_FOUND
    } else if error.is_wrong_state() || error.is_unique_conflict() {
        REFUSED
    } else {
        FAILED
    }
}

fn advice(error: &drip::Error) -> Option<String> {
    if let Some(id) = error.conflicting_job() {
        return Some(format!("see `drip jobs get {id}`, and cancel or delete one of the two"));
    }
    let advice = if error.is_not_migrated() {
        "`drip migrate` makes them; or is this another database than you think?"
    } else if error.is_unavailable() {
        "is the server up, and are host, port and name in the URL right?"
    } else if error.is_timed_out() {
        "or give it more time with --search-timeout"
    } else if error.is_transient() {
        "try again"
    } else {
        return None;
    };
    Some(advice.to_owned())
}

/// Whoever reads our output and stops has what they want.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::silent(0),
            _ => Failure::failed(format!("cannot write: {error}")),
        }
    }
}
