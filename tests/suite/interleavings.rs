//! Two or three transactions that do something to the same job at the same time: in whatever order they begin, act and end,
//! it is as if one had come after the other.
//!
//! Orders, situations and operations are tables, and each combination is run on the real database. What would be right is
//! found out there as well: by doing the same one after the other.

mod players;

use std::{collections::HashMap, thread};

use drip::{Dialect, Job, NewJob, fetch_jobs, get_job, insert_job};
use serde_json::json;

use self::players::{Answer, Cast, GIVEN_UP, Op, Reply, Scene};
use crate::support::{
    Db, End, Tx,
    jobs::{ask, ask_by_id},
};

/// How the job stands when the play begins, and what has brought it there.
const SITUATIONS: &[(&str, &[&str])] = &[
    ("available", &[]),
    ("running", &["claim"]),
    ("running again", &["claim", "cancel", "retry", "claim"]),
    ("retryable", &["claim", "fail"]),
    ("cancelled", &["cancel"]),
];

const OPS: &[Op] = &[
    Op::Claim,
    Op::Ours("complete"),
    Op::Ours("fail"),
    Op::Ours("snooze"),
    Op::Theirs("complete"),
    Op::Rescue,
    Op::Operators("cancel"),
    Op::Operators("retry"),
    Op::Operators("update"),
    Op::Delete,
];

/// What a claim lives through: its end, another claim, and one who does not know.
const TRIPLES: &[(&str, [Op; 3])] = &[
    ("running", [Op::Rescue, Op::Claim, Op::Ours("complete")]),
    ("running", [Op::Rescue, Op::Ours("fail"), Op::Operators("cancel")]),
    ("running", [Op::Operators("cancel"), Op::Operators("retry"), Op::Ours("complete")]),
    ("running", [Op::Ours("snooze"), Op::Operators("retry"), Op::Claim]),
    ("running again", [Op::Theirs("complete"), Op::Ours("complete"), Op::Rescue]),
    ("available", [Op::Claim, Op::Claim, Op::Operators("cancel")]),
    ("available", [Op::Claim, Op::Delete, Op::Operators("update")]),
    ("retryable", [Op::Operators("retry"), Op::Claim, Op::Operators("cancel")]),
];

/// In which order transactions that are open at the same time begin, act and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// All have begun and looked; then each acts and ends.
    OneByOne,
    /// Each acts before the first one ends, as far as it need not wait for that; they end in turn,
    FirstEndsFirst,
    /// or those that act last end first.
    LastEndsFirst,
}

/// How a play goes, and how the first one ends.
const PLAYS: [(Order, End); 4] = [
    (Order::OneByOne, End::Commit),
    (Order::FirstEndsFirst, End::Rollback),
    (Order::FirstEndsFirst, End::Commit),
    (Order::LastEndsFirst, End::Commit),
];

/// What each has answered, and the job that is left.
#[derive(Debug, Clone, PartialEq)]
struct Outcome {
    answers: Vec<Answer>,
    left: Option<Job>,
}

on_every_database! {
    fn two_that_meet_at_a_job_come_one_after_the_other(db: &Db) {
        let pairs = |(situation, _): &(&'static str, _)| {
            let pair = move |a: &'static Op| OPS.iter().map(move |b| vec![*a, *b]);
            let situation = *situation;
            OPS.iter().flat_map(pair).map(move |ops| (situation, ops)).collect::<Vec<_>>()
        };
        let (met, waited) = play_all(db, 2, SITUATIONS.iter().flat_map(pairs));
        assert!(met > 700, "{met} plays");
        assert!(waited > 100 || db.dialect == Dialect::Sqlite, "in {waited} of {met} somebody waited");
    }

    fn three_that_meet_at_a_job_come_one_after_the_other(db: &Db) {
        let orders = |(situation, ops): &(&'static str, [Op; 3])| {
            permutations(ops).into_iter().map(|ops| (*situation, ops)).collect::<Vec<_>>()
        };
        let (met, waited) = play_all(db, 3, TRIPLES.iter().flat_map(orders));
        assert!(met > 100, "{met} plays");
        assert!(waited > 20 || db.dialect == Dialect::Sqlite, "in {waited} of {met} somebody waited");
    }
}

