//! What must never be shown: passwords, and what a terminal would obey.

use drip::Dialect;
use serde_json::json;

use super::program::{Ran, command, done, drip};
use crate::support::{Db, Place};

/// The URL with another password.
fn with_password(url: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (login, place) = rest.rsplit_once('@').unwrap();
    format!("{scheme}://{}:{password}@{place}", login.split(':').next().unwrap())
}

#[test]
fn a_password_is_never_said() {
    for dialect in [Dialect::Postgres, Dialect::Mariadb] {
        Db::run(dialect, Place::Own, |db| {
            let scheme = db.url.split(':').next().unwrap();
            let url = with_password(&db.url, "s3cr3t");
            let equals = format!("--ulr={url}");
            let bad_port = format!("{scheme}://ada:s3cr3t@127.0.0.1:notaport/x");
            let nobody = format!("{scheme}://ada:s3cr3t@127.0.0.1:1/x");
            let unknown = "oracle://ada:s3cr3t@host/x";
            let apart = format!("{scheme}://127.0.0.1/x?user=ada&password=s3cr3t");
            let slash = format!("{scheme}://ada:s3cr3t/x@127.0.0.1:1/x");
            for args in [
                &["jobs", "list", "--url", &url][..],
                &["doctor", "--url", &url],
                &["migrate", "--url", &url, "--format", "json"],
                &[&url],
                &["jobs", &url],
                &["jobs", "get", &url],
                &["jobs", "list", "--state", &url],
                &["jobs", "list", &equals],
                &["jobs", "list", "--url", &bad_port],
                &["jobs", "list", "--url", &nobody],
                &["jobs", "list", "--url", unknown],
                &["jobs", "list", "--url", &slash],
                &["jobs", "list", "--url", &apart],
                &[&apart],
                &["jobs", "host=127.0.0.1 user=ada password=s3cr3t"],
                &["jobs", "list", "--url-file", &url],
                &["jobs", "list", "--format", &url],
                &["--help"],
                &["jobs", "list", "--help"],
            ] {
                let Ran { code, out, err } = command(&url, args).output().unwrap().into();
                assert!(!format!("{out}{err}").contains("s3cr3t"), "{args:?}: {out}{err}");
                assert_eq!(code == 0, args.contains(&"--help"), "{args:?}: {out}{err}");
            }
        });
    }
}

on_every_database! {
    fn the_url_is_read_from_a_file(db: &Db) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("url");
        std::fs::write(&path, format!("{}\n", db.url)).unwrap();
        let path = path.to_str().unwrap();
        let output = command("", &["jobs", "list", "--url-file", path]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "No jobs.\n");
        // It goes before what the environment says.
        let output = command("sqlite:///nowhere/at/all.db", &["jobs", "list", "--url-file", path]).output().unwrap();
        assert!(output.status.success());
        for args in [&["jobs", "list"][..], &["jobs", "list", "--url-file", "/nowhere"]] {
            let ran: Ran = command("", args).output().unwrap().into();
            assert!(ran.code == 2 && ran.err.contains("drip: "), "{args:?}: {}", ran.err);
        }
    }

    fn what_a_terminal_would_obey_is_spelled_out(db: &Db) {
        // As somebody with a console may write it; the library refuses it.
        let (escape, csi, turn) = ('\u{1b}', '\u{9b}', '\u{202e}');
        let error = json!({"attempt": 1, "at": "2030-01-01T00:00:00Z", "error": "\u{1b}]0;x\u{7}", "trace": "1\n\u{9b}"});
        let (args, errors) = (json!({"a": "\u{9b}\u{1b}"}).to_string(), json!([error]).to_string());
        let sql = format!(
            "INSERT INTO drip_job (kind, queue, args, errors) VALUES ('k{escape}[2Jind', 'q{turn}{csi}1m', '{args}', '{errors}')"
        );
        // Which reads a backslash as one only if there are two.
        db.execute(&if db.dialect == Dialect::Mariadb { sql.replace('\\', "\\\\") } else { sql });
        for args in [
            &["jobs", "list"][..],
            &["jobs", "get", "1"],
            &["queues", "list"],
            &["stats"],
            &["doctor"],
            &["jobs", "cancel", "--state", "available", "--dry-run"],
            &["jobs", "list", "--format", "json"],
            &["jobs", "get", "1", "--format", "jsonl"],
            &["queues", "list", "--format", "json"],
            &["queues", "get", "a\u{1b}b"],
            &["schedules", "get", "a\u{9b}b"],
            &["jobs", "list", "--kind", "a\u{1b}b"],
            &["jobs", "list", "--at", "a\u{1b}b"],
        ] {
            let Ran { out, err, .. } = drip(db, args);
            let harmful = |c: char| c != '\n' && (c.is_control() || c == turn);
            assert!(!out.contains(harmful) && !err.contains(harmful), "{args:?}: {out:?} {err:?}");
            assert!(!out.is_empty() || !err.is_empty(), "{args:?}");
        }
        assert!(done(db, &["jobs", "get", "1"]).contains(r"k\u{1b}[2Jind"));
        let document: serde_json::Value = serde_json::from_str(&done(db, &["jobs", "get", "1", "--format", "json"])).unwrap();
        assert_eq!(document["queue"].as_str().unwrap(), format!("q{turn}{csi}1m"));
    }
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("typo.db");
    for scheme in ["sqlite://", "sqlite:"] {
        let ran: Ran = command(&format!("{scheme}{}", path.display()), &["jobs", "list"]).output().unwrap().into();
        assert!(ran.code == 1 && ran.err.contains("there is no file"), "{}", ran.err);
        assert!(!path.exists());
    }
}
