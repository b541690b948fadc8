//! The URL of a server: what the drivers would read differently, or not at all, is read here, and the same for both.

use std::time::Duration;

use crate::{Error, Result};

/// How long whoever answers at an address may take to let us in, unless the URL says `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What login and path cannot hold as they are.
const ENCODED: &str = "in a user's name and in a password % is written %25, @ %40, : %3A, / %2F, ? %3F and # %23";

/// The URL of a server.
#[derive(Debug)]
pub(crate) struct Address {
    /// What is left for the driver, without its scheme and `://`.
    pub(crate) rest: String,
    /// How long opening a connection may take in all.
    pub(crate) connect_timeout: Duration,
}

impl Address {
    /// Reads a URL. What is wrong with it is said without repeating it, since the password may stand anywhere in it.
    pub(crate) fn read(url: &str, server: &'static str) -> Result<Address> {
        let (_, rest) = url.split_once("://").ok_or_else(|| misread(url, server))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut address = Address { rest: place.to_owned(), connect_timeout: CONNECT_TIMEOUT };
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("connect_timeout", seconds)) => address.connect_timeout = seconds_of(seconds)?,
                Some(("sslmode", mode)) => check_encryption(mode)?,
                _ => others.push(pair),
            }
        }
        if !others.is_empty() {
            address.rest += &format!("?{}", others.join("&"));
        }
        Ok(address)
    }
}

fn seconds_of(text: &str) -> Result<Duration> {
    match text.parse() {
        Ok(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err(Error::invalid("url", "connect_timeout: a whole number of seconds, from 1 to 3600")),
    }
}

/// Nothing is encrypted: that is as good as `prefer`, and whoever asks for more must not be content with it.
fn check_encryption(mode: &str) -> Result<()> {
    match mode {
        "disable" | "prefer" => Ok(()),
        "require" | "verify-ca" | "verify-full" => Err(Error::invalid(
            "url",
            format!(
                "sslmode={mode} asks for TLS, and connections made from a URL have none in this build: go through a tunnel and say \
                 sslmode=disable, or let the application open its own connections (Client::from_connector)"
            ),
        )),
        _ => Err(Error::invalid("url", "sslmode: one of disable, prefer, require, verify-ca and verify-full")),
    }
}

/// What a URL is that a driver cannot read.
pub(crate) fn misread(url: &str, server: &'static str) -> Error {
    let hint = if is_ambiguous(url) { format!(": {ENCODED}") } else { String::new() };
    Error::invalid("url", format!("is not a {server} connection URL{hint}"))
}

/// Whether a login seems to hold characters that end it.
pub(crate) fn is_ambiguous(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let Some((login, _)) = rest.rsplit_once('@') else { return false };
    let encoded = |part: &str| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    login.contains(['@', '/', '?', '#']) || login.split('%').skip(1).any(|part| !encoded(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_taken_out() {
        for (url, rest, seconds) in [
            ("postgres://ada:x@db/shop", "ada:x@db/shop", 10),
            ("mariadb://db/shop?connect_timeout=3", "db/shop", 3),
            ("postgres://db/shop?a=b&connect_timeout=3&sslmode=disable&c=d%26", "db/shop?a=b&c=d%26", 3),
        ] {
            let address = Address::read(url, "X").unwrap();
            assert_eq!((address.rest.as_str(), address.connect_timeout.as_secs()), (rest, seconds), "{url}");
        }
        for (url, says) in [
            ("postgres:db", "is not a X connection URL"),
            ("x://db?connect_timeout=0", "from 1 to 3600"),
            ("x://db?connect_timeout=soon", "from 1 to 3600"),
            ("x://db?sslmode=require", "asks for TLS"),
            ("x://db?sslmode=verify-full", "asks for TLS"),
            ("x://db?sslmode=on", "one of disable"),
        ] {
            let error = Address::read(url, "X").unwrap_err();
            assert!(error.is_invalid_input() && error.to_string().contains(says), "{url}: {error}");
        }
    }

    #[test]
    fn a_password_that_ends_too_soon_is_noticed() {
        for (url, ambiguous) in [
            ("x://db/app", false),
            ("x://ada:p%40ss@db/app", false),
            ("x://ada@db/app", false),
            ("x://ada:p@ss@db/app", true),
            ("x://ada:p/ss@db/app", true),
            ("x://ada:p#ss@db/app", true),
            ("x://ada:p?ss@db/app", true),
            ("x://ada:100%@db/app", true),
        ] {
            assert_eq!(is_ambiguous(url), ambiguous, "{url}");
            assert_eq!(misread(url, "X").to_string().contains("%40"), ambiguous, "{url}");
        }
    }
}
