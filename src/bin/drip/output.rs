//! What a command shows: a table or lines for people, JSON for programs.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::{
    escape::escaped_json,
    failure::{Failure, Outcome},
    table::Table,
};

/// How what is found is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// A JSON document a line
    Jsonl,
}

/// Standard output.
pub struct Output {
    format: Format,
    to: BufWriter<Stdout>,
    terminal: bool,
    colours: bool,
}

impl Output {
    pub fn new(format: Format) -> Output {
        let terminal = io::stdout().is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colours = terminal && !set("NO_COLOR") && !dumb;
        Output { format, to: BufWriter::new(io::stdout()), terminal, colours }
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether people read it.
    pub fn is_for_people(&self) -> bool {
        self.format == Format::Table
    }

    /// One thing: its document, or what `show` writes for people.
    pub fn one<T: Serialize>(&mut self, document: &T, show: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        if self.is_for_people() { show(self) } else { self.document(document) }
    }

    /// A JSON document, in one line or as many as it takes.
    pub fn document<T: Serialize>(&mut self, document: &T) -> Outcome {
        let text = match self.format {
            Format::Jsonl => serde_json::to_string(document),
            _ => serde_json::to_string_pretty(document),
        };
        let text = text.map_err(|error| Failure::failed(format!("cannot be written as JSON: {error}")))?;
        Ok(writeln!(self.to, "{}", escaped_json(&text))?)
    }

    /// A document that holds many: as it is, or of `jsonl` each of them in a line.
    pub fn many<D: Serialize, T: Serialize>(&mut self, document: &D, each: &[T]) -> Outcome {
        match self.format {
            Format::Jsonl => each.iter().try_for_each(|one| self.document(one)),
            _ => self.document(document),
        }
    }

    /// A table, as wide as the terminal at the most.
    pub fn table(&mut self, table: Table) -> Outcome {
        let text = table.render(self.colours, self.terminal);
        Ok(writeln!(self.to, "{text}")?)
    }

    /// A line for people, harmless already.
    pub fn line(&mut self, text: impl AsRef<str>) -> Outcome {
        Ok(writeln!(self.to, "{}", text.as_ref().trim_end())?)
    }

    /// Names and values, one pair a line.
    pub fn fields(&mut self, fields: &[(&str, String)]) -> Outcome {
        let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        fields.iter().try_for_each(|(name, value)| self.line(format!("{name:<width$}  {value}")))
    }

    /// Whether colours are wanted.
    pub fn colours(&self) -> bool {
        self.colours
    }

    /// In the colour of this number, where colours are wanted.
    pub fn painted(&self, text: &str, colour: u8) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// An empty screen for people; elsewhere a line between what was and what comes.
    pub fn clear(&mut self) -> Outcome {
        if self.is_for_people() {
            write!(self.to, "{}", if self.terminal { "\x1b[H\x1b[2J" } else { "\n" })?;
        }
        Ok(())
    }

    /// What is no part of the answer: on standard error, and only where somebody looks.
    pub fn remark(&mut self, text: impl AsRef<str>) -> Outcome {
        if self.terminal {
            self.to.flush()?;
            eprintln!("{}", text.as_ref());
        }
        Ok(())
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
