//! Finds the servers: given by the environment, or started by `tests/servers` for as long as this process lives.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// Where the servers are; `None` for one that cannot be had.
#[derive(Debug, Default)]
pub struct Servers {
    pub postgres: Option<String>,
    pub mariadb: Option<String>,
    /// Holds the servers: they stop when its standard input closes, which it does when this process ends, however.
    _holder: Option<Child>,
}

const POSTGRES: &str = "DRIP_TEST_POSTGRES_URL";
const MARIADB: &str = "DRIP_TEST_MARIADB_URL";

/// The servers of this run.
pub fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| find(&[]))
}

/// Finds the servers, or starts them with these options (`--durable`).
pub fn find(options: &[&str]) -> Servers {
    let given = |name| std::env::var(name).ok().filter(|url| !url.is_empty());
    let servers = Servers { postgres: given(POSTGRES), mariadb: given(MARIADB), _holder: None };
    // `tests/servers run` says that it has looked, so that what it did not find is not looked for again.
    if std::env::var_os("DRIP_TEST_SERVERS").is_some() || (servers.postgres.is_some() && servers.mariadb.is_some()) {
        servers
    } else {
        start(options)
    }
}

fn start(options: &[&str]) -> Servers {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers");
    let mut holder = Command::new(script)
        .arg("hold")
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{script} cannot be started: {error}"));
    let mut servers = Servers::default();
    let output = holder.stdout.take().expect("standard output is a pipe");
    for line in BufReader::new(output).lines().map_while(Result::ok).take_while(|line| line != "ready") {
        match line.split_once('=') {
            Some((POSTGRES, url)) => servers.postgres = Some(url.to_owned()),
            Some((MARIADB, url)) => servers.mariadb = Some(url.to_owned()),
            _ => panic!("tests/servers says {line:?}"),
        }
    }
    servers._holder = Some(holder);
    servers
}
