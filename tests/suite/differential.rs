//! The same calls in the same order are answered the same by every database: values, order, errors, times, and all rows
//! after each call.
//!
//! The calls are random (`step` says which there are); what one database does with them is in `side`. A failure is
//! shrunk to the fewest calls and names its seed: `PROPTEST_RNG_SEED=… cargo test --test suite differential` repeats
//! it, `PROPTEST_CASES=…` tries more.

mod side;
mod step;

use std::{cell::RefCell, env};

use drip::{Dialect, Job};
use proptest::{
    collection::vec,
    test_runner::{Config, RngSeed, TestCaseError, TestRunner},
};

use self::{
    side::{Moment, Side},
    step::{Step, step},
};

/// Together about ten seconds.
const CASES: u32 = 5;
const STEPS: usize = 250;

/// For how long a failure is made smaller.
const SHRINK_MILLIS: u32 = 120_000;

#[test]
fn the_same_calls_are_answered_the_same_by_every_database() {
    let sides: Vec<Side> =
        [Dialect::Sqlite, Dialect::Postgres, Dialect::Mariadb].into_iter().filter_map(Side::of).collect();
    let sides = RefCell::new(sides);
    let (config, seed) = config();
    let compare = |steps: Vec<Step>| compare(&mut sides.borrow_mut(), &steps);
    if let Err(error) = TestRunner::new(config).run(&vec(step(), STEPS), compare) {
        panic!("with PROPTEST_RNG_SEED={seed}: {error}");
    }
}

fn config() -> (Config, u64) {
    let mut config = Config { failure_persistence: None, max_shrink_time: SHRINK_MILLIS, ..Config::default() };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => fastrand::u64(..),
    };
    config.rng_seed = RngSeed::Fixed(seed);
    (config, seed)
}

/// Does the steps on empty databases, and stops where two of those differ.
fn compare(sides: &mut [Side], steps: &[Step]) -> Result<(), TestCaseError> {
    sides.iter_mut().for_each(Side::begin_anew);
    for step in steps {
        let mut answers = sides.iter_mut().map(|side| (side.dialect(), side.perform(step)));
        let first = answers.next().expect("SQLite needs no server");
        for other in answers {
            if let Some(difference) = difference(&first, &other) {
                eprintln!("{difference}\nin {step:#?}");
                return Err(TestCaseError::fail(format!("{difference}\nin {step:#?}")));
            }
        }
    }
    Ok(())
}

/// The first difference between what two databases have shown.
fn difference((a, ours): &(Dialect, Vec<Moment>), (b, theirs): &(Dialect, Vec<Moment>)) -> Option<String> {
    let different = |(one, other): &(&Moment, &Moment)| one != other;
    let (one, other) = ours.iter().zip(theirs).find(different)?;
    if one.answer != other.answer {
        return Some(format!("{a:?} answers {}\n{b:?} answers {}", one.answer, other.answer));
    }
    let (mine, its) = first_difference(&one.jobs, &other.jobs);
    Some(format!("after the same answer, {}\n{a:?} has {mine:#?}\n{b:?} has {its:#?}", one.answer))
}

fn first_difference<'j>(ours: &'j [Job], theirs: &'j [Job]) -> (Option<&'j Job>, Option<&'j Job>) {
    let longest = ours.len().max(theirs.len());
    (0..longest).map(|n| (ours.get(n), theirs.get(n))).find(|(a, b)| a != b).unwrap_or_default()
}
