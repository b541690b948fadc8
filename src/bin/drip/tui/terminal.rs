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

#[cfg(all(test, unix))]
mod tests {
    #[path = "../../../../../tests/suite/support/tmux.rs"]
    mod tmux;

    use std::io::Read;

    use ratatui::text::Line;

    use self::tmux::Tmux;
    use super::*;

    const HOW: &str = "DRIP_TEST_TERMINAL_ENDS";

    #[test]
    fn however_it_ends_the_terminal_is_as_it_was() {
        let program = std::env::current_exe().unwrap();
        for (how, says) in [
            ("well", "1 passed"),
            ("an error", "an error on purpose"),
            ("a panic", "a panic on purpose"),
            ("a panic elsewhere", "a panic on purpose"),
        ] {
            let name = "--ignored --exact tui::terminal::tests::in_a_terminal --nocapture";
            let line = format!("{HOW}='{how}' '{}' {name}", program.display());
            let Some(tmux) = Tmux::start((80, 24), &[], &line) else { return };
            tmux.until("It is taken over.");
            assert!(!tmux.is_clean(), "{how}");
            tmux.keys(&["x"]);
            let screen = tmux.until("ended:");
            assert!(screen.contains(says) && !screen.contains("taken over"), "{how}: {screen}");
            assert!(tmux.is_clean(), "{how}: {screen}");
        }
    }

    #[test]
    #[ignore = "run by the other, in a terminal"]
    fn in_a_terminal() -> Result<(), String> {
        let mut taken = Taken::over().unwrap();
        taken.draw(|frame| frame.render_widget(Line::raw("It is taken over."), frame.area())).unwrap();
        io::stdin().read_exact(&mut [0]).unwrap();
        match std::env::var(HOW).as_deref() {
            Ok("an error") => return Err("an error on purpose".to_owned()),
            Ok("a panic") => panic!("a panic on purpose"),
            Ok("a panic elsewhere") => {
                assert!(std::thread::spawn(|| panic!("a panic on purpose")).join().is_err());
                // Nothing is drawn over what it said.
                taken.draw(|frame| frame.render_widget(Line::raw("It is still taken over."), frame.area())).unwrap();
            }
            _ => {}
        }
        Ok(())
    }
}
