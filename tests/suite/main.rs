//! The conformance suite: written once, run on every database, in the library's own transactions and in a caller's.
//!
//! `tests/run` starts the servers; without it the first test that needs one starts them itself.

#[macro_use]
mod support;

mod insert; // a job comes to be exactly if its transaction commits
mod migrate; // a schema comes and goes whole, whoever migrates beside whom, and whoever is killed
mod migrate_mariadb; // where each statement commits by itself, what a crash left is taken up again
mod sql; // the SQL on file agrees with itself and with the code
mod schema; // what the migrations lead to is what is on file
