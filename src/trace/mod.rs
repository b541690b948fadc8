//! What is told to `tracing`, with the feature of that name: a span for each attempt, and an event for what
//! [`Event`](crate::Event) tells. Ids and names, never args.

#[cfg(not(feature = "tracing"))]
mod disabled;
#[cfg(feature = "tracing")]
mod enabled;

#[cfg(not(feature = "tracing"))]
pub(crate) use disabled::{in_attempt, listens, listens_for, tell};
#[cfg(feature = "tracing")]
pub(crate) use enabled::{in_attempt, listens, listens_for, tell};
