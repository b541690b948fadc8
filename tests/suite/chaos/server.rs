//! A server of this test's own, which may be killed without anybody else noticing.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use drip::Dialect;

/// Runs as long as this lives.
pub struct Server {
    pub url: String,
    name: &'static str,
    orders: ChildStdin,
    says: BufReader<ChildStdout>,
    _holder: Child,
}

impl Server {
    /// A server that syncs what it commits; `None` where it is not installed, and for SQLite.
    pub fn start(dialect: Dialect) -> Option<Server> {
        let name = match dialect {
            Dialect::Postgres => "postgres",
            Dialect::Mariadb => "mariadb",
            _ => return None,
        };
        let mut holder = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers"))
            .args(["hold", "--durable", name])
            // It is to be a new one, and one that may be missing: the shared server will do then, uncrashed.
            .envs([("DRIP_TEST_POSTGRES_URL", ""), ("DRIP_TEST_MARIADB_URL", ""), ("CI", "")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = holder.stdin.take().expect("standard input is a pipe");
        let says = BufReader::new(holder.stdout.take().expect("standard output is a pipe"));
        let mut server = Server { url: String::new(), name, orders, says, _holder: holder };
        server.until_ready();
        (!server.url.is_empty()).then_some(server)
    }

    /// Ends the server with `kill -9`, and starts it again at the same address.
    pub fn crash(&mut self) {
        writeln!(self.orders, "crash {}", self.name).unwrap();
        self.until_ready();
    }

    fn until_ready(&mut self) {
        loop {
            let mut line = String::new();
            assert_ne!(self.says.read_line(&mut line).unwrap(), 0, "tests/servers has ended");
            match line.trim_end().split_once('=') {
                Some((_, url)) => self.url = url.to_owned(),
                None => break,
            }
        }
    }
}
