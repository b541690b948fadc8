//! The same calls in the same order are answered the same by every database: values, order, errors, times, and all rows
//! after each call.
//!
//! The calls are random (`step` and `which` say which there are); what one database does with them is in `side`. A failure is
//! reduced to few calls and names its seed: `PROPTEST_RNG_SEED=… cargo test --test suite differential` repeats it,
//! `PROPTEST_CASES=…` tries more.

mod side;
mod step;
mod which;

use std::{
    env,
    time::{Duration, Instant},
};

use drip::{Dialect, Job};
use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngSeed, TestRunner},
};

use self::{
    side::{Moment, Side},
    step::{Step, step},
};

/// Together about ten seconds.
const CASES: u32 = 4;
const STEPS: usize = 250;

/// For how long a failure is reduced.
const REDUCED_FOR: Duration = Duration::from_secs(120);

#[test]
fn the_same_calls_are_answered_the_same_by_every_database() {
    let databases = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mariadb];
    let mut sides: Vec<Side> = databases.into_iter().filter_map(Side::of).collect();
    let (config, seed) = config();
    eprintln!("PROPTEST_RNG_SEED={seed}");
    let cases = config.cases;
    let mut runner = TestRunner::new(config);
    for _ in 0..cases {
        let steps = vec(step(), STEPS).new_tree(&mut runner).unwrap().current();
        if let Err(failure) = compare(&mut sides, &steps) {
            let (steps, difference) = reduced(&mut sides, steps, failure);
            panic!("after {steps:#?}\n{difference}\nPROPTEST_RNG_SEED={seed}");
        }
    }
}

fn config() -> (Config, u64) {
    let mut config = Config::default();
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

/// In which step two databases differ, and how.
type Failure = (usize, String);

/// Does the steps on empty databases.
fn compare(sides: &mut [Side], steps: &[Step]) -> Result<(), Failure> {
    sides.iter_mut().for_each(Side::begin_anew);
    for (n, step) in steps.iter().enumerate() {
        let mut answers = sides.iter_mut().map(|side| (side.dialect(), side.perform(step)));
        let first = answers.next().expect("SQLite needs no server");
        for other in answers {
            difference(&first, &other).map_or(Ok(()), |difference| Err((n, difference)))?;
        }
    }
    Ok(())
}

/// Takes steps away for as long as some difference stays: by halves, by quarters, at last one by one. The strategy's own
/// way is to try one by one from the beginning, which takes too long here.
fn reduced(sides: &mut [Side], mut steps: Vec<Step>, (last, mut difference): Failure) -> (Vec<Step>, String) {
    let deadline = Instant::now() + REDUCED_FOR;
    steps.truncate(last + 1);
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < steps.len() && Instant::now() < deadline {
            let mut fewer = steps.clone();
            fewer.drain(at..steps.len().min(at + size));
            match compare(sides, &fewer) {
                Err((last, other)) => {
                    fewer.truncate(last + 1);
                    (steps, difference) = (fewer, other);
                }
                Ok(()) => at += size,
            }
        }
        size /= 2;
    }
    (steps, difference)
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
