//! What every test is given: an empty, migrated database of one kind, and a place to run the verbs.

#[macro_use]
mod stamp;
pub mod catalog;
mod db;
mod ear;
pub mod jobs;
pub mod pools;
pub mod process;
mod proxy;
pub mod servers;
pub mod stage;
pub mod statement;
mod tx;

pub use db::{Db, Place};
pub use ear::{Ear, PATIENCE};
pub use proxy::Proxy;
pub use tx::{End, Open, Tx, patiently};
