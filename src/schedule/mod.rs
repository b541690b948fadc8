//! Jobs that come again and again: when, and what they are.

mod declaration;
mod info;
mod options;
mod rule;
mod slots;

pub(crate) use declaration::{Declared, check_grace, marked};
pub use declaration::{Missed, Schedule};
pub use info::ScheduleInfo;
pub(crate) use options::Options;
pub use rule::{Interval, Rule};
pub(crate) use slots::Slots;
