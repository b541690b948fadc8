//! A URL that leads nowhere, or to something else, is said to in time, in words that help, and without repeating it.

use std::net::TcpListener;

use drip::{Client, Dialect, Error};

use crate::support::Db;

fn refused(url: &str) -> Error {
    Client::connect(url).map(drop).unwrap_err()
}

/// The URL with another place in it: `user:password@` and a path stay.
fn elsewhere(db: &Db, place: &str) -> String {
    let (login, rest) = db.url.rsplit_once('@').unwrap();
    let (_, path) = rest.split_once('/').unwrap();
    format!("{login}@{place}/{path}")
}

fn place(db: &Db) -> &str {
    db.url.rsplit_once('@').unwrap().1.split('/').next().unwrap()
}

on_every_server! {
    fn whoever_says_nothing_is_given_up(db: &Db) {
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = elsewhere(db, &mute.local_addr().unwrap().to_string());
        let error = refused(&format!("{url}?connect_timeout=1"));
        let text = error.to_string();
        assert!(error.is_unavailable() && text.contains("waited 1 s") && text.contains("connect_timeout"), "{text}");
    }

    fn a_server_of_another_kind_is_given_up(db: &Db) {
        let others = if db.dialect == Dialect::Postgres { Dialect::Mariadb } else { Dialect::Postgres };
        let Some(other) = Db::of(others, db.place) else { return };
        let error = refused(&format!("{}?connect_timeout=1", elsewhere(db, place(&other))));
        assert!(error.is_unavailable() || error.is_refused(), "{error}");
        assert!(error.to_string().contains(if db.dialect == Dialect::Postgres { "PostgreSQL" } else { "MariaDB" }), "{error}");
    }

    fn a_wrong_password_is_told_in_the_servers_words(db: &Db) {
        let (scheme, rest) = db.url.split_once("://").unwrap();
        let error = refused(&format!("{scheme}://nobody:wrong@{}", rest.rsplit_once('@').unwrap().1));
        let text = error.to_string();
        assert!(error.is_refused() && text.contains("nobody") && !text.contains(['{', '}']), "{text}");
    }

    fn what_cannot_be_encrypted_is_not_sent(db: &Db) {
        for mode in ["require", "verify-ca", "verify-full"] {
            let error = refused(&format!("{}?sslmode={mode}", db.url));
            assert!(error.is_invalid_input() && error.to_string().contains("asks for TLS"), "{error}");
        }
        for mode in ["disable", "prefer"] {
            Client::connect(&format!("{}?sslmode={mode}", db.url)).unwrap();
        }
    }

    fn a_password_that_ends_too_soon_is_told_how_it_is_written(db: &Db) {
        let (scheme, _) = db.url.split_once("://").unwrap();
        for login in ["ada:s3c/r3t", "ada:s3c#r3t", "ada:s3c@r3t"] {
            let error = refused(&format!("{scheme}://{login}@127.0.0.1:1/app"));
            let text = error.to_string();
            // Some a driver reads as they are meant: then nobody listens there.
            assert!(error.is_invalid_input() || error.is_unavailable(), "{login}: {text}");
            assert!(!text.contains("s3c") && !text.contains("r3t"), "{login}: {text}");
            assert_eq!(error.is_invalid_input(), text.contains("%40"), "{login}: {text}");
        }
    }
}

/// MariaDB's driver refuses a parameter that it does not know.
#[test]
fn a_parameter_that_is_none_is_named() {
    for (url, named, tls) in [
        ("mariadb://127.0.0.1:1/app?colour=red", "\"colour\"", false),
        ("mariadb://127.0.0.1:1/app?ssl-mode=REQUIRED", "\"ssl-mode\"", true),
        ("mariadb://127.0.0.1:1/app?verify_ca=true", "\"verify_ca\"", true),
    ] {
        let error = refused(url);
        let text = error.to_string();
        assert!(error.is_invalid_input() && text.contains(named) && text.contains("sslmode") == tls, "{url}: {text}");
    }
    let text = refused("mariadb://ada:s3c?r3t=x@127.0.0.1:1/app").to_string();
    assert!(!text.contains("r3t"), "{text}");
}
