//! The conformance suite: written once, run on every database, in the library's own transactions and in a caller's.
//!
//! `tests/run` starts the servers; without it the first test that needs one starts them itself.

#[macro_use]
mod support;

mod claim; // a claim takes the next jobs, each for one worker only
mod fence; // nothing that an earlier claim does touches a later one
mod history; // what a job remembers of its attempts is bounded, and can always be recorded
mod insert; // a job comes to be exactly if its transaction commits
mod matrix; // every verb in every state: the move, nothing, or a refusal
mod migrate; // a schema comes and goes whole, whoever migrates beside whom, and whoever is killed
mod migrate_mariadb; // where each statement commits by itself, what a crash left is taken up again
mod plans; // the hot statements read what they need and nothing else
mod prepared; // a statement that was prepared once can be run again and again
mod schema;
mod sql; // the SQL on file agrees with itself and with the code
mod unique_moves; // a move into a unique key that another job holds // what the migrations lead to is what is on file
