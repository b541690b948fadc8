//! `drip completions`: what a shell wants to know.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{app::App, arguments::Arguments, failure::Outcome};

#[derive(Debug, Args)]
pub struct CompletionsCommand {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        // Written by ourselves: clap_complete would panic where nobody reads any more.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "drip", &mut script);
        app.output.line(String::from_utf8_lossy(&script))
    }
}
