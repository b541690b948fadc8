//! What a panic leaves to be recorded: its message, and the backtrace that only a panic hook sees.

use std::{
    any::Any,
    backtrace::Backtrace,
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    /// Whether foreign code is running under [`catch`] on this thread.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static BACKTRACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panicked {
    pub(crate) message: String,
    pub(crate) backtrace: String,
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Panicked {}

/// Runs foreign code; a panic in it becomes an error.
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    install_hook();
    let outer = CATCHING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    CATCHING.set(outer);
    result.map_err(|payload| {
        let message = format!("panicked: {}", message(&*payload));
        let backtrace = BACKTRACE.take().unwrap_or_default();
        discard(payload);
        Panicked { message, backtrace }
    })
}

/// Drops a value of foreign code's, which may panic at that too. What such a panic carries is kept for ever: it might do
/// the same.
pub(crate) fn discard<T>(value: T) {
    let outer = CATCHING.replace(true);
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(value))) {
        std::mem::forget(payload);
    }
    CATCHING.set(outer);
    BACKTRACE.take();
}

/// Puts a hook in front of the one that is there, once a process. It notes the backtrace of panics under [`catch`] and
/// leaves everything else, printing included, to the other.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                let place = info.location().map(|at| format!("at {at}\n")).unwrap_or_default();
                BACKTRACE.set(Some(format!("{place}{}", Backtrace::force_capture())));
            }
            before(info);
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> &str {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "(with something that is not text)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_leaves_its_message_and_where_it_was() {
        let caught = catch(|| panic!("no {}", "way")).unwrap_err();
        assert_eq!(caught.message, "panicked: no way");
        assert!(caught.backtrace.contains("panic.rs"), "{}", caught.backtrace);
        let caught = catch(|| panic::panic_any(7)).unwrap_err();
        assert!(caught.message.contains("not text"));
    }

    #[test]
    fn a_panic_that_panics_again_when_it_is_dropped_is_caught_too() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic::panic_any(Bomb);
            }
        }
        assert!(catch(|| panic::panic_any(Bomb)).is_err());
        discard(Bomb);
    }
}
