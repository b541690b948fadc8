//! Jobs that come again and again: when, and what they are.

mod info;
mod options;
mod rule;
mod schedule;
mod slots;

pub use info::ScheduleInfo;
pub(crate) use options::Options;
pub use rule::{Interval, Rule};
pub(crate) use schedule::{Declared, check_grace, marked};
pub use schedule::{Missed, Schedule};
pub(crate) use slots::Slots;
