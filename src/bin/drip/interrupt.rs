//! Ctrl+C, and a polite kill: long work ends where it can say how far it has come.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::failure::Outcome;

/// How soon one is noticed by whoever waits.
const BEAT: Duration = Duration::from_millis(50);

/// How a shell knows that a program was interrupted.
const INTERRUPTED: i32 = 130;

/// Whether somebody has asked to stop.
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on; the second time ends the program at once.
    pub fn watch() -> Outcome<Interrupt> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Interrupt(asked))
    }

    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits for so long, or until somebody asks; answers whether that was so.
    pub fn wait(&self, time: Duration) -> bool {
        let began = Instant::now();
        while !self.is_asked() {
            let left = time.saturating_sub(began.elapsed());
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(left.min(BEAT));
        }
        true
    }
}
