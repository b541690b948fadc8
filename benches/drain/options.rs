//! What was typed after `--`.

use drip::Dialect;

use crate::figures;

/// What the benchmark is asked to do.
pub enum Command {
    Measure(Options),
    /// In a process that the benchmark has started itself.
    Child(String),
    /// Nothing but this.
    Say(&'static str),
}

/// What to measure, and how often.
pub struct Options {
    pub json: bool,
    pub databases: Vec<Dialect>,
    only: Vec<String>,
    pub rounds: usize,
    pub jobs: Option<u32>,
}

pub const USAGE: &str = "\
usage: cargo bench --bench drain -- [OPTION...]

  --database NAME  only this database: postgres, mariadb or sqlite; may be repeated
  --only NAME      only these figures: drain, insert_single, insert_many, start_latency,
                   idle_rss or idle_cost; may be repeated
  --rounds N       rounds of each figure, of which the median counts (5)
  --jobs N         jobs to drain (60000 on PostgreSQL, 40000 on MariaDB, 150000 on SQLite)
  --json           one line of JSON a figure, and nothing else, on standard output
  --help           this text";

const NOT_A_TEST: &str = "drain: a benchmark, to be run with `cargo bench --bench drain`";

const DATABASES: [Dialect; 3] = [Dialect::Postgres, Dialect::Mariadb, Dialect::Sqlite];

impl Options {
    pub fn wants(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == group)
    }
}

/// Reads the arguments, without the program's name.
pub fn parse(args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut options = Options { json: false, databases: Vec::new(), only: Vec::new(), rounds: 5, jobs: None };
    let mut benchmark = false;
    let mut args = args;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        match arg.as_str() {
            // Cargo says it when it runs benchmarks, and does not when it runs tests.
            "--bench" => benchmark = true,
            "--child" => return Ok(Command::Child(value()?)),
            "--help" | "-h" => return Ok(Command::Say(USAGE)),
            "--json" => options.json = true,
            "--database" => options.databases.push(database(&value()?)?),
            "--only" => options.only.push(group(value()?)?),
            "--rounds" => options.rounds = positive(&arg, &value()?)? as usize,
            "--jobs" => options.jobs = Some(positive(&arg, &value()?)?),
            _ => return Err(format!("unknown option: {arg}")),
        }
    }
    if options.databases.is_empty() {
        options.databases = DATABASES.to_vec();
    }
    Ok(if benchmark { Command::Measure(options) } else { Command::Say(NOT_A_TEST) })
}

fn database(name: &str) -> Result<Dialect, String> {
    let found = DATABASES.into_iter().find(|dialect| dialect.name() == name);
    found.ok_or_else(|| format!("--database {name}: there are postgres, mariadb and sqlite"))
}

fn group(name: String) -> Result<String, String> {
    let names: Vec<_> = figures::GROUPS.iter().map(|group| group.name).collect();
    if names.contains(&name.as_str()) {
        Ok(name)
    } else {
        Err(format!("--only {name}: there are {}", names.join(", ")))
    }
}

fn positive(option: &str, number: &str) -> Result<u32, String> {
    let positive = number.parse().ok().filter(|&number| number > 0);
    positive.ok_or_else(|| format!("{option} {number}: wants a number, at least 1"))
}
