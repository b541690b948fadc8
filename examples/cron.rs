//! A job by the clock on the wall: what becomes of it when clocks are changed, and what an operator does with it.
//!
//! `cargo run --example cron` uses a temporary SQLite file, with `DRIP_URL=postgres://…` or `mariadb://…` a server.

use drip::{Client, Context, HandlerResult, JobArgs, JobFilter, Missed, NewJob, Rule, Schedule, Worker};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

const QUEUE: &str = "cron_reports";
const NAME: &str = "cron: report of the day";

#[derive(Serialize, Deserialize)]
struct Report {
    of: String,
}

impl JobArgs for Report {
    const KIND: &'static str = "cron_report";
    fn defaults(job: NewJob) -> NewJob {
        job.queue(QUEUE)
    }
}

fn write(context: &Context, report: Report) -> HandlerResult {
    let metadata = context.job().metadata()?;
    println!("the report of the {}, because of {}", report.of, metadata["schedule"]);
    Ok(())
}

/// The next times, as the clock on the wall shows them.
fn show(rule: &Rule, zone: &str, from: &str, count: usize) -> HandlerResult {
    let zone = TimeZone::get(zone)?;
    let mut time: Timestamp = from.parse()?;
    println!("{rule}");
    for _ in 0..count {
        time = rule.next_after(time)?.ok_or("there is no later one")?;
        println!("  {}", time.to_zoned(zone.clone()).strftime("%a %d %b, %H:%M (UTC%:::z)"));
    }
    Ok(())
}

fn main() -> HandlerResult {
    let directory = tempfile::tempdir()?; // removed at the end
    let file = format!("sqlite://{}/reports.db", directory.path().display());
    let client = Client::connect(&std::env::var("DRIP_URL").unwrap_or(file))?;
    client.migrate()?;

    // On 31 March 2030 there is no 02:30 in Paris. On 27 October there are two.
    show(&Rule::cron("30 2 * * *", "Europe/Paris"), "Europe/Paris", "2030-03-29T12:00:00Z", 3)?;
    show(&Rule::cron("30 2 * * *", "Europe/Paris"), "Europe/Paris", "2030-10-25T12:00:00Z", 3)?;
    // Every half hour is every half hour.
    show(&Rule::cron("*/30 * * * *", "Europe/Paris"), "Europe/Paris", "2030-10-26T23:45:00Z", 5)?;

    // Declared at every start; `Periodic` then inserts its jobs. The report of a day that was missed is of no use.
    let rule = Rule::cron("0 9 * * mon-fri", "Europe/Paris");
    let schedule = Schedule::new(NAME, rule, Report { of: "day".to_owned() }).missed(Missed::Skip);
    let info = drip::upsert_schedule(&client, schedule)?;
    println!("{}: {}; {} to come", info.name, info.rule(), info.next_slots(5)?.len());
    match drip::upsert_schedule(
        &client,
        Schedule::new(NAME, Rule::cron("0 9 30 2 *", "UTC"), Report { of: "day".into() }),
    ) {
        Err(error) => println!("{error}"),
        Ok(_) => println!("it comes on 30 February"),
    }

    drip::pause_schedule(&client, NAME)?;
    println!("paused: {}", drip::get_schedule(&client, NAME)?.is_some_and(|info| info.is_paused()));
    drip::run_schedule_now(&client, NAME)?; // by hand, beside those that come by themselves
    Worker::new(&client).queue(QUEUE).handle(write).work_once()?;

    drip::delete_schedule(&client, NAME)?;
    drip::delete_jobs(&client, &JobFilter::new().queue(QUEUE))?;
    Ok(())
}
