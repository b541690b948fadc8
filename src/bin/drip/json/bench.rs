//! What `drip bench` has measured.

use std::collections::BTreeMap;

use drip::{Dialect, Setting};
use serde::Serialize;

use crate::bench::Figure;

/// The database's version, and what its commits are worth, by the database's own names.
pub type Settings = BTreeMap<String, String>;

pub fn settings_of(settings: &[Setting]) -> Settings {
    settings.iter().map(|setting| (setting.name.clone(), setting.value.clone())).collect()
}

/// The figures.
#[derive(Debug, Serialize)]
pub struct BenchDocument {
    pub database: &'static str,
    pub settings: Settings,
    pub figures: Vec<FigureDocument>,
}

/// A figure, and what it was taken from.
#[derive(Debug, Serialize)]
pub struct FigureDocument {
    name: &'static str,
    database: &'static str,
    settings: Settings,
    value: f64,
    unit: &'static str,
    count: u64,
    seconds: f64,
    threads: u32,
}

impl FigureDocument {
    pub fn new(dialect: Dialect, settings: &[Setting], figure: &Figure) -> FigureDocument {
        let &Figure { name, value, unit, count, took, threads } = figure;
        let (value, seconds) = (rounded(value), rounded(took.as_secs_f64()));
        FigureDocument {
            name,
            database: dialect.name(),
            settings: settings_of(settings),
            value,
            unit,
            count,
            seconds,
            threads,
        }
    }
}

/// To a millionth: a round trip to a file takes hundreds of nanoseconds.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
