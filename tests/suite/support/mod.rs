//! What every test is given: an empty, migrated database of one kind, and a place to run the verbs.

#[macro_use]
mod stamp;
pub mod alone;
pub mod catalog;
pub mod console;
mod db;
mod ear;
pub mod gate;
pub mod jobs;
pub mod pools;
pub mod process;
mod proxy;
pub mod random;
pub mod servers;
pub mod stage;
pub mod statement;
#[cfg(feature = "cli")]
pub mod tmux;
mod tx;
pub mod upkeep;
pub mod watch;
pub mod work;

pub use db::{Db, Place, START};
pub use ear::{Ear, PATIENCE};
pub use gate::Gate;
pub use proxy::{At, Fault, Pace, Proxy, Span};
pub use tx::{End, Open, Plain, Tx, patiently};
pub use watch::Watch;
