//! The way to the database. What is said of it never holds the URL.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use drip::Client;

use crate::{
    arguments::Global,
    escape::{escaped, quoted},
    failure::{Failure, Outcome},
};

/// Two: one for what is asked, one for what goes on meanwhile.
pub const CONNECTIONS: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of the database that was named, with so many connections at the most.
pub fn client(global: &Global, connections: u32) -> Outcome<Client> {
    let url = url(global)?;
    match missing_file(&url) {
        // SQLite would make an empty one, and answer that there are no jobs.
        Some(path) => Err(Failure::failed(format!("there is no file {}", escaped(path)))
            .advise("check the path; `drip migrate` makes a new database")),
        None => connect(global, &url, connections),
    }
}

/// The file of the database that was named, if that is a file: SQLite goes on with one that was moved away or deleted, and
/// what it then says is true of nothing that anybody else sees.
pub struct Watched {
    path: PathBuf,
    identity: Option<Identity>,
}

impl Watched {
    /// The file as it is now.
    pub fn new(global: &Global) -> Outcome<Option<Watched>> {
        let url = url(global)?;
        Ok(file(&url).map(|path| Watched { path: path.into(), identity: identity(Path::new(path)) }))
    }

    /// Whether another file is there by now, or none.
    pub fn check(&self) -> drip::Result<()> {
        let path = escaped(&self.path.to_string_lossy());
        match identity(&self.path) {
            found if found == self.identity => Ok(()),
            Some(_) => Err(drip::Error::other(format!("{path} is another file by now: start again to see that"))),
            None => Err(drip::Error::other(format!("{path} is not there any more: it was moved or deleted"))),
        }
    }
}

/// What tells a file from another of its name.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Elsewhere a file that is open stays where it is.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    path.exists().then_some(())
}

/// As [`client`], of a database whose file need not be there yet.
pub fn client_of_new(global: &Global) -> Outcome<Client> {
    connect(global, &url(global)?, CONNECTIONS)
}

fn connect(global: &Global, url: &str, connections: u32) -> Outcome<Client> {
    let builder = Client::builder().pool_size(connections).pool_timeout(PATIENCE);
    let connected = builder.search_timeout(global.search_timeout).connect(url);
    connected.map_err(|error| {
        let hint = hint(global, url, &error);
        let failure = Failure::from(error);
        hint.into_iter().fold(failure, Failure::advise)
    })
}

/// What to look at when nobody is let in.
fn hint(global: &Global, url: &str, error: &drip::Error) -> Option<String> {
    let is_file = url.starts_with("sqlite:");
    if error.is_no_database() {
        return Some(database_hint(global, url));
    }
    if error.is_refused() {
        return Some(login_hint(global, url));
    }
    match error.is_unavailable() {
        true if is_file => {
            Some("the file has to be one, and this user may have to be allowed to read and write it".to_owned())
        }
        true if is_ambiguous(url) => Some(format!("is the host right? {ENCODED}")),
        _ => None,
    }
}

const ENCODED: &str = "In a password @ is written %40, / %2F, # %23, ? %3F, : %3A and % %25";

/// Who was sent, and from where the password came; never which it was.
fn login_hint(global: &Global, url: &str) -> String {
    let place = place(global, url);
    let (user, password) = login(url);
    let user = match user {
        "" => "no user".to_owned(),
        user => format!("user {}", quoted(&user.replace("%40", "@"))),
    };
    let password = if password { "a password" } else { "no password" };
    format!(
        "{place} names {user} and {password}; nothing else is asked for one, neither ~/.pgpass nor ~/.my.cnf. {ENCODED}"
    )
}

/// Which database was asked for; the password has done its part.
fn database_hint(global: &Global, url: &str) -> String {
    let place = place(global, url);
    match database(url) {
        "" => format!("{place} names no database; it stands behind the host: …host/name"),
        name => format!("{place} names database {}: check the name, or make it and then `drip migrate`", quoted(name)),
    }
}

/// The database's name in a URL.
fn database(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (_, name) = rest.rsplit_once('@').unwrap_or(("", rest)).1.split_once('/').unwrap_or_default();
    name.split('?').next().unwrap_or_default()
}

/// Where the URL stands.
fn place(global: &Global, url: &str) -> String {
    match &global.url_file {
        Some(path) => format!("the URL in {}", escaped(&path.to_string_lossy())),
        None if std::env::var("DRIP_URL").is_ok_and(|set| set == url) => "DRIP_URL".to_owned(),
        None => "--url".to_owned(),
    }
}

/// The user's name in a URL, and whether there is a password.
fn login(url: &str) -> (&str, bool) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let login = rest.rsplit_once('@').map_or("", |(login, _)| login);
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    (user, !password.is_empty() || rest.contains("password="))
}

/// Whether the login seems to hold what ends it.
fn is_ambiguous(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once('@').is_some_and(|(login, _)| login.contains(['@', '/', '?', '#']))
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
    file(url).filter(|path| !Path::new(path).exists())
}

/// The file of a SQLite URL.
fn file(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    (!path.is_empty()).then_some(path)
}
