//! Bounds against a queue that is made up, in which a step along the index takes a while.

use jiff::ToSpan;
use proptest::prelude::*;

use super::*;
use crate::queue::stretch::stretches;

const STEP: Duration = Duration::from_micros(50);

/// So many jobs of a kind that nobody handles make a claim slow.
const MANY: usize = 20_000;

struct Row {
    job: Job,
    known: bool,
    /// Nobody sees it before.
    committed: Duration,
}

/// The queue, its claimer, and the time since both began.
struct Stage {
    bounds: Bounds,
    rows: Vec<Row>,
    began: Instant,
    elapsed: Duration,
    /// How far the database's clock was set back.
    set_back: Duration,
    paused: bool,
    on_the_way: Duration,
    /// How many rows the last claim has walked over.
    walked: usize,
    next_id: i64,
}

impl Stage {
    fn new() -> Stage {
        Stage {
            bounds: Bounds::of_jobs(),
            rows: Vec::new(),
            began: Instant::now(),
            elapsed: Duration::from_secs(3600),
            set_back: Duration::ZERO,
            paused: false,
            on_the_way: Duration::ZERO,
            walked: 0,
            next_id: 1,
        }
    }

    /// One in which bounds are carried, for `MANY` jobs of an unknown kind are due since long ago.
    fn slow() -> Stage {
        let mut stage = Stage::new();
        let due = stage.due(Duration::from_secs(600));
        (0..MANY).for_each(|_| assert!(stage.add(1, due, false) > 0));
        for _ in 0..2 {
            assert!(stage.claim(10).is_empty());
            assert!(stage.walked == MANY);
        }
        assert!(stage.claim(10).is_empty());
        assert_eq!(stage.walked, 0);
        stage
    }

    fn clock(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + 10_000.hours() + self.elapsed - self.set_back
    }

    fn now(&self) -> Instant {
        self.began + self.elapsed
    }

    /// Due so long ago.
    fn due(&self, ago: Duration) -> Timestamp {
        self.clock() - ago
    }

    fn add(&mut self, priority: u8, at: Timestamp, known: bool) -> i64 {
        let job = Job { id: self.next_id, priority, scheduled_at: at, ..Job::sample() };
        self.next_id += 1;
        self.put(Row { job, known, committed: self.elapsed });
        self.next_id - 1
    }

    fn put(&mut self, row: Row) {
        let at = self.rows.partition_point(|other| place(&other.job) < place(&row.job));
        self.rows.insert(at, row);
    }

    fn add_now(&mut self, priority: u8) -> i64 {
        self.add(priority, self.clock(), true)
    }

    /// Claims, and answers the ids.
    fn claim(&mut self, limit: usize) -> Vec<i64> {
        self.try_claim(limit).into_iter().map(|job| job.id).collect()
    }

    fn try_claim(&mut self, limit: usize) -> Vec<Job> {
        let (began, at) = (self.now(), self.clock());
        let mut wanted = [Wanted::new("queue", limit)];
        let looking = self.bounds.set_out(&mut wanted, began);
        let jobs = self.walk(&wanted[0]);
        let took = STEP * self.walked as u32 + self.on_the_way;
        self.elapsed += took + STEP;
        let paused = if self.paused { vec!["queue".to_owned()] } else { Vec::new() };
        let sight = Sight { at, paused, took, on_the_way: self.on_the_way };
        let taken = Taken { jobs, whole: true, vanished: 0, sight: looking.then_some(sight) };
        self.bounds.learn(&wanted, &taken, began, self.now());
        taken.jobs
    }

    fn walk(&mut self, wanted: &Wanted) -> Vec<Job> {
        self.walked = 0;
        let (mut taken, now) = (Vec::new(), self.clock());
        for stretch in stretches(wanted.beyond.as_ref()) {
            let from = (stretch.from_priority, stretch.from.at, stretch.from.id);
            let start = self.rows.partition_point(|row| place(&row.job) <= from);
            for row in &mut self.rows[start..] {
                if i64::from(row.job.priority) > stretch.to_priority || taken.len() == wanted.limit || self.paused {
                    break;
                }
                self.walked += 1;
                if row.known && row.committed <= self.elapsed && row.job.scheduled_at <= now {
                    taken.push(row.job.clone());
                }
            }
        }
        if taken.is_empty() {
            return taken;
        }
        self.rows.retain(|row| taken.iter().all(|job| job.id != row.job.id));
        taken
    }

    /// Claims every 10 ms until these have come; answers after how long.
    fn until(&mut self, mut ids: Vec<i64>) -> Duration {
        let since = self.elapsed;
        while !ids.is_empty() {
            assert!(self.elapsed - since < LONGEST + Duration::from_secs(2), "{ids:?} do not come");
            let claimed = self.claim(10);
            ids.retain(|id| !claimed.contains(id));
            self.elapsed += Duration::from_millis(10);
        }
        self.elapsed - since
    }
}

fn place(job: &Job) -> (i64, Timestamp, i64) {
    (i64::from(job.priority), job.scheduled_at, job.id)
}

