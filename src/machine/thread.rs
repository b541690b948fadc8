//! A thread that has a name, and says when it has ended.

use std::{io, thread};

use crossbeam_channel::{Receiver, bounded};

/// A thread that was started; its receiver becomes ready when the thread has ended.
pub(crate) type Ended = Receiver<()>;

/// Runs this on a thread of its own.
pub(crate) fn start(name: String, run: impl FnOnce() + Send + 'static) -> io::Result<Ended> {
    let (alive, ended) = bounded(0);
    thread::Builder::new().name(name).spawn(move || {
        run();
        drop::<crossbeam_channel::Sender<()>>(alive);
    })?;
    Ok(ended)
}
