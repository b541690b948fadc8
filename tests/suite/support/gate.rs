//! A gate at which handlers wait until the test lets them go on.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::watch::PATIENCE;

/// The test's side. A test that fails drops it, and so lets everybody go.
pub struct Gate {
    arrivals: Receiver<i64>,
    /// Nothing is ever sent: the gate is open when this is gone.
    _closed: Sender<()>,
    door: Door,
}

/// The handlers' side.
#[derive(Clone)]
pub struct Door {
    arrived: Sender<i64>,
    opened: Receiver<()>,
}

impl Gate {
    pub fn new() -> Gate {
        let (arrived, arrivals) = unbounded();
        let (closed, opened) = bounded(0);
        Gate { arrivals, _closed: closed, door: Door { arrived, opened } }
    }

    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// Waits for the next one to arrive, and answers the number it gave.
    pub fn arrival(&self) -> i64 {
        self.arrivals.recv_timeout(PATIENCE).expect("somebody arrives at the gate")
    }

    /// Waits for so many to arrive, and answers their numbers.
    pub fn arrivals(&self, count: usize) -> Vec<i64> {
        (0..count).map(|_| self.arrival()).collect()
    }

    /// Those who have arrived by now, and nobody has asked for.
    pub fn others(&self) -> Vec<i64> {
        self.arrivals.try_iter().collect()
    }

    /// Lets everybody go on, those to come included.
    pub fn open(self) {
        drop(self);
    }
}

impl Door {
    /// Says who has arrived, and waits until the gate is open.
    pub fn pass(&self, who: i64) {
        let _ = self.arrived.send(who); // the test may be over
        assert_ne!(self.opened.recv_timeout(PATIENCE * 4), Err(RecvTimeoutError::Timeout), "nobody opened the gate");
    }
}
