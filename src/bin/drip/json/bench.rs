//! What `drip bench` has measured.

use drip::Dialect;
use serde::Serialize;

use crate::bench::Figure;

/// The figures.
#[derive(Debug, Serialize)]
pub struct BenchDocument {
    pub database: &'static str,
    pub figures: Vec<FigureDocument>,
}

/// A figure, and what it was taken from.
#[derive(Debug, Serialize)]
pub struct FigureDocument {
    name: &'static str,
    database: &'static str,
    value: f64,
    unit: &'static str,
    count: u64,
    seconds: f64,
    threads: u32,
}

impl FigureDocument {
    pub fn new(dialect: Dialect, figure: &Figure) -> FigureDocument {
        let &Figure { name, value, unit, count, took, threads } = figure;
        let (value, seconds) = (rounded(value), rounded(took.as_secs_f64()));
        FigureDocument { name, database: dialect.name(), value, unit, count, seconds, threads }
    }
}

/// To a millionth: a round trip to a file takes hundreds of nanoseconds.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
