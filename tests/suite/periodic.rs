//! What looks after schedules: it declares them, and inserts their jobs when it is time, in whichever process.

use std::{collections::BTreeMap, time::Duration};

use drip::{
    Background, Client, Context, Event, HandlerResult, Job, JobFilter, Missed, NewJob, Page, Periodic, Rule, Schedule,
    Undeclared, Worker, get_schedule, list_jobs, list_schedules, pause_schedule, resume_schedule, upsert_schedule,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Db, Watch, watch::eventually};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// So many schedulers at once, for so many slots; after each tenth of them one is stopped, and another started.
const SCHEDULERS: usize = 8;
const SLOTS: usize = 100;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn work() -> NewJob {
    NewJob::new("work", json!({}))
}

fn every(interval: &str) -> Schedule {
    Schedule::new(format!("every {interval}"), Rule::every(interval), work())
}

/// A client with the test's clock, as another process has one.
fn other_client(db: &Db) -> Client {
    Client::builder().clock(db.clock.clone()).pool_size(1).connect(&db.url).unwrap()
}

fn fired(schedule: &str, slot: &str) -> impl Fn(&Event) -> bool {
    let (wanted, at) = (schedule.to_owned(), at(slot));
    move |event| matches!(event, Event::SlotFired { schedule, slot, .. } if *schedule == wanted && *slot == at)
}

/// The names of the schedules, those that yield nothing in brackets.
fn names(db: &Db) -> String {
    let name = |paused: bool, name: String| if paused { format!("({name})") } else { name };
    let all = list_schedules(&db.client).unwrap().into_iter().map(|info| name(info.is_paused(), info.name));
    all.collect::<Vec<_>>().join(" ")
}

fn assert_stops(background: &Background) {
    assert!(background.stop(30 * SECOND));
}

fn all_jobs(db: &Db) -> Vec<Job> {
    list_jobs(&db.client, &JobFilter::new(), Page::oldest_first().limit(1000)).unwrap().jobs
}

