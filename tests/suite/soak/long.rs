//! Mixed load by the real clock, for as long as is wanted: what is held in the last third of that time is no more than in
//! the middle. `tests/soak` does it for half an hour, the suite for some seconds.

use std::time::{Duration, Instant};

use drip::{
    Client, Event, JobFilter, Maintenance, NewJob, Page, Periodic, Retention, Rule, Schedule, Subscription, Unique,
    Worker, cancel_job, cancel_jobs, count_jobs, insert_job, insert_many, list_jobs, list_queues, pause_queue,
    resume_queue,
};
use serde_json::json;

use super::{
    HOUR, KINDS, busy,
    holdings::{COUNTED, count},
};
use crate::support::{
    Db,
    alone::{alone, worker_threads},
    watch::{PATIENCE, eventually},
    work::{done, job},
};

/// For how long, in seconds; 12 by default.
const SECONDS: &str = "DRIP_SOAK_SECONDS";

/// A soak that is shorter than this is not judged by all that is counted.
const LONG: Duration = Duration::from_secs(180);

const TICK: Duration = Duration::from_millis(100);

/// Of fewer samples one that is out of the ordinary would decide.
const FEWEST: usize = 60;

/// A short soak goes on for up to so many times its span as long as something has grown: what only comes and goes, such as
/// the connections of a process that comes just before the end, is flat over a longer time, and what leaks is not.
const PATIENTLY: u32 = 8;

type Sample = [i64; COUNTED.len()];

on_every_database! {
    fn under_mixed_load_all_that_is_held_stays_flat(db: &Db) {
        alone(db, module_path!(), "under_mixed_load_all_that_is_held_stays_flat", || soak(db));
    }
}

fn soak(db: &Db) {
    let seconds = std::env::var(SECONDS).map_or(12, |seconds| seconds.parse().unwrap());
    let span = Duration::from_secs(seconds);
    db.create_effects();
    let client = Client::connect(&db.url).unwrap();
    let told = client.subscribe();
    let worker = busy(db, &client).handle_kind("soak", done).start().unwrap();
    let maintenance = maintenance(&client, span).start().unwrap();
    let every = Schedule::new("soak", Rule::every("1s"), job("soak"));
    let periodic = Periodic::new(&client).schedule(every).start().unwrap();

    let (ticks, samples) = load(db, &client, &told, span);
    report(db, ticks, &samples);
    assert_eq!(grown(&samples, span), None, "{samples:?}");

    // The last tick may have paused it.
    resume_queue(&client, "default").unwrap();
    eventually("every job has ended", || unfinished(db) == 0);
    assert_eq!(db.number("SELECT count(*) FROM effect"), ticks as i64);
    assert!(maintenance.stop(PATIENCE) && periodic.stop(PATIENCE) && worker.stop(HOUR).is_clean());
    eventually("no thread is left", || worker_threads() == 0);
    assert_eq!((trouble(&told), told.missed()), (vec![], 0));
}

/// What has ended goes away after a time in which there are many of it, and soon enough to be flat.
fn maintenance(client: &Client, span: Duration) -> Maintenance {
    let (kept, often) = ((span / 12).min(Duration::from_secs(20)), (span / 30).min(Duration::from_secs(5)));
    Maintenance::new(client)
        .retention(Retention::default().completed(kept).cancelled(kept).discarded(kept))
        .retention_interval(often)
        .expiry_interval(often)
        .tidy_interval(often * 4)
}

/// Ticks until the time is up, on a slow machine longer; what was held meanwhile.
fn load(db: &Db, client: &Client, told: &Subscription, span: Duration) -> (usize, Vec<Sample>) {
    let (begun, mut ticks, mut samples) = (Instant::now(), 0, Vec::new());
    let most = if span < LONG { span * PATIENTLY } else { span };
    while begun.elapsed() < span || samples.len() < FEWEST || begun.elapsed() < most && grown(&samples, span).is_some()
    {
        tick(db, client, ticks);
        ticks += 1;
        assert_eq!(trouble(told), vec![]);
        if begun.elapsed() > span * samples.len() as u32 / 90 {
            samples.push(count(db));
        }
        std::thread::park_timeout((TICK * ticks as u32).saturating_sub(begun.elapsed()));
    }
    (ticks, samples)
}

