//! `drip tui`: the queue on a screen, live.
//!
//! One thread draws and reads messages; others read keys ([`input`]) and ask the database ([`asker`]). What a message does
//! is decided in [`state`] alone, and drawn in [`screens`].

mod asker;
mod change;
mod columns;
mod filter;
#[cfg(all(test, feature = "sqlite"))]
mod fixture;
mod human;
mod input;
mod jobs;
mod keys;
mod list;
mod prompt;
mod question;
mod rates;
mod screens;
mod state;
mod terminal;
mod theme;
// As the suite has it.
#[cfg(all(test, unix))]
#[path = "../../../../tests/suite/support/tmux.rs"]
mod tmux;

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use clap::Args;
use crossbeam_channel::{Receiver, unbounded};
use drip::Dialect;

use self::{
    asker::Asker,
    state::{Effect, Message, Ui},
    terminal::Taken,
    theme::Theme,
};
use crate::{
    app::App,
    failure::{Failure, Outcome},
    time::duration,
};

/// How often time goes on by itself: ages count up, and the spinner turns.
const TICK: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct TuiCommand {
    /// How often the database is asked; from 200ms
    #[arg(long, default_value = "2s", value_name = "DURATION", value_parser = duration)]
    refresh: Duration,
    /// Begin with the jobs that this leaves, such as: state:discarded queue:mail
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
}

const AFTER_HELP: &str = "\
Keys: ? shows them. Filters: state: kind: queue: tag: id: priority: worker: key: since:, each with one value or several \
(state:discarded,retryable), or an id, a state or a kind by itself.";

impl TuiCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Err(Failure::usage("this is no terminal").advise("for scripts there is `drip stats --format json`"));
        }
        let client = app.client_for(asker::THREADS)?;
        let file = app.watched()?;
        // What is wrong from the start is said where it can be read: no server, no tables.
        drip::list_workers(&client)?;
        let size = ratatui::crossterm::terminal::size()?;
        let mut ui = Ui::new(database(client.dialect()), self.refresh.max(Duration::from_millis(200)), size);
        if !self.filter.is_empty() {
            ui.show_jobs(&self.filter.join(" ")).map_err(Failure::usage)?;
        }
        let (sender, messages) = unbounded();
        let asker = Asker::start(&client, file, &sender);
        let theme = Theme::new(app.output.colours());
        let mut terminal = Taken::over()?;
        input::start(sender)?;
        let mut run = Run { ui, messages, asker, started: Instant::now() };
        run.until_quit(&mut terminal, theme)
    }
}

fn database(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "PostgreSQL",
        Dialect::Mariadb => "MariaDB",
        Dialect::Sqlite => "SQLite",
        _ => "",
    }
}

struct Run {
    ui: Ui,
    messages: Receiver<Message>,
    asker: Asker,
    started: Instant,
}

impl Run {
    fn until_quit(&mut self, terminal: &mut Taken, theme: Theme) -> Outcome {
        loop {
            for effect in self.ui.effects() {
                match effect {
                    Effect::Ask(number, question) => self.asker.ask(number, question),
                    Effect::Change(change) => self.asker.change(change),
                    Effect::Redraw => terminal.clear()?,
                    Effect::Quit => return self.leave(),
                }
            }
            terminal.draw(|frame| screens::draw(frame, &self.ui, theme))?;
            self.wait()?;
        }
    }

    /// What was begun is not waited for; nor is it passed over in silence.
    fn leave(&self) -> Outcome {
        match self.ui.changing {
            0 => Ok(()),
            _ => Err(Failure::failed("the last change was not answered: whether it was done is not known")
                .advise("look before you do it again")),
        }
    }

    /// Takes what has happened, all of it before anything is drawn again.
    fn wait(&mut self) -> Outcome {
        let first = self.messages.recv_timeout(TICK).ok();
        self.ui.tick(self.started.elapsed());
        for message in first.into_iter().chain(self.messages.try_iter()) {
            if matches!(message, Message::Died) {
                // What it had to say it has said.
                return Err(Failure::silent(crate::failure::FAILED));
            }
            self.ui.update(message);
        }
        Ok(())
    }
}
