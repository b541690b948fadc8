//! What was typed after `--`.

use drip::Dialect;

use crate::group::{GROUPS, Group};

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
    groups: Vec<&'static str>,
    pub rounds: usize,
    pub jobs: Option<u32>,
    pub rows: u32,
    pub queues: u32,
    pub kinds: u32,
    pub seconds: u32,
    pub workers: u32,
}

pub const USAGE: &str = "\
usage: cargo bench --bench queue -- [OPTION...] [GROUP...]

  drain            a worker with default settings, beside bare claims and completions
  ephemeral        the same with jobs that are deleted, beside bare claims and deletions
  transactional    an effect and the completion in one commit, beside the same bare statements
  insert_single    jobs inserted one by one
  insert_many      ten thousand at a time
  start_latency    from insert to start, in one process and across two
  idle_rss         memory of a process with nothing to do
  idle_cost        statements and CPU time of one
  cost             statements, commits, log, dead rows and CPU time a job
  scale (*)        1, 2, 4 and 8 processes at work; many workers with next to nothing to do
  growth (*)       drain beside very many other rows, with many queues, and with many kinds
  pinned (*)       drain while a snapshot is held, the end beside the beginning; and without one
  memory (*)       the most that a process needs that drains very many jobs
  all              all of these; without a name those without a star, which wants minutes and gigabytes

  --database NAME  only this database: postgres, mariadb or sqlite; may be repeated
  --rounds N       rounds of each figure, of which the median counts (5)
  --jobs N         jobs to drain (200000 on PostgreSQL, 80000 on MariaDB, 300000 on SQLite; of transactional ones
                   6000; for memory 1000000)
  --rows N         growth: rows that are scheduled, and as many that are completed (1000000)
  --queues N       growth: queues (10000)
  --kinds N        growth: kinds (1000)
  --seconds N      pinned: for how long the snapshot is held, and then not (300)
  --workers N      scale: workers with next to nothing to do (200)
  --json           one line of JSON a figure, and nothing else, on standard output
  --help           this text";

const NOT_A_TEST: &str = "queue: a benchmark, to be run with `cargo bench --bench queue`";

const DATABASES: [Dialect; 3] = [Dialect::Postgres, Dialect::Mariadb, Dialect::Sqlite];

impl Options {
    pub fn wants(&self, group: &Group) -> bool {
        if self.groups.is_empty() { group.usual } else { self.groups.contains(&group.name) }
    }
}

/// Reads the arguments, without the program's name.
pub fn parse(args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut options = Options {
        json: false,
        databases: Vec::new(),
        groups: Vec::new(),
        rounds: 5,
        jobs: None,
        rows: 1_000_000,
        queues: 10_000,
        kinds: 1_000,
        seconds: 300,
        workers: 200,
    };
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
            "--rounds" => options.rounds = positive(&arg, &value()?)? as usize,
            "--jobs" => options.jobs = Some(positive(&arg, &value()?)?),
            "--rows" => options.rows = positive(&arg, &value()?)?,
            "--queues" => options.queues = positive(&arg, &value()?)?,
            "--kinds" => options.kinds = positive(&arg, &value()?)?,
            "--seconds" => options.seconds = positive(&arg, &value()?)?,
            "--workers" => options.workers = positive(&arg, &value()?)?,
            "all" => options.groups = GROUPS.iter().map(|group| group.name).collect(),
            name => options.groups.push(group(name)?),
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

fn group(name: &str) -> Result<&'static str, String> {
    let found = GROUPS.iter().find(|group| group.name == name);
    found.map(|group| group.name).ok_or_else(|| format!("there is no option and no group {name}"))
}

fn positive(option: &str, number: &str) -> Result<u32, String> {
    let positive = number.parse().ok().filter(|&number| number > 0);
    positive.ok_or_else(|| format!("{option} {number}: wants a number, at least 1"))
}
