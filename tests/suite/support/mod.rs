//! What every test is given: an empty, migrated database of one kind, and a place to run the verbs.

#[macro_use]
mod stamp;
mod db;
pub mod pools;
pub mod servers;
mod tx;

pub use db::{Db, Place};
pub use tx::{End, Open, Tx, patiently};
