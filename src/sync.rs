//! What threads meet by, where others than the worker's own tests put something else in its place: `tests/orders` compiles
//! the files that take it from here once more, with what tries out the orders in which threads can take turns.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError, atomic};

pub(crate) use crossbeam_channel as channel;
