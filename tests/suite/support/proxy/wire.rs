//! As much of the two protocols as a proxy has to know: where a request ends, whether it is answered, whether it commits.

use std::io::{self, Read};

/// What is spoken with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Postgres,
    Mariadb,
}

/// What a client sends before it waits for an answer.
#[derive(Debug, Default)]
pub struct Request {
    pub bytes: Vec<u8>,
    /// A database call: no handshake, and nothing that gets no answer.
    pub is_call: bool,
    pub is_commit: bool,
}

/// A message of PostgreSQL's server: a letter that says what it is, a length that counts itself, and the rest.
#[derive(Debug)]
pub struct Message(pub Vec<u8>);

impl Protocol {
    pub fn of(url: &str) -> Protocol {
        if url.starts_with("postgres") { Protocol::Postgres } else { Protocol::Mariadb }
    }

    /// Reads a whole request; the `first` of a connection looks otherwise.
    pub fn request(self, from: &mut impl Read, first: bool) -> io::Result<Request> {
        match self {
            Protocol::Postgres if first => startup(from),
            Protocol::Postgres => messages(from),
            Protocol::Mariadb => packets(from),
        }
    }

    /// Reads some of what the server sends: of PostgreSQL whole messages, one at a time.
    pub fn reply(self, from: &mut impl Read) -> io::Result<Message> {
        if self == Protocol::Postgres {
            return Message::read(from);
        }
        let mut bytes = vec![0; 16 * 1024];
        let length = from.read(&mut bytes)?;
        bytes.truncate(length);
        if length == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Message(bytes)) }
    }
}

/// The first message of a client has no letter.
fn startup(from: &mut impl Read) -> io::Result<Request> {
    let mut bytes = vec![0; 4];
    from.read_exact(&mut bytes)?;
    let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    bytes.resize(length, 0);
    from.read_exact(&mut bytes[4..])?;
    Ok(Request { bytes, ..Request::default() })
}

/// Messages up to one that is answered.
fn messages(from: &mut impl Read) -> io::Result<Request> {
    let mut request = Request::default();
    loop {
        let message = Message::read(from)?;
        request.is_commit |= message.letter() == b'Q' && message.0[5..].starts_with(b"COMMIT");
        let letter = message.letter();
        request.bytes.extend(message.0);
        match letter {
            // A query; the end of a batch; the call of a function; what is wanted at once.
            b'Q' | b'S' | b'F' | b'H' => return Ok(Request { is_call: true, ..request }),
            // A farewell; a part of the handshake.
            b'X' | b'p' => return Ok(request),
            _ => {}
        }
    }
}

/// A length in three bytes, a number, and the rest: again and again, as long as the length is the greatest.
fn packets(from: &mut impl Read) -> io::Result<Request> {
    const QUIT: u8 = 0x01;
    const QUERY: u8 = 0x03;
    const LONG_DATA: u8 = 0x18;
    const CLOSE: u8 = 0x19;
    let mut request = Request::default();
    loop {
        let begin = request.bytes.len();
        request.bytes.resize(begin + 4, 0);
        from.read_exact(&mut request.bytes[begin..])?;
        let header = &request.bytes[begin..];
        let length = u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize;
        request.bytes.resize(begin + 4 + length, 0);
        from.read_exact(&mut request.bytes[begin + 4..])?;
        if length < 0xFF_FFFF {
            break;
        }
    }
    // In the handshake the client's first packet is not the first of all.
    let command = request.bytes.get(4).copied().filter(|_| request.bytes[3] == 0);
    request.is_call = command.is_some_and(|command| ![QUIT, LONG_DATA, CLOSE].contains(&command));
    request.is_commit = command == Some(QUERY) && request.bytes[5..].starts_with(b"COMMIT");
    Ok(request)
}

impl Message {
    pub fn read(from: &mut impl Read) -> io::Result<Message> {
        let mut bytes = vec![0; 5];
        from.read_exact(&mut bytes)?;
        let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
        bytes.resize(1 + length, 0);
        from.read_exact(&mut bytes[5..])?;
        Ok(Message(bytes))
    }

    pub fn letter(&self) -> u8 {
        self.0[0]
    }

    pub fn is_notification(&self) -> bool {
        self.letter() == b'A'
    }

    /// After it the server waits for the client: it is ready, or it wants the rows of a `COPY`.
    pub fn ends_reply(&self) -> bool {
        matches!(self.letter(), b'Z' | b'G')
    }

    /// The server is ready, and no transaction is open.
    pub fn is_idle(&self) -> bool {
        self.letter() == b'Z' && self.0[5] == b'I'
    }

    /// A question of the handshake: anything but "you are in", and the last word of a SASL exchange.
    pub fn asks_who(&self) -> bool {
        self.letter() == b'R' && !matches!(self.0[8], 0 | 12)
    }
}