#[test]
fn where_the_way_is_short_every_claim_starts_from_the_head() {
    let mut stage = Stage::new();
    for seconds in 1..1000 {
        let due = stage.due(Duration::from_secs(seconds));
        stage.add_now(1);
        let old = stage.add(1, due, true);
        assert_eq!(stage.claim(1), [old]);
        stage.claim(1);
        assert!(stage.bounds.next_look().is_none());
    }
}

#[test]
fn a_database_that_is_far_away_is_no_reason_to_carry_a_bound() {
    let mut stage = Stage::new();
    stage.on_the_way = Duration::from_millis(200);
    (0..100).for_each(|_| assert!(stage.claim(10).is_empty()));
    assert!(stage.bounds.next_look().is_none());
}

#[test]
fn claims_go_on_behind_what_nobody_handles() {
    let mut stage = Stage::slow();
    for _ in 0..100 {
        let id = stage.add_now(1);
        assert_eq!(stage.claim(10), [id]);
        assert!(stage.walked < 10, "{}", stage.walked);
    }
}

#[test]
fn when_they_are_gone_so_is_the_bound() {
    let mut stage = Stage::slow();
    stage.rows.clear();
    stage.elapsed += LONGEST;
    stage.claim(1);
    assert!(stage.bounds.next_look().is_none());
}

#[test]
fn walks_take_a_twentieth_of_the_time() {
    let mut stage = Stage::slow();
    let (since, mut walking) = (stage.elapsed, Duration::ZERO);
    while stage.elapsed - since < Duration::from_secs(1000) {
        stage.claim(1);
        walking += STEP * stage.walked as u32;
        stage.elapsed += Duration::from_millis(50);
    }
    assert!(walking > Duration::from_secs(40) && walking < Duration::from_secs(51), "{walking:?}");
}

#[test]
fn suspects_are_not_looked_for_again_among_jobs_that_have_just_come() {
    let mut stage = Stage { bounds: Bounds::of_suspects(), ..Stage::new() };
    let just_now = stage.due(Duration::from_millis(1));
    (0..MANY).for_each(|_| assert!(stage.add(1, just_now, false) > 0));
    (0..2).for_each(|_| assert!(stage.claim(1).is_empty() && stage.walked == MANY));
    let (due, since) = (stage.due(Duration::from_secs(600)), stage.elapsed);
    let suspect = stage.add(1, due, true);
    while stage.elapsed - since < Duration::from_secs(40) {
        assert!(stage.claim(1).is_empty() && stage.walked == 0, "{} after {:?}", stage.walked, stage.elapsed - since);
        stage.elapsed += Duration::from_millis(500);
    }
    stage.until(vec![suspect]);
}

#[test]
fn a_late_commit_is_seen_within_a_second() {
    let mut stage = Stage::slow();
    stage.bounds.carried.values_mut().for_each(|carried| carried.walk_due += LONGEST);
    let late = stage.due(Duration::from_secs(4));
    let new = stage.add_now(1);
    assert_eq!(stage.claim(10), [new]);
    let id = stage.add(1, late, true);
    assert!(stage.claim(10).is_empty());
    assert!(stage.until(vec![id]) <= LOOK_INTERVAL + Duration::from_millis(20));
}

#[test]
fn looks_are_not_put_off_by_claims_that_take_up_all_the_time() {
    let mut stage = Stage::slow();
    stage.on_the_way = Duration::from_millis(15);
    let new = stage.add_now(1);
    assert_eq!(stage.claim(10), [new]);
    let (due, since) = (stage.due(Duration::from_secs(4)), stage.elapsed);
    let id = stage.add(1, due, true);
    while stage.claim(10) != [id] {
        assert!(stage.elapsed - since < LOOK_INTERVAL * 2);
    }
}

#[test]
fn anything_else_is_seen_by_the_next_walk() {
    let mut stage = Stage::slow();
    for ago in [8, 601, 100_000] {
        let (due, before) = (stage.due(Duration::from_secs(ago)), stage.walked);
        let id = stage.add(1, due, true);
        let within = STEP * MANY as u32 * (JOBS.walk_share + 2);
        assert!(stage.until(vec![id]) <= within, "due {ago} s ago, {before}");
    }
}

#[test]
fn a_bound_of_one_priority_is_none_of_another() {
    let mut stage = Stage::slow();
    let second: Vec<i64> = (0..4).map(|_| stage.add_now(2)).collect();
    assert_eq!(stage.claim(2), second[..2]);
    // Due before what was claimed of the second.
    let due = stage.due(Duration::from_secs(4));
    let first = stage.add(1, due, true);
    assert_eq!(stage.claim(2), [first, second[2]]);
    assert_eq!(stage.claim(2), second[3..]);
}

#[test]
fn what_was_given_back_is_next() {
    let mut stage = Stage::slow();
    let due = stage.due(Duration::from_secs(4));
    let first = stage.add(3, due, true);
    let job = stage.try_claim(1).remove(0);
    let new = stage.add_now(3);
    assert_eq!((job.id, stage.claim(1)), (first, vec![new]));
    stage.bounds.reopen(&job);
    stage.put(Row { job, known: true, committed: stage.elapsed });
    assert_eq!(stage.claim(10), [first]);
}

