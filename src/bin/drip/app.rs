//! What a command is given: the way to the database, the place for what it has to show, and somebody to ask.

use std::io::{self, BufRead, IsTerminal, Write};

use drip::Client;

use crate::{
    arguments::Global,
    connect::{self, Watched},
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
        connect::client(&self.global, connect::CONNECTIONS)
    }

    /// As [`client`](App::client), for so many threads.
    pub fn client_for(&self, threads: u32) -> Outcome<Client> {
        connect::client(&self.global, threads)
    }

    /// As [`client`](App::client), of a database whose file need not be there yet.
    pub fn client_of_new(&self) -> Outcome<Client> {
        connect::client_of_new(&self.global)
    }

    /// The file of the database, if it is one.
    pub fn watched(&self) -> Outcome<Option<Watched>> {
        Watched::new(&self.global)
    }

    /// Asks on the terminal whether to go on; where nobody can be asked, that must have been said
    /// before, and `else_say` how.
    pub fn confirm(&self, question: &str, else_say: &str, yes: bool) -> Outcome {
        if yes {
            return Ok(());
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(Failure::usage(format!("{question} Nobody can be asked here")).advise(else_say));
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
