//! Text of unknown origin (an error's message, a panic's payload) made fit to be stored.
//!
//! Such text is never refused, unlike a payload: losing a message is worse than bending it. Escape sequences stay in;
//! who shows the text to a terminal strips them.

/// Replaces NULs and invalid UTF-8 by U+FFFD, and cuts what goes beyond `max_bytes`, with a note of how much that was
/// (the note itself comes on top). Takes time and memory in proportion to `max_bytes`, whatever the length of `text`.
pub(crate) fn sanitise_text(text: impl AsRef<[u8]>, max_bytes: usize) -> String {
    let text = text.as_ref();
    // Three more, so that the last character to fit is whole.
    let head = &text[..text.len().min(max_bytes.saturating_add(3))];
    let (mut kept, mut used) = (String::new(), 0);
    for (char, width) in characters(head) {
        if kept.len() + char.len_utf8() > max_bytes {
            break;
        }
        kept.push(char);
        used += width;
    }
    if used < text.len() {
        kept.push_str(&format!(" [{} more bytes]", text.len() - used));
    }
    kept
}

/// Each character with the bytes it stands for.
fn characters(text: &[u8]) -> impl Iterator<Item = (char, usize)> {
    text.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(|c| (if c == '\0' { '\u{FFFD}' } else { c }, c.len_utf8()));
        let invalid = chunk.invalid().len();
        valid.chain((invalid > 0).then_some(('\u{FFFD}', invalid)))
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn cuts_and_replaces() {
        for (text, max_bytes, answer) in [
            (&b""[..], 0, ""),
            (b"abc", 3, "abc"),
            (b"abcd", 3, "abc [1 more bytes]"),
            (b"abc", 0, " [3 more bytes]"),
            ("aé".as_bytes(), 3, "aé"),
            ("aé".as_bytes(), 2, "a [2 more bytes]"),
            ("😀😀".as_bytes(), 7, "😀 [4 more bytes]"),
            ("a😀".as_bytes(), 4, "a [4 more bytes]"),
            (b"a\0b", 10, "a\u{FFFD}b"),
            (b"a\0b", 3, "a [2 more bytes]"),
            (b"\0\0\0", 6, "\u{FFFD}\u{FFFD} [1 more bytes]"),
            (b"a\xff\xf0\x9f\x98b", 20, "a\u{FFFD}\u{FFFD}b"),
            (b"a\xed\xa0\x80", usize::MAX, "a\u{FFFD}\u{FFFD}\u{FFFD}"),
            (b"\x1b[2J", 10, "\x1b[2J"),
        ] {
            assert_eq!(sanitise_text(text, max_bytes), answer, "{text:?}");
        }
    }

    #[test]
    fn never_longer_than_asked() {
        let text = "aé\0€😀\u{7f}".repeat(3);
        for max_bytes in 0..text.len() {
            let cut = sanitise_text(&text, max_bytes);
            let kept = cut.split(" [").next().unwrap();
            assert!(kept.len() <= max_bytes && kept.len() + 4 > max_bytes.min(30) && !cut.contains('\0'));
        }
    }

    #[test]
    fn a_huge_text_costs_no_more_than_its_head() {
        let huge = vec![b'x'; 100 << 20];
        let start = Instant::now();
        for _ in 0..1000 {
            assert_eq!(sanitise_text(&huge, 10), format!("xxxxxxxxxx [{} more bytes]", huge.len() - 10));
        }
        // A thousand times 100 MiB would take ten seconds at the speed of memory.
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
