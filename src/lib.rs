//! A transactional job queue for synchronous programs.

// With one database compiled in, what only the others use is dead.
#![cfg_attr(not(all(feature = "postgres", feature = "mariadb", feature = "sqlite")), allow(dead_code))]

#[cfg(not(any(feature = "postgres", feature = "mariadb", feature = "sqlite")))]
compile_error!("choose at least one database: the features are `postgres`, `mariadb` and `sqlite`");

mod client;
mod clock;
mod dialect;
mod duration;
mod error;
mod errors;
mod event;
mod job;
mod json;
mod migrate;
mod name;
mod new_job;
#[cfg(feature = "postgres")]
mod notify;
mod queue;
mod retry;
mod session;
mod state;
mod unique;
mod wake;
mod worker;

pub use client::{Client, ClientBuilder};
pub use clock::Clock;
pub use dialect::{Dialect, Driver, TransactionBody};
pub use duration::{DurationError, parse_duration};
pub use error::{Error, Result};
pub use event::{Event, JobEvent, SUBSCRIPTION_CAPACITY, Subscription};
pub use job::{AttemptError, Job};
pub use new_job::{JobArgs, NewJob};
pub use queue::{
    Failure, Inserted, Target, cancel_job, complete_job, discard_job, fail_job, fetch_jobs, get_job, insert_job,
    insert_many, retry_completed_job, retry_job, snooze_job,
};
pub use retry::RetryPolicy;
pub use session::{AnySession, Session};
pub use state::State;
pub use unique::{OnDuplicate, Unique};
pub use worker::{
    CancelReason, CancelToken, Context, Handler, HandlerResult, Health, Outcome, Queue, Report, Running, Worked, Worker,
};
