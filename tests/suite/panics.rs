//! Whatever panics, and wherever, costs one attempt: it is recorded with its message and backtrace, no thread is lost,
//! and other jobs go on.

use std::{
    error::Error,
    fmt,
    panic::panic_any,
    sync::{Arc, Barrier},
};

use drip::{Context, HandlerResult, Outcome, RetryPolicy, State, Worker, insert_many};
use serde_json::Value;

use crate::support::{
    Db, Watch,
    work::{done, job},
};

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        // A second panic during an unwind would end the process, which nobody can prevent.
        if !std::thread::panicking() {
            panic!("dropped {}", self.0);
        }
    }
}

impl From<Bomb> for Outcome {
    fn from(_: Bomb) -> Self {
        Outcome::Complete
    }
}

/// Args that cannot even be tried to be read.
struct Unreadable;

impl<'de> serde::Deserialize<'de> for Unreadable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("while decoding")
    }
}

/// Args that panic when the handler is done with them.
#[derive(serde::Deserialize)]
struct Explosive {}

impl Drop for Explosive {
    fn drop(&mut self) {
        drop(Bomb("args"));
    }
}

/// An error each part of which may panic.
#[derive(Debug)]
struct Unspeakable {
    part: &'static str,
    _bomb: Option<Bomb>,
}

impl fmt::Display for Unspeakable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert_ne!(self.part, "display", "while displaying");
        f.write_str("displayed")
    }
}

impl Error for Unspeakable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        assert_ne!(self.part, "source", "while asked for the source");
        // A chain that never comes to an end.
        if self.part == "circle" { Some(self) } else { None }
    }
}

