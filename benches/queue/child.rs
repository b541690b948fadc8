//! What needs a process of its own: memory and CPU time that nothing else has touched, several workers beside each other,
//! and an inserter beside the worker's process.
//!
//! The benchmark runs itself again, with the task as an argument and the database's URL, which may hold a password, in
//! the environment.

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use drip::{Client, Context, Dialect, Event, HandlerResult, Worker};

use crate::{
    Result,
    baseline::{
        BATCH, Bare, KINDS,
        drain::{Drain, in_turn},
    },
    counting,
    database::Fresh,
    group::{idle, latency},
    noop::Noop,
};

const URL: &str = "DRIP_BENCH_URL";
/// How many jobs a working child is to begin before it says so.
const JOBS: &str = "DRIP_BENCH_JOBS";
/// How many workers it starts.
const WORKERS: &str = "DRIP_BENCH_WORKERS";

/// Resident memory of a process with one bare connection.
const BARE_MEMORY: &str = "bare-memory";
/// Resident memory of a process with an idle worker.
const IDLE_MEMORY: &str = "idle-memory";
/// Inserts jobs at an even pace.
const INSERT: &str = "insert";
/// Has nothing to do, until it is killed.
const IDLE: &str = "idle";
/// Workers, from the word to the end of standard input.
const WORK: &str = "work";
/// The same without the queue: a thousand jobs at a time, and one at a time.
const BARE_WORK: &str = "bare-work";
const BARE_SINGLE_WORK: &str = "bare-single-work";

/// Does the task, in the child.
pub fn run(task: &str) -> Result<()> {
    let url = std::env::var(URL)?;
    let client = || Client::connect(&url);
    match task {
        BARE_MEMORY => {
            let _connection = bare(&url)?;
            println!("{}", resident_kib("VmRSS:")?);
        }
        IDLE_MEMORY => println!("{}", idle_worker(&client()?)?),
        INSERT => latency::insert_steadily(&client()?)?,
        IDLE => idle::be_idle(&client()?)?,
        WORK => work(&url)?,
        BARE_WORK => work_barely(&url, BATCH)?,
        BARE_SINGLE_WORK => work_barely(&url, 1)?,
        other => return Err(format!("no child does {other}").into()),
    }
    Ok(())
}

/// KiB of a process with an open connection of the driver's, and of one with an idle worker.
pub fn memory(database: &Fresh) -> Result<(f64, f64)> {
    let ask = |task| -> Result<f64> {
        let output = command(task, &database.url)?.output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse().map_err(|_| format!("the child for {task} failed"))?)
    };
    Ok((ask(BARE_MEMORY)?, ask(IDLE_MEMORY)?))
}

/// Starts a process that inserts jobs at an even pace.
pub fn start_inserting(database: &Fresh) -> Result<Child> {
    Ok(command(INSERT, &database.url)?.spawn()?)
}

/// Starts a process in which a worker, a scheduler and the maintenance have nothing to do.
pub fn start_idle(url: &str) -> Result<Child> {
    Ok(command(IDLE, url)?.spawn()?)
}

fn command(task: &str, url: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--child", task]).env(URL, url).stdout(Stdio::piped());
    Ok(command)
}

fn bare(url: &str) -> Result<Box<dyn Bare>> {
    let scheme = url.split(':').next().unwrap_or_default();
    let dialects = [Dialect::Postgres, Dialect::Mariadb, Dialect::Sqlite];
    let dialect = dialects.into_iter().find(|dialect| dialect.name() == scheme);
    crate::baseline::connect(dialect.ok_or("the URL is of no database")?, url)
}

/// A worker with default settings that has found nothing, and a moment later still has nothing to do.
fn idle_worker(client: &Client) -> Result<u64> {
    let subscription = client.subscribe();
    let running = Worker::new(client).handle(|_: &Context, _: Noop| -> HandlerResult { Ok(()) }).start()?;
    while !matches!(subscription.events().recv()?, Event::Idle { .. }) {}
    // A few polls, so that all that it ever needs when idle has been there once.
    thread::sleep(Duration::from_secs(3));
    let resident = resident_kib("VmRSS:")?;
    running.stop(Duration::from_secs(5));
    Ok(resident)
}

// ----------------------------------------------------------------------------------------------------------- at work

/// A process that works, or is about to.
pub struct AtWork {
    process: Child,
    word: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

/// What a process has used up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    pub cpu_us: f64,
    pub peak_kib: f64,
    /// Bytes written to files.
    pub written: f64,
    /// Statements, and commits among them, that SQLite has run.
    pub statements: f64,
    pub commits: f64,
}

/// Who works.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    /// So many workers with default settings, on one client.
    Workers(u32),
    Bare,
    BareSingly,
}

