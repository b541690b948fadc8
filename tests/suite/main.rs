//! The conformance suite: written once, run on every database, in the library's own transactions and in a caller's.
//!
//! `tests/run` starts the servers; without it the first test that needs one starts them itself.

#[macro_use]
mod support;

mod bad_input; // what cannot be is refused before anything is sent, and spoils nothing
mod commit; // a job comes to be exactly if its transaction commits
mod insert; // a job is what was asked for, inserted alone or in a batch
mod on_duplicate; // a duplicate puts its content into the job that waits, and into no other
mod unique; // what makes a job the same as another, and the keys that stand for it
mod unique_races; // a unique job is there once, whoever inserts it at the same time and under whatever isolation
mod unique_states; // a key is held in the states that the insert named; a move into a taken key fails nobody else
