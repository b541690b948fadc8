//! The databases to measure on: each round a fresh one, migrated, and removed afterwards.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use drip::{Client, Dialect};

use crate::{
    Result,
    baseline::{self, Bare, administer},
    servers::{self, Servers},
};

/// Where databases can be made.
pub struct Databases(Servers);

/// Where databases of one kind can be made.
pub struct Kind<'a> {
    pub dialect: Dialect,
    admin: Option<&'a str>,
}

/// An empty, migrated database.
pub struct Fresh {
    pub dialect: Dialect,
    pub url: String,
    home: Home,
}

enum Home {
    Server { admin: String, name: String },
    Directory(PathBuf),
}

impl Databases {
    pub fn find() -> Databases {
        Databases(servers::find(&["--durable"]))
    }

    pub fn has(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Sqlite || self.admin(dialect).is_some()
    }

    pub fn kind(&self, dialect: Dialect) -> Kind<'_> {
        Kind { dialect, admin: self.admin(dialect) }
    }

    fn admin(&self, dialect: Dialect) -> Option<&str> {
        match dialect {
            Dialect::Postgres => self.0.postgres.as_deref(),
            Dialect::Mariadb => self.0.mariadb.as_deref(),
            _ => None,
        }
    }

    /// A server that was given by the environment may be set up otherwise.
    pub fn warn_unless_durable(&self, dialect: Dialect) -> Result<()> {
        if !self.kind(dialect).fresh()?.bare()?.is_durable()? {
            eprintln!(
                "*** {}: commits are not durable here, so the figures are not those promised ***",
                dialect.name()
            );
        }
        Ok(())
    }
}

impl Kind<'_> {
    pub fn fresh(&self) -> Result<Fresh> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("drip_bench_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let (url, home) = match self.admin {
            Some(admin) => {
                administer(self.dialect, admin, &format!("CREATE DATABASE {name}"))?;
                let (server, _) = admin.rsplit_once('/').ok_or("the server's URL names no database")?;
                (format!("{server}/{name}"), Home::Server { admin: admin.to_owned(), name })
            }
            None => {
                // Beside the program, on a disk: /tmp may be memory.
                let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
                std::fs::create_dir_all(&directory)?;
                (format!("sqlite://{}/jobs.db", directory.display()), Home::Directory(directory))
            }
        };
        let fresh = Fresh { dialect: self.dialect, url, home };
        fresh.client()?.migrate()?;
        Ok(fresh)
    }
}

impl Fresh {
    pub fn client(&self) -> Result<Client> {
        Ok(Client::connect(&self.url)?)
    }

    /// The driver without the queue.
    pub fn bare(&self) -> Result<Box<dyn Bare>> {
        baseline::connect(self.dialect, &self.url)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let removed = match &self.home {
            Home::Server { admin, name } => administer(self.dialect, admin, &format!("DROP DATABASE {name}")),
            Home::Directory(directory) => std::fs::remove_dir_all(directory).map_err(Into::into),
        };
        if let Err(error) = removed {
            eprintln!("a database of the benchmark is left behind: {error}");
        }
    }
}
