//! Jobs on their way from the claimer to the threads: each is begun by one of them, or taken back by one of those who give
//! back what has not begun.

use crate::{
    machine::stop::Stop,
    sync::{
        Mutex, MutexGuard, PoisonError,
        channel::{Receiver, Sender, bounded},
    },
};

/// The way, of which the claimer has the one end and every thread the other.
pub(super) struct Orders<T> {
    way: (Sender<Order<T>>, Receiver<Order<T>>),
    /// Whether the threads have been told to leave. Held by whoever takes jobs back, too, so that nothing is told or taken
    /// while that one has some in hand.
    dismissed: Mutex<bool>,
}

/// What a thread is told to do.
enum Order<T> {
    Run(T),
    Leave,
}

impl<T> Orders<T> {
    /// Room for so many, dismissals included.
    pub(super) fn new(room: usize) -> Orders<T> {
        Orders { way: bounded(room), dismissed: Mutex::new(false) }
    }

    /// Hands a job to the threads; it comes back if they have been told to leave. There is room: the budget is smaller than
    /// the channel.
    pub(super) fn add(&self, job: T) -> Result<(), T> {
        let dismissed = self.dismissed();
        if *dismissed {
            return Err(job);
        }
        let _ = self.way.0.send(Order::Run(job)); // both ends are here
        Ok(())
    }

    /// How many nobody has taken, dismissals included.
    pub(super) fn waiting(&self) -> usize {
        self.way.1.len()
    }

    /// Lets this thread run one after the other: until it is dismissed, or `run` answers that it is no longer wanted.
    pub(super) fn serve(&self, stop: &Stop, mut run: impl FnMut(T) -> bool) {
        while let Ok(Order::Run(job)) = self.way.1.recv() {
            if stop.is_over() {
                // The stop has reported it as not begun; the claimer gives it back if it ever can.
                let _ = self.way.0.try_send(Order::Run(job));
                return;
            }
            if !run(job) {
                return;
            }
        }
    }

    /// Takes back the jobs that no thread has begun, but for those that `keep` keeps; none, once the threads have been told to
    /// leave: one of them might do so while what is kept is in hand here.
    pub(super) fn take_back(&self, keep: impl FnMut(&T) -> bool) -> Vec<T> {
        let dismissed = self.dismissed();
        if *dismissed { Vec::new() } else { self.take(keep) }
    }

    /// Takes back all jobs that no thread has begun.
    pub(super) fn take_all(&self) -> Vec<T> {
        // One at a time: whoever takes all back must not miss what another is about to put back.
        let _alone = self.dismissed();
        self.take(|_| false)
    }

    /// There is room for what is kept: the budget is smaller than the channel.
    fn take(&self, mut keep: impl FnMut(&T) -> bool) -> Vec<T> {
        let (mut unbegun, mut kept) = (Vec::new(), Vec::new());
        for order in self.way.1.try_iter() {
            match order {
                Order::Run(job) if !keep(&job) => unbegun.push(job),
                order => kept.push(order),
            }
        }
        kept.into_iter().for_each(|order| drop(self.way.0.try_send(order)));
        unbegun
    }

    /// Tells so many threads to leave after what is on its way before this.
    pub(super) fn dismiss(&self, threads: usize) {
        let mut dismissed = self.dismissed();
        *dismissed = true;
        (0..threads).for_each(|_| drop(self.way.0.try_send(Order::Leave)));
    }

    fn dismissed(&self) -> MutexGuard<'_, bool> {
        self.dismissed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
