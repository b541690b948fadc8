//! Keys, the wheel, the size of the terminal, and signals, as messages.

use std::{io, thread};

use crossbeam_channel::Sender;
use ratatui::crossterm::event::{self, Event, KeyEventKind, MouseEventKind};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
};

use super::{list::Step, state::Message};

/// Rows for a notch of the wheel.
const NOTCH: usize = 3;

/// Starts the threads that read. They end with the program.
///
/// # Errors
/// When signals cannot be caught.
pub fn start(messages: Sender<Message>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
    let stop = messages.clone();
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let _ = stop.send(Message::Stopped);
        }
    });
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if message(event).is_some_and(|message| messages.send(message).is_err()) {
                return;
            }
        }
        // Nobody can press a key any more.
        let _ = messages.send(Message::Stopped);
    });
    Ok(())
}

fn message(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(Message::Key(key)),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollUp => Some(Message::Wheel(Step::Up(NOTCH))),
            MouseEventKind::ScrollDown => Some(Message::Wheel(Step::Down(NOTCH))),
            _ => None,
        },
        Event::Resize(width, height) => Some(Message::Resized(width, height)),
        _ => None,
    }
}
