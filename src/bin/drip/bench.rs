//! `drip bench`: how fast the queue is in this database, from here.
//!
//! What is to be measured is said here, and what was is shown; jobs are inserted and removed in [`site`], and measured in
//! [`drain`], [`insert`] and [`latency`].

mod drain;
mod insert;
mod latency;
mod round;
mod site;

use std::time::Duration;

use clap::{Args, ValueEnum, value_parser};
use drip::{Dialect, Setting};

use self::site::Site;
use crate::{
    app::App,
    escape::escaped,
    failure::{Failure, Outcome},
    interrupt::Interrupt,
    json::{BenchDocument, FigureDocument, settings_of},
    output::Output,
    table::{Table, figure, number, text},
};

const AFTER_HELP: &str = "\
It works in a queue of its own, such as drip-bench-1f3a09bc, with jobs of the kind drip-bench that do nothing, and removes \
all of them at the end, after an error and after Ctrl+C as well (pressed once: a second one leaves them there). It runs no other jobs; but its worker does what any does \
for all of them: what is due becomes available, and what a worker had that has died is given back. All of this is load, and \
in PostgreSQL and MariaDB leaves dead rows to be cleared away, and a SQLite file as large as it has grown, with room for \
what comes next: think before you do it beside an application. If it is killed, or its terminal closed, \
`drip jobs delete --kind drip-bench --yes` removes what it left.

Figures hold for this machine, this database, what else both do, and what lies between them: the first figure is the \
round trip, the median of many. Whether commits survive a loss of power is up to the database's settings and decides much: \
the heading says them. Nothing here is compared with the database's own limits: `cargo bench`, in the source, measures the same \
beside the bare drivers.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct BenchCommand {
    /// What to measure; all of it, if nothing is named
    #[arg(value_enum, value_name = "MODE")]
    modes: Vec<Mode>,
    /// How many jobs each figure is taken from at the most, from 1 to 100000000; by default as many as take a second or so,
    /// and 200 for start_latency, which takes 20 s. Of very few it is the start of the worker that is measured
    #[arg(long, short = 'n', value_name = "NUMBER", value_parser = value_parser!(u32).range(1..=100_000_000))]
    jobs: Option<u32>,
    /// How many seconds each figure is measured at the most, from 1 to 86400, without what is prepared for it; COUNT says how
    /// many jobs it came to
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How many threads run jobs, from 1 to 1000, by default 10, but 1 for transactional on SQLite; and how many insert, by
    /// default 1
    #[arg(long, short, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..=1000))]
    concurrency: Option<u32>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Mode {
    /// Jobs that a worker runs a second
    Drain,
    /// The same with jobs that are removed when they are done
    Ephemeral,
    /// Jobs that are run one by one, each claimed, run and completed by one commit (work_once)
    Transactional,
    /// Jobs inserted a second, one a commit
    InsertSingle,
    /// Jobs inserted a second, up to ten thousand a commit
    InsertMany,
    /// The same where nobody asks for the jobs back
    InsertManyFast,
    /// From the insert of a job to its start, when 20 come a second: by the worker's client, and by another (across) as if
    /// by another process
    StartLatency,
}

/// How a figure is taken.
struct Limits {
    jobs: u32,
    time: Duration,
    threads: u32,
}

/// What was measured.
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
    /// How many were measured: jobs, or round trips.
    pub count: u64,
    pub took: Duration,
    pub threads: u32,
}

impl BenchCommand {
    pub fn run(self, app: &mut App) -> Outcome {
        let most = Mode::value_variants().iter().map(|mode| self.threads(*mode, Dialect::Postgres)).max().unwrap_or(1);
        let client = app.client_for(most + 1)?;
        check_schema(&client)?;
        let settings = drip::database_settings(&client)?;
        let site = Site::open(client, Interrupt::watch()?)?;
        let mut figures = Vec::new();
        let measured = self.measure(app, &site, &mut figures);
        let removed = site.close();
        let shown = show(&mut app.output, site.client.dialect(), &settings, &figures);
        match (measured, removed) {
            (Err(measured), Err(removed)) => {
                measured.tell();
                Err(removed)
            }
            (measured, removed) => removed.and(measured).and(shown),
        }
    }

