//! A line that is being typed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What is typed, and where the cursor stands in it, in characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    pub text: String,
    pub cursor: usize,
}

impl Prompt {
    pub fn new(text: &str) -> Prompt {
        Prompt { text: text.to_owned(), cursor: text.chars().count() }
    }

    /// What stands before the cursor.
    pub fn before(&self) -> &str {
        &self.text[..self.byte(self.cursor)]
    }

    /// Takes a key, if it is one that edits.
    pub fn key(&mut self, key: KeyEvent) {
        let length = self.text.chars().count();
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = length,
            KeyCode::Char('u') if control => self.remove(0, self.cursor),
            KeyCode::Char('k') if control => self.remove(self.cursor, length),
            KeyCode::Char('w') if control => self.remove(self.word_before(), self.cursor),
            KeyCode::Char(c) if !control && !key.modifiers.contains(KeyModifiers::ALT) => self.insert(c),
            KeyCode::Backspace => self.remove(self.cursor.saturating_sub(1), self.cursor),
            KeyCode::Delete => self.remove(self.cursor, (self.cursor + 1).min(length)),
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(length),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = length,
            _ => {}
        }
    }

    fn insert(&mut self, c: char) {
        let at = self.byte(self.cursor);
        self.text.insert(at, c);
        self.cursor += 1;
    }

    fn remove(&mut self, from: usize, to: usize) {
        let range = self.byte(from)..self.byte(to);
        self.text.replace_range(range, "");
        self.cursor = from;
    }

    fn word_before(&self) -> usize {
        let before = self.before().trim_end();
        before.rfind(' ').map_or(0, |space| before[..=space].chars().count())
    }

    fn byte(&self, cursor: usize) -> usize {
        self.text.char_indices().nth(cursor).map_or(self.text.len(), |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_with_the_keys_of_shells() {
        let mut prompt = Prompt::new("käse brot");
        let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        for (key, text) in [
            (plain(KeyCode::Backspace), "käse bro"),
            (plain(KeyCode::Left), "käse bro"),
            (plain(KeyCode::Delete), "käse br"),
            (plain(KeyCode::Char('ü')), "käse brü"),
            (control('w'), "käse "),
            (plain(KeyCode::Home), "käse "),
            (plain(KeyCode::Right), "käse "),
            (plain(KeyCode::Right), "käse "),
            (control('u'), "se "),
            (plain(KeyCode::Backspace), "se "),
            (control('k'), ""),
            (plain(KeyCode::Delete), ""),
        ] {
            prompt.key(key);
            assert_eq!(prompt.text, text, "{key:?}");
        }
    }
}