/// A job of each kind, and what else is done to a queue; some of it every time, some of it seldom.
fn tick(db: &Db, client: &Client, n: usize) {
    let of = |kind: &&'static str| NewJob::new(*kind, json!({"n": n, "text": "x".repeat(n % 97 * 31)})).max_attempts(3);
    insert_many(client, KINDS.iter().map(of)).unwrap();
    insert_job(client, job("done").delay(Duration::from_millis(700)).priority(3)).unwrap();
    let once = json!({"n": n / 50});
    insert_job(client, NewJob::new("done", once).unique(Unique::new().by_args())).unwrap();
    let unwanted = || job("done").queue("unwanted");
    match n % 10 {
        0 => drop(insert_job(client, unwanted().ttl(Duration::from_millis(500))).unwrap()),
        1 => drop(cancel_job(client, insert_job(client, unwanted().delay(HOUR)).unwrap().job().id).unwrap()),
        2 => drop(insert_many(client, (0..3).map(|_| unwanted())).unwrap()),
        3 => drop(cancel_jobs(client, &JobFilter::new().queue("unwanted")).unwrap()),
        4 => drop(list_jobs(client, &JobFilter::new(), Page::newest_first()).unwrap()),
        5 => drop((count_jobs(client, &JobFilter::new().kind("fail")).unwrap(), list_queues(client).unwrap())),
        6 => drop(pause_queue(client, "default").unwrap()),
        7 => drop(resume_queue(client, "default").unwrap()),
        _ => {}
    }
    if n % 100 == 8 {
        come_and_go(db);
    }
}

/// A process comes, with a client and a worker of its own, and goes.
fn come_and_go(db: &Db) {
    let client = Client::connect(&db.url).unwrap();
    let worker = Worker::new(&client).queue("seldom").handle_kind("done", done).start().unwrap();
    insert_job(&client, job("done").queue("seldom")).unwrap();
    assert!(worker.stop(HOUR).is_clean());
}

/// What should not happen where all is well.
fn trouble(told: &Subscription) -> Vec<Event> {
    let is_trouble = |event: &Event| {
        matches!(
            event,
            Event::Unrecorded(_)
                | Event::WorkerDied { .. }
                | Event::TakenForDead { .. }
                | Event::DatabaseLost { .. }
                | Event::ScheduleFailed { .. }
        )
    };
    told.events().try_iter().filter(is_trouble).collect()
}

/// But for what the last process left in a queue that nobody serves any more, and the slots that are yet to come.
fn unfinished(db: &Db) -> i64 {
    db.number("SELECT count(*) FROM drip_job WHERE finalized_at IS NULL AND queue = 'default' AND kind <> 'soak'")
}

/// What is held more of in the last third of the time than in the middle one: at most of its moments, for what leaks never
/// goes away, and where the disk is busy with other things for a while, jobs pile up for that long.
fn grown(samples: &[Sample], span: Duration) -> Option<String> {
    let third = samples.len() / 3;
    let usual = |samples: &[Sample], what: usize| {
        let mut numbers: Vec<i64> = samples.iter().map(|sample| sample[what]).collect();
        numbers.sort_unstable();
        numbers[numbers.len() / 2]
    };
    COUNTED.into_iter().enumerate().find_map(|(what, (name, share, besides, at_once))| {
        if span < LONG && !at_once {
            return None;
        }
        let (middle, end) = (usual(&samples[third..2 * third], what), usual(&samples[2 * third..], what));
        let bound = middle + (middle as f64 * share) as i64 + besides;
        (end > bound).then(|| format!("{name}: usually {middle} in the middle third, {end} in the last"))
    })
}

/// Ten lines, for who watches.
fn report(db: &Db, ticks: usize, samples: &[Sample]) {
    eprintln!("{}: {ticks} ticks; {}", db.dialect.name(), COUNTED.map(|(name, ..)| name).join(", "));
    for sample in samples.iter().step_by((samples.len() / 9).max(1)) {
        eprintln!("{}: {}", db.dialect.name(), sample.map(|number| number.to_string()).join(", "));
    }
}
