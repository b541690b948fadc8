//! `drip`: the queue from a terminal, over the crate's public API alone.
//!
//! Here a command line is read, handed to the room of its command, and turned into an exit code. How a database is
//! reached is in [`connect`], what is shown in [`output`], what went wrong in [`failure`].

mod app;
mod arguments;
mod bench;
mod cells;
mod completions;
mod connect;
mod doctor;
mod escape;
mod failure;
mod interrupt;
mod jobs;
mod json;
mod maintenance;
mod migrate;
mod number;
mod output;
mod queues;
mod schedules;
mod stats;
mod table;
mod time;
mod tui;
mod workers;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    app::App,
    arguments::{Arguments, Command},
    failure::{Failure, Outcome},
};

fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => failure::exit(run(arguments)),
        Err(error) => arguments::refuse(&error),
    }
}

fn run(arguments: Arguments) -> Outcome {
    let mut app = App::new(arguments.global);
    let done = match arguments.command {
        Command::Migrate(command) => command.run(&mut app),
        Command::Jobs(command) => command.run(&mut app),
        Command::Queues(command) => command.run(&mut app),
        Command::Schedules(command) => command.run(&mut app),
        Command::Workers(command) => command.run(&mut app),
        Command::Maintenance(command) => command.run(&mut app),
        Command::Stats(command) => command.run(&mut app),
        Command::Doctor(command) => command.run(&mut app),
        Command::Tui(command) => command.run(&mut app),
        Command::Bench(command) => command.run(&mut app),
        Command::Completions(command) => command.run(&mut app),
    };
    let flushed = app.output.flush().map_err(Failure::from);
    done.and(flushed)
}
