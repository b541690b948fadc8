//! A pretend pooler in transaction mode, of PostgreSQL's kind: every client brings a connection to the server, and each
//! transaction is run on the one that has been idle for longest, whoever brought it.

use std::{
    collections::VecDeque,
    io,
    net::{Shutdown, TcpStream},
    sync::{Condvar, Mutex},
};

use super::{
    fault::Pace,
    wire::{Message, Protocol},
};

/// Connections to the server that nobody is using.
#[derive(Default)]
pub struct Pooler {
    idle: Mutex<VecDeque<TcpStream>>,
    returned: Condvar,
}

impl Pooler {
    /// Serves a client until it leaves; `server` is the connection that it brings.
    pub fn serve(&self, client: &TcpStream, server: TcpStream) -> io::Result<()> {
        log_in(client, &server)?;
        self.give_back(server);
        loop {
            let request = Protocol::Postgres.request(&mut &*client, false)?;
            if !request.is_call {
                return Ok(()); // a farewell, which the server's connection survives
            }
            let server = self.lend();
            Pace::AsTheyCome.write(&server, &request.bytes)?;
            if let Err(error) = transaction(client, &server) {
                // With the client goes what it has left half done.
                let _ = server.shutdown(Shutdown::Both);
                return Err(error);
            }
            self.give_back(server);
        }
    }

    fn lend(&self) -> TcpStream {
        let idle = self.idle.lock().unwrap();
        let mut idle = self.returned.wait_while(idle, |idle| idle.is_empty()).unwrap();
        idle.pop_front().expect("waited until there is one")
    }

    fn give_back(&self, server: TcpStream) {
        self.idle.lock().unwrap().push_back(server);
        self.returned.notify_one();
    }
}

/// Passes on the rest of a transaction whose first request was sent.
fn transaction(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    while !reply(client, server, Message::ends_reply)?.is_idle() {
        let request = Protocol::Postgres.request(&mut &*client, false)?;
        Pace::AsTheyCome.write(server, &request.bytes)?;
    }
    Ok(())
}

fn log_in(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    let mut first = true;
    loop {
        let request = Protocol::Postgres.request(&mut &*client, first)?;
        first = false;
        Pace::AsTheyCome.write(server, &request.bytes)?;
        if reply(client, server, |message| message.ends_reply() || message.asks_who())?.is_idle() {
            return Ok(());
        }
    }
}

/// Passes on what the server says, but for notifications, which are nobody's; answers the last of it.
fn reply(client: &TcpStream, server: &TcpStream, is_last: impl Fn(&Message) -> bool) -> io::Result<Message> {
    loop {
        let message = Message::read(&mut &*server)?;
        if !message.is_notification() {
            Pace::AsTheyCome.write(client, &message.0)?;
        }
        if is_last(&message) {
            return Ok(message);
        }
    }
}
