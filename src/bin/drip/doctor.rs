//! `drip doctor`: what slows or stops the queue, why that matters, and what to type.

use clap::Args;
use drip::{Finding, Severity};

use crate::{
    app::App,
    escape::escaped,
    failure::{Failure, Outcome},
    json::{FindingDocument, FindingsDocument},
    output::Output,
    table,
    time::with_local_times,
};

/// Something should be seen to.
const WARNING: u8 = 5;
/// Jobs are late or lost to sight, or will be.
const PROBLEM: u8 = 6;

#[derive(Debug, Args)]
pub struct DoctorCommand {
    /// Say only what is not as it should be
    #[arg(long, short)]
    quiet: bool,
}

impl DoctorCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let mut findings = drip::examine(&app.client()?)?;
        let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Fine);
        if self.quiet {
            findings.retain(|finding| finding.severity > Severity::Fine);
        }
        let findings_of = findings.iter().map(FindingDocument::from).collect();
        let document = FindingsDocument { worst: worst.name(), findings: findings_of };
        match app.output.is_for_people() {
            true => show(&mut app.output, &findings)?,
            false => app.output.many(&document, &document.findings)?,
        }
        match worst {
            Severity::Problem => Err(Failure::silent(PROBLEM)),
            Severity::Warning => Err(Failure::silent(WARNING)),
            _ => Ok(()),
        }
    }
}

fn show(output: &mut Output, findings: &[Finding]) -> Outcome {
    if findings.is_empty() {
        return output.line("All is well.");
    }
    findings.iter().try_for_each(|finding| {
        let severity = output.painted(&format!("{:<8}", finding.severity), table::colour(finding.severity));
        output.line(format!("{severity} {}: {}", finding.check, escaped(&with_local_times(&finding.what))))?;
        if finding.severity > Severity::Fine {
            output.line(format!("           {}", finding.why))?;
            advice(finding).try_for_each(|line| output.line(line))?;
        }
        Ok(())
    })
}

fn advice(finding: &Finding) -> impl Iterator<Item = String> {
    let lines = finding.advice.iter().flat_map(|advice| advice.lines());
    lines.enumerate().map(|(index, line)| format!("        {}  {}", if index == 0 { ">" } else { " " }, escaped(line)))
}
