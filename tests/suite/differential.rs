//! The same calls in the same order are answered the same by every database: values, order, errors, times, and all rows
//! after each call.
//!
//! The calls are random (`step` and `which` say which there are); what one database does with them is in `side`. A failure is
//! reduced to few calls and names its seed: `PROPTEST_RNG_SEED=… cargo test --test suite differential` repeats it,
//! `PROPTEST_CASES=…` tries more.

mod side;
mod step;
mod which;

use drip::{Dialect, Job};
use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use self::{
    side::{Moment, Side},
    step::{Step, step},
};
use crate::support::random::{Failure, config, reduced};

/// Together about ten seconds.
const CASES: u32 = 4;
const STEPS: usize = 250;

#[test]
fn the_same_calls_are_answered_the_same_by_every_database() {
    let databases = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mariadb];
    let mut sides: Vec<Side> = databases.into_iter().filter_map(Side::of).collect();
    let (config, seed) = config(CASES);
    let cases = config.cases;
    let mut runner = TestRunner::new(config);
    for _ in 0..cases {
        let steps = vec(step(), STEPS).new_tree(&mut runner).unwrap().current();
        if let Err(failure) = compare(&mut sides, &steps) {
            let (steps, difference) = reduced(steps, failure, |_| Vec::new(), |steps| compare(&mut sides, steps));
            panic!("after {steps:#?}\n{difference}\nPROPTEST_RNG_SEED={seed}");
        }
    }
}

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
