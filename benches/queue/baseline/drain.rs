//! All jobs claimed and finished, a batch at a time, each statement committed by itself.

use std::{sync::mpsc, thread};

use drip::Dialect;

use super::{Bare, FEW, KINDS, all_of};
use crate::{Result, database::Fresh};

/// How jobs are drained.
#[derive(Debug, Clone, Copy)]
pub struct Drain<'k> {
    /// How many at a time.
    pub batch: i64,
    /// Whether they are deleted rather than completed.
    pub deletes: bool,
    /// A JSON array of the kinds that are claimed.
    pub kinds: &'k str,
}

/// How many batches may have been claimed and not been taken up.
const AHEAD: usize = 2;

/// The best that bare statements can do: on the servers one connection claims while another completes; SQLite, which has
/// one writer, is no faster for that. Connected before anything is timed.
pub fn best(database: &Fresh, dialect: Dialect, how: Drain<'_>) -> Result<impl FnOnce() -> Result<u32>> {
    let mut claiming = database.bare()?;
    let mut finishing = (dialect != Dialect::Sqlite).then(|| database.bare()).transpose()?;
    Ok(move || match &mut finishing {
        Some(finishing) => overlapping(&mut *claiming, &mut **finishing, how),
        None => in_turn(&mut *claiming, how),
    })
}

/// On one connection.
pub fn in_turn(bare: &mut dyn Bare, how: Drain<'_>) -> Result<u32> {
    let mut drained = 0;
    loop {
        let claimed = bare.claim(how.batch, how.kinds)?;
        if claimed.is_empty() {
            return Ok(drained);
        }
        drained += finish(bare, &claimed, how)?;
    }
}

/// On one connection, a few claims at a time, of which each is completed in a transaction with its effect.
pub fn with_effects(bare: &mut dyn Bare) -> Result<u32> {
    let mut drained = 0;
    loop {
        let claimed = bare.claim(FEW, KINDS)?;
        if claimed.is_empty() {
            return Ok(drained);
        }
        for claim in claimed {
            drained += all_of(bare.finish_with_effect(claim)?, 1)?;
        }
    }
}

fn overlapping(claiming: &mut dyn Bare, finishing: &mut dyn Bare, how: Drain<'_>) -> Result<u32> {
    let (batches, claimed) = mpsc::sync_channel::<Vec<(i64, i64)>>(AHEAD);
    thread::scope(|scope| {
        let finisher = scope
            .spawn(move || claimed.iter().try_fold(0, |drained, batch| Ok(drained + finish(finishing, &batch, how)?)));
        loop {
            let batch = claiming.claim(how.batch, how.kinds)?;
            if batch.is_empty() || batches.send(batch).is_err() {
                break;
            }
        }
        drop(batches);
        finisher.join().unwrap_or_else(|_| Err("the finisher has panicked".into()))
    })
}

fn finish(bare: &mut dyn Bare, claimed: &[(i64, i64)], how: Drain<'_>) -> Result<u32> {
    all_of(bare.finish(claimed, how.deletes)?, claimed.len())
}
