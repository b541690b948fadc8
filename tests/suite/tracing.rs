//! With the feature `tracing`: a span around each attempt, an event for what happens, and never args.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use drip::{Context, HandlerResult, NewJob, Outcome, RetryPolicy, Worker};
use serde_json::{Value, json};
use tracing::{
    Dispatch, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::support::{Db, work::done};

/// What was recorded: in a span `+`, `>`, `<` and `-` for its way, or an event's level; then the fields by name.
type Record = (String, BTreeMap<String, String>);

/// Keeps everything down to its level that the library has to say.
struct Keeper {
    level: Level,
    records: Arc<Mutex<Vec<Record>>>,
    spans: AtomicU64,
    panics: bool,
}

impl Keeper {
    fn keep(&self, what: impl Into<String>, fields: BTreeMap<String, String>) {
        self.records.lock().unwrap().push((what.into(), fields));
        assert!(!self.panics, "a subscriber may panic");
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl Subscriber for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "drip" && *metadata.level() <= self.level
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        let id = self.spans.fetch_add(1, Ordering::Relaxed) + 1;
        self.keep(format!("+{}", span.metadata().name()), fields.0);
        span::Id::from_u64(id)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.keep(event.metadata().level().as_str(), fields.0);
    }

    fn enter(&self, _: &span::Id) {
        self.keep(">", BTreeMap::new());
    }

    fn exit(&self, _: &span::Id) {
        self.keep("<", BTreeMap::new());
    }

    fn try_close(&self, _: span::Id) -> bool {
        self.keep("-", BTreeMap::new());
        true
    }
}

/// Runs `work` while what this thread has to say is kept.
fn kept(level: Level, panics: bool, work: impl FnOnce()) -> Vec<Record> {
    let records = Arc::default();
    let keeper = Keeper { level, records: Arc::clone(&records), spans: AtomicU64::new(0), panics };
    tracing::dispatcher::with_default(&Dispatch::new(keeper), work);
    std::mem::take(&mut *records.lock().unwrap())
}

fn worker(db: &Db) -> Worker {
    Worker::new(&db.client)
        .label("tracer")
        .retry(RetryPolicy::constant(std::time::Duration::from_secs(3600)))
        .handle_kind("done", |context: &Context, args: Value| -> HandlerResult {
            tracing::error!(target: "drip", job = context.job().id, "from the handler");
            done(context, args)
        })
        .handle_kind("fail", |_: &Context, _: Value| -> HandlerResult { Err("boom".into()) })
        .handle_kind("cancel", |_: &Context, _: Value| -> HandlerResult<Outcome> {
            Ok(Outcome::Cancel("no need".into()))
        })
        .handle_kind("discard", |_: &Context, _: Value| -> HandlerResult<Outcome> {
            Ok(Outcome::Discard("no hope".into()))
        })
}

/// Args that nobody may find anywhere.
fn secret(kind: &'static str) -> NewJob {
    NewJob::new(kind, json!({"password": "hunter2"})).metadata(json!({"token": "hunter2"}))
}

fn of<'r>(record: &'r Record, field: &str) -> &'r str {
    record.1.get(field).map_or("", String::as_str)
}

on_every_database! {
    fn an_attempt_runs_within_a_span_that_says_which_it_is(db: &Db) {
        let worker = worker(db);
        let id = db.insert(secret("done").queue("default")).id.to_string();
        let records = kept(Level::INFO, false, || assert!(matches!(worker.work_once().unwrap(), drip::Worked::Done(_))));
        let ways: Vec<&str> = records.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(ways, ["+drip.job", ">", "ERROR", "<", "-"]);
        let fields = [("id", &*id), ("kind", "done"), ("queue", "default"), ("attempt", "1"), ("worker", "tracer")];
        let expected = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(records[0].1, expected.into(), "these and no others");
        assert_eq!((of(&records[2], "message"), of(&records[2], "job")), ("from the handler", &*id));
    }

    fn what_happens_is_told_at_a_fitting_level_and_without_args(db: &Db) {
        let worker = worker(db);
        let table = [
            ("done", "DEBUG", "completed", ""),
            ("fail", "WARN", "failed", "boom"),
            ("cancel", "INFO", "cancelled", "no need"),
            ("discard", "WARN", "discarded", "no hope"),
        ];
        for (kind, level, message, error) in table {
            let records = kept(Level::TRACE, false, || {
                db.insert(secret(kind));
                worker.work_once().unwrap();
            });
            let told = |wanted: &str| {
                let found = records.iter().filter(|record| of(record, "message") == wanted).collect::<Vec<_>>();
                assert_eq!(found.len(), 1, "{wanted} in {records:?}");
                found[0]
            };
            assert_eq!((told("inserted").0.as_str(), told("started").0.as_str()), ("DEBUG", "DEBUG"));
            let end = told(message);
            assert_eq!((end.0.as_str(), of(end, "error"), of(end, "kind")), (level, error, kind));
            assert!(of(end, "ran").parse::<f64>().is_ok() && of(end, "waited").parse::<f64>().is_ok(), "{end:?}");
            assert_eq!(of(end, "cpu").parse::<f64>().is_ok(), cfg!(feature = "cpu-time"), "{end:?}");
            assert!(!format!("{records:?}").contains("hunter2"), "{records:?}");
        }
    }

    fn what_schedules_yield_is_told_too(db: &Db) {
        use drip::{Rule, Schedule, fire_schedules, upsert_schedule};
        for (name, rule) in [("good", Rule::every("1h")), ("unknown", Rule::cron("0 * * * *", "UTC"))] {
            upsert_schedule(&db.client, Schedule::new(name, rule, secret("done"))).unwrap();
        }
        db.execute("UPDATE drip_schedule SET time_zone = 'Mars/Olympus' WHERE name = 'unknown'");
        db.clock.advance(std::time::Duration::from_secs(2 * 3600));
        let records = kept(Level::TRACE, false, || drop(fire_schedules(&db.client).unwrap()));
        let told: Vec<_> = records.iter().filter(|record| !of(record, "schedule").is_empty()).collect();
        let lines: Vec<_> = told.iter().map(|it| (it.0.as_str(), of(it, "schedule"), of(it, "message"))).collect();
        assert_eq!(lines, [
            ("WARN", "good", "slots were missed"),
            ("DEBUG", "good", "a slot has come"),
            ("DEBUG", "good", "a slot has come"),
            ("ERROR", "unknown", "a schedule can yield nothing"),
        ]);
        assert_eq!((of(told[0], "count"), of(told[1], "slot")), ("1", "2030-01-01T01:00:00Z"));
        assert!(of(told[3], "error").contains("Mars/Olympus") && !format!("{records:?}").contains("hunter2"));
    }

    fn those_who_want_less_are_told_less(db: &Db) {
        let worker = worker(db);
        for (level, expected) in [(Level::ERROR, 0), (Level::WARN, 1), (Level::INFO, 1), (Level::DEBUG, 3)] {
            let records = kept(level, false, || {
                db.insert(secret("fail"));
                worker.work_once().unwrap();
            });
            let events: Vec<_> = records.iter().filter(|record| !of(record, "message").is_empty()).collect();
            assert_eq!(events.len(), expected, "{level}: {events:?}");
        }
    }

    fn a_subscriber_that_panics_breaks_nothing(db: &Db) {
        let worker = worker(db);
        let records = kept(Level::TRACE, true, || {
            db.insert(secret("discard"));
            assert!(matches!(worker.work_once().unwrap(), drip::Worked::Done(_)));
        });
        assert!(records.len() >= 3, "{records:?}");
    }
}
