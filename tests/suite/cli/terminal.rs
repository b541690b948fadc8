//! In a terminal: questions, colours, width.

use super::program::{done, typed};

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
}
