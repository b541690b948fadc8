//! Colours, few and always the same, or none: then weight alone says what matters.

use drip::State;
use ratatui::style::{Color, Modifier, Style};

/// Which looks there are.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    colours: bool,
}

impl Theme {
    pub fn new(colours: bool) -> Theme {
        Theme { colours }
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    /// A state, as `drip jobs list` has it.
    pub fn state(self, state: State) -> Style {
        match state {
            State::Available => self.coloured(Color::Green),
            State::Running => self.coloured(Color::Blue),
            State::Scheduled | State::Retryable => self.coloured(Color::Yellow),
            State::Discarded | State::Cancelled => self.coloured(Color::Red),
            State::Pending => self.coloured(Color::Cyan),
            _ => self.dim(),
        }
    }

    pub fn plain(self) -> Style {
        Style::new()
    }

    pub fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What one has chosen: a key, a filter, a name.
    pub fn accent(self) -> Style {
        self.coloured(Color::Cyan)
    }

    pub fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    pub fn warning(self) -> Style {
        self.coloured(Color::Yellow)
    }

    pub fn bad(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// The row one is at, or the tab.
    pub fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