/// How many jobs there are of each slot.
fn jobs_by_slot(db: &Db) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for job in all_jobs(db) {
        *found.entry(job.metadata().unwrap()["slot"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    found
}

on_every_database! {
    fn jobs_come_when_it_is_time_and_are_run(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let worker = Worker::new(&db.client).handle_kind("work", |context: &Context, _: Value| -> HandlerResult {
            context.job().metadata().map(|metadata| assert!(metadata.contains_key("slot")))?;
            Ok(())
        });
        let running = worker.start().unwrap();
        let cron = Schedule::new("cron", Rule::cron("*/20 * * * *", "Europe/Paris"), work());
        let periodic = Periodic::new(&db.client).schedule(every("15m")).schedule(cron).start().unwrap();
        assert_eq!(names(db), "cron every 15m");
        for (schedule, slot) in [("every 15m", "2030-01-01T00:15:00Z"), ("cron", "2030-01-01T00:20:00Z"),
            ("every 15m", "2030-01-01T00:30:00Z"), ("cron", "2030-01-01T00:40:00Z")]
        {
            db.clock.advance(Duration::try_from(at(slot).duration_since(db.clock.now())).unwrap());
            watch.until(fired(schedule, slot));
        }
        watch.until_completed(4);
        assert_eq!(watch.count(|event| matches!(event, Event::SlotFired { .. })), 4);
        assert_eq!(watch.count(|event| matches!(event, Event::SlotsMissed { .. } | Event::ScheduleFailed { .. })), 0);
        assert_stops(&periodic);
        assert!(running.stop(30 * SECOND).is_clean());
    }

    fn eight_that_come_and_go_yield_each_slot_once_and_lose_none(db: &Db) {
        let start = || Periodic::new(&other_client(db)).schedule(every("1s").missed(Missed::Skip)).start().unwrap();
        let mut schedulers: Vec<Background> = (0..SCHEDULERS).map(|_| start()).collect();
        for slot in 1..=SLOTS {
            db.clock.advance(SECOND);
            eventually("the slot's job is there", || db.jobs() >= slot as i64);
            if slot % 10 == 0 {
                assert_stops(&schedulers.remove(0));
                schedulers.push(start());
            }
        }
        schedulers.iter().for_each(assert_stops);
        let found = jobs_by_slot(db);
        assert!(found.len() == SLOTS && found.values().all(|jobs| *jobs == 1), "{found:?}");
    }

    /// As when a whole fleet is rolled out, in whatever order each of them names its schedules.
    fn many_that_start_at_once_declare_the_same_schedules_once(db: &Db) {
        let intervals = ["1h", "2h", "3h", "4h", "5h", "6h", "7h", "8h", "9h"];
        std::thread::scope(|scope| {
            for turn in 0..SCHEDULERS {
                scope.spawn(move || {
                    let periodic = Periodic::new(&other_client(db)).owner("fleet").undeclared(Undeclared::Remove);
                    let declared = intervals.iter().cycle().skip(turn).take(intervals.len());
                    let periodic = declared.fold(periodic, |periodic, interval| periodic.schedule(every(interval)));
                    assert_stops(&periodic.start().unwrap());
                });
            }
        });
        assert_eq!(names(db), intervals.map(|interval| format!("every {interval}")).join(" "));
        assert_eq!(db.jobs(), 0);
    }

    /// As it is in production: the clock is the database's, and nobody moves it.
    fn in_real_time_seconds_follow_each_other(db: &Db) {
        let client = Client::connect(&db.url).unwrap();
        let mut watch = Watch::new(&client);
        let schedulers = [(); 2].map(|()| Periodic::new(&client).schedule(every("1s")).start().unwrap());
        watch.until_count(3, |event| matches!(event, Event::SlotFired { .. }));
        schedulers.iter().for_each(assert_stops);
        let found = jobs_by_slot(db);
        let seconds: Vec<i64> = found.keys().map(|slot| at(slot).as_second()).collect();
        assert!(seconds.windows(2).all(|pair| pair[1] == pair[0] + 1) && found.values().all(|jobs| *jobs == 1), "{found:?}");
        assert_eq!(watch.count(|event| matches!(event, Event::SlotsMissed { .. })), 0);
        // They were slept to, and not polled for.
        let late = |job: &Job| job.created_at.duration_since(job.scheduled_at).as_secs() >= 5;
        assert!(!all_jobs(db).iter().any(late));
    }

    fn schedules_that_others_have_declared_are_looked_after_too(db: &Db) {
        upsert_schedule(&db.client, every("1h")).unwrap();
        let mut watch = Watch::new(&db.client);
        let periodic = Periodic::new(&db.client).start().unwrap();
        db.clock.advance(HOUR);
        watch.until(fired("every 1h", "2030-01-01T01:00:00Z"));
        pause_schedule(&db.client, "every 1h").unwrap();
        upsert_schedule(&db.client, every("30m")).unwrap();
        db.clock.advance(HOUR);
        watch.until(fired("every 30m", "2030-01-01T02:00:00Z"));
        watch.until(fired("every 30m", "2030-01-01T01:30:00Z"));
        assert_eq!(db.jobs(), 3);
        assert_stops(&periodic);
        assert!(periodic.stop(Duration::ZERO), "it stays stopped");
    }

    fn a_schedule_that_can_yield_nothing_is_reported_once_and_hinders_no_other(db: &Db) {
        db.execute("INSERT INTO drip_schedule (name, cron, time_zone, kind, next_at)
                    VALUES ('bad', '0 * * * *', 'Mars/Olympus', 'work', '2029-12-31T00:00:00.000000Z')".replace(
                        if db.dialect == drip::Dialect::Mariadb { ".000000Z" } else { "\0" }, "").as_str());
        let panics = |job: NewJob| -> drip::Result<NewJob> {
            assert!(job.kind() != "panics", "of an insert hook");
            Ok(job)
        };
        let client = Client::builder().clock(db.clock.clone()).on_insert(panics).connect(&db.url).unwrap();
        let mut watch = Watch::new(&client);
        let hooked = Schedule::new("hooked", Rule::every("1h"), NewJob::new("panics", json!({})));
        let periodic = Periodic::new(&client).schedule(every("1h")).schedule(hooked).start().unwrap();
        for slot in 1..=5 {
            db.clock.advance(HOUR);
            watch.until(fired("every 1h", &format!("2030-01-01T0{slot}:00:00Z")));
        }
        let failed = |name: &'static str, why: &'static str| move |event: &Event| {
            matches!(event, Event::ScheduleFailed { schedule, error } if schedule == name && error.contains(why))
        };
        assert_eq!(watch.count(failed("bad", "Mars/Olympus")), 1);
        assert_eq!(watch.count(failed("hooked", "an insert hook has panicked")), 1);
        assert_eq!(watch.count(|event| matches!(event, Event::ScheduleFailed { .. })), 2);
        db.execute("UPDATE drip_schedule SET time_zone = 'UTC' WHERE name = 'bad'");
        db.clock.advance(HOUR);
        watch.until(fired("bad", "2030-01-01T06:00:00Z"));
        assert_stops(&periodic);
    }

    fn what_an_owner_no_longer_declares_is_kept_paused_or_removed(db: &Db) {
        let declare = |owner: &str, schedules: &[&str], undeclared| {
            let periodic = Periodic::new(&db.client).owner(owner).undeclared(undeclared);
            let periodic = schedules.iter().fold(periodic, |periodic, interval| periodic.schedule(every(interval)));
            assert_stops(&periodic.start().unwrap());
        };
        upsert_schedule(&db.client, every("9h")).unwrap();
        declare("a", &["1h", "2h", "3h"], Undeclared::Keep);
        declare("b", &["4h"], Undeclared::Remove);
        assert_eq!(names(db), "every 1h every 2h every 3h every 4h every 9h");
        declare("a", &["2h", "3h"], Undeclared::Keep);
        assert_eq!(names(db), "every 1h every 2h every 3h every 4h every 9h");
        declare("a", &["2h", "3h"], Undeclared::Pause);
        let retired_at = Some(db.clock.now());
        pause_schedule(&db.client, "every 2h").unwrap();
        db.clock.advance(5 * HOUR + MINUTE);
        declare("a", &["3h"], Undeclared::Pause);
        assert_eq!(names(db), "(every 1h) (every 2h) every 3h every 4h every 9h");
        let info = |name: &str| get_schedule(&db.client, name).unwrap().unwrap();
        assert_eq!((info("every 1h").retired_at, info("every 1h").paused_at), (retired_at, None));
        // Declared again it goes on from now; what an operator has paused stays so.
        declare("a", &["1h", "2h", "3h"], Undeclared::Pause);
        assert_eq!(names(db), "every 1h (every 2h) every 3h every 4h every 9h");
        assert_eq!(info("every 1h").next_at, at("2030-01-01T06:00:00Z"));
        // An operator may have what nobody declares.
        declare("a", &[], Undeclared::Pause);
        assert_eq!(resume_schedule(&db.client, "every 1h").unwrap().retired_at, None);
        declare("a", &["3h"], Undeclared::Remove);
        assert_eq!(names(db), "every 3h every 4h every 9h");
        // What was nobody's becomes an owner's, and stays it.
        declare("b", &["9h"], Undeclared::Pause);
        upsert_schedule(&db.client, every("9h")).unwrap();
        assert_eq!(info("every 9h").owner.as_deref(), Some("b"));
        assert_eq!(names(db), "every 3h (every 4h) every 9h");
    }

    fn what_cannot_be_is_refused_and_nothing_is_declared(db: &Db) {
        assert_stops(&Periodic::new(&db.client).owner("a").schedule(every("1h")).start().unwrap());
        let periodic = || Periodic::new(&db.client).schedule(every("2h"));
        for (periodic, field, why) in [
            (periodic().schedule(every("2h")), "name", "declared twice"),
            (periodic().schedule(every("1s").jitter(HOUR)), r#"schedule "every 1s": jitter"#, "less than the interval"),
            (periodic().schedule(every("a day")), r#"schedule "every a day": every"#, "invalid duration"),
            (periodic().undeclared(Undeclared::Remove), "owner", "is not set"),
            (periodic().undeclared(Undeclared::Pause), "owner", "is not set"),
            (periodic().owner(""), "owner", "may not be empty"),
            (periodic().owner("b").schedule(every("1h")), "name", r#"is a schedule of "a""#),
        ] {
            let error = periodic.start().map(drop).expect_err(why);
            assert!(error.is_invalid_input() && error.to_string().starts_with(&format!("{field}: ")), "{error}");
            assert!(error.to_string().contains(why), "{error}");
            assert_eq!(names(db), "every 1h");
        }
    }
}
