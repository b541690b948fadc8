//! What a proxy does to a request, which one it is, and how bytes are passed on.

use std::{
    io::{self, Write},
    thread,
    time::Duration,
};

use super::wire::Request;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives, and the connection is gone.
    Unsent,
    /// The server does what it is asked; the reply is lost, and the connection gone.
    Unanswered,
    /// The server does what it is asked; the reply is lost, and the connection stays open and silent.
    Silent,
}

/// Which request it happens to, counted from 1 since the fault was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Call(usize),
    Commit(usize),
}

/// How long it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Once,
    /// All later requests fare alike, and whoever connects is hung up on.
    ForEver,
}

/// A fault that is waiting for its request.
#[derive(Debug)]
pub struct Plan {
    pub fault: Fault,
    pub at: At,
    pub span: Span,
    pub seen: usize,
}

impl Plan {
    /// What becomes of this request.
    pub fn strikes(&mut self, request: &Request) -> Option<Fault> {
        let (counts, number) = match self.at {
            At::Call(number) => (request.is_call, number),
            At::Commit(number) => (request.is_commit, number),
        };
        self.seen += usize::from(counts);
        let strikes = match self.span {
            Span::Once => counts && self.seen == number,
            Span::ForEver => request.is_call && self.seen >= number,
        };
        strikes.then_some(self.fault)
    }

    pub fn has_struck(&self) -> bool {
        let (At::Call(number) | At::Commit(number)) = self.at;
        self.seen >= number
    }
}

/// How bytes are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    #[default]
    AsTheyCome,
    /// Each in a packet of its own.
    ByteByByte,
    /// This much later.
    Late(Duration),
}

impl Pace {
    pub fn write(self, mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
        match self {
            Pace::AsTheyCome => to.write_all(bytes),
            Pace::ByteByByte => bytes.chunks(1).try_for_each(|byte| to.write_all(byte)),
            Pace::Late(delay) => {
                thread::sleep(delay);
                to.write_all(bytes)
            }
        }
    }
}