/// Everything in every order; answers how many plays there were, and in how many of them somebody waited for another.
fn play_all(db: &Db, count: usize, plays: impl Iterator<Item = (&'static str, Vec<Op>)>) -> (usize, usize) {
    thread::scope(|scope| {
        let mut stage = Stage { cast: Cast::enter(scope, db, count), dialect: db.dialect, serial: HashMap::new() };
        let (mut met, mut waited) = (0, 0);
        for (situation, ops) in plays {
            // Where none changes anything by itself, there is nothing to see.
            if ops.iter().all(|op| !stage.changes(situation, *op)) {
                continue;
            }
            let mut must_wait = false;
            for (order, first) in PLAYS {
                // Where somebody waits for the first one, that one has to end first.
                if order != Order::LastEndsFirst || !must_wait {
                    must_wait = stage.play_and_judge(situation, &ops, order, first);
                    waited += usize::from(must_wait);
                    met += 1;
                }
            }
        }
        (met, waited)
    })
}

struct Stage {
    cast: Cast,
    dialect: Dialect,
    /// What comes of operations one after the other.
    serial: HashMap<(&'static str, Vec<Op>), Outcome>,
}

impl Stage {
    fn changes(&mut self, situation: &'static str, op: Op) -> bool {
        self.one_by_one(situation, &[op]).left != self.one_by_one(situation, &[]).left
    }

    fn one_by_one(&mut self, situation: &'static str, ops: &[Op]) -> Outcome {
        if let Some(known) = self.serial.get(&(situation, ops.to_vec())) {
            return known.clone();
        }
        let scene = self.set(situation);
        let answers: Vec<_> = ops.iter().map(|op| self.cast.observe(|tx| op.run(tx, &scene))).collect();
        let outcome = self.outcome(answers, &scene);
        self.serial.insert((situation, ops.to_vec()), outcome.clone());
        outcome
    }

    /// Plays it, and looks whether what came of it may be; answers whether somebody waited for another.
    fn play_and_judge(&mut self, situation: &'static str, ops: &[Op], order: Order, first: End) -> bool {
        let scene = self.set(situation);
        let ends = |player: usize| if player == 0 { first } else { End::Commit };
        let (answers, waited) = match order {
            Order::OneByOne => (self.in_turn(ops, &scene, ends), false),
            order => self.at_once(ops, &scene, ends, order),
        };
        let outcome = self.outcome(answers, &scene);
        let play = format!("{situation}: {ops:?}, {order:?}, the first one ends by {first:?}");
        self.judge(situation, ops, &outcome, first, &play);
        waited
    }

    /// It must be what comes of those that count one after the other, in some order. Those do not count that were rolled
    /// back or given up; nor a claim that has passed a job by which another held.
    fn judge(&mut self, situation: &'static str, ops: &[Op], outcome: &Outcome, first: End, play: &str) {
        let is_out = |&player: &usize| {
            let answer = &outcome.answers[player];
            (player == 0 && first == End::Rollback) || *answer == Err(GIVEN_UP.to_owned())
        };
        let may_be_out = |&player: &usize| ops[player] == Op::Claim && outcome.answers[player] == Ok(Vec::new());
        let all: Vec<usize> = (0..ops.len()).filter(|player| !is_out(player)).collect();
        let without_claims: Vec<usize> = all.iter().copied().filter(|player| !may_be_out(player)).collect();
        let orders: Vec<_> = permutations(&all).into_iter().chain(permutations(&without_claims)).collect();
        let is_like = |stage: &mut Stage, order: &Vec<usize>| {
            let serial = stage.one_by_one(situation, &order.iter().map(|player| ops[*player]).collect::<Vec<_>>());
            let same = |(player, answer): (&usize, &Answer)| outcome.answers[*player] == *answer;
            serial.left == outcome.left && order.iter().zip(&serial.answers).all(same)
        };
        let found = orders.iter().any(|order| is_like(self, order));
        assert!(found, "{play}: {outcome:#?}\nis like none of {orders:?}");
        self.hold_the_fence(ops, outcome, &all, play);
    }

    /// Of those that settle the same claim one may do it at most; none whose claim has ended may, and no claim is like another.
    fn hold_the_fence(&mut self, ops: &[Op], outcome: &Outcome, counting: &[usize], play: &str) {
        let done = |player: &&usize| outcome.answers[**player].is_ok();
        let settled = counting.iter().filter(|player| matches!(ops[**player], Op::Ours(_))).filter(done).count();
        assert!(settled <= 1, "{play}: a claim was settled twice: {outcome:#?}");
        let theirs = |player: &&usize| matches!(ops[**player], Op::Theirs(_)) && play.starts_with("running again");
        assert_eq!(counting.iter().filter(theirs).filter(done).count(), 0, "{play}: {outcome:#?}");
        let claimed = counting.iter().filter(|player| ops[**player] == Op::Claim);
        let mut claims: Vec<i64> =
            claimed.flat_map(|player| outcome.answers[*player].iter().flatten().map(|job| job.claim_seq)).collect();
        let all = claims.len();
        claims.sort_unstable();
        claims.dedup();
        assert_eq!(claims.len(), all, "{play}: {outcome:#?}");
        let is_final = outcome.left.as_ref().is_some_and(|job| job.state.is_final());
        let has_ended = outcome.left.as_ref().is_some_and(|job| job.finalized_at.is_some());
        assert_eq!(is_final, has_ended, "{play}: {outcome:#?}");
    }

    /// All have begun and seen the job as it is before anybody acts.
    fn in_turn(&mut self, ops: &[Op], scene: &Scene, ends: impl Fn(usize) -> End) -> Vec<Answer> {
        for player in 0..ops.len() {
            self.cast.begin(player, true);
        }
        let act = |(player, op): (usize, &Op)| {
            self.cast.start(player, *op, scene);
            let (_, Reply::Done(answer)) = self.cast.reply() else { panic!("it is not done") };
            self.end(player, ends(player), &answer);
            answer
        };
        ops.iter().enumerate().map(act).collect()
    }

    /// Each acts before anybody ends, as far as it need not wait.
    fn at_once(&mut self, ops: &[Op], scene: &Scene, ends: impl Fn(usize) -> End, order: Order) -> (Vec<Answer>, bool) {
        let mut answers: Vec<Option<Answer>> = vec![None; ops.len()];
        let mut waited = false;
        let sessions: Vec<i64> = (0..ops.len()).map(|player| self.cast.begin(player, false)).collect();
        for (player, op) in ops.iter().enumerate() {
            self.cast.start(player, *op, scene);
            // SQLite has one writer: whoever comes later waits, and nothing tells of it.
            let waits = self.dialect == Dialect::Sqlite && player > 0;
            match if waits { None } else { self.cast.reply_or_wait(sessions[player]) } {
                Some((of, Reply::Done(answer))) => answers[of] = Some(answer),
                Some(_) => panic!("nobody was asked for anything else"),
                None => waited = true,
            }
        }
        let mut open: Vec<usize> = (0..ops.len()).collect();
        while !open.is_empty() {
            let acted = |player: &usize| answers[*player].is_some();
            let next = match order {
                Order::LastEndsFirst => open.iter().rposition(acted),
                _ => open.iter().position(acted),
            };
            match (next, &mut answers) {
                (Some(next), answers) => {
                    let player = open.remove(next);
                    let answer = answers[player].clone().expect("it has acted");
                    self.cast.end(player, end_of(ends(player), &answer));
                    // Those who have waited may be faster to say so.
                    while self.hear(answers) != Some(player) {}
                }
                (None, answers) => drop(self.hear(answers)),
            }
        }
        (answers.into_iter().flatten().collect(), waited)
    }

    fn hear(&mut self, answers: &mut [Option<Answer>]) -> Option<usize> {
        match self.cast.reply() {
            (player, Reply::Done(answer)) => {
                answers[player] = Some(answer);
                None
            }
            (player, Reply::Ended) => Some(player),
            _ => panic!("nobody was asked for anything else"),
        }
    }

    fn end(&mut self, player: usize, end: End, answer: &Answer) {
        self.cast.end(player, end_of(end, answer));
        assert!(matches!(self.cast.reply(), (of, Reply::Ended) if of == player));
    }

    /// A job in this situation, and nothing beside it.
    fn set(&mut self, situation: &str) -> Scene {
        let (_, verbs) = SITUATIONS.iter().find(|(name, _)| *name == situation).expect("it is in the table");
        self.cast.observe(|tx| {
            tx.execute("DELETE FROM drip_job").unwrap();
            scene(tx, verbs).unwrap()
        })
    }

    fn outcome(&mut self, answers: Vec<Answer>, scene: &Scene) -> Outcome {
        let nameless = |job: Job| {
            let mut job = job;
            job.id = 0;
            job
        };
        let left = self.cast.observe(|tx| get_job(tx.on(), scene.job.id).unwrap()).map(nameless);
        let answers = answers.into_iter().map(|answer| answer.map(|jobs| jobs.into_iter().map(nameless).collect()));
        Outcome { answers: answers.collect(), left }
    }
}

/// What was refused for a reason that passes can only be given up.
fn end_of(end: End, answer: &Answer) -> End {
    if *answer == Err(GIVEN_UP.to_owned()) { End::Rollback } else { end }
}

fn scene(tx: &mut Tx<'_, '_>, verbs: &[&str]) -> drip::Result<Scene> {
    let job = insert_job(tx.on(), NewJob::new("work", json!({})).max_attempts(2))?.into_job();
    let mut claims = [job.clone(), job.clone()];
    for verb in verbs {
        match *verb {
            "claim" => {
                let claimed = fetch_jobs(tx.on(), "default", "worker", 1)?.remove(0);
                claims = [if claims[1].claim_seq == 0 { claimed.clone() } else { claims[1].clone() }, claimed];
            }
            "fail" => drop(ask("fail", tx.on(), &claims[1])?),
            verb => drop(ask_by_id(verb, tx.on(), job.id)?),
        }
    }
    let job = get_job(tx.on(), job.id)?.expect("it was just inserted");
    Ok(Scene { job, claims })
}

fn permutations<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    if all.is_empty() {
        return vec![Vec::new()];
    }
    let beginning_with = |first: usize| {
        let mut rest = all.to_vec();
        let first = rest.remove(first);
        permutations(&rest).into_iter().map(move |rest| [vec![first.clone()], rest].concat())
    };
    (0..all.len()).flat_map(beginning_with).collect()
}
