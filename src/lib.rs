//! A transactional job queue for synchronous programs, in the PostgreSQL, MariaDB or SQLite database they already have.
//!
//! A job is a row. It is inserted in the application's own transaction, with the application's own driver, and so comes
//! to be exactly if that commits. A worker of plain threads runs it. There is no `async`, no runtime and no broker.
//!
//! ```
//! use drip::{Client, Context, HandlerResult, JobArgs, Worker};
//! # #[cfg(feature = "sqlite")]
//! use rusqlite::{Connection, TransactionBehavior::Immediate};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Welcome {
//!     user: String,
//! }
//!
//! impl JobArgs for Welcome {
//!     const KIND: &'static str = "welcome";
//! }
//!
//! fn welcome(_: &Context, job: Welcome) -> HandlerResult {
//!     println!("Welcome, {}!", job.user);
//!     Ok(())
//! }
//!
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! # #[cfg(feature = "sqlite")]
//! # fn main() -> HandlerResult {
//! # let directory = tempfile::tempdir()?;
//! # std::env::set_current_dir(&directory)?;
//! let client = Client::connect("sqlite://app.db")?;
//! client.migrate()?;
//! # let subscription = client.subscribe();
//!
//! let mut connection = Connection::open("app.db")?;
//! let mut tx = connection.transaction_with_behavior(Immediate)?;
//! // … whatever else belongs together with the job …
//! drip::insert_job(&mut tx, Welcome { user: "Ada".into() })?;
//! tx.commit()?;
//!
//! let running = Worker::new(&client).handle(welcome).start()?;
//! # let ours = |event: &drip::Event| matches!(event, drip::Event::Completed(job) if job.kind == "welcome");
//! # assert!(subscription.events().iter().any(|event| ours(&event)));
//! // … until the program is told to stop …
//! running.stop(std::time::Duration::from_secs(30));
//! # Ok(()) }
//! ```
//!
//! # Five types
//!
//! - [`Client`]: the queue in one database, made from a URL, a pool or a connector.
//! - [`NewJob`]: a job to be inserted. A payload of your own that implements [`JobArgs`] becomes one.
//! - [`Worker`]: handlers, queues and settings; started, it is a [`Running`] one. A handler is a function of a
//!   [`Context`] and a payload; a *transactional* handler is given the open transaction as well (see [`Handler`]).
//! - [`Job`]: a job as it stands in the database and, in a handler, the claim under which it runs.
//! - [`Session`]: where a verb runs, its first argument. `&client`, or a connection or transaction of your own.
//!
//! # Verbs
//!
//! Each is one function, wherever it runs.
//!
//! | | |
//! |---|---|
//! | [`insert_job`], [`insert_many`], [`insert_many_fast`] | enqueue |
//! | [`get_job`], [`list_jobs`], [`count_jobs`] | read |
//! | [`database_time`] | learn what time it is where that is decided |
//! | [`why_job`] | learn why a job is not running |
//! | [`update_job`], [`swap_job`] | change a job that is not running |
//! | [`release_job`] | let a pending job go |
//! | [`cancel_job`], [`discard_job`] | end a job that has not ended |
//! | [`retry_job`], [`retry_completed_job`] | run a job again |
//! | [`delete_job`] | remove a job that is not running |
//! | [`cancel_jobs`], [`discard_jobs`], [`retry_jobs`], [`delete_jobs`] | the same for all that a [`JobFilter`] leaves |
//! | [`record_output`] | say what a job has to show |
//! | [`complete_job`], [`fail_job`], [`snooze_job`] | say how an attempt has ended; handlers seldom need to |
//! | [`fetch_jobs`], [`renew_lease`] | claim, for a worker made by hand |
//! | [`list_workers`] | see who is at work |
//! | [`rescue_jobs`], [`promote_jobs`] | upkeep that workers see to by themselves, by hand |
//! | [`retain_jobs`], [`expire_jobs`], [`rescue_overdue_jobs`], [`reindex`], [`tidy`] | that of [`Maintenance`], by hand |
//! | [`list_tasks`] | see when upkeep was done, and how it went |
//! | [`examine`] | find out what slows or stops the queue |
//! | [`database_settings`] | see which database it is, and what its commits are worth |
//! | [`pause_queue`], [`resume_queue`], [`pause_all`], [`resume_all`] | stop serving a queue, or all, for a while |
//! | [`get_queue`], [`list_queues`], [`upsert_queue`] | read queues, what waits in them, and what is kept with them |
//! | [`upsert_schedule`], [`delete_schedule`], [`get_schedule`], [`list_schedules`] | jobs that come again and again |
//! | [`pause_schedule`], [`resume_schedule`], [`run_schedule_now`], [`fire_schedules`] | the same, while they do |
//!
//! Given a `&Job` from a handler, a verb acts for that claim only: once the claim has ended, it answers an error that
//! [`is_lost_claim`](Error::is_lost_claim). Given an id, it acts for an operator, and ends any claim.
//!
//! Further on: what failed jobs wait for ([`RetryPolicy`]), jobs that are the same as others ([`Unique`]), other endings
//! than done or failed ([`Outcome`]), jobs that come again and again ([`Periodic`], [`Schedule`], [`Rule`]), handlers that
//! should stop ([`CancelToken`]), what happens at the moment ([`Event`]), what has been counted ([`Metrics`]), what runs
//! around inserts and handlers ([`on_insert`](ClientBuilder::on_insert), [`middleware`](Worker::middleware)),
//! what went wrong ([`Error`]).
//!
//! # States
//!
//! ```text
//!              insert
//!       ┌────────┼──────────┐
//!       ▼        ▼          ▼
//!    pending  scheduled  available ◄──────────────┐ retry, give back
//!       │ release │ due     │ claim               │
//!       └────►────┴────►────▼                     │
//!                        running ── snooze ──► scheduled
//!            ┌──────────────┼──────────────┬──────────────┐
//!            ▼ complete     ▼ fail         ▼ fail, last   ▼ cancel
//!        completed      retryable       discarded      cancelled
//!                           │ due
//!                           └──► available
//! ```
//!
//! Completed, discarded and cancelled are final ([`State`]).
//!
//! # Which database
//!
//! PostgreSQL 10, MariaDB 10.6, SQLite 3.38, or newer. The verbs answer the same on all three. What differs:
//!
//! - A worker hears of other processes' jobs by notification on PostgreSQL, by a counter in the file on SQLite, and on
//!   MariaDB by asking now and then ([`Worker::poll_interval`]).
//! - SQLite has one writer at a time. A transactional handler holds the write lock while it runs, so keep it short. Begin
//!   your own writing transactions with `Immediate`: a deferred one that has read before fails if another has written
//!   meanwhile.
//! - PostgreSQL's driver panics when it is called, or dropped, in the async context of tokio. From there go through
//!   `spawn_blocking`, or a thread of your own.
//!
//! # Features
//!
//! | Feature | | Default |
//! |---|---|---|
//! | `postgres` | PostgreSQL through the `postgres` crate | yes |
//! | `mariadb` | MariaDB through the `mysql` crate | yes |
//! | `sqlite` | SQLite through the `rusqlite` crate | yes |
//! | `bundled` | compiles SQLite into the program; without it the system's is linked, which must be 3.45.3 or newer | yes |
//! | `tracing` | a span `drip.job` for each attempt, and an event for each [`Event`], with the target `drip` | no |
//! | `cpu-time` | how much of its run each attempt computes ([`JobEvent::cpu`], [`Metrics`]), on Unix | no |
//! | `cli` | the program `drip`, which does from a terminal what an operator does; for `cargo install` | no |
//!
//! # What it is not
//!
//! - Not exactly once, but for what a transactional handler writes into the queue's own database. Any other effect can
//!   happen again when an attempt has done its work and cannot say so: make it harmless to repeat.
//! - Not a strict order. The next job is the first by priority, due time and id when it is claimed; with several threads
//!   that says nothing about which is done first.
//! - Not able to kill a handler. A thread can be asked to stop, and one that does not ask back goes on.
//! - Not a vault. Args are stored as they are, and whoever may write to the table decides what is run.
//! - Not a broker's throughput, nor real time.

