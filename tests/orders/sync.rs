//! What the threads of a worker meet by, in a form whose every use may hand the turn to another thread.

pub(crate) use std::sync::PoisonError;

pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};

/// As much of `crossbeam_channel` as is used there.
pub(crate) mod channel {
    use std::{
        collections::VecDeque,
        sync::Arc,
        time::{Duration, Instant},
    };

    use shuttle::{
        rand::{Rng, thread_rng},
        sync::{Condvar, Mutex, MutexGuard},
    };

    /// So far away is a deadline that does not come.
    pub(crate) const NEVER: Duration = Duration::from_secs(86_400);

    struct Channel<T> {
        inside: Mutex<Inside<T>>,
        changed: Condvar,
        room: usize,
    }

    struct Inside<T> {
        waiting: VecDeque<T>,
        senders: usize,
        receivers: usize,
    }

    pub(crate) struct Sender<T>(Arc<Channel<T>>);
    pub(crate) struct Receiver<T>(Arc<Channel<T>>);

    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Closed;

    #[derive(Debug, PartialEq, Eq)]
    pub(crate) enum TrySendError {
        Full,
        Disconnected,
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(crate) enum TryRecvError {
        Empty,
        Disconnected,
    }

    /// Of no room are those only of which nothing is ever sent: they say that their senders are gone.
    pub(crate) fn bounded<T>(room: usize) -> (Sender<T>, Receiver<T>) {
        let inside = Mutex::new(Inside { waiting: VecDeque::new(), senders: 1, receivers: 1 });
        let channel = Arc::new(Channel { inside, changed: Condvar::new(), room });
        (Sender(channel.clone()), Receiver(channel))
    }

    impl<T> Channel<T> {
        fn lock(&self) -> MutexGuard<'_, Inside<T>> {
            self.inside.lock().unwrap()
        }

        /// One end less. In a play that has failed nobody is left to be told, and no lock can be had.
        fn leave(&self, count: impl FnOnce(&mut Inside<T>)) {
            if !std::thread::panicking() {
                count(&mut self.lock());
                self.changed.notify_all();
            }
        }
    }

    impl<T> Sender<T> {
        pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError> {
            let mut inside = self.0.lock();
            match () {
                () if inside.receivers == 0 => return Err(TrySendError::Disconnected),
                () if inside.waiting.len() >= self.0.room => return Err(TrySendError::Full),
                () => inside.waiting.push_back(message),
            }
            self.0.changed.notify_all();
            Ok(())
        }

        pub(crate) fn send(&self, message: T) -> Result<(), Closed> {
            let mut inside = self.0.lock();
            while inside.waiting.len() >= self.0.room && inside.receivers > 0 {
                inside = self.0.changed.wait(inside).unwrap();
            }
            if inside.receivers == 0 {
                return Err(Closed);
            }
            inside.waiting.push_back(message);
            self.0.changed.notify_all();
            Ok(())
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
            let mut inside = self.0.lock();
            let message = inside.waiting.pop_front();
            self.0.changed.notify_all();
            match message {
                Some(message) => Ok(message),
                None if inside.senders == 0 => Err(TryRecvError::Disconnected),
                None => Err(TryRecvError::Empty),
            }
        }

        pub(crate) fn recv(&self) -> Result<T, Closed> {
            let mut inside = self.0.lock();
            loop {
                if let Some(message) = inside.waiting.pop_front() {
                    self.0.changed.notify_all();
                    return Ok(message);
                }
                if inside.senders == 0 {
                    return Err(Closed);
                }
                inside = self.0.changed.wait(inside).unwrap();
            }
        }

        /// No time passes here: a deadline comes at any time, unless it is [`NEVER`] to come.
        pub(crate) fn recv_deadline(&self, deadline: Instant) -> Result<T, Closed> {
            let comes = deadline.saturating_duration_since(Instant::now()) < NEVER / 2;
            if comes && thread_rng().gen_bool(0.5) {
                return self.try_recv().map_err(|_| Closed);
            }
            self.recv()
        }

        pub(crate) fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
            std::iter::from_fn(|| self.try_recv().ok())
        }

        pub(crate) fn len(&self) -> usize {
            self.0.lock().waiting.len()
        }
    }

    impl TrySendError {
        pub(crate) fn is_disconnected(&self) -> bool {
            *self == TrySendError::Disconnected
        }
    }

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Self {
            self.0.lock().senders += 1;
            Sender(self.0.clone())
        }
    }

    impl<T> Clone for Receiver<T> {
        fn clone(&self) -> Self {
            self.0.lock().receivers += 1;
            Receiver(self.0.clone())
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            self.0.leave(|inside| inside.senders -= 1);
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            self.0.leave(|inside| inside.receivers -= 1);
        }
    }

    impl<T> std::fmt::Debug for Sender<T> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Sender")
        }
    }
}
