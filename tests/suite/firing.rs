//! Each slot of a schedule yields one job: with any number of schedulers, across restarts, and whatever the clock does.

use std::{
    collections::BTreeMap,
    sync::{Barrier, Mutex},
    time::Duration,
};

use drip::{
    Client, Dialect, Event, Fired, Inserted, Job, JobFilter, Missed, NewJob, Page, Rule, Schedule, ScheduleInfo, State,
    Unique, delete_jobs, fire_schedules, get_schedule, list_jobs, pause_schedule, resume_schedule, upsert_schedule,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Db, End, Watch, statement};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// So many schedulers at once, for so many slots.
const SCHEDULERS: usize = 8;
const SLOTS: usize = 100;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn work() -> NewJob {
    NewJob::new("work", json!({}))
}

fn declare(db: &Db, schedule: Schedule) -> ScheduleInfo {
    db.on(|on| upsert_schedule(on, schedule)).unwrap()
}

fn get(db: &Db, name: &str) -> ScheduleInfo {
    get_schedule(&db.client, name).unwrap().unwrap()
}

/// The slots that have yielded a new job now, as `schedule day hour:minute:second`.
fn fire(db: &Db) -> Vec<String> {
    new_slots(&db.on(|on| fire_schedules(on)).unwrap())
}

/// As [`fire`], at another time than the test's clock shows.
fn fire_at(db: &Db, now: &str) -> Vec<String> {
    new_slots(&db.on(|on| fire_schedules(on.at(at(now)))).unwrap())
}

fn new_slots(fired: &[Fired]) -> Vec<String> {
    let of = |fired: &Fired| -> Vec<String> {
        assert!(fired.error.is_none(), "{fired:?}");
        let new = fired.slots.iter().filter(|(_, inserted)| !inserted.is_duplicate());
        new.map(|(slot, _)| format!("{} {}", fired.schedule, slot.strftime("%d %H:%M:%S"))).collect()
    };
    fired.iter().flat_map(of).collect()
}

fn jobs(db: &Db) -> Vec<Job> {
    list_jobs(&db.client, &JobFilter::new(), Page::oldest_first().limit(1000)).unwrap().jobs
}

/// How many jobs there are of each slot, by schedule.
fn jobs_by_slot(db: &Db) -> BTreeMap<(String, String), usize> {
    let mut found = BTreeMap::new();
    for job in jobs(db) {
        let metadata = job.metadata().unwrap();
        let text = |key: &str| metadata[key].as_str().unwrap().to_owned();
        *found.entry((text("schedule"), text("slot"))).or_default() += 1;
    }
    found
}

