//! Jobs inserted a second.

use serde_json::json;

use super::{
    Figure, Limits, round,
    site::{BATCH, Site},
};
use crate::failure::Outcome;

/// Each by a commit of its own.
pub fn insert_single(site: &Site, limits: &Limits) -> Outcome<Figure> {
    round::measure(site, "insert_single", limits, 1, |_, _| {
        let _ = drip::insert_job(&site.client, site.job(json!({"n": 0})))?;
        Ok(1)
    })
}

/// Very many at a time, which are answered as jobs.
pub fn insert_many(site: &Site, limits: &Limits) -> Outcome<Figure> {
    round::measure(site, "insert_many", limits, BATCH, |count, _| {
        let jobs = (0..count).map(|n| site.job(json!({"n": n})));
        Ok(drip::insert_many(&site.client, jobs)?.len() as u32)
    })
}

/// Very many at a time, which are only counted.
pub fn insert_many_fast(site: &Site, limits: &Limits) -> Outcome<Figure> {
    round::measure(site, "insert_many_fast", limits, BATCH, |count, _| {
        let jobs = (0..count).map(|n| site.job(json!({"n": n})));
        Ok(drip::insert_many_fast(&site.client, jobs)? as u32)
    })
}
