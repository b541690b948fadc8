//! What is not as it should be is seen, and what has led to it is made small.

use std::time::Duration;

use drip::State;

use super::{
    compare_step,
    op::{Choice, Ending, New, Op, Step, Verb, Whose},
    subject::Subject,
    world::World,
};
use crate::support::{End, random::reduced};

/// Each changes one column of the only job, and another one where the table asks for it; and what is said of it then.
const MANGLED: &[(&str, &str)] = &[
    ("state = 'pending'", "state: Pending"),
    ("queue = 'elsewhere'", "queue: \"elsewhere\""),
    ("kind = 'c'", "kind: \"c\""),
    ("priority = 4", "priority: 4"),
    ("args = '{\"n\": 7}'", "Number(7)"),
    ("metadata = '{\"x\": 8}'", "Number(8)"),
    ("tags = '[\"t\"]'", "\"t\""),
    ("attempt = 7", "attempt: 7"),
    ("max_attempts = 7", "max_attempts: 7"),
    ("claim_seq = 7", "claim_seq: 7"),
    ("snooze_count = 7", "snooze_count: 7"),
    ("crash_count = 7", "crash_count: 7"),
    ("errors = '[{\"attempt\": 1, \"at\": \"2030-01-01T00:00:00Z\", \"error\": \"no\"}]'", "\"no\""),
    ("attempted_by = 'x'", "Some(\n        \"x\""),
    ("attempted_at = scheduled_at", "attempted_at: Some("),
    ("scheduled_at = expires_at", "scheduled_at: 2030-01-01T00:01:00Z"),
    ("created_at = expires_at", "created_at: 2030-01-01T00:01:00Z"),
    ("state = 'cancelled', finalized_at = scheduled_at", "finalized_at: Some("),
    ("expires_at = NULL", "expires_at: None"),
    ("timeout_ms = 1", "1ms"),
    ("ephemeral = NOT ephemeral", "ephemeral: true"),
    ("unique_key = NULL", "key: None"),
    ("unique_states = unique_states - 1", "held_in"),
];

fn insert(options: Vec<Choice>) -> Step {
    Step::Own(Op::Insert(vec![New { kind: "a", n: 1, options }]))
}

fn unique() -> Choice {
    let states: &[State] = &State::ALL;
    Choice::Unique(super::op::Sameness {
        by_args: false,
        by_queue: false,
        exclude_kind: false,
        by_period: false,
        states: Some(states),
        replace: false,
    })
}

on_every_database! {
    fn a_change_of_any_column_is_seen(db: &Db) {
        let mut subject = Subject::new(db);
        for (mangled, shown) in MANGLED {
            subject.begin_anew();
            let mut world = World::new();
            let step = insert(vec![Choice::Ttl(Duration::from_secs(60)), unique()]);
            compare_step(&mut subject, &mut world, &step).unwrap();
            subject.plainly(&format!("UPDATE drip_job SET {mangled}"));
            let seen = compare_step(&mut subject, &mut world, &Step::Own(Op::Resume(None))).expect_err(mangled);
            assert!(seen.contains(shown), "{mangled}: {seen}");
        }
    }

    fn a_job_too_few_or_too_many_is_seen(db: &Db) {
        let mut subject = Subject::new(db);
        for sql in ["DELETE FROM drip_job", "INSERT INTO drip_job (kind) VALUES ('a')"] {
            subject.begin_anew();
            let mut world = World::new();
            compare_step(&mut subject, &mut world, &insert(Vec::new())).unwrap();
            subject.plainly(sql);
            let seen = compare_step(&mut subject, &mut world, &Step::Own(Op::Expire)).expect_err(sql);
            assert!(seen.contains("None"), "{seen}");
        }
    }

    /// The model is asked for something else than the database.
    fn another_answer_is_seen(db: &Db) {
        let claim = Op::Fetch { queue: "default", worker: "w1", limit: 1 };
        let complete = Op::Settle(Ending::Complete, Whose::Claim(0));
        for (done, other) in [
            (Op::Operate(Verb::Cancel, 0), Op::Settle(Ending::Cancel, Whose::Claim(0))),
            (Op::Operate(Verb::Retry, 0), Op::Operate(Verb::Rescue, 0)),
            (complete.clone(), Op::Operate(Verb::Cancel, 7)),
            (claim.clone(), Op::Promote),
        ] {
            let (mut subject, mut world) = (Subject::new(db), World::new());
            subject.begin_anew();
            for step in [insert(Vec::new()), Step::Own(claim.clone()), Step::Own(complete.clone())] {
                compare_step(&mut subject, &mut world, &step).unwrap();
            }
            let [(told, _)] = &subject.perform(&Step::Own(done))[..] else { panic!("one call has one answer") };
            let [(answer, _)] = &world.perform(&Step::Own(other.clone()))[..] else { panic!("one call has one answer") };
            assert_ne!(told, answer, "{other:?}");
        }
    }
}

/// Whatever is a failure: here a claim after an advance, and that one job which was inserted has a priority.
#[test]
fn what_has_led_to_a_failure_is_made_small() {
    let claim = Step::Own(Op::Fetch { queue: "default", worker: "w1", limit: 1 });
    let advance = Step::Advance(Duration::from_secs(1));
    let plain = || Step::Own(Op::Promote);
    let job = |options: Vec<Choice>| New { kind: "a", n: 0, options };
    let jobs = vec![job(vec![Choice::Pending]), job(vec![Choice::Ephemeral, Choice::Priority(2), Choice::Pending])];
    let inserts = Step::Callers(vec![Op::Promote, Op::Insert(jobs), Op::Expire], End::Commit);
    let steps = vec![plain(), inserts, plain(), plain(), advance.clone(), plain(), claim.clone(), plain()];
    let fails = |steps: &[Step]| {
        let has_priority = |step: &Step| format!("{step:?}").contains("Priority");
        let inserted = steps.iter().position(has_priority);
        let advanced = steps.iter().position(|step| matches!(step, Step::Advance(_)));
        let claimed = steps.iter().position(|step| matches!(step, Step::Own(Op::Fetch { .. })));
        match (inserted, advanced, claimed) {
            (Some(inserted), Some(advanced), Some(claimed)) if inserted < advanced && advanced < claimed => {
                Err((claimed, "it fails".to_owned()))
            }
            _ => Ok(()),
        }
    };
    let (left, failure) = reduced(steps.clone(), fails(&steps).unwrap_err(), Step::smaller, fails);
    let inserted = Step::Own(Op::Insert(vec![job(vec![Choice::Priority(2)])]));
    assert_eq!((format!("{left:?}"), &*failure), (format!("{:?}", [inserted, advance, claim]), "it fails"));
}
