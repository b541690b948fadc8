//! Schedules are declared, read, paused, and run by hand; a restart moves none.

use std::time::Duration;

use drip::{
    AnySession, Error, Missed, NewJob, OnDuplicate, Result, Rule, Schedule, ScheduleInfo, State, Unique,
    delete_schedule, fire_schedules, get_schedule, list_schedules, pause_schedule, resume_schedule, run_schedule_now,
    upsert_queue, upsert_schedule,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Db, End};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn work() -> NewJob {
    NewJob::new("work", json!({"n": 1}))
}

fn hourly(name: &str) -> Schedule {
    Schedule::new(name, Rule::every("1h"), work())
}

fn declare(db: &Db, schedule: Schedule) -> ScheduleInfo {
    db.on(|on| upsert_schedule(on, schedule)).unwrap()
}

fn get(db: &Db, name: &str) -> ScheduleInfo {
    db.on(|on| get_schedule(on, name)).unwrap().unwrap_or_else(|| panic!("{name:?} is not there"))
}

/// The verbs for one schedule by its name.
type Verb = fn(AnySession<'_>, &str) -> Result<()>;

const VERBS: [(&str, Verb); 5] = [
    ("get_schedule", |on, name| get_schedule(on, name).map(drop)),
    ("pause_schedule", |on, name| pause_schedule(on, name).map(drop)),
    ("resume_schedule", |on, name| resume_schedule(on, name).map(drop)),
    ("run_schedule_now", |on, name| run_schedule_now(on, name).map(drop)),
    ("delete_schedule", |on, name| delete_schedule(on, name).map(drop)),
];

/// What cannot be declared: the field that is named, and why.
fn refusals() -> Vec<(Schedule, &'static str, &'static str)> {
    let with = |job: NewJob| Schedule::new("s", Rule::every("1h"), job);
    let cron = || Schedule::new("s", Rule::cron("0 9 * * *", "Europe/Paris"), work());
    let full = json!({"a": "x".repeat((1 << 20) - 20)});
    vec![
        (hourly(""), "name", "may not be empty"),
        (hourly(" a"), "name", "may not begin or end with a space"),
        (hourly(&"n".repeat(128)), "name", "the limit is 127"),
        (hourly("a\u{202e}b"), "name", "control character"),
        (Schedule::new("s", Rule::every("1 hour a day"), work()), "every", "invalid duration"),
        (Schedule::new("s", Rule::every("999ms"), work()), "every", "from 1 s to 10 years"),
        (Schedule::new("s", Rule::every("1h").offset("1h"), work()), "offset", "less than the interval"),
        (Schedule::new("s", Rule::cron("0 25 * * *", "UTC"), work()), "cron", "out of bounds"),
        (Schedule::new("s", Rule::cron("0 0 30 2 *", "UTC"), work()), "cron", "never comes"),
        (Schedule::new("s", Rule::cron("0 9 * * *", "Mars/Olympus"), work()), "time_zone", "is not known here"),
        (hourly("s").missed(Missed::All(0)), "missed", "from 1 to 100"),
        (hourly("s").missed(Missed::All(101)), "missed", "from 1 to 100"),
        (hourly("s").grace(7 * 24 * HOUR + Duration::from_millis(1)), "grace", "from 0 to 7 days"),
        (hourly("s").grace(Duration::from_micros(1)), "grace", "whole milliseconds"),
        (Schedule::new("s", Rule::every("1s"), work()).grace(HOUR), "grace", "at most 1000 slots"),
        (hourly("s").jitter(HOUR), "jitter", "less than the interval"),
        (hourly("s").jitter(Duration::from_nanos(1)), "jitter", "whole milliseconds"),
        (cron().jitter(24 * HOUR + MINUTE), "jitter", "from 0 to 24 h"),
        (cron().jitter(Duration::MAX), "jitter", "is"),
        (with(work().scheduled_at(at("2030-01-01T00:00:00Z"))), "scheduled_at", "a schedule, which decides"),
        (with(work().delay(HOUR)), "delay", "decides when its jobs are due"),
        (with(work().pending()), "pending", "decides when its jobs are due"),
        (with(NewJob::new("", json!({}))), "kind", "may not be empty"),
        (with(work().queue("*")), "queue", "stands for all queues"),
        (with(work().priority(5)), "priority", "is 5"),
        (with(work().max_attempts(0)), "max_attempts", "is 0"),
        (with(work().tags(["a,b"])), "tags", "comma"),
        (with(work().timeout(Duration::ZERO)), "timeout", "from 1ms"),
        (with(work().ttl(Duration::MAX)), "ttl", "to 10 years"),
        (with(work().unique(Unique::new().by_states([]))), "unique.by_states", "names no state"),
        (with(NewJob::new("k", json!([]))), "args", "must be a JSON object"),
        (with(work().metadata(json!(1))), "metadata", "must be a JSON object"),
        (with(work().metadata(json!({"schedule": 1}))), "metadata", r#"may not hold "schedule""#),
        (with(work().metadata(json!({"slot": null}))), "metadata", r#"may not hold "slot""#),
        (with(work().metadata(full)), "metadata", "the limit of 1048576 bytes"),
    ]
}

/// A verb that is refused, alone and in a transaction of the caller's, which goes on.
fn refused(db: &Db, verb: impl Fn(AnySession<'_>) -> Result<()>, told: impl Fn(&Error)) {
    told(&db.on(&verb).unwrap_err());
    db.transaction(|tx| -> Result<()> {
        told(&verb(tx.on()).unwrap_err());
        upsert_queue(tx.on(), "usable", json!({}))?;
        tx.execute("DELETE FROM drip_queue")
    })
    .unwrap();
}

on_every_database_and_place! {
    fn a_schedule_is_what_was_declared(db: &Db) {
        let unique = Unique::new().by_args().by_period(HOUR).on_duplicate(OnDuplicate::Replace);
        let job = NewJob::from_json("report", r#"{"b": 1.50, "a": "é📮"}"#).queue("reports").priority(3).max_attempts(7);
        let job = job.tags(["a", "b"]).metadata(json!({"by": "Ada"})).ephemeral().unique(unique);
        let job = job.timeout(MINUTE).ttl(24 * HOUR).without_notification();
        let schedule = Schedule::new("sales", Rule::cron("30  9 * * MON-fri", "Europe/Paris"), job.clone());
        let info = declare(db, schedule.missed(Missed::All(7)).grace(5 * MINUTE).jitter(2 * MINUTE));
        assert_eq!(get(db, "sales"), info);
        assert_eq!((&*info.name, &*info.kind, &*info.queue), ("sales", "report", "reports"));
        assert_eq!((info.missed, info.grace, info.jitter), (Missed::All(7), 5 * MINUTE, 2 * MINUTE));
        assert_eq!(*info.rule(), Rule::cron("30 9 * * MON-fri", "Europe/Paris"));
        assert_eq!(format!("{:?}", info.job().unwrap()), format!("{job:?}"));
        assert_eq!((info.created_at, info.updated_at), (db.clock.now(), db.clock.now()));
        assert_eq!((info.is_paused(), info.last_slot_at, info.last_job_id, &info.owner), (false, None, None, &None));
        // From Tuesday, 1 January.
        let slots = ["2030-01-01T08:30:00Z", "2030-01-02T08:30:00Z", "2030-01-03T08:30:00Z", "2030-01-04T08:30:00Z",
            "2030-01-07T08:30:00Z"];
        assert_eq!(info.next_slots(5).unwrap(), slots.map(at));
        assert_eq!((info.next_at, info.next_slots(0).unwrap()), (at(slots[0]), vec![]));
        assert_eq!(info.next_slots(usize::MAX).unwrap().len(), 1000);

        let info = declare(db, Schedule::new("tidy", Rule::every(24 * HOUR).offset("9h"), work()));
        assert_eq!(info.rule().to_string(), "every 1d, 9h later");
        assert_eq!((info.missed, info.grace, info.jitter), (Missed::Once, MINUTE, Duration::ZERO));
        assert_eq!(info.next_slots(2).unwrap(), ["2030-01-01T09:00:00Z", "2030-01-02T09:00:00Z"].map(at));
        assert_eq!(format!("{:?}", info.job().unwrap()), format!("{:?}", work()));
    }

    fn a_schedule_that_is_declared_again_keeps_its_place_and_its_pause(db: &Db) {
        let first = declare(db, hourly("s"));
        db.clock.advance(90 * MINUTE);
        let changed = Schedule::new("s", Rule::every(HOUR), NewJob::new("other", json!({})).priority(4)).missed(Missed::Skip);
        let again = declare(db, changed.grace(Duration::ZERO));
        assert_eq!(again.next_at, first.next_at, "the slot at 01:00 is still to come");
        assert_eq!((&*again.kind, again.missed, again.grace), ("other", Missed::Skip, Duration::ZERO));
        assert_eq!((again.created_at, again.updated_at), (first.created_at, db.clock.now()));
        for (rule, next) in [
            (Rule::every("2h"), "2030-01-01T02:00:00Z"),
            (Rule::every("2h").offset("1h"), "2030-01-01T03:00:00Z"),
            (Rule::cron("45 * * * *", "UTC"), "2030-01-01T01:45:00Z"),
            (Rule::cron("45 * * * *", "Asia/Kathmandu"), "2030-01-01T02:00:00Z"),
            (Rule::cron(" 45  *\t* * * ", "Asia/Kathmandu"), "2030-01-01T02:00:00Z"),
            (Rule::every("1h"), "2030-01-01T02:00:00Z"),
        ] {
            assert_eq!(declare(db, Schedule::new("s", rule.clone(), work())).next_at, at(next), "{rule}");
        }
        let paused_at = db.on(|on| pause_schedule(on, "s")).unwrap().paused_at;
        db.clock.advance(HOUR);
        assert_eq!(declare(db, hourly("s")).paused_at, paused_at);
        db.on(|on| resume_schedule(on, "s")).unwrap();
        assert!(!declare(db, hourly("s").paused()).is_paused(), "somebody has resumed it");
        assert!(declare(db, hourly("new").paused()).is_paused());
        assert_eq!(db.on(|on| list_schedules(on)).unwrap().len(), 2);
    }

    fn a_schedule_is_paused_and_resumed_and_what_passed_meanwhile_is_skipped(db: &Db) {
        let declared = declare(db, hourly("s").missed(Missed::All(100)));
        let resumed = db.on(|on| resume_schedule(on, "s")).unwrap();
        assert_eq!(resumed, declared, "it was not paused");
        db.clock.advance(MINUTE);
        let paused = db.on(|on| pause_schedule(on, "s")).unwrap();
        assert_eq!((paused.paused_at, paused.updated_at), (Some(db.clock.now()), db.clock.now()));
        assert_eq!((paused.is_paused(), paused.next_slots(3).unwrap()), (true, vec![]));
        db.clock.advance(5 * HOUR);
        assert_eq!(db.on(|on| pause_schedule(on, "s")).unwrap().paused_at, paused.paused_at);
        assert!(db.on(|on| fire_schedules(on)).unwrap().is_empty());
        let resumed = db.on(|on| resume_schedule(on, "s")).unwrap();
        assert_eq!((resumed.paused_at, resumed.next_at), (None, at("2030-01-01T06:00:00Z")));
        assert!(db.on(|on| fire_schedules(on)).unwrap().is_empty());
        assert_eq!((get(db, "s"), db.jobs()), (resumed, 0));
    }

    fn a_schedule_is_run_by_hand_and_stays_where_it_is(db: &Db) {
        let job = work().metadata(json!({"by": "Ada"})).queue("q").unique(Unique::new());
        let declared = declare(db, Schedule::new("s", Rule::every("1h"), job).paused());
        let run = db.on(|on| run_schedule_now(on, "s")).unwrap();
        let job = run.job();
        assert_eq!((job.state, &*job.kind, &*job.queue, job.args().unwrap()), (State::Available, "work", "q", json!({"n": 1})));
        assert_eq!(Value::Object(job.metadata().unwrap()), json!({"by": "Ada", "schedule": "s"}));
        assert_eq!(job.scheduled_at, db.clock.now());
        assert!(!run.is_duplicate() && db.on(|on| run_schedule_now(on, "s")).unwrap().is_duplicate());
        assert_eq!((get(db, "s"), db.jobs()), (declared, 1));
    }

    fn a_schedule_is_removed_and_its_jobs_stay(db: &Db) {
        let declared = declare(db, hourly("s"));
        declare(db, hourly("t"));
        db.on(|on| run_schedule_now(on, "s")).unwrap();
        assert_eq!(db.on(|on| delete_schedule(on, "s")).unwrap(), declared);
        assert_eq!(db.on(|on| get_schedule(on, "s")).unwrap(), None);
        let left = db.on(|on| list_schedules(on)).unwrap();
        assert_eq!((left.len(), &*left[0].name, db.jobs()), (1, "t", 1));
    }

    fn a_schedule_that_is_not_there_is_not_found_and_the_transaction_goes_on(db: &Db) {
        declare(db, hourly("S"));
        for (label, verb) in VERBS.into_iter().filter(|(label, _)| *label != "get_schedule") {
            for name in ["s", "a\0\u{1b}", &"n".repeat(128)] {
                refused(db, |on| verb(on, name), |error| {
                    assert!(error.is_not_found(), "{label}: {error}");
                    assert_eq!(error.to_string(), format!("there is no schedule {name:?}"));
                });
            }
        }
        assert_eq!(db.jobs(), 0);
    }

    fn what_cannot_be_is_refused_before_anything_is_sent(db: &Db) {
        for (schedule, field, why) in refusals() {
            refused(db, |on| upsert_schedule(on, schedule.clone()).map(drop), |error| {
                let text = error.to_string();
                assert!(error.is_invalid_input() && text.starts_with(&format!("{field}: ")), "{field}, {why}: {text}");
                assert!(text.contains(why) && text.len() < 400 && !text.chars().any(char::is_control), "{why}: {text:?}");
            });
        }
        for (label, verb) in VERBS {
            refused(db, |on| verb(on, ""), |error| {
                assert!(error.is_invalid_input() && error.to_string().starts_with("name: "), "{label}: {error}");
            });
        }
        assert!(db.on(|on| list_schedules(on)).unwrap().is_empty());
    }

    fn names_that_look_odd_are_names_and_different_ones(db: &Db) {
        let longest = ["n".repeat(127), "📮".repeat(31) + "abc"];
        let odd = ["Mail", "mail", "%", "'; DROP TABLE drip_schedule;--", "\\", "é", "e\u{301}", "a b", "*", "null", ":name",
            "$1", "?", "{}"];
        let mut names: Vec<&str> = odd.into_iter().chain(longest.iter().map(String::as_str)).collect();
        for name in &names {
            assert_eq!(declare(db, hourly(name)).name, *name);
        }
        names.sort_unstable();
        let listed = db.on(|on| list_schedules(on)).unwrap();
        assert_eq!(listed.iter().map(|info| &*info.name).collect::<Vec<_>>(), names);
        for name in names {
            db.on(|on| pause_schedule(on, name)).unwrap();
            assert_eq!(db.number("SELECT count(*) FROM drip_schedule WHERE paused_at IS NOT NULL"), 1);
            db.on(|on| delete_schedule(on, name)).unwrap();
        }
    }
}

on_every_database! {
    fn what_is_rolled_back_was_never_declared_nor_paused_nor_removed(db: &Db) {
        let declared = upsert_schedule(&db.client, hourly("s")).unwrap();
        let (_, ended) = db.ended(End::Rollback, |tx| {
            upsert_schedule(tx.on(), hourly("t")).unwrap();
            upsert_schedule(tx.on(), Schedule::new("s", Rule::every("2h"), work())).unwrap();
            pause_schedule(tx.on(), "s").unwrap();
            run_schedule_now(tx.on(), "s").unwrap();
            delete_schedule(tx.on(), "s").unwrap();
        });
        ended.unwrap();
        assert_eq!((list_schedules(&db.client).unwrap(), db.jobs()), (vec![declared], 0));
    }

    fn what_was_written_by_hand_and_is_none_can_be_listed_and_put_right(db: &Db) {
        db.execute("INSERT INTO drip_schedule (name, cron, time_zone, kind) VALUES ('a', 'at noon', 'Europe/Paris', 'work')");
        db.execute("INSERT INTO drip_schedule (name, cron, time_zone, kind) VALUES ('b', '0 9 * * *', 'Mars/Olympus', 'work')");
        db.execute("INSERT INTO drip_schedule (name, every_ms, kind, options) VALUES ('c', -5, 'work', '{\"colour\": 1}')");
        db.execute("INSERT INTO drip_schedule (name, every_ms, kind) VALUES ('d', 3600000, 'work')");
        let listed = list_schedules(&db.client).unwrap();
        let rules: Vec<_> = listed.iter().map(|info| info.rule().to_string()).collect();
        assert_eq!(rules, ["at noon (Europe/Paris)", "0 9 * * * (Mars/Olympus)", "every 0s", "every 1h"]);
        let understood: Vec<_> = listed.iter().map(|info| info.next_slots(1).is_ok()).collect();
        assert_eq!(understood, [false, false, false, true]);
        assert!(listed[2].job().unwrap_err().to_string().contains("colour"));
        assert!(run_schedule_now(&db.client, "c").is_err());
        assert_eq!(run_schedule_now(&db.client, "b").unwrap().job().kind, "work");
        for info in &listed[..3] {
            pause_schedule(&db.client, &info.name).unwrap();
            assert!(resume_schedule(&db.client, &info.name).unwrap_err().is_invalid_input());
            assert!(!upsert_schedule(&db.client, hourly(&info.name)).unwrap().next_at.to_string().is_empty());
            assert!(!resume_schedule(&db.client, &info.name).unwrap().is_paused());
        }
    }
}
