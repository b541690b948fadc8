//! What every test is given: an empty, migrated database of one kind, and a place to run the verbs.

#[macro_use]
mod stamp;
pub mod catalog;
mod db;
pub mod jobs;
pub mod pools;
pub mod process;
pub mod servers;
pub mod statement;
mod transaction;
mod tx;

pub use db::{Db, Place};
pub use tx::{End, Open, Tx, patiently};
