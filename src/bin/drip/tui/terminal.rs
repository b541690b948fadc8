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

/// Whether it is ours. Given back twice, it would put the cursor back where it was and what a panic said would be written
/// over; so would it be by another frame.
static OURS: AtomicBool = AtomicBool::new(false);

impl Taken {
    /// Takes the terminal over: another screen, keys unechoed and at once, the mouse. A panic in any thread gives it back
    /// before it speaks.
    pub fn over() -> io::Result<Taken> {
        restore_on_panic();
        let backend = CrosstermBackend::new(BufWriter::with_capacity(FRAME_BYTES, io::stdout()));
        let taken = Taken { drawing: Terminal::new(backend)? };
        // From here on it is given back, whatever fails.
        OURS.store(true, Ordering::Release);
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture)?;
        Ok(taken)
    }

    /// Draws what has changed since the last frame.
    pub fn draw(&mut self, frame: impl FnOnce(&mut Frame)) -> io::Result<()> {
        if OURS.load(Ordering::Acquire) {
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

/// Does it once. What fails here has nobody left to be told.
fn restore() {
    if !OURS.swap(false, Ordering::AcqRel) {
        return;
    }
    let _ = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = io::stdout().flush();
}

fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;

    use ratatui::text::Line;

    use super::*;
    use crate::tui::tmux::Tmux;

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
            let Some(tmux) = Tmux::start((80, 24), &[("RUST_BACKTRACE", "0")], &line) else { return };
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
