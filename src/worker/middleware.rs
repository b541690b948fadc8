//! Middleware: what runs around every handler of a worker.

use std::sync::Arc;

use super::{
    context::Context,
    handler::{Failed, HandlerResult},
    outcome::Outcome,
};
use crate::machine::panic::catch;

/// A layer around handlers.
pub(super) type Middleware = dyn Fn(&Context, Next<'_>) -> HandlerResult<Outcome> + Send + Sync;

/// What a middleware is around: the next one, and at last the handler.
#[must_use = "if this is not run, neither is the handler, and the middleware's own answer counts"]
pub struct Next<'a> {
    context: &'a Context,
    inner: &'a [Arc<Middleware>],
    handler: &'a mut dyn FnMut() -> Result<Outcome, Failed>,
}

impl Next<'_> {
    /// Runs it, and answers what it has answered. A panic is an error too, whose text begins with `panicked: `; passed
    /// on, it is recorded with its backtrace.
    ///
    /// # Errors
    /// Those of the handler, and of the middleware within.
    pub fn run(self) -> HandlerResult<Outcome> {
        let Next { context, inner, handler } = self;
        match inner.split_first() {
            Some((first, inner)) => caught(|| first(context, Next { context, inner, handler })),
            None => handler(),
        }
    }
}

/// What has come of a handler and the middleware around it.
pub(super) struct Called {
    pub(super) answer: Result<Outcome, Failed>,
    /// The handler itself has failed, whatever has been made of that since: what it wrote in its transaction does not
    /// count.
    pub(super) failed: bool,
}

/// Calls a handler, with the middleware around it. Panics are failures.
pub(super) fn call(
    middleware: &[Arc<Middleware>],
    context: &Context,
    handler: impl FnOnce() -> Result<Outcome, Failed>,
) -> Called {
    let (mut failed, mut handler) = (false, Some(handler));
    let mut innermost = || {
        let answer = match handler.take() {
            Some(handler) => caught(handler),
            None => Err("a handler is run once".into()), // not to be reached: `Next` is consumed
        };
        failed = answer.is_err();
        answer
    };
    let answer = Next { context, inner: middleware, handler: &mut innermost }.run();
    Called { answer, failed }
}

fn caught(run: impl FnOnce() -> Result<Outcome, Failed>) -> Result<Outcome, Failed> {
    catch(run).unwrap_or_else(|panicked| Err(Box::new(panicked)))
}