fn unspeakable(part: &'static str) -> impl Fn(&Context, Value) -> HandlerResult + Send + Sync + 'static {
    move |_, _| Err(Box::new(Unspeakable { part, _bomb: (part == "drop").then(|| Bomb("error")) }))
}

/// A handler for each way to fail, the text that its error must hold, and whether a backtrace is due.
const WAYS: [(&str, &str, bool); 14] = [
    ("text", "a plain text", true),
    ("formatted", "the number 7", true),
    ("number", "not text", true),
    ("bomb", "not text", true),
    ("decode", "while decoding", true),
    ("args", "dropped args", true),
    ("local", "dropped local", true),
    ("outcome", "dropped outcome", true),
    ("display", "cannot be described", true),
    ("source", "cannot be described", true),
    ("drop", "displayed", false),
    ("circle", "displayed", true),
    ("policy", "boom", false),
    ("error", "boom", false),
];

fn worker(db: &Db) -> Worker {
    Worker::new(&db.client)
        .retry_for("policy", RetryPolicy::custom(|_, _| panic!("while asked for a delay")))
        .handle_kind("work", done)
        .handle_kind("text", |_: &Context, _: Value| -> HandlerResult { panic!("a plain text") })
        .handle_kind("formatted", |_: &Context, _: Value| -> HandlerResult { panic!("the number {}", 7) })
        .handle_kind("number", |_: &Context, _: Value| -> HandlerResult { panic_any(Box::new(7)) })
        .handle_kind("bomb", |_: &Context, _: Value| -> HandlerResult { panic_any(Bomb("payload")) })
        .handle_kind("decode", |_: &Context, _: Unreadable| -> HandlerResult { Ok(()) })
        .handle_kind("args", |_: &Context, _: Explosive| -> HandlerResult { Ok(()) })
        .handle_kind("local", |_: &Context, _: Value| -> HandlerResult {
            let _bomb = Bomb("local");
            Ok(())
        })
        .handle_kind("outcome", |_: &Context, _: Value| -> HandlerResult<Bomb> { Ok(Bomb("outcome")) })
        .handle_kind("display", unspeakable("display"))
        .handle_kind("source", unspeakable("source"))
        .handle_kind("drop", unspeakable("drop"))
        .handle_kind("circle", unspeakable("circle"))
        .handle_kind("policy", |_: &Context, _: Value| -> HandlerResult { Err("boom".into()) })
        .handle_kind("error", |_: &Context, _: Value| -> HandlerResult { Err("boom".into()) })
}

on_every_database! {
    fn a_panic_anywhere_is_recorded_and_costs_no_thread(db: &Db) {
        const THREADS: usize = 3;
        let mut watch = Watch::new(&db.client);
        let barrier = Arc::new(Barrier::new(THREADS));
        let _running = worker(db)
            .concurrency(THREADS)
            .handle_kind("together", move |_: &Context, _: Value| -> HandlerResult {
                barrier.wait();
                Ok(())
            })
            .start()
            .unwrap();
        let jobs = WAYS.map(|(way, text, traced)| (db.insert(job(way)).id, way, text, traced));
        for (id, way, text, traced) in jobs {
            let event = watch.until_state(id, State::Retryable);
            assert!(event.error.is_some_and(|error| error.contains(text)), "{way}");
            let job = db.job(id);
            let [error] = job.errors.as_slice() else { panic!("{way}: {:?}", job.errors) };
            assert!(error.error.contains(text), "{way}: {error:?}");
            assert_eq!(!error.trace.is_empty(), traced, "{way}: {error:?}");
            // Whatever the policy does, the next attempt has a time.
            assert!(job.scheduled_at > db.clock.now(), "{way}");
        }
        // All threads are there: these end only if so many run at a time.
        insert_many(&db.client, (0..THREADS * 3).map(|_| job("together"))).unwrap();
        watch.until_completed(THREADS * 3);
    }

    fn a_backtrace_names_the_place(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = worker(db).start().unwrap();
        let id = db.insert(job("text")).id;
        watch.until_state(id, State::Retryable);
        let trace = &db.job(id).errors[0].trace;
        assert!(trace.contains(file!()), "{trace}");
    }

    fn jobs_beside_a_panic_go_on(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let _running = worker(db).concurrency(2).retry(RetryPolicy::immediate()).start().unwrap();
        let jobs = (0..100).map(|n| if n % 2 == 0 { job("text").max_attempts(2) } else { job("work") });
        insert_many(&db.client, jobs).unwrap();
        watch.until_completed(50);
        watch.until_count(50, |event| matches!(event, drip::Event::Discarded(_)));
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'discarded' AND attempt = 2"), 50);
        assert_eq!(db.number("SELECT count(*) FROM drip_job WHERE state = 'completed' AND attempt = 1"), 50);
    }

    fn errors_that_no_database_can_hold_are_recorded_all_the_same(db: &Db) {
        fn text(of: &Value) -> String {
            match of["text"].as_str() {
                Some("nul") => "a\0b".into(),
                Some("long") => "x".repeat(100_000_000),
                Some("controls") => "\u{1}\u{7f}\u{feff}\u{fffe}\u{10ffff}\u{1b}[31m'\"\\".into(),
                _ => String::new(),
            }
        }
        let mut watch = Watch::new(&db.client);
        let _running = Worker::new(&db.client)
            .concurrency(1)
            .handle_kind("error", |_: &Context, args: Value| -> HandlerResult { Err(text(&args).into()) })
            .handle_kind("panic", |_: &Context, args: Value| -> HandlerResult { panic!("{}", text(&args)) })
            .handle_kind("cancel", |_: &Context, args: Value| -> HandlerResult<Outcome> {
                Ok(Outcome::Cancel(text(&args)))
            })
            .start()
            .unwrap();
        for kind in ["error", "panic", "cancel"] {
            for text in ["nul", "long", "controls", "empty"] {
                let id = db.insert(drip::NewJob::new(kind, serde_json::json!({"text": text}))).id;
                watch.until_state(id, if kind == "cancel" { State::Cancelled } else { State::Retryable });
                let errors = db.job(id).errors;
                assert_eq!(errors.len(), 1, "{kind} {text}");
                assert!(!errors[0].error.contains('\0') && errors[0].error.len() < 10_000, "{kind} {text}");
                assert_eq!(text == "long", errors[0].error.len() > 1000, "{kind} {text}");
            }
        }
    }
}
