//! Whatever is done in whatever order, every column of every job is what the promises say: random steps are done to a
//! database and to a model of it in memory, and both are compared after each call.
//!
//! What can be done is in `op`, what it means in `world` and `fate`, how a database is asked in `subject`, what is compared
//! in `row`. A failure is reduced to few and small steps and names its seed: `PROPTEST_RNG_SEED=… cargo test --test suite
//! model::` repeats it, `PROPTEST_CASES=…` tries more.

mod fate;
mod op;
mod row;
mod rules;
mod subject;
mod world;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use self::{
    op::{Step, steps},
    row::{Answer, Row, difference},
    subject::Subject,
    world::World,
};
use crate::support::random::{Failure, config, reduced};

/// For each database twenty to thirty seconds of a busy machine.
const CASES: u32 = 30;
const STEPS: usize = 100;

on_every_database! {
    fn every_column_is_what_the_model_says_after_each_of_many_random_calls(db: &Db) {
        let (config, seed) = config(CASES);
        let cases = config.cases;
        let mut runner = TestRunner::new(config);
        let mut subject = Subject::new(db);
        for _ in 0..cases {
            let steps = steps(STEPS).new_tree(&mut runner).unwrap().current();
            if let Err(failure) = compare(&mut subject, &steps) {
                let (steps, failure) = reduced(steps, failure, Step::smaller, |steps| compare(&mut subject, steps));
                panic!("after {steps:#?}\n{failure}\nPROPTEST_RNG_SEED={seed}");
            }
        }
    }
}

/// Does the steps to an empty database and to an empty model.
fn compare(subject: &mut Subject<'_>, steps: &[Step]) -> Result<(), Failure> {
    subject.begin_anew();
    let mut world = World::new();
    for (n, step) in steps.iter().enumerate() {
        compare_step(subject, &mut world, step).map_err(|failure| (n, failure))?;
    }
    Ok(())
}

fn compare_step(subject: &mut Subject<'_>, world: &mut World, step: &Step) -> Result<(), String> {
    let seen = subject.perform(step);
    let expected = world.perform(step);
    assert_eq!(expected.len(), seen.len());
    for ((told, found), (answer, rows)) in seen.into_iter().zip(expected) {
        if told != without_states(answer.clone()) {
            let answer = without_states(answer);
            return Err(answers_differ(&answer, &told));
        }
        difference(&rows, &found).map_or(Ok(()), |difference| Err(format!("after {told:?}\n{difference}")))?;
    }
    Ok(())
}

/// A job that is answered does not show in which states it holds its key.
fn without_states(answer: Answer) -> Answer {
    let without = |row: Row| Row { held_in: Vec::new(), ..row };
    match answer {
        Answer::Jobs(jobs) => Answer::Jobs(jobs.into_iter().map(without).collect()),
        Answer::Inserted(all) => Answer::Inserted(all.into_iter().map(|(new, job)| (new, without(job))).collect()),
        other => other,
    }
}

fn answers_differ(expected: &Answer, told: &Answer) -> String {
    if let (Answer::Jobs(expected), Answer::Jobs(told)) = (expected, told) {
        return format!("answered: {}", difference(expected, told).unwrap_or_default());
    }
    format!("the answer was to be {expected:#?}\nand was {told:#?}")
}
