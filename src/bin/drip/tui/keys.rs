//! Which key does what, once: for the program, its help, and the README.

use drip::Verb;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{list::Step, state::Tab};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Quit,
    /// As `Quit`, but of a job only its screen is left.
    Leave,
    Back,
    Show(Tab),
    NextTab,
    PreviousTab,
    Go(Step),
    Open,
    Refresh,
    ToggleAuto,
    NextPage,
    PreviousPage,
    Filter,
    Mark,
    MarkAll,
    Change(Verb),
    Pause,
    PauseAll,
    RunNow,
    Help,
    Redraw,
}

/// Keys, as people write them, and what they do.
pub const KEYS: [(&str, &str); 20] = [
    ("1 … 5, tab", "overview, jobs, queues, schedules, workers"),
    ("j k, arrows, wheel", "a row down, up"),
    ("ctrl+d ctrl+u", "half a screen down, up"),
    ("page down, page up", "a screen down, up; also ctrl+f ctrl+b"),
    ("g G, home, end", "the first row, the last"),
    ("> <", "the next page of jobs, the one before"),
    ("enter", "open a job; the jobs of a state, queue, schedule, …"),
    ("esc", "back; drop the selection, then the filter"),
    ("/", "filter jobs"),
    ("space", "select a job, or not"),
    ("A", "select all that the filter leaves, on every page"),
    ("c", "cancel"),
    ("t", "try again: retry"),
    ("d", "discard"),
    ("x", "delete"),
    ("l", "let go what is pending: release"),
    ("p P", "pause or resume a queue or schedule; all queues"),
    ("n", "run a schedule now"),
    ("r a", "refresh now; refresh by itself, or not"),
    ("q", "quit; leave a job (ctrl+c always quits)"),
];

/// What a key asks for, where nothing is being typed or asked.
pub fn command(key: KeyEvent) -> Option<Command> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return with_control(key.code);
    }
    Some(match key.code {
        KeyCode::Char('q') => Command::Leave,
        KeyCode::Esc | KeyCode::Backspace => Command::Back,
        KeyCode::Char(c @ '1'..='5') => Command::Show(Tab::ALL[c as usize - '1' as usize]),
        KeyCode::Tab => Command::NextTab,
        KeyCode::BackTab => Command::PreviousTab,
        KeyCode::Char('j') | KeyCode::Down => Command::Go(Step::Down(1)),
        KeyCode::Char('k') | KeyCode::Up => Command::Go(Step::Up(1)),
        KeyCode::PageDown => Command::Go(Step::PageDown),
        KeyCode::PageUp => Command::Go(Step::PageUp),
        KeyCode::Char('g') | KeyCode::Home => Command::Go(Step::First),
        KeyCode::Char('G') | KeyCode::End => Command::Go(Step::Last),
        KeyCode::Enter => Command::Open,
        KeyCode::Char('r') => Command::Refresh,
        KeyCode::Char('a') => Command::ToggleAuto,
        KeyCode::Char('>' | '.') => Command::NextPage,
        KeyCode::Char('<' | ',') => Command::PreviousPage,
        KeyCode::Char('/') => Command::Filter,
        KeyCode::Char(' ') => Command::Mark,
        KeyCode::Char('A') => Command::MarkAll,
        KeyCode::Char('c') => Command::Change(Verb::Cancel),
        KeyCode::Char('t') => Command::Change(Verb::Retry),
        KeyCode::Char('d') => Command::Change(Verb::Discard),
        KeyCode::Char('x') => Command::Change(Verb::Delete),
        KeyCode::Char('l') => Command::Change(Verb::Release),
        KeyCode::Char('p') => Command::Pause,
        KeyCode::Char('P') => Command::PauseAll,
        KeyCode::Char('n') => Command::RunNow,
        KeyCode::Char('?') => Command::Help,
        _ => return None,
    })
}

fn with_control(code: KeyCode) -> Option<Command> {
    Some(match code {
        KeyCode::Char('c') => Command::Quit,
        KeyCode::Char('d') => Command::Go(Step::HalfDown),
        KeyCode::Char('u') => Command::Go(Step::HalfUp),
        KeyCode::Char('f') => Command::Go(Step::PageDown),
        KeyCode::Char('b') => Command::Go(Step::PageUp),
        KeyCode::Char('n') => Command::Go(Step::Down(1)),
        KeyCode::Char('p') => Command::Go(Step::Up(1)),
        KeyCode::Char('l') => Command::Redraw,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_the_original_do_what_they_do_there() {
        let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        for (key, wanted) in [
            (plain(KeyCode::Char('j')), Command::Go(Step::Down(1))),
            (plain(KeyCode::Char('k')), Command::Go(Step::Up(1))),
            (plain(KeyCode::Char('g')), Command::Go(Step::First)),
            (KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT), Command::Go(Step::Last)),
            (control('d'), Command::Go(Step::HalfDown)),
            (control('u'), Command::Go(Step::HalfUp)),
            (control('n'), Command::Go(Step::Down(1))),
            (control('p'), Command::Go(Step::Up(1))),
            (plain(KeyCode::Enter), Command::Open),
            (plain(KeyCode::Char('r')), Command::Refresh),
            (plain(KeyCode::Char('a')), Command::ToggleAuto),
            (plain(KeyCode::Char('.')), Command::NextPage),
            (plain(KeyCode::Char(',')), Command::PreviousPage),
            (plain(KeyCode::Char('q')), Command::Leave),
            (plain(KeyCode::Esc), Command::Back),
            (plain(KeyCode::Char('3')), Command::Show(Tab::Queues)),
        ] {
            assert_eq!(command(key), Some(wanted), "{key:?}");
        }
        assert_eq!(command(plain(KeyCode::F(7))), None);
        assert_eq!(command(control('x')), None);
    }

    #[test]
    fn the_readme_has_the_same_table() {
        let readme = include_str!("../../../../README.md");
        for (keys, what) in KEYS {
            assert!(readme.contains(&format!("| {keys} | {what} |")), "{keys}: {what}");
        }
    }
}
