//! PostgreSQL's notifications, read on a connection and a thread of their own.
//!
//! A notification only rings the bell. Losing one costs the wait until the next poll, never a job; so after every
//! reconnect the bell is rung once, and everything else goes on as if nothing had been missed.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use postgres::fallible_iterator::FallibleIterator;

use super::Shared;
use crate::{
    Error, Event, Result,
    dialect::{Connection, Statement, Value, statement},
    session::{Mode, own},
};

static NOTIFY: Statement = statement!("notify_queues" of postgres);

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
    shared.client.wake().wake_all();
    let mut heard = Instant::now();
    let mut proven = false;
    probe(shared)?;
    while !shared.stop.is_over() {
        if receive(&mut *connection)? > 0 {
            heard = Instant::now();
            *pause = FIRST_PAUSE;
            if !std::mem::replace(&mut proven, true) {
                shared.health.listening.store(true, Ordering::Relaxed);
                shared.client.events().tell(|| Event::Listening { worker: shared.id.to_string() });
            }
            shared.client.wake().wake_all();
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

/// Sends a notification the way an inserting client does.
fn probe(shared: &Shared) -> Result<()> {
    let nobody = [("queues", Value::Json(Some("[\"\"]")))];
    let mut connection = shared.client.checkout()?;
    own(&mut *connection, None, Mode::Statement, &mut |sql| sql.rows(&NOTIFY, &nobody).map(drop))
}

/// Waits one beat; answers how many notifications have come.
fn receive(connection: &mut (dyn Connection + '_)) -> Result<usize> {
    let client = connection.as_postgres().ok_or_else(|| Error::unsupported("only PostgreSQL has notifications"))?;
    let mut notifications = client.notifications();
    // Everything that is there already, then wait for one more.
    let ready = notifications.iter().count()?;
    if ready > 0 {
        return Ok(ready);
    }
    Ok(usize::from(notifications.timeout_iter(BEAT).next()?.is_some()))
}
