//! What a process costs in which a worker, a scheduler and the maintenance have nothing to do.

use std::{fs, thread, time::Duration};

use drip::{Client, Context, Dialect, HandlerResult, Maintenance, NewJob, Periodic, Rule, Schedule, Worker};
use mysql::prelude::Queryable;

use crate::{
    Result, child,
    counting::{self, Statements},
    database::{Fresh, Kind},
    noop::Noop,
    options::Options,
    report::{Figure, Report, Target},
};

/// What is done at the start is left out, and what comes once a minute is in.
const SETTLING: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(60);

/// Ticks of the kernel's clock a second, as /proc shows them on Linux whatever the kernel's own are.
const TICKS: f64 = 100.0;

/// Statements a second, and the part of a core.
pub fn idle_cost(kind: &Kind<'_>, _: &Options, report: &mut Report) -> Result<()> {
    let database = kind.fresh()?;
    eprintln!("{} idle_cost: a minute of nothing", kind.dialect.name());
    let (statements, url) = match kind.dialect {
        Dialect::Postgres => counting::before(&database.url).map(|(count, url)| (Some(count), url))?,
        _ => (None, database.url.clone()),
    };
    let mut child = child::start_idle(&url)?;
    thread::sleep(SETTLING);
    let before = (sent(&database, statements.as_ref())?, cpu_seconds(child.id())?);
    thread::sleep(MEASURED);
    let after = (sent(&database, statements.as_ref())?, cpu_seconds(child.id())?);
    child.kill()?;
    child.wait()?;
    let figure =
        |name, value, unit, target| Figure { name, database: kind.dialect, value, unit, baseline: None, target };
    let seconds = MEASURED.as_secs_f64();
    if let (Some(before), Some(after)) = (before.0, after.0) {
        let most = (kind.dialect == Dialect::Postgres).then_some(Target::Below(3.0));
        report.add(&figure("idle_statements", (after - before) as f64 / seconds, "a second", most));
    }
    let busy = 100.0 * (after.1 - before.1) / seconds;
    report.add(&figure("idle_cpu", busy, "% core", Some(Target::Below(1.0))));
    Ok(())
}

/// How many statements the server has been sent, where somebody counts them.
fn sent(database: &Fresh, counted: Option<&Statements>) -> Result<Option<u64>> {
    match database.dialect {
        Dialect::Mariadb => {
            let mut connection = mysql::Conn::new(database.url.replace("mariadb://", "mysql://").as_str())?;
            let row: Option<(String, u64)> = connection.query_first("SHOW GLOBAL STATUS LIKE 'Questions'")?;
            Ok(row.map(|(_, count)| count))
        }
        _ => Ok(counted.map(Statements::so_far)),
    }
}

/// How long a process has computed so far.
pub fn cpu_seconds(process: u32) -> Result<f64> {
    let stat =
        fs::read_to_string(format!("/proc/{process}/stat")).map_err(|_| "CPU time is read from /proc, on Linux")?;
    // After the name, which is in parentheses and may hold anything: the 12th and 13th are user and system time.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = [11, 12].iter().map(|&at| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0));
    Ok(ticks.sum::<f64>() / TICKS)
}

/// In the child: all three with default settings, until it is killed.
pub fn be_idle(client: &Client) -> Result<()> {
    let _worker = Worker::new(client).handle(|_: &Context, _: Noop| -> HandlerResult { Ok(()) }).start()?;
    let _maintenance = Maintenance::new(client).start()?;
    let daily = Schedule::new("daily", Rule::every("24h"), NewJob::from(Noop { n: 0 }));
    let _periodic = Periodic::new(client).schedule(daily).start()?;
    loop {
        thread::park();
    }
}
