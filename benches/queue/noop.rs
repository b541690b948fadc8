//! The job that is measured.

use drip::JobArgs;
use serde::{Deserialize, Serialize};

/// A job that does nothing.
#[derive(Serialize, Deserialize)]
pub struct Noop {
    pub n: u32,
}

impl Noop {
    pub const KIND: &str = "noop";
}

impl JobArgs for Noop {
    const KIND: &'static str = Noop::KIND;
}
