//! `drip jobs why`: why a job is not running.

use clap::Args;
use drip::Why;

use crate::{
    app::App,
    escape::escaped,
    failure::Outcome,
    json::WhyDocument,
    number::id,
    time::{in_words, local_with_zone},
};

#[derive(Debug, Args)]
pub struct WhyCommand {
    /// The job's id
    #[arg(value_parser = id)]
    id: i64,
}

impl WhyCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let why = drip::why_job(&app.client()?, self.id)?;
        app.output.one(&WhyDocument::new(self.id, &why), |output| {
            output.line(escaped(&format!("job {}: {}", self.id, sentence(&why))))
        })
    }
}

/// As the library says it, but for times: on this machine's clock, and lengths in the units that people count in.
fn sentence(why: &Why) -> String {
    match why {
        Why::Finished { state, at: Some(at) } => format!("it is {state}, since {}", local_with_zone(*at)),
        Why::Running { worker, since, alive } => {
            let worker = worker.iter().map(|worker| format!(" in {worker}")).collect::<String>();
            let since = since.iter().map(|since| format!(" since {}", local_with_zone(*since))).collect::<String>();
            let silent = if *alive { "" } else { "; that worker has not been heard of within its lease" };
            format!("it is running{worker}{since}{silent}")
        }
        Why::NotDue { within, failed: 0 } => format!("it is due in {}", in_words(*within)),
        Why::NotDue { within, failed } => {
            let times = if *failed == 1 { "once".to_owned() } else { format!("{failed} times") };
            format!("it has failed {times}, and is tried again in {}", in_words(*within))
        }
        Why::Expired { at } => format!("it had to begin by {}", local_with_zone(*at)),
        why => why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lengths_of_time_are_said_as_people_say_them() {
        let within = Duration::from_millis(41_203_700);
        assert_eq!(sentence(&Why::NotDue { within, failed: 0 }), "it is due in 11 h 26 min");
        let failed = sentence(&Why::NotDue { within, failed: 2 });
        assert_eq!(failed, "it has failed 2 times, and is tried again in 11 h 26 min");
        for at in ["2030-01-31T09:00:00Z", "2030-07-31T09:00:00.123456Z"] {
            let at: jiff::Timestamp = at.parse().unwrap();
            assert_eq!(sentence(&Why::Expired { at }), format!("it had to begin by {}", local_with_zone(at)));
        }
        assert_eq!(sentence(&Why::Pending), Why::Pending.to_string());
    }
}
