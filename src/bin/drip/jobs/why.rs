//! `drip jobs why`: why a job is not running.

use clap::Args;

use crate::{app::App, escape::escaped, failure::Outcome, json::WhyDocument};

#[derive(Debug, Args)]
pub struct WhyCommand {
    /// The job's id
    id: i64,
}

impl WhyCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let why = drip::why_job(&app.client()?, self.id)?;
        app.output
            .one(&WhyDocument::new(self.id, &why), |output| output.line(escaped(&format!("job {}: {why}", self.id))))
    }
}