// With one database compiled in, what only the others use is dead.
#![cfg_attr(not(all(feature = "postgres", feature = "mariadb", feature = "sqlite")), allow(dead_code))]

#[cfg(not(any(feature = "postgres", feature = "mariadb", feature = "sqlite")))]
compile_error!("choose at least one database: the features are `postgres`, `mariadb` and `sqlite`");

mod client;
mod clock;
mod count;
mod dialect;
mod duration;
mod error;
mod errors;
mod event;
mod examine;
mod filter;
mod hooks;
mod job;
mod job_update;
mod json;
mod lookout;
mod machine;
mod maintenance;
mod metrics;
mod migrate;
mod name;
mod new_job;
#[cfg(feature = "postgres")]
mod notify;
mod periodic;
mod queue;
mod queue_info;
mod rescue_after;
mod retention;
mod retry;
mod schedule;
mod session;
mod state;
mod stopwatch;
mod sync;
mod trace;
mod unique;
mod wake;
mod worker;

// Where: the database, and the place in it at which a verb runs.
pub use client::{Client, ClientBuilder};
pub use clock::Clock;
pub use dialect::{Dialect, Driver, TransactionBody};
pub use migrate::Migration;
pub use session::{AnySession, Session};

// What: jobs, before and after they are inserted.
pub use count::Count;
pub use duration::{DurationError, parse_duration};
pub use filter::JobFilter;
pub use job::{AttemptError, Job};
pub use job_update::JobUpdate;
pub use new_job::{JobArgs, NewJob};
pub use queue_info::{QueueInfo, QueueSummary};
pub use rescue_after::RescueAfter;
pub use retention::Retention;
pub use retry::RetryPolicy;
pub use schedule::{Interval, Missed, Rule, Schedule, ScheduleInfo};
pub use state::{State, Verb};
pub use unique::{OnDuplicate, Unique};

