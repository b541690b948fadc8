//! Tests of random steps: how many there are and from which seed, and what is left of a failure.

use std::{
    env,
    time::{Duration, Instant},
};

use proptest::test_runner::{Config, RngSeed};

/// For how long a failure is reduced.
const REDUCED_FOR: Duration = Duration::from_secs(120);

/// So many cases unless `PROPTEST_CASES` says otherwise, from the seed in `PROPTEST_RNG_SEED` or any, which is said.
pub fn config(cases: u32) -> (Config, u64) {
    let mut config = Config::default();
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => fastrand::u64(..),
    };
    config.rng_seed = RngSeed::Fixed(seed);
    eprintln!("PROPTEST_RNG_SEED={seed}");
    (config, seed)
}

/// In which step something failed, and how.
pub type Failure = (usize, String);

/// Takes steps away for as long as some failure stays: by halves, by quarters, at last one by one; then makes those smaller
/// that are left, in whatever ways `smaller` names. A strategy's own way is to try one by one from the beginning, which takes
/// too long where each try asks a database.
pub fn reduced<S: Clone>(
    mut steps: Vec<S>,
    (last, mut failure): Failure,
    smaller: impl Fn(&S) -> Vec<S>,
    mut run: impl FnMut(&[S]) -> Result<(), Failure>,
) -> (Vec<S>, String) {
    let deadline = Instant::now() + REDUCED_FOR;
    let mut try_instead = |steps: &mut Vec<S>, mut other: Vec<S>| match run(&other) {
        Err((last, instead)) if Instant::now() < deadline => {
            other.truncate(last + 1);
            (*steps, failure) = (other, instead);
            true
        }
        _ => false,
    };
    steps.truncate(last + 1);
    let mut size = steps.len() / 2;
    while size > 0 && Instant::now() < deadline {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..steps.len().min(at + size));
            if !try_instead(&mut steps, fewer) {
                at += size;
            }
        }
        size /= 2;
    }
    let mut at = 0;
    while at < steps.len() {
        let instead = smaller(&steps[at]).into_iter().any(|step| {
            let mut other = steps.clone();
            other[at] = step;
            try_instead(&mut steps, other)
        });
        // One that could be made smaller may be made smaller still.
        at += usize::from(!instead);
    }
    (steps, failure)
}