    fn measure(&self, app: &App, site: &Site, figures: &mut Vec<Figure>) -> Outcome {
        figures.push(latency::round_trip(site)?);
        let modes = if self.modes.is_empty() { Mode::value_variants() } else { &self.modes };
        for mode in modes {
            let limits = self.limits(*mode, site.client.dialect());
            match mode {
                Mode::Drain => figures.push(drain::drain(site, &limits)?),
                Mode::Ephemeral => figures.push(drain::ephemeral(site, &limits)?),
                Mode::Transactional => figures.push(drain::transactional(site, &limits)?),
                Mode::InsertSingle => figures.push(insert::insert_single(site, &limits)?),
                Mode::InsertMany => figures.push(insert::insert_many(site, &limits)?),
                Mode::InsertManyFast => figures.push(insert::insert_many_fast(site, &limits)?),
                Mode::StartLatency => figures.extend(latency::start_latency(site, &app.client()?, &limits)?),
            }
            site.clear()?;
        }
        Ok(())
    }

    fn limits(&self, mode: Mode, dialect: Dialect) -> Limits {
        let jobs = self.jobs.unwrap_or(match mode {
            Mode::Drain | Mode::Ephemeral | Mode::InsertMany => 50_000,
            Mode::InsertManyFast => 100_000,
            Mode::Transactional | Mode::InsertSingle => 2_000,
            Mode::StartLatency => 200,
        });
        Limits { jobs, time: Duration::from_secs(self.seconds), threads: self.threads(mode, dialect) }
    }

    fn threads(&self, mode: Mode, dialect: Dialect) -> u32 {
        self.concurrency.unwrap_or(match mode {
            // Writers would only wait for each other.
            Mode::Transactional if dialect == Dialect::Sqlite => 1,
            Mode::InsertSingle | Mode::InsertMany | Mode::InsertManyFast => 1,
            _ => 10,
        })
    }
}

/// Before anything is written.
fn check_schema(client: &drip::Client) -> Outcome {
    let pending = client.pending_migrations()?.len();
    let (version, newest) = (client.schema_version()?, drip::Client::SCHEMA_VERSION);
    match pending {
        0 => Ok(()),
        _ => Err(Failure::failed(format!("the schema has version {version}, and version {newest} is needed"))
            .advise("`drip migrate` brings it there; or is this another database than you think?")),
    }
}

fn show(output: &mut Output, dialect: Dialect, settings: &[Setting], figures: &[Figure]) -> Outcome {
    if figures.is_empty() {
        return Ok(());
    }
    let of_figures = figures.iter().map(|figure| FigureDocument::new(dialect, settings, figure)).collect();
    let document = BenchDocument { database: dialect.name(), settings: settings_of(settings), figures: of_figures };
    match output.is_for_people() {
        true => {
            let database = dialect.name();
            output.line(heading(database, settings))?;
            output.line("")?;
            output.table(table(figures))?;
            output
                .line(format!("\nTrue of this {database} database, as it is set up and laden now, from this machine."))
        }
        false => output.many(&document, &document.figures),
    }
}

/// Which database it is, and what its commits are worth.
fn heading(database: &str, settings: &[Setting]) -> String {
    let (version, others): (Vec<_>, Vec<_>) = settings.iter().partition(|setting| setting.name == "version");
    let version = version.iter().map(|setting| format!(" {}", setting.value)).collect::<String>();
    let others: Vec<String> = others.iter().map(|setting| format!("{} = {}", setting.name, setting.value)).collect();
    escaped(&format!("{database}{version}: {}", others.join(", ")))
}

fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new(&["FIGURE", "VALUE", "UNIT", "COUNT", "SECONDS", "THREADS"]);
    for one in figures {
        table.row([
            text(one.name),
            number(one.value_for_people()),
            text(one.unit),
            number(figure(one.count)),
            number(format!("{:.2}", one.took.as_secs_f64())),
            number(one.threads),
        ]);
    }
    table
}

impl Figure {
    /// So many jobs in so long a time.
    fn rate(name: &'static str, jobs: u64, took: Duration, threads: u32) -> Figure {
        let value = jobs as f64 / took.as_secs_f64().max(f64::EPSILON);
        Figure { name, value, unit: "jobs/s", count: jobs, took, threads }
    }

    /// Rates are large, and times are small.
    fn value_for_people(&self) -> String {
        match self.unit {
            "ms" if self.value < 0.1 => format!("{:.4}", self.value),
            "ms" => format!("{:.2}", self.value),
            _ if self.value < 100.0 => format!("{:.1}", self.value),
            _ => figure(self.value.round() as u64),
        }
    }
}