// The verbs, and what they take and answer.
pub use error::{Error, Result};
pub use queue::{
    Changed, Cursor, Failure, Fired, Inserted, JobCount, JobCounts, Listed, Page, Target, TaskInfo, Why, WorkerInfo,
    cancel_job, cancel_jobs, complete_job, count_jobs, database_time, delete_job, delete_jobs, delete_schedule,
    discard_job, discard_jobs, expire_jobs, fail_job, fetch_jobs, fire_schedules, get_job, get_queue, get_schedule,
    insert_job, insert_many, insert_many_fast, list_jobs, list_queues, list_schedules, list_tasks, list_workers,
    pause_all, pause_queue, pause_schedule, promote_jobs, record_output, reindex, release_job, renew_lease,
    rescue_jobs, rescue_overdue_jobs, resume_all, resume_queue, resume_schedule, retain_jobs, retry_completed_job,
    retry_job, retry_jobs, run_schedule_now, snooze_job, swap_job, tidy, update_job, upsert_queue, upsert_schedule,
    why_job,
};

// Workers and what else runs in the background, and what is seen of them.
pub use event::{Event, JobEvent, SUBSCRIPTION_CAPACITY, Subscription};
pub use examine::{Finding, Setting, Severity, database_settings, examine};
pub use machine::Background;
pub use maintenance::Maintenance;
pub use metrics::Metrics;
pub use periodic::{Periodic, Undeclared};
pub use worker::{
    CancelReason, CancelToken, Context, Handler, HandlerResult, Health, Next, Outcome, Queue, Report, Running, Worked,
    Worker,
};

/// The program in the README compiles.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