on_every_database_and_place! {
    fn a_slot_yields_its_job_once(db: &Db) {
        let job = NewJob::new("report", json!({"of": "sales"})).queue("reports").priority(3).metadata(json!({"by": "Ada"}));
        let declared = declare(db, Schedule::new("sales", Rule::cron("0 9 * * *", "Europe/Paris"), job.ttl(HOUR)));
        assert_eq!(fire_at(db, "2030-01-01T07:59:59.999999Z"), [""; 0]);
        assert_eq!(fire_at(db, "2030-01-01T08:00:00.5Z"), ["sales 01 08:00:00"]);
        assert_eq!(fire_at(db, "2030-01-01T08:00:00.5Z"), [""; 0]);
        let [job] = jobs(db).try_into().unwrap();
        assert_eq!((&*job.kind, &*job.queue, job.priority, job.args().unwrap()), ("report", "reports", 3, json!({"of": "sales"})));
        let slot = "2030-01-01T08:00:00Z";
        assert_eq!(Value::Object(job.metadata().unwrap()), json!({"by": "Ada", "schedule": "sales", "slot": slot}));
        assert_eq!((job.state, job.scheduled_at, job.created_at), (State::Available, at(slot), at("2030-01-01T08:00:00.5Z")));
        assert_eq!(job.expires_at, Some(at("2030-01-01T09:00:00.5Z")));
        let info = get(db, "sales");
        assert_eq!((info.last_slot_at, info.last_job_id), (Some(at(slot)), Some(job.id)));
        assert_eq!((info.next_at, info.updated_at), (at("2030-01-02T08:00:00Z"), declared.updated_at));
    }

    fn what_was_missed_is_made_up_for_as_the_schedule_says(db: &Db) {
        let hourly = |name: &str| Schedule::new(name, Rule::every("1h"), work());
        declare(db, hourly("skip").missed(Missed::Skip));
        declare(db, hourly("once"));
        declare(db, hourly("three").missed(Missed::All(3)));
        declare(db, hourly("all").missed(Missed::All(100)));
        declare(db, hourly("patient").missed(Missed::Skip).grace(2 * HOUR));
        declare(db, hourly("cron").missed(Missed::All(2)));
        declare(db, Schedule::new("cron", Rule::cron("30 * * * *", "UTC"), work()).missed(Missed::All(2)));
        // The slots are at 1, 2, 3, 4 and 5 o'clock.
        let mut found = fire_at(db, "2030-01-01T05:10:00Z");
        found.sort();
        let expected = ["all 01 01:00:00", "all 01 02:00:00", "all 01 03:00:00", "all 01 04:00:00", "all 01 05:00:00",
            "cron 01 03:30:00", "cron 01 04:30:00", "once 01 05:00:00", "patient 01 04:00:00", "patient 01 05:00:00",
            "three 01 03:00:00", "three 01 04:00:00", "three 01 05:00:00"];
        assert_eq!(found, expected);
        assert!(["skip", "once", "three", "all", "patient"].iter().all(|name| get(db, name).next_at == at("2030-01-01T06:00:00Z")));
        // One that is in time is none of those that were missed.
        let mut found = fire_at(db, "2030-01-01T08:01:00Z");
        found.retain(|slot| !slot.starts_with("cron"));
        found.sort();
        let expected = ["all 01 06:00:00", "all 01 07:00:00", "all 01 08:00:00", "once 01 07:00:00", "once 01 08:00:00",
            "patient 01 07:00:00", "patient 01 08:00:00", "skip 01 08:00:00", "three 01 06:00:00", "three 01 07:00:00",
            "three 01 08:00:00"];
        assert_eq!(found, expected);
        // Of ever so many the latest hundred.
        let all = fire_at(db, "2035-01-01T00:30:00Z").into_iter().filter(|slot| slot.starts_with("all")).collect::<Vec<_>>();
        assert_eq!((all.len(), &*all[99]), (100, "all 01 00:00:00"));
    }

    fn short_periods_lose_nothing_to_a_slow_scheduler(db: &Db) {
        declare(db, Schedule::new("tick", Rule::every("1s"), work()).missed(Missed::Skip));
        let mut found = Vec::new();
        for pause in [1, 59, 1, 30, 60, 7] {
            db.clock.advance(pause * SECOND);
            found.extend(fire(db));
        }
        assert_eq!(found.len(), 158);
        db.clock.advance(61 * SECOND);
        assert_eq!(fire(db).len(), 61, "the last minute, both its ends included");
        db.clock.advance(62 * SECOND);
        assert_eq!(fire(db).len(), 61, "and one was missed");
    }

    fn a_clock_that_is_put_forward_and_back_brings_no_slot_twice(db: &Db) {
        declare(db, Schedule::new("s", Rule::every("12h"), work()).missed(Missed::All(100)));
        assert_eq!(fire_at(db, "2030-01-01T12:00:00Z"), ["s 01 12:00:00"]);
        // A day ahead, a day behind, and as it should be.
        assert_eq!(fire_at(db, "2030-01-02T12:00:10Z"), ["s 02 00:00:00", "s 02 12:00:00"]);
        for now in ["2030-01-01T12:00:20Z", "2029-12-31T12:00:00Z", "2030-01-02T00:00:00Z", "2030-01-02T12:00:00Z"] {
            assert_eq!(fire_at(db, now), [""; 0], "{now}");
        }
        assert_eq!(fire_at(db, "2030-01-03T00:00:00Z"), ["s 03 00:00:00"]);
        assert_eq!(jobs_by_slot(db).into_values().collect::<Vec<_>>(), [1; 4]);
    }

    /// As an operator brings it back.
    /// It asked for the time, waited for the row, and got it when the slot had yielded its job.
    fn a_declaration_that_was_overtaken_by_a_slot_does_not_bring_it_again(db: &Db) {
        declare(db, Schedule::new("s", Rule::every("1h"), work()));
        let before = db.clock.now() + HOUR - SECOND;
        db.clock.advance(HOUR);
        assert_eq!(fire(db), ["s 01 01:00:00"]);
        for rule in [Rule::every("30m"), Rule::every("1h")] {
            let info = db.on(|on| upsert_schedule(on.at(before), Schedule::new("s", rule.clone(), work()))).unwrap();
            assert_eq!(Some(info.next_at), rule.next_after(db.clock.now()).unwrap());
            assert!(fire(db).is_empty());
        }
    }

    fn a_schedule_that_waits_for_a_wrong_future_goes_on_when_it_is_paused_and_resumed(db: &Db) {
        declare(db, Schedule::new("s", Rule::every("1h"), work()));
        assert_eq!(fire_at(db, "2038-01-19T03:00:00Z").len(), 2);
        db.clock.advance(30 * MINUTE);
        assert_eq!(get(db, "s").next_at, at("2038-01-19T04:00:00Z"));
        db.on(|on| pause_schedule(on, "s")).unwrap();
        db.on(|on| resume_schedule(on, "s")).unwrap();
        db.clock.advance(30 * MINUTE);
        assert_eq!(fire(db), ["s 01 01:00:00"]);
    }

    fn a_weekly_schedule_comes_though_its_process_is_started_anew_each_day(db: &Db) {
        let weekly = || Schedule::new("w", Rule::cron("0 12 * * wed", "UTC"), work());
        let mut found = Vec::new();
        for _ in 0..28 {
            declare(db, weekly());
            found.extend(fire(db));
            db.clock.advance(DAY);
        }
        // Each is noticed twelve hours late, and made up for.
        assert_eq!(found, ["w 02 12:00:00", "w 09 12:00:00", "w 16 12:00:00", "w 23 12:00:00"]);
    }

    fn a_slot_whose_job_was_removed_does_not_come_again(db: &Db) {
        declare(db, Schedule::new("s", Rule::every("7d"), work().ephemeral()));
        db.clock.advance(2 * DAY);
        assert_eq!(fire(db), ["s 03 00:00:00"]);
        delete_jobs(&db.client, &JobFilter::new().states(State::ALL)).unwrap();
        for _ in 0..13 {
            db.clock.advance(DAY / 2);
            declare(db, Schedule::new("s", Rule::every("7d"), work().ephemeral()));
            assert_eq!(fire(db), [""; 0]);
        }
    }

    fn schedules_that_share_a_kind_do_not_disturb_each_other(db: &Db) {
        declare(db, Schedule::new("hours", Rule::every("1h"), work()));
        declare(db, Schedule::new("days", Rule::every("24h"), work()));
        for _ in 0..24 {
            db.clock.advance(HOUR);
            fire(db);
        }
        let found = jobs_by_slot(db);
        assert_eq!(found.keys().filter(|(schedule, _)| schedule == "hours").count(), 24);
        assert_eq!(found.keys().filter(|(schedule, _)| schedule == "days").count(), 1);
        assert!(found.into_values().all(|jobs| jobs == 1));
    }

    fn a_duplicate_is_not_inserted_and_its_slot_is_done_with(db: &Db) {
        declare(db, Schedule::new("s", Rule::every("1h"), work().unique(Unique::new())).missed(Missed::All(9)));
        db.clock.advance(HOUR);
        assert_eq!(fire(db), ["s 01 01:00:00"]);
        db.clock.advance(2 * HOUR);
        let [fired] = db.on(|on| fire_schedules(on)).unwrap().try_into().unwrap();
        let (slots, inserted): (Vec<_>, Vec<_>) = fired.slots.into_iter().unzip();
        assert_eq!(slots, ["2030-01-01T02:00:00Z", "2030-01-01T03:00:00Z"].map(at));
        assert!(inserted.iter().all(Inserted::is_duplicate));
        assert_eq!((fired.missed.number, db.jobs(), fire(db).len()), (1, 1, 0));
        // With windows each slot has its own, however late it is noticed.
        let daily = work().unique(Unique::new().by_period(HOUR).by_args());
        declare(db, Schedule::new("t", Rule::every("1h"), daily).missed(Missed::All(9)));
        db.clock.advance(3 * HOUR);
        assert_eq!(fire(db), ["t 01 04:00:00", "t 01 05:00:00", "t 01 06:00:00"]);
    }

    fn a_jitter_puts_the_job_off_and_not_the_slot(db: &Db) {
        declare(db, Schedule::new("s", Rule::every("1h"), work()).jitter(10 * MINUTE).missed(Missed::All(100)));
        db.clock.advance(100 * HOUR);
        assert_eq!(fire(db).len(), 100);
        let mut delays = Vec::new();
        for job in jobs(db) {
            let slot = at(job.metadata().unwrap()["slot"].as_str().unwrap());
            assert_eq!(slot.as_second() % 3600, 0);
            let delay = job.scheduled_at.duration_since(slot);
            assert!((0..=600_000).contains(&delay.as_millis()), "{delay}");
            assert_eq!(job.state == State::Scheduled, job.scheduled_at > db.clock.now());
            delays.push(delay.as_millis());
        }
        delays.sort_unstable();
        assert!(delays[10] < 200_000 && delays[89] > 400_000, "{delays:?}");
        assert_eq!(get(db, "s").next_at, at("2030-01-05T05:00:00Z"));
    }
}

