//! What every test is given: an empty, migrated database of one kind, and a place to run the verbs.

#[macro_use]
mod stamp;
pub mod alone;
pub mod catalog;
mod db;
pub mod gate;
pub mod jobs;
pub mod pools;
pub mod process;
pub mod servers;
mod transaction;
mod tx;
pub mod watch;
pub mod work;

pub use db::{Db, Place};
pub use gate::Gate;
pub use tx::{End, Open, Tx};
pub use watch::Watch;
