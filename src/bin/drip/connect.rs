//! The way to the database. What is said of it never holds the URL.

use std::{fs, path::Path, time::Duration};

use drip::Client;

use crate::{
    arguments::Global,
    escape::escaped,
    failure::{Failure, Outcome},
};

/// Two: one for what is asked, one for what goes on meanwhile.
const CONNECTIONS: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of the database that was named.
pub fn client(global: &Global) -> Outcome<Client> {
    client_with_connections(global, CONNECTIONS)
}

/// As [`client`], with so many connections at the most, which are opened as they are needed.
pub fn client_with_connections(global: &Global, connections: u32) -> Outcome<Client> {
    let url = url(global)?;
    match missing_file(&url) {
        // SQLite would make an empty one, and answer that there are no jobs.
        Some(path) => Err(Failure::failed(format!("there is no file {}", escaped(path)))
            .advise("check the path; `drip migrate` makes a new database")),
        None => connect(global, &url, connections),
    }
}

/// As [`client`], of a database whose file need not be there yet.
pub fn client_of_new(global: &Global) -> Outcome<Client> {
    connect(global, &url(global)?, CONNECTIONS)
}

fn connect(global: &Global, url: &str, connections: u32) -> Outcome<Client> {
    let builder = Client::builder().pool_size(connections).pool_timeout(PATIENCE);
    Ok(builder.search_timeout(global.search_timeout).connect(url)?)
}

fn url(global: &Global) -> Outcome<String> {
    let url = match &global.url_file {
        Some(path) => from_file(path)?,
        None => global.url.clone().unwrap_or_default(),
    };
    match url.is_empty() {
        true => Err(Failure::usage("which database? No URL is given")
            .advise("set DRIP_URL, or say --url-file PATH or --url URL, such as sqlite://app.db")),
        false => Ok(url),
    }
}

fn from_file(path: &Path) -> Outcome<String> {
    let unreadable = |error| Failure::usage(format!("cannot read {}: {error}", escaped(&path.to_string_lossy())));
    Ok(fs::read_to_string(path).map_err(unreadable)?.trim().to_owned())
}

/// The file of a SQLite URL, if it is not there.
fn missing_file(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    (!path.is_empty() && !Path::new(path).exists()).then_some(path)
}