on_every_database! {
    fn eight_schedulers_yield_each_slot_once_and_lose_none(db: &Db) {
        declare(db, Schedule::new("tick", Rule::every("1s"), work()).missed(Missed::Skip));
        declare(db, Schedule::new("minute", Rule::cron("* * * * *", "UTC"), work()).missed(Missed::Skip));
        let round = Barrier::new(SCHEDULERS + 1);
        let yielded = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..SCHEDULERS {
                scope.spawn(|| {
                    let client = Client::builder().clock(db.clock.clone()).pool_size(1).connect(&db.url).unwrap();
                    for _ in 0..SLOTS {
                        round.wait();
                        let slots = new_slots(&fire_schedules(&client).unwrap());
                        yielded.lock().unwrap().extend(slots);
                        round.wait();
                    }
                });
            }
            for _ in 0..SLOTS {
                db.clock.advance(SECOND);
                round.wait();
                round.wait();
            }
        });
        let found = jobs_by_slot(db);
        assert!(found.values().all(|jobs| *jobs == 1), "{found:?}");
        assert_eq!(found.len(), SLOTS + 1, "of a hundred seconds, and of one minute");
        assert_eq!(yielded.into_inner().unwrap().len(), SLOTS + 1, "each was told of once");
    }

    fn a_transaction_that_is_rolled_back_loses_no_slot(db: &Db) {
        declare(db, Schedule::new("s", Rule::every("1h"), work()).missed(Missed::Skip));
        db.clock.advance(HOUR);
        for _ in 0..3 {
            let (fired, ended) = db.ended(End::Rollback, |tx| fire_schedules(tx.on()).unwrap());
            ended.unwrap();
            assert_eq!(new_slots(&fired), ["s 01 01:00:00"]);
        }
        assert_eq!(fire(db), ["s 01 01:00:00"]);
        assert_eq!(db.jobs(), 1);
    }

    fn a_schedule_that_somebody_is_at_is_passed_over_and_the_others_are_not(db: &Db) {
        if db.dialect == Dialect::Sqlite {
            return; // whose one writer is waited for
        }
        for name in ["a", "b", "c"] {
            declare(db, Schedule::new(name, Rule::every("1h"), work()));
        }
        db.clock.advance(HOUR);
        db.committed(|tx| {
            pause_schedule(tx.on(), "b").unwrap();
            // As another scheduler is at the first that is due.
            let now = if db.dialect == Dialect::Mariadb { "'2030-01-01 01:00:00'" } else { "'2030-01-01 01:00:00Z'::timestamptz" };
            let due = statement::text(db.dialect, "due_schedule", |name| match name {
                "now" => now.to_owned(),
                "at" => "'2000-01-01 00:00:00'".to_owned(),
                _ => "''".to_owned(),
            });
            tx.execute(&due.unwrap()).unwrap();
            assert_eq!(fire(db), ["c 01 01:00:00"]);
            resume_schedule(tx.on(), "b").unwrap();
        });
        assert_eq!(fire(db), ["a 01 01:00:00"], "the other was resumed after that slot");
    }

    fn a_schedule_that_can_yield_nothing_hinders_no_other(db: &Db) {
        let hand = |columns: &str, values: &str| {
            let next = match db.dialect {
                Dialect::Sqlite => "2030-01-01T00:10:00.000000Z",
                Dialect::Postgres => "2030-01-01 00:10:00Z",
                _ => "2030-01-01 00:10:00",
            };
            db.execute(&format!("INSERT INTO drip_schedule (next_at, kind, {columns}) VALUES ('{next}', 'work', {values})"));
        };
        hand("name, cron, time_zone", "'1 zone', '0 * * * *', 'Mars/Olympus'");
        hand("name, cron, time_zone", "'2 pattern', 'hourly', 'UTC'");
        hand("name, every_ms, options", r#"'3 options', 3600000, '{"colour": "red"}'"#);
        hand("name, every_ms, options", r#"'4 priority', 3600000, '{"priority": 9}'"#);
        hand("name, every_ms, grace_ms", "'5 grace', 1000, 86400000");
        hand("name, every_ms", "'6 period', 0");
        hand("name, every_ms, metadata", "'7 metadata', 3600000, '[]'");
        hand("name, every_ms, options", "'7 no object', 3600000, '7'");
        declare(db, Schedule::new("8 hook", Rule::every("1h"), work().tags(["refused"])));
        declare(db, Schedule::new("8 unavailable", Rule::every("1h"), NewJob::new("away", json!({}))));
        declare(db, Schedule::new("9 trigger", Rule::every("1h"), NewJob::new("forbidden", json!({}))));
        declare(db, Schedule::new("good", Rule::every("1h"), work()));
        db.execute("CREATE UNIQUE INDEX of_the_application ON drip_job (kind)");
        db.insert(NewJob::new("forbidden", json!({})));
        // What is away is the hook's own database.
        let its_own = || Client::connect("sqlite:///nowhere/at/all.db");
        assert!(its_own().unwrap_err().is_transient());
        let refuse = move |job: NewJob| match format!("{job:?}") {
            text if text.contains("refused") => Err(drip::Error::other("not today")),
            text if text.contains("away") => its_own().map(|_| job),
            _ => Ok(job),
        };
        let client = Client::builder().clock(db.clock.clone()).on_insert(refuse).connect(&db.url).unwrap();
        let mut watch = Watch::new(&client);
        db.clock.advance(HOUR);
        for good in [1, 0] {
            let fired = fire_schedules(&client).unwrap();
            let (failed, well): (Vec<_>, Vec<_>) = fired.iter().partition(|fired| fired.error.is_some());
            assert_eq!(well.len(), good);
            let failed: Vec<_> = failed.iter().map(|it| (&*it.schedule, it.error.as_ref().unwrap().to_string())).collect();
            let expected = [("1 zone", "Mars/Olympus"), ("2 pattern", "five fields"), ("3 options", "colour"),
                ("4 priority", "priority: is 9"), ("5 grace", "grace: "), ("6 period", "from 1 s"),
                ("7 metadata", "must be a JSON object"), ("7 no object", ""), ("8 hook", "not today"), ("8 unavailable", ""), ("9 trigger", "refused")];
            assert_eq!(failed.len(), expected.len(), "{failed:?}");
            for ((name, why), (schedule, error)) in expected.into_iter().zip(failed) {
                assert!(name == schedule && error.contains(why), "{name}: {error}");
                watch.until(|event| matches!(event, Event::ScheduleFailed { schedule, .. } if schedule == name));
            }
        }
        assert_eq!(jobs(db).len(), 2);
        // What was refused stays due, and is made up for when it is admitted.
        delete_jobs(&db.client, &JobFilter::new().states(State::ALL)).unwrap();
        db.execute("DELETE FROM drip_schedule WHERE name < '8'");
        assert_eq!(fire(db), ["8 hook 01 01:00:00", "8 unavailable 01 01:00:00", "9 trigger 01 01:00:00"]);
    }

    fn subscribers_are_told_of_slots_and_workers_of_jobs(db: &Db) {
        declare(db, Schedule::new("s", Rule::every("1h"), work()));
        db.clock.advance(3 * HOUR);
        let mut watch = Watch::new(&db.client);
        fire_schedules(&db.client).unwrap();
        let [early, late] = jobs(db).try_into().unwrap();
        for (slot, id) in [("2030-01-01T02:00:00Z", early.id), ("2030-01-01T03:00:00Z", late.id)] {
            watch.until(|event| matches!(event, Event::Inserted(job) if job.id == id));
            let fired = Event::SlotFired { schedule: "s".into(), slot: at(slot), job: id, is_duplicate: false };
            watch.until(|event| *event == fired);
        }
        watch.until(|event| matches!(event, Event::SlotsMissed { schedule, count } if schedule == "s" && count.number == 2));
    }
}
