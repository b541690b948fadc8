//! The databases' own command-line clients, as people have them.

use std::{collections::HashSet, fs, io::ErrorKind, process::Command, sync::Mutex};

use drip::Dialect;

use super::Db;

/// The console of one database: `psql`, `mariadb` or `sqlite3`.
pub struct Console<'d> {
    db: &'d Db,
    /// Where `mariadb` finds the address of its server.
    home: tempfile::TempDir,
}

impl<'d> Console<'d> {
    /// The console, or loudly none where the program is not installed; where that must not be, fails.
    pub fn of(db: &'d Db) -> Option<Console<'d>> {
        let console = Console { db, home: tempfile::tempdir().unwrap() };
        if db.dialect == Dialect::Mariadb {
            fs::write(console.home.path().join(".my.cnf"), console.address()).unwrap();
        }
        match Command::new(console.program()).arg("--version").output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                console.skip();
                None
            }
            answer => {
                assert!(answer.unwrap().status.success());
                Some(console)
            }
        }
    }

    /// Runs SQL; an error is what the program says.
    pub fn run(&self, sql: &str) -> Result<(), String> {
        // Its default: without it the server makes of bad values what fits.
        let strict = "--init-command=SET sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')";
        let mut command = Command::new(self.program());
        match self.db.dialect {
            Dialect::Postgres => command.args(["-X", &self.db.url, "-c", sql]),
            Dialect::Mariadb => command.args([strict, "--default-character-set=utf8mb4", self.database(), "-e", sql]),
            _ => command.args(["-cmd", ".timeout 10000", self.database(), sql]),
        };
        self.output(command)
    }

    /// Runs a line of a shell, in which the database is called `shop`.
    pub fn run_line(&self, line: &str) -> Result<(), String> {
        let line = match self.db.dialect {
            Dialect::Sqlite => line.replacen(" shop.db ", &format!(" {} ", self.database()), 1),
            _ => line.replacen(" shop ", &format!(" '{}' ", self.database()), 1),
        };
        assert!(!line.contains("shop"), "{line}");
        let mut command = Command::new("sh");
        command.args(["-c", &line]);
        self.output(command)
    }

    pub fn program(&self) -> &'static str {
        match self.db.dialect {
            Dialect::Postgres => "psql",
            Dialect::Mariadb => "mariadb",
            _ => "sqlite3",
        }
    }

    fn output(&self, mut command: Command) -> Result<(), String> {
        let output = command.env("HOME", self.home.path()).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// As the program takes it; `psql` takes a URL for the name of a database.
    fn database(&self) -> &str {
        let url = self.db.url.as_str();
        match self.db.dialect {
            Dialect::Postgres => url,
            Dialect::Mariadb => url.rsplit('/').next().and_then(|name| name.split('?').next()).unwrap(),
            _ => url.trim_start_matches("sqlite://"),
        }
    }

    /// An option file of `mariadb`.
    fn address(&self) -> String {
        let url = self.db.url.replace("mariadb://", "mysql://");
        let options = mysql::Opts::from_url(&url).unwrap();
        let [user, password] = [options.get_user(), options.get_pass()].map(Option::unwrap_or_default);
        let (host, port) = (options.get_ip_or_hostname(), options.get_tcp_port());
        format!("[client]\nuser='{user}'\npassword='{password}'\nhost='{host}'\nport={port}\nprotocol=tcp\n")
    }

    fn skip(&self) {
        static SAID: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
        let program = self.program();
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{program} cannot be had, and CI=true");
        if SAID.lock().unwrap().get_or_insert_default().insert(program) {
            eprintln!("*** {program} NOT FOUND: the tests of plain SQL that need it are SKIPPED ***");
        }
    }
}
