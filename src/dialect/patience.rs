//! Opening a connection, for so long at the most.
//!
//! The drivers wait as long as it takes for whoever accepts a connection and then says nothing: another kind of server, one
//! that is frozen, a proxy with nobody behind it. They cannot be told to stop, so that they wait in a thread of their own,
//! which is left behind and ends when the other end hangs up. Of those there are only so many.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::bounded;

use crate::{Error, Result};

/// How many may wait at a time. The next has no better chance.
const MOST_WAITING: usize = 16;

const NO_ANSWER: &str = "the server did not answer in time";

/// `connect`, given up after `limit`.
pub(crate) fn within<D: Send + 'static>(
    limit: Duration,
    server: &'static str,
    connect: impl Fn() -> Result<D> + Send + Sync + 'static,
) -> impl Fn() -> Result<D> {
    let (connect, waiting) = (Arc::new(connect), Arc::new(AtomicUsize::new(0)));
    move || {
        if waiting.load(Ordering::Acquire) >= MOST_WAITING {
            return Err(
                Error::unavailable(NO_ANSWER).because(format!("{MOST_WAITING} connections wait for it already"))
            );
        }
        let (sender, opened) = bounded(1);
        let waits = Waits::new(&waiting);
        let connect = Arc::clone(&connect);
        let work = move || {
            let opened = connect();
            // Whoever reads the answer counts on the place being free.
            drop(waits);
            // Nobody may wait any more; then it is closed.
            let _ = sender.send(opened);
        };
        thread::Builder::new()
            .name("drip-connect".to_owned())
            .spawn(work)
            .map_err(|error| Error::unavailable("no thread can be started to connect").because(error))?;
        opened.recv_timeout(limit).unwrap_or_else(|_| {
            let waited = limit.as_secs();
            Err(Error::unavailable(NO_ANSWER).because(format!(
                "waited {waited} s for {server} to greet: is that what listens at this host and port? (connect_timeout in \
                 the URL says how long)"
            )))
        })
    }
}

/// One that waits.
struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn new(waiting: &Arc<AtomicUsize>) -> Waits {
        waiting.fetch_add(1, Ordering::AcqRel);
        Waits(Arc::clone(waiting))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_says_nothing_is_left_and_only_so_many_wait() {
        let (hang_up, forever) = bounded::<()>(0);
        let (entered, arrivals) = bounded(MOST_WAITING);
        let connect = within(Duration::from_millis(1), "X", move || {
            let _ = entered.send(());
            let _ = forever.recv();
            Ok(())
        });
        for _ in 0..MOST_WAITING {
            let error = connect().unwrap_err();
            assert!(error.is_unavailable() && error.to_string().contains("for X to greet"), "{error}");
        }
        assert!(connect().unwrap_err().to_string().contains("wait for it already"));
        assert_eq!(arrivals.iter().take(MOST_WAITING).count(), MOST_WAITING);
        drop(hang_up);
        // Those that come back make room.
        let mut answer = connect();
        while answer.is_err() {
            answer = connect();
        }
    }

    #[test]
    fn what_is_answered_is_passed_on() {
        let limit = Duration::from_secs(60);
        assert_eq!(within(limit, "X", || Ok(17))().unwrap(), 17);
        let error = within(limit, "X", || Err::<(), _>(Error::invalid("url", "is bad")))().unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        assert!(within(limit, "X", || -> Result<()> { panic!("in a driver") })().unwrap_err().is_unavailable());
    }
}
