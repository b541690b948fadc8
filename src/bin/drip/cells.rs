//! Text in a terminal's cells: how many it takes, cut or broken to so many.

use ratatui::text::Span;

/// In cells of the terminal.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// As wide as this exactly: filled up, or cut with a sign that it is.
pub fn padded(text: &str, width: usize, right: bool) -> String {
    let text = cut(text, width);
    let fill = " ".repeat(width.saturating_sub(self::width(&text)));
    if right { fill + &text } else { text + &fill }
}

/// As wide as this at the most.
pub fn cut(text: &str, width: usize) -> String {
    if self::width(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if self::width(&kept) >= width {
            break;
        }
    }
    while self::width(&kept) >= width.max(1) {
        kept.pop();
    }
    if width == 0 { kept } else { kept + "…" }
}

/// In pieces of this width at the most.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line, mut taken) = (Vec::new(), String::new(), 0);
    for c in text.chars() {
        let wide = self::width(c.encode_utf8(&mut [0; 4]));
        if taken + wide > width.max(2) {
            lines.push(std::mem::take(&mut line));
            taken = 0;
        }
        line.push(c);
        taken += wide;
    }
    lines.push(line);
    lines
}

/// As [`wrapped`], but broken at a blank where there is one in the line; what is blank otherwise stays.
pub fn folded(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut rest) = (Vec::new(), text);
    loop {
        let line = fitting(rest, width);
        if line.len() == rest.len() {
            lines.push(rest.to_owned());
            return lines;
        }
        // A blank right behind the line is as good, and is not seen at its end; one that only indents is none.
        let blank = if rest[line.len()..].starts_with(' ') { Some(line.len()) } else { line.rfind(' ') };
        let end = blank.filter(|end| !line[..*end].trim().is_empty());
        lines.push(line[..end.unwrap_or(line.len())].to_owned());
        rest = &rest[end.map_or(line.len(), |end| end + 1)..];
    }
}

/// As much of the start as this width has room for.
fn fitting(text: &str, width: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, c)| {
        taken += self::width(c.encode_utf8(&mut [0; 4]));
        taken > width.max(2)
    });
    end.map_or(text, |(end, _)| &text[..end])
}

/// In lines of this width at the most, broken between words; a word that is longer is broken itself.
pub fn worded(text: &str, width: usize) -> Vec<String> {
    if self::width(text) <= width {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split_whitespace().flat_map(|word| wrapped(word, width)) {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(&word),
            Some(line) if self::width(line) + 1 + self::width(&word) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_and_filled_to_its_width() {
        for (text, width, padded_text) in
            [("ab", 4, "ab  "), ("abcde", 4, "abc…"), ("日本語", 4, "日… "), ("日本語", 5, "日本…"), ("a", 0, "")]
        {
            assert_eq!(padded(text, width, false), padded_text, "{text} {width}");
        }
        assert_eq!(padded("7", 3, true), "  7");
    }

    #[test]
    fn text_is_broken_to_its_width() {
        assert_eq!(wrapped("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(folded("  no such file, alas", 9), ["  no such", "file,", "alas"]);
        assert_eq!(folded("a  longestword b", 6), ["a ", "longes", "tword", "b"]);
        assert_eq!(
            (folded("", 4), folded("ab", 2), folded("   abc", 4)),
            (vec![String::new()], vec!["ab".to_owned()], vec!["   a".to_owned(), "bc".to_owned()])
        );
        // A line is looked at, and not all that is left: a megabyte is drawn at once.
        assert_eq!(folded(&"a".repeat(1 << 20), 64).len(), 1 << 14);
        assert_eq!(worded("no such file, alas", 8), ["no such", "file,", "alas"]);
        assert_eq!(worded("a 日本語日本 b", 5), ["a", "日本", "語日", "本 b"]);
        assert_eq!((worded("", 5), worded("a  b", 5)), (vec![String::new()], vec!["a  b".to_owned()]));
    }
}
