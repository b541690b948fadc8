//! How many statements a database is sent. PostgreSQL keeps no count of them, so they are counted on their way; SQLite
//! tells of each where this process runs it.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use drip::Client;
use rusqlite::{
    Connection,
    trace::{TraceEvent, TraceEventCodes},
};

use crate::Result;

/// Whether what SQLite runs is counted; it takes a little time.
static COUNTED: AtomicBool = AtomicBool::new(false);
static STATEMENTS: AtomicU64 = AtomicU64::new(0);
static COMMITS: AtomicU64 = AtomicU64::new(0);

/// How many statements SQLite has run on the connections that were opened here, and how many of these were commits.
pub fn of_sqlite() -> (u64, u64) {
    (STATEMENTS.load(Ordering::Relaxed), COMMITS.load(Ordering::Relaxed))
}

/// From now on, on connections that are opened here.
pub fn count_sqlite() {
    COUNTED.store(true, Ordering::Relaxed);
}

/// A connection such as the library's own.
pub fn open(url: &str) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(url.trim_start_matches("sqlite://"))?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
    let count = |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(_, text) = event {
            STATEMENTS.fetch_add(1, Ordering::Relaxed);
            COMMITS.fetch_add(text.starts_with("COMMIT").into(), Ordering::Relaxed);
        }
    };
    if COUNTED.load(Ordering::Relaxed) {
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count))?;
    }
    Ok(connection)
}

/// A client whose statements are counted.
pub fn client(url: &str) -> Result<Client> {
    let url = url.to_owned();
    Ok(Client::from_connector(move || open(&url))?)
}

/// The statements that go through a proxy; each connection has threads of its own, which end with it.
#[derive(Clone, Default)]
pub struct Statements(Arc<AtomicU64>);

impl Statements {
    pub fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A proxy in front of the PostgreSQL server of this URL; answers the count, and the URL that leads through it.
pub fn before(url: &str) -> Result<(Statements, String)> {
    let rest = url.split_once("://").ok_or("the URL has no scheme")?.1;
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let server = host.rsplit('@').next().unwrap_or_default().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let through = url.replacen(&server, &listener.local_addr()?.to_string(), 1);
    let statements = Statements::default();
    let counted = statements.clone();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&server) else { continue };
            let (Ok(answers), Ok(asker)) = (server.try_clone(), client.try_clone()) else { continue };
            let counted = counted.clone();
            thread::spawn(move || pass(client, server, |bytes, reader: &mut Messages| reader.read(bytes, &counted)));
            thread::spawn(move || pass(answers, asker, |_, _| {}));
        }
    });
    Ok((statements, through))
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8], &mut Messages)) {
    let (mut buffer, mut messages) = (vec![0; 16 * 1024], Messages::default());
    let _ = (from.set_nodelay(true), to.set_nodelay(true));
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        look(&buffer[..length], &mut messages);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// Where in the stream of messages a reader is. Each has a type, one byte, and a length, four, which counts itself; but
/// the first of a connection has no type.
#[derive(Default)]
struct Messages {
    header: Vec<u8>,
    started: bool,
    rest: usize,
}

impl Messages {
    fn read(&mut self, bytes: &[u8], statements: &Statements) {
        for &byte in bytes {
            if self.rest > 0 {
                self.rest -= 1;
                continue;
            }
            self.header.push(byte);
            let type_length = usize::from(self.started);
            let Ok(length) = <[u8; 4]>::try_from(&self.header[type_length.min(self.header.len())..]) else { continue };
            // A simple query, or the execution of a prepared one.
            if self.started && matches!(self.header[0], b'Q' | b'E') {
                statements.0.fetch_add(1, Ordering::Relaxed);
            }
            self.rest = (u32::from_be_bytes(length) as usize).saturating_sub(4);
            self.started = true;
            self.header.clear();
        }
    }
}
