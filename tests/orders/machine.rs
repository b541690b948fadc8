//! The file has the place that it has in the library.

#[path = "../../src/machine/stop.rs"]
pub(crate) mod stop;
