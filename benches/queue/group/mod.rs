//! The figures: what is measured, and how. A file holds what is measured together.

mod cost;
mod drain;
mod ephemeral;
mod growth;
pub mod idle;
mod insert;
pub mod latency;
mod memory;
mod pinned;
mod scale;
mod startup;
mod transactional;

use crate::{Result, database::Kind, options::Options, report::Report};

/// Figures that are measured together.
pub struct Group {
    pub name: &'static str,
    /// Whether it is measured when none is named: it takes a minute or so, and little space.
    pub usual: bool,
    pub measure: fn(&Kind<'_>, &Options, &mut Report) -> Result<()>,
}

pub const GROUPS: [Group; 14] = [
    Group { name: "drain", usual: true, measure: drain::drain },
    Group { name: "ephemeral", usual: true, measure: ephemeral::ephemeral },
    Group { name: "transactional", usual: true, measure: transactional::transactional },
    Group { name: "insert_single", usual: true, measure: insert::insert_single },
    Group { name: "insert_many", usual: true, measure: insert::insert_many },
    Group { name: "start_latency", usual: true, measure: latency::start_latency },
    Group { name: "idle_rss", usual: true, measure: memory::idle_rss },
    Group { name: "idle_cost", usual: true, measure: idle::idle_cost },
    Group { name: "startup", usual: true, measure: startup::startup },
    Group { name: "cost", usual: true, measure: cost::cost },
    Group { name: "scale", usual: false, measure: scale::scale },
    Group { name: "growth", usual: false, measure: growth::growth },
    Group { name: "pinned", usual: false, measure: pinned::pinned },
    Group { name: "memory", usual: false, measure: memory::memory },
];
