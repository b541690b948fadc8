//! PostgreSQL's notifications, read on a connection and a thread of their own.
//!
//! A notification only rings the bell. Losing one costs the wait until the next poll, never a job; so after every
//! reconnect the bell is rung once, and everything else goes on as if nothing had been missed.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use postgres::{Notification, fallible_iterator::FallibleIterator};

use super::Shared;
use crate::{Error, Event, Result, dialect::Connection, name::ALL_QUEUES, notify};

/// How long one wait for notifications is: as long may a stop take to be noticed.
const BEAT: Duration = Duration::from_millis(100);

/// How long the first notification may take, which the worker sends to itself. A pooler that lends its connections by
/// the transaction accepts LISTEN, and then swallows everything.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// How often a silent connection is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Runs until the worker's stop is over.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut pause = FIRST_PAUSE;
    while !shared.stop.is_over() {
        let Err(error) = listen(shared, &mut pause) else { return };
        if shared.health.listening.swap(false, Ordering::Relaxed) || pause == FIRST_PAUSE {
            let error = error.to_string();
            shared.client.events().tell(|| Event::NotListening { worker: shared.id.to_string(), error });
        }
        let _ = shared.stop.over().recv_timeout(pause.mul_f64(0.75 + fastrand::f64() / 2.0));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Listens until the stop is over (`Ok`) or the connection fails.
fn listen(shared: &Shared, pause: &mut Duration) -> Result<()> {
    let mut connection = shared.client.dedicated()?;
    connection.link().control("LISTEN drip_wake")?;
    // Whatever was sent before this moment is found by looking.
    shared.ear.wake();
    let mut heard = Instant::now();
    let mut proven = false;
    notify::probe(&shared.client)?;
    while !shared.stop.is_over() {
        let queues = receive(&mut *connection)?;
        if !queues.is_empty() {
            heard = Instant::now();
            *pause = FIRST_PAUSE;
            if !std::mem::replace(&mut proven, true) {
                shared.health.listening.store(true, Ordering::Relaxed);
                shared.client.events().tell(|| Event::Listening { worker: shared.id.to_string() });
            }
            // Not the other workers of this client, which listen for themselves: with fifty of them each notification was
            // answered by 2500 looks.
            if queues.iter().any(|queue| concerns(shared, queue)) {
                shared.ear.wake();
            }
        }
        if !proven && heard.elapsed() > PROBE_PATIENCE {
            return Err(Error::unavailable("notifications do not arrive: is there a pooler in transaction mode?"));
        }
        if heard.elapsed() > PING_INTERVAL {
            connection.link().control("SELECT 1")?;
            heard = Instant::now();
        }
    }
    Ok(())
}

/// Whether a notification of this queue is one for this worker. That of no queue is its own, and one may be of all.
fn concerns(shared: &Shared, queue: &str) -> bool {
    queue.is_empty() || queue == ALL_QUEUES || shared.settings.serves(queue)
}

/// Waits one beat; answers the queues of the notifications that have come.
fn receive(connection: &mut (dyn Connection + '_)) -> Result<Vec<String>> {
    let client = connection.as_postgres().ok_or_else(|| Error::unsupported("only PostgreSQL has notifications"))?;
    let mut notifications = client.notifications();
    // Everything that is there already, then wait for one more.
    let queue = |notification: Notification| Ok(notification.payload().to_owned());
    let ready: Vec<String> = notifications.iter().map(queue).collect()?;
    if !ready.is_empty() {
        return Ok(ready);
    }
    notifications.timeout_iter(BEAT).map(queue).take(1).collect().map_err(Error::from)
}