impl AtWork {
    /// Starts a process and waits until it is ready; it will say when so many jobs have been begun.
    pub fn prepare(who: Who, url: &str, jobs: u32) -> Result<AtWork> {
        let (task, workers) = match who {
            Who::Workers(count) => (WORK, count),
            Who::Bare => (BARE_WORK, 0),
            Who::BareSingly => (BARE_SINGLE_WORK, 0),
        };
        let mut command = command(task, url)?;
        command.env(JOBS, jobs.to_string()).env(WORKERS, workers.to_string()).stdin(Stdio::piped());
        let mut process = command.spawn()?;
        let (word, out) = (process.stdin.take(), process.stdout.take());
        let (word, out) = (word.ok_or("no pipe")?, out.ok_or("no pipe")?);
        let mut at_work = AtWork { process, word, said: BufReader::new(out).lines() };
        at_work.hear("ready")?;
        Ok(at_work)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn go(&mut self) -> Result<()> {
        Ok(self.word.write_all(b"go\n")?)
    }

    /// Waits until all its jobs have been begun.
    pub fn await_begun(&mut self) -> Result<()> {
        self.hear("begun").map(drop)
    }

    /// Waits until its workers have been started.
    pub fn await_started(&mut self) -> Result<()> {
        self.hear("started").map(drop)
    }

    fn hear(&mut self, word: &str) -> Result<String> {
        match self.said.next() {
            Some(line) => {
                let line = line?;
                if line.starts_with(word) { Ok(line) } else { self.hear(word) }
            }
            None => Err(format!("a child has ended without saying {word:?}").into()),
        }
    }

    /// What it has used up so far.
    pub fn spent(&mut self) -> Result<Spent> {
        self.word.write_all(b"spent\n")?;
        let line = self.hear("spent")?;
        let numbers: Vec<f64> = line.split(' ').skip(1).map(str::parse).collect::<std::result::Result<_, _>>()?;
        let &[cpu_us, peak_kib, written, statements, commits] = &*numbers else { return Err("not so many".into()) };
        Ok(Spent { cpu_us, peak_kib, written, statements, commits })
    }

    /// Ends it, which closes its connections.
    pub fn end(self) -> Result<()> {
        let AtWork { mut process, word, said } = self;
        drop(word);
        said.for_each(drop);
        match process.wait()?.success() {
            true => Ok(()),
            false => Err("a child at work has failed".into()),
        }
    }
}

impl Spent {
    pub fn since(&self, before: &Spent) -> Spent {
        Spent {
            cpu_us: self.cpu_us - before.cpu_us,
            peak_kib: self.peak_kib,
            written: self.written - before.written,
            statements: self.statements - before.statements,
            commits: self.commits - before.commits,
        }
    }
}

/// In the child: from the word on, until there are no more.
fn work(url: &str) -> Result<()> {
    let number = |name| -> Result<u32> { Ok(std::env::var(name)?.parse()?) };
    let (jobs, workers) = (number(JOBS)?, number(WORKERS)?);
    counting::count_sqlite();
    let client = if url.starts_with("sqlite:") { counting::client(url)? } else { Client::connect(url)? };
    let mut words = listen("go")?;
    let count = Arc::new(AtomicU32::new(0));
    let start = |_| {
        let count = count.clone();
        let handler = move |_: &Context, _: Noop| -> HandlerResult {
            if count.fetch_add(1, Ordering::Relaxed) + 1 == jobs {
                println!("begun");
            }
            Ok(())
        };
        Worker::new(&client).handle(handler).start()
    };
    let running = (0..workers).map(start).collect::<drip::Result<Vec<_>>>()?;
    println!("started");
    answer(&mut words)?;
    running.iter().for_each(|running| drop(running.stop(Duration::from_secs(10))));
    Ok(())
}

fn work_barely(url: &str, batch: i64) -> Result<()> {
    counting::count_sqlite();
    let mut bare = bare(url)?;
    let mut words = listen("go")?;
    in_turn(&mut *bare, Drain { batch, deletes: false, kinds: KINDS })?;
    println!("begun");
    answer(&mut words)
}

type Words = Lines<std::io::StdinLock<'static>>;

fn listen(word: &str) -> Result<Words> {
    println!("ready");
    let mut words = std::io::stdin().lines();
    match words.next().transpose()?.as_deref() {
        Some(said) if said == word => Ok(words),
        other => Err(format!("{other:?} where {word:?} was to be said").into()),
    }
}

/// Whatever the word, the question is the same.
fn answer(words: &mut Words) -> Result<()> {
    for word in words {
        word?;
        let (statements, commits) = counting::of_sqlite();
        let (cpu, peak, written) = (cpu_us()?, resident_kib("VmHWM:")?, written()?);
        println!("spent {cpu} {peak} {written} {statements} {commits}");
    }
    Ok(())
}

// -------------------------------------------------------------------------------------------------------------- /proc

fn resident_kib(which: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").map_err(|_| "resident memory is read from /proc, on Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix(which)).ok_or("/proc/self/status has no such line")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// How long the threads that there are have computed.
fn cpu_us() -> Result<f64> {
    let mut nanos = 0.0;
    for task in fs::read_dir("/proc/self/task").map_err(|_| "CPU time is read from /proc, on Linux")? {
        let schedstat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanos += schedstat.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default();
    }
    Ok(nanos / 1000.0)
}

fn written() -> Result<f64> {
    let io = fs::read_to_string("/proc/self/io").map_err(|_| "bytes written are read from /proc, on Linux")?;
    let line = io.lines().find_map(|line| line.strip_prefix("wchar:")).ok_or("/proc/self/io has no wchar")?;
    Ok(line.trim().parse()?)
}