#[test]
fn what_was_promoted_is_next_however_long_it_was_due() {
    for (ago, at_most) in [(3, Duration::from_millis(20)), (601, STEP * MANY as u32 * (REASONED_SHARE + 2))] {
        let mut stage = Stage::slow();
        let new = stage.add_now(1);
        assert_eq!(stage.claim(10), [new]);
        let due = stage.due(Duration::from_secs(ago));
        let id = stage.add(1, due, true);
        stage.bounds.reopen_from(due, stage.now());
        assert!(stage.until(vec![id]) <= at_most, "due {ago} s ago");
    }
}

#[test]
fn what_may_be_anywhere_is_looked_for_soon_but_not_all_the_time() {
    let mut stage = Stage::slow();
    stage.elapsed += STEP * MANY as u32 * REASONED_SHARE;
    let due = stage.due(Duration::from_secs(601));
    let id = stage.add(1, due, true);
    stage.bounds.reopen_any(stage.now());
    assert_eq!(stage.claim(10), [id]);
    stage.bounds.reopen_any(stage.now());
    stage.claim(10);
    assert!(stage.walked < MANY);
}

#[test]
fn a_pause_is_no_sight_of_the_end() {
    let mut stage = Stage::slow();
    stage.paused = true;
    let mut ids = Vec::new();
    for n in 0..15 {
        ids.push(stage.add_now(1 + n % 4));
        assert!(stage.claim(10).is_empty());
        stage.elapsed += Duration::from_secs(1);
    }
    stage.paused = false;
    assert!(stage.until(ids) < LOOK_INTERVAL * 2);
}

#[test]
fn a_clock_that_is_set_back_is_noticed() {
    let mut stage = Stage::slow();
    let new = stage.add_now(1);
    assert_eq!(stage.claim(10), [new]);
    stage.set_back = Duration::from_secs(500);
    let ids: Vec<i64> = (1..=4).map(|priority| stage.add_now(priority)).collect();
    assert!(stage.until(ids) < LOOK_INTERVAL * 3);
    stage.claim(10);
    let id = stage.add_now(1);
    assert_eq!(stage.claim(10), [id]);
}

#[test]
fn queues_that_are_slow_in_turn_are_all_carried() {
    let (mut bounds, mut now, mut walks) = (Bounds::of_suspects(), Instant::now(), 0);
    for queue in ["a", "b", "c"].into_iter().cycle().take(60) {
        let (mut wanted, began) = ([Wanted::new(queue, 1)], now);
        let looking = bounds.set_out(&mut wanted, began);
        let from_head = wanted[0].beyond.is_none();
        walks += usize::from(from_head);
        let took = Duration::from_millis(if from_head { 600 } else { 1 });
        now += took;
        let at = Timestamp::UNIX_EPOCH + 10_000.hours();
        let sight = Sight { at, paused: Vec::new(), took, on_the_way: Duration::ZERO };
        let taken = Taken { whole: true, sight: looking.then_some(sight), ..Taken::default() };
        bounds.learn(&wanted, &taken, began, now);
    }
    assert!(walks <= 9 && bounds.carried.len() == 3, "{walks} walks; {:?}", bounds.carried.keys());
}

#[test]
fn a_claim_that_was_broken_off_has_seen_no_end() {
    let mut stage = Stage::slow();
    stage.elapsed += Duration::from_millis(10);
    let mut wanted = [Wanted::new("queue", 10)];
    stage.bounds.set_out(&mut wanted, stage.now());
    let before = stage.bounds.carried["queue"].passed;
    stage.bounds.carried.get_mut("queue").unwrap().seen += 100.hours();
    stage.bounds.learn(&wanted, &Taken::default(), stage.now(), stage.now());
    assert_eq!(stage.bounds.carried["queue"].passed, before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    /// Whatever was inserted, committed or given back when, in whatever order.
    #[test]
    fn nobody_waits_for_ever(acts in proptest::collection::vec((0u8..6, 1u8..5, 0u64..2000, 1usize..5), 1..60)) {
        let mut stage = Stage::slow();
        let mut left = Vec::new();
        for (act, priority, millis, limit) in acts {
            let span = Duration::from_millis(millis);
            match act {
                0 => left.push(stage.add_now(priority)),
                1 => left.push(stage.add(priority, stage.due(span * 600), true)),
                2 => {
                    let id = stage.add_now(priority);
                    let row = stage.rows.iter_mut().rfind(|row| row.job.id == id);
                    row.expect("was added").committed += span * 5;
                    left.push(id);
                }
                3 => stage.elapsed += span,
                4 => stage.paused = !stage.paused,
                _ => {
                    let claimed = stage.claim(limit);
                    left.retain(|id| !claimed.contains(id));
                }
            }
        }
        stage.paused = false;
        stage.elapsed += Duration::from_secs(10);
        stage.until(left);
    }
}
