//! What a command is given: the way to the database, the place for what it has to show, and somebody to ask.

use std::io::{self, BufRead, IsTerminal, Write};

use drip::Client;

use crate::{
    arguments::Global,
    connect,
    failure::{Failure, Outcome},
    output::Output,
};

/// What a command is given.
pub struct App {
    global: Global,
    pub output: Output,
}

impl App {
    /// Nothing is connected yet.
    pub fn new(global: Global) -> App {
        let output = Output::new(global.format);
        App { global, output }
    }

    /// A client of the database that was named.
    pub fn client(&self) -> Outcome<Client> {
        connect::client(&self.global)
    }

    /// As [`client`](App::client), for as many threads that each want a connection.
    pub fn client_with_connections(&self, connections: u32) -> Outcome<Client> {
        connect::client_with_connections(&self.global, connections)
    }

    /// As [`client`](App::client), of a database whose file need not be there yet.
    pub fn client_of_new(&self) -> Outcome<Client> {
        connect::client_of_new(&self.global)
    }

    /// Asks on the terminal whether to go on; where nobody can be asked, that must have been said before.
    pub fn confirm(&self, question: &str, yes: bool) -> Outcome {
        if yes {
            return Ok(());
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(Failure::usage(format!("{question} Nobody can be asked here"))
                .advise("say --yes if that is what you want, or --dry-run to see what it would do"));
        }
        let mut terminal = io::stderr();
        // At one go, whatever is typed meanwhile.
        terminal.write_all(format!("{question} [y/N] ").as_bytes())?;
        terminal.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::failed("nothing was changed")),
        }
    }
}
