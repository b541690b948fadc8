//! In a terminal: questions, colours, width.

use super::program::{COLUMNS, command, done, typed};

on_every_database! {
    fn many_jobs_are_changed_only_after_a_yes(db: &Db) {
        done(db, &["jobs", "insert", "work"]);
        done(db, &["jobs", "insert", "work"]);
        for (answer, code, left) in [("n\n", 1, 2), ("\n", 1, 2), ("yes please\n", 1, 2), ("Y\n", 0, 0)] {
            let Some((screen, ended)) = typed(db, &["jobs", "delete", "--kind", "work"], answer, &[]) else { return };
            assert!(screen.contains("Delete 2 jobs? [y/N]"), "{screen}");
            assert_eq!((ended, db.jobs()), (code, left), "{answer:?}: {screen}");
        }
    }

    fn colours_are_for_terminals_that_want_them(db: &Db) {
        done(db, &["jobs", "insert", "work"]);
        let list = ["jobs", "list"];
        let Some((screen, 0)) = typed(db, &list, "", &[]) else { return };
        assert!(screen.contains("\u{1b}["), "{screen:?}");
        for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let (screen, _) = typed(db, &list, "", &[environment]).unwrap();
            assert!(screen.contains("available") && !screen.contains('\u{1b}'), "{environment:?}: {screen:?}");
        }
        assert!(!done(db, &list).contains('\u{1b}'));
    }

    fn people_are_shown_their_own_time_and_programs_utc(db: &Db) {
        done(db, &["jobs", "insert", "work", "--at", "2040-01-31T09:00:00Z"]);
        // Nine hours ahead, and in no need of a list of zones.
        let there = |args: &[&str]| {
            let output = command(&db.url, args).env("TZ", "JST-9").output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert!(there(&["jobs", "list"]).contains("2040-01-31 18:00:00"));
        assert!(there(&["jobs", "get", "1"]).contains("2040-01-31 18:00:00 JST"));
        assert!(there(&["jobs", "get", "1", "--format", "json"]).contains("\"2040-01-31T09:00:00.000000Z\""));
        there(&["jobs", "insert", "work", "--at", "2040-01-31 09:00"]);
        assert_eq!(db.job(2).scheduled_at.to_string(), "2040-01-31T00:00:00Z");
    }

    fn a_table_is_as_wide_as_the_terminal(db: &Db) {
        done(db, &["jobs", "insert", &"k".repeat(120), "--queue", &"q".repeat(100)]);
        let Some((screen, 0)) = typed(db, &["jobs", "list"], "", &[("NO_COLOR", "1")]) else { return };
        let widths: Vec<usize> = screen.lines().map(|line| line.trim_end().chars().count()).collect();
        // A heading and a row.
        assert!(widths.len() == 2 && widths.iter().all(|width| *width <= COLUMNS), "{widths:?} {screen}");
        assert!(screen.contains('…') && screen.contains("available"), "{screen}");
        // Elsewhere nothing is cut.
        assert!(done(db, &["jobs", "list"]).contains(&"k".repeat(120)));
    }
}
