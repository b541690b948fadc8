//! Metrics as text: for each its help, its type, and a line for each label's value.

use std::fmt::{self, Display, Formatter, Write};

use super::{
    Metrics, Numbers,
    histogram::{BOUNDS, Buckets},
};
use crate::{event::News, stopwatch::MEASURES_CPU};

/// The values of the label `outcome`.
const OUTCOMES: [(News, &str); 11] = [
    (News::Completed, "completed"),
    (News::Failed, "failed"),
    (News::TimedOut, "timed_out"),
    (News::Discarded, "discarded"),
    (News::Cancelled, "cancelled"),
    (News::Snoozed, "snoozed"),
    (News::GivenBack, "given_back"),
    (News::ClaimLost, "claim_lost"),
    (News::Unrecorded, "unrecorded"),
    (News::Rescued, "rescued"),
    (News::Settled, "settled"),
];

impl Display for Metrics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.counted(f, "drip_jobs_inserted_total", "Jobs inserted.", News::Inserted)?;
        self.counted(f, "drip_attempts_started_total", "Attempts begun.", News::Started)?;
        self.outcomes(f)?;
        self.histogram(f, "drip_job_wait_seconds", "From when a job was due to when it was started.", |n| &n.waited)?;
        self.histogram(f, "drip_job_run_seconds", "How long a handler ran that has returned.", |n| &n.ran)?;
        if MEASURES_CPU {
            self.cpu(f)?;
        }
        single(f, "drip_claims_total", "counter", "Claims made.", self.claims)?;
        single(f, "drip_jobs_claimed_total", "counter", "Jobs that those brought.", self.claimed)?;
        single(f, "drip_database_losses_total", "counter", "Times that a worker lost the database.", self.losses)?;
        let load = &self.load;
        single(f, "drip_worker_threads", "gauge", "Threads of the running workers.", load.threads as u64)?;
        single(f, "drip_worker_threads_busy", "gauge", "Those of them that are running a job.", load.busy as u64)?;
        single(f, "drip_jobs_in_flight", "gauge", "Jobs claimed and not finished.", load.in_flight as u64)
    }
}

impl Metrics {
    fn counted(&self, f: &mut Formatter<'_>, name: &str, help: &str, news: News) -> fmt::Result {
        head(f, name, "counter", help)?;
        self.each(|labels, numbers| writeln!(f, "{name}{{{labels}}} {}", numbers.counts[news as usize]))
    }

    fn outcomes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = "drip_attempts_ended_total";
        head(f, name, "counter", "What became of attempts.")?;
        self.each(|labels, numbers| {
            OUTCOMES.iter().try_for_each(|(news, outcome)| {
                writeln!(f, "{name}{{{labels},outcome=\"{outcome}\"}} {}", numbers.counts[*news as usize])
            })
        })
    }

    fn histogram(
        &self,
        f: &mut Formatter<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&Numbers) -> &Buckets,
    ) -> fmt::Result {
        head(f, name, "histogram", help)?;
        self.each(|labels, numbers| {
            let Buckets { counts, sum } = of(numbers);
            let mut upto = 0;
            for (bound, count) in BOUNDS.iter().map(|(bound, _)| *bound).chain(["+Inf"]).zip(counts) {
                upto += count;
                writeln!(f, "{name}_bucket{{{labels},le=\"{bound}\"}} {upto}")?;
            }
            writeln!(f, "{name}_sum{{{labels}}} {}", sum.as_secs_f64())?;
            writeln!(f, "{name}_count{{{labels}}} {upto}")
        })
    }

    fn cpu(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = "drip_job_cpu_seconds_total";
        head(f, name, "counter", "How long the threads of handlers were computing.")?;
        self.each(|labels, numbers| writeln!(f, "{name}{{{labels}}} {}", numbers.cpu.as_secs_f64()))
    }

    fn each(&self, mut line: impl FnMut(&str, &Numbers) -> fmt::Result) -> fmt::Result {
        self.series.iter().try_for_each(|((queue, kind), numbers)| {
            line(&format!("queue=\"{}\",kind=\"{}\"", Escaped(queue), Escaped(kind)), numbers)
        })
    }
}

fn single(f: &mut Formatter<'_>, name: &str, sort: &str, help: &str, number: u64) -> fmt::Result {
    head(f, name, sort, help)?;
    writeln!(f, "{name} {number}")
}

fn head(f: &mut Formatter<'_>, name: &str, sort: &str, help: &str) -> fmt::Result {
    writeln!(f, "# HELP {name} {help}\n# TYPE {name} {sort}")
}

/// The value of a label: somebody with a console may have named a queue as no verb would.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            _ => f.write_char(character),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{event::Timing, metrics::Counters};

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let counters = Counters::default();
        let timing = |millis| Timing { ran: Some(Duration::from_millis(millis)), ..Timing::default() };
        counters.count(News::Inserted, "a\"b\\c\nd", "ü", &Timing::default());
        for millis in [3, 3, 750, 7_200_000] {
            counters.count(News::Completed, "a\"b\\c\nd", "ü", &timing(millis));
        }
        counters.count_claim(7);
        let text = counters.read().to_string();
        for line in [
            "# HELP drip_jobs_inserted_total Jobs inserted.",
            "# TYPE drip_jobs_inserted_total counter",
            r#"drip_jobs_inserted_total{queue="a\"b\\c\nd",kind="ü"} 1"#,
            r#"drip_attempts_ended_total{queue="a\"b\\c\nd",kind="ü",outcome="completed"} 4"#,
            r#"drip_attempts_ended_total{queue="a\"b\\c\nd",kind="ü",outcome="failed"} 0"#,
            "# TYPE drip_job_run_seconds histogram",
            r#"drip_job_run_seconds_bucket{queue="a\"b\\c\nd",kind="ü",le="0.001"} 0"#,
            r#"drip_job_run_seconds_bucket{queue="a\"b\\c\nd",kind="ü",le="0.005"} 2"#,
            r#"drip_job_run_seconds_bucket{queue="a\"b\\c\nd",kind="ü",le="1"} 3"#,
            r#"drip_job_run_seconds_bucket{queue="a\"b\\c\nd",kind="ü",le="3600"} 3"#,
            r#"drip_job_run_seconds_bucket{queue="a\"b\\c\nd",kind="ü",le="+Inf"} 4"#,
            r#"drip_job_run_seconds_sum{queue="a\"b\\c\nd",kind="ü"} 7200.756"#,
            r#"drip_job_run_seconds_count{queue="a\"b\\c\nd",kind="ü"} 4"#,
            r#"drip_job_wait_seconds_count{queue="a\"b\\c\nd",kind="ü"} 0"#,
            "drip_claims_total 1",
            "drip_jobs_claimed_total 7",
            "drip_database_losses_total 0",
            "# TYPE drip_jobs_in_flight gauge",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
        }
        assert!(text.ends_with('\n') && !text.contains('\r'));
    }
}
