//! Jobs that come again and again: when, and what they are.

mod rule;
mod slots;

pub use rule::{Interval, Rule};
pub(crate) use slots::Slots;
