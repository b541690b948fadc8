//! What needs a process of its own: memory that nothing else has touched, and an inserter beside the worker's process.
//!
//! The benchmark runs itself again, with the task as an argument and the database's URL, which may hold a password, in
//! the environment.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use drip::{Client, Context, Event, HandlerResult, Worker};

use crate::{Result, baseline::Bare, database::Fresh, figures, idle, noop::Noop};

const URL: &str = "DRIP_BENCH_URL";

/// Resident memory of a process with one bare connection.
const BARE_MEMORY: &str = "bare-memory";
/// Resident memory of a process with an idle worker.
const IDLE_MEMORY: &str = "idle-memory";
/// Inserts jobs at an even pace.
const INSERT: &str = "insert";
/// Has nothing to do, until it is killed.
const IDLE: &str = "idle";

/// Does the task, in the child.
pub fn run(task: &str) -> Result<()> {
    let url = std::env::var(URL)?;
    let client = || Client::connect(&url);
    match task {
        BARE_MEMORY => {
            let _connection = bare(&url)?;
            println!("{}", resident_kib()?);
        }
        IDLE_MEMORY => println!("{}", idle_worker(&client()?)?),
        INSERT => figures::insert_steadily(&client()?)?,
        IDLE => idle::be_idle(&client()?)?,
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
    let dialects = [drip::Dialect::Postgres, drip::Dialect::Mariadb, drip::Dialect::Sqlite];
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
    let resident = resident_kib()?;
    running.stop(Duration::from_secs(5));
    Ok(resident)
}

fn resident_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").map_err(|_| "resident memory is read from /proc, on Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("/proc/self/status has no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
