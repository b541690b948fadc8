//! The terminal: taken over for as long as the program draws, and given back as it was, however that ends.

use std::{
    io::{self, BufWriter, Stdout, Write},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use ratatui::{
    Frame, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{DisableMouseCapture, EnableMouseCapture},
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};

/// A whole frame is written at once, so that none is seen half drawn.
type Drawing = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// More than a frame of a large screen takes.
const FRAME_BYTES: usize = 1 << 18;

/// The terminal, while it is ours.
pub struct Taken {
    drawing: Drawing,
}

/// Some thread has panicked: what it says must not be drawn over.
static PANICKED: AtomicBool = AtomicBool::new(false);

impl Taken {
    /// Takes the terminal over: another screen, keys unechoed and at once, the mouse. A panic in any thread gives it back
    /// before it speaks.
    pub fn over() -> io::Result<Taken> {
        restore_on_panic();
        // Made first: from here on it is given back, whatever fails next.
        let backend = CrosstermBackend::new(BufWriter::with_capacity(FRAME_BYTES, io::stdout()));
        let guard = Guard;
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture)?;
        let drawing = Terminal::new(backend)?;
        std::mem::forget(guard);
        Ok(Taken { drawing })
    }

    /// Draws what has changed since the last frame.
    pub fn draw(&mut self, frame: impl FnOnce(&mut Frame)) -> io::Result<()> {
        if !PANICKED.load(Ordering::Acquire) {
            self.drawing.draw(frame)?;
        }
        Ok(())
    }

    /// The next frame is drawn anew.
    pub fn clear(&mut self) -> io::Result<()> {
        self.drawing.clear()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back if taking it over fails half-way.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Can be done twice. What fails here has nobody left to be told.
fn restore() {
    let _ = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = io::stdout().flush();
}

fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANICKED.store(true, Ordering::Release);
            restore();
            before(panic);
        }));
    });
}
