//! Stamps a test out for each database.

/// Declares tests over `&Db`, each run on PostgreSQL, MariaDB and SQLite.
#[macro_export]
macro_rules! on_every_database {
    ($($(#[$meta:meta])* fn $name:ident($db:ident: &Db) $body:block)*) => {
        $($(#[$meta])* fn $name($db: &$crate::support::Db) $body)*
        $crate::on_every_database!(@module postgres Postgres Own $($name)*);
        $crate::on_every_database!(@module mariadb Mariadb Own $($name)*);
        $crate::on_every_database!(@module sqlite Sqlite Own $($name)*);
    };
    (@module $module:ident $dialect:ident $place:ident $($name:ident)*) => {
        mod $module {
            $(#[test]
            fn $name() {
                $crate::support::Db::run(drip::Dialect::$dialect, $crate::support::Place::$place, super::$name);
            })*
        }
    };
}

/// As [`on_every_database`], each test run twice: in the library's own transactions and in a caller's. Verbs go through
/// [`Db::on`](crate::support::Db::on).
#[macro_export]
macro_rules! on_every_database_and_place {
    ($($(#[$meta:meta])* fn $name:ident($db:ident: &Db) $body:block)*) => {
        $($(#[$meta])* fn $name($db: &$crate::support::Db) $body)*
        $crate::on_every_database!(@module postgres_in_own_transaction Postgres Own $($name)*);
        $crate::on_every_database!(@module mariadb_in_own_transaction Mariadb Own $($name)*);
        $crate::on_every_database!(@module sqlite_in_own_transaction Sqlite Own $($name)*);
        $crate::on_every_database!(@module postgres_in_callers_transaction Postgres Callers $($name)*);
        $crate::on_every_database!(@module mariadb_in_callers_transaction Mariadb Callers $($name)*);
        $crate::on_every_database!(@module sqlite_in_callers_transaction Sqlite Callers $($name)*);
    };
}

/// As [`on_every_database`], for what only a database with a server can show.
#[macro_export]
macro_rules! on_every_server {
    ($($(#[$meta:meta])* fn $name:ident($db:ident: &Db) $body:block)*) => {
        $($(#[$meta])* fn $name($db: &$crate::support::Db) $body)*
        $crate::on_every_database!(@module postgres Postgres Own $($name)*);
        $crate::on_every_database!(@module mariadb Mariadb Own $($name)*);
    };
}
