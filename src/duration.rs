//! Durations as people write them, `"30s"`, `"1h30m"`, `"7d"`, and as messages print them.
//!
//! The grammar is jiff's "friendly" format; this file adds only what a queue needs on top: a length fixed in advance (so
//! no months or years), never negative, never beyond [`MAX_DURATION`]. Whether a length makes sense for a given option
//! is left to that option.

use std::{error::Error, fmt, time::Duration};

use jiff::{SpanRelativeTo, fmt::friendly::SpanParser};

/// The longest duration the library handles: 10 years of 365 days.
///
/// Now plus this stays far inside the timestamps that all three databases can hold, so adding a duration to a due time
/// needs no check of its own.
pub(crate) const MAX_DURATION: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// How much of a refused text an error repeats, in characters.
const QUOTED_CHARS: usize = 64;

/// How many units [`format_duration`] prints.
const PRINTED_UNITS: usize = 3;

/// Units in nanoseconds, largest first; every label is one that [`parse_duration`] reads.
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads a duration written as numbers with units, such as `"30s"`, `"5m"`, `"1h30m"`, `"250ms"` or `"7d"`.
///
/// The units are `ns`, `us` (or `µs`), `ms`, `s`, `m`, `h`, `d` and `w`, in lower case, from the largest to the smallest
/// and each at most once; words (`"2 hours, 30 minutes"`) and clock notation (`"02:30:00"`) work too. Hours and smaller
/// units take a fraction (`"1.5h"`). A day is always 24 hours and a week 7 days, whatever a time zone does. Zero
/// (`"0s"`) is a duration. Nothing may surround the text, not even a space.
///
/// # Errors
///
/// [`DurationError`] for a text that is empty or malformed, has a number without its unit (`"1h30"`), is negative, uses
/// months or years (their length is not fixed; write days), or comes to more than 10 years (`"3650d"`).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(drip::parse_duration("1h30m")?, Duration::from_secs(5_400));
/// assert_eq!(drip::parse_duration("7d")?, Duration::from_secs(604_800));
///
/// let error = drip::parse_duration("2mo").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"invalid duration "2mo": months and years vary in length; write days, such as "30d" or "365d""#,
/// );
/// # Ok::<(), drip::DurationError>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    interpret(text).map_err(|problem| DurationError::new(text, problem))
}

fn interpret(text: &str) -> Result<Duration, Problem> {
    refuse_by_sight(text)?;
    let span = SpanParser::new().parse_span(text).map_err(Problem::of_parser)?;
    let signed = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| Problem::TooLong)?;
    let duration = Duration::try_from(signed).map_err(|_| Problem::Negative)?;
    if duration > MAX_DURATION { Err(Problem::TooLong) } else { Ok(duration) }
}

/// Refuses what jiff reads otherwise than we do, or would explain in terms of units that are no use here.
fn refuse_by_sight(text: &str) -> Result<(), Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    // By sight and not by the parsed value, which has forgotten the sign of "-0s" and the unit of "0mo".
    if text.starts_with('-') || text.ends_with("ago") {
        return Err(Problem::Negative);
    }
    if words(text).any(is_calendar_unit) {
        return Err(Problem::CalendarUnit);
    }
    // jiff refuses space in front and accepts it behind; one rule is easier to remember.
    if text.trim() != text {
        return Err(Problem::Malformed);
    }
    Ok(())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic())
}

fn is_calendar_unit(word: &str) -> bool {
    ["y", "yr", "yrs", "year", "years", "mo", "mos", "month", "months"]
        .iter()
        .any(|unit| word.eq_ignore_ascii_case(unit))
}

/// Prints a duration for a message: `"1h 30m"`, `"250ms"`, `"30s"`, `"0s"`.
///
/// At most the three largest non-zero units, the rest cut off: a jittered delay is read by people, not parsed back.
pub(crate) fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    let mut parts = Vec::new();
    for (label, size) in UNITS {
        if rest >= size && parts.len() < PRINTED_UNITS {
            parts.push(format!("{}{label}", rest / size));
        }
        rest %= size;
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// Why a text was refused by [`parse_duration`].
///
/// Its message repeats the beginning of the text (at most 64 characters, control characters escaped) and shows what to
/// write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationError {
    quoted: String,
    problem: Problem,
}

impl DurationError {
    fn new(text: &str, problem: Problem) -> Self {
        DurationError { quoted: quote(text), problem }
    }
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid duration {}: {}", self.quoted, self.problem)
    }
}

impl Error for DurationError {}

/// Quotes the start of a text of any length and content so that it can go to a log or a terminal.
fn quote(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(QUOTED_CHARS).collect();
    // `Debug` escapes what a terminal would obey: control characters, and the invisible ones that reorder text.
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("{start:?}{more}")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Empty,
    Malformed,
    Negative,
    CalendarUnit,
    TooLong,
}

impl Problem {
    /// jiff reports some overflows as range errors and others as plain syntax, hence the limit in `Malformed`'s text.
    fn of_parser(error: jiff::Error) -> Self {
        if error.is_range() { Problem::TooLong } else { Problem::Malformed }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = format_duration(MAX_DURATION);
        match self {
            Problem::Empty => write!(f, r#"it is empty; write a number and a unit, such as "30s", "1h30m" or "7d""#),
            Problem::Malformed => write!(
                f,
                r#"expected numbers with units, at most {limit}, such as "250ms", "30s", "1h30m", "1.5h" or "7d" (days whole)"#
            ),
            Problem::Negative => write!(f, r#"it is negative; write a length of time, such as "30s""#),
            Problem::CalendarUnit => {
                write!(f, r#"months and years vary in length; write days, such as "30d" or "365d""#)
            }
            Problem::TooLong => write!(f, r#"it is longer than 10 years; write at most "{limit}""#),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;

    #[test]
    fn reads_what_people_write() {
        let table = [
            ("0s", Duration::ZERO),
            ("30s", Duration::from_secs(30)),
            ("+30s", Duration::from_secs(30)),
            ("5m", Duration::from_secs(5 * MINUTE)),
            ("24h", Duration::from_secs(DAY)),
            ("7d", Duration::from_secs(7 * DAY)),
            ("2w", Duration::from_secs(14 * DAY)),
            ("1w1d", Duration::from_secs(8 * DAY)),
            ("1h30m", Duration::from_secs(HOUR + 30 * MINUTE)),
            ("1h 30m", Duration::from_secs(HOUR + 30 * MINUTE)),
            ("1 hour, 30 minutes", Duration::from_secs(HOUR + 30 * MINUTE)),
            ("01:30:00", Duration::from_secs(HOUR + 30 * MINUTE)),
            ("1.5h", Duration::from_secs(HOUR + 30 * MINUTE)),
            ("90m", Duration::from_secs(90 * MINUTE)),
            ("250ms", Duration::from_millis(250)),
            ("1.5s", Duration::from_millis(1_500)),
            ("5us", Duration::from_micros(5)),
            ("5µs", Duration::from_micros(5)),
            ("7ns", Duration::from_nanos(7)),
            ("3650d", MAX_DURATION),
            ("87600h", MAX_DURATION),
        ];
        for (text, expected) in table {
            assert_eq!(parse_duration(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn refuses_everything_else_and_says_why() {
        use Problem::{CalendarUnit, Empty, Malformed, Negative, TooLong};
        let table = [
            // hazards.md, section 5, entry 43
            ("", Empty),
            ("-1s", Negative),
            ("1e9d", Malformed),
            ("1h30", Malformed),
            ("１h", Malformed),
            // signs
            ("-0s", Negative),
            ("1s ago", Negative),
            ("0s ago", Negative),
            ("-1s ago", Negative),
            ("1h -30m", Malformed),
            ("- 1s", Negative),
            // calendar units, even where they amount to nothing
            ("1mo", CalendarUnit),
            ("1y", CalendarUnit),
            ("1Y", CalendarUnit),
            ("1year2d", CalendarUnit),
            ("3 months", CalendarUnit),
            ("1.5yrs", CalendarUnit),
            ("0mo", CalendarUnit),
            // range
            ("3650d1ns", TooLong),
            ("522w", TooLong),
            ("999999999999d", TooLong),
            ("7304484d 24h", TooLong),
            ("99999999999999999999s", Malformed),
            ("9223372036854775807h", Malformed),
            // form
            ("30", Malformed),
            ("s", Malformed),
            (" ", Malformed),
            (" 1s", Malformed),
            ("1s ", Malformed),
            ("1s\n", Malformed),
            ("1s;", Malformed),
            ("x1s", Malformed),
            ("1s1s", Malformed),
            ("1m1h", Malformed),
            ("1h,", Malformed),
            ("1M", Malformed),
            ("1.5d", Malformed),
            ("PT1H", Malformed),
            ("1:30", Malformed),
            ("inf", Malformed),
            ("NaN s", Malformed),
            ("1s\0", Malformed),
            ("٣s", Malformed),
        ];
        for (text, expected) in table {
            let got = parse_duration(text).map_err(|error| error.problem);
            assert_eq!(got, Err(expected), "{text:?}");
        }
    }

    #[test]
    fn every_message_names_the_text_and_shows_one_that_works() {
        for text in ["", "-1s", "1h30", "1mo", "3651d"] {
            let message = parse_duration(text).unwrap_err().to_string();
            assert!(message.starts_with(&format!("invalid duration {text:?}: ")), "{message}");
            let advice = &message[message.find(": ").unwrap()..];
            let mut examples = advice.split('"').skip(1).step_by(2).peekable();
            assert!(examples.peek().is_some(), "{message}");
            examples.for_each(|example| assert!(parse_duration(example).is_ok(), "{example} in {message}"));
        }
    }

    #[test]
    fn the_quoted_text_is_bounded_and_harmless() {
        let long = parse_duration(&"9".repeat(10_000)).unwrap_err().to_string();
        assert!(long.contains(&format!("\"{}\"…: ", "9".repeat(64))), "{long}");
        let hostile = parse_duration("\u{1b}[2J\n\u{202e}\0").unwrap_err().to_string();
        assert!(hostile.contains(r#""\u{1b}[2J\n\u{202e}\0": "#), "{hostile}");
        assert!(!hostile.chars().any(char::is_control), "{hostile}");
    }

    #[test]
    fn the_error_goes_where_errors_go() {
        fn asserts<T: Error + Send + Sync + 'static>(_: T) {}
        asserts(parse_duration("").unwrap_err());
    }

    #[test]
    fn prints_short_forms() {
        let table = [
            (Duration::ZERO, "0s"),
            (Duration::from_nanos(1), "1ns"),
            (Duration::from_micros(1), "1us"),
            (Duration::from_millis(250), "250ms"),
            (Duration::from_millis(1_500), "1s 500ms"),
            (Duration::from_secs(30), "30s"),
            (Duration::from_secs(HOUR + 30 * MINUTE), "1h 30m"),
            (Duration::from_secs(HOUR + 15), "1h 15s"),
            (Duration::from_secs(DAY), "1d"),
            (Duration::from_nanos(1_002_003_004), "1s 2ms 3us"),
            (MAX_DURATION, "3650d"),
            (Duration::MAX, "213503982334601d 7h 15s"),
        ];
        for (duration, expected) in table {
            assert_eq!(format_duration(duration), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_within_the_range(text in any::<String>()) {
            if let Ok(duration) = parse_duration(&text) {
                prop_assert!(duration <= MAX_DURATION);
            }
        }

        #[test]
        fn near_misses_are_answered_within_the_range(text in "[-+0-9.,: a-z]{0,40}") {
            if let Ok(duration) = parse_duration(&text) {
                prop_assert!(duration <= MAX_DURATION);
            }
        }

        #[test]
        fn what_is_printed_reads_back_cut_and_never_longer(nanos in 0..=MAX_DURATION.as_nanos() as u64) {
            let duration = Duration::from_nanos(nanos);
            let read = parse_duration(&format_duration(duration)).unwrap();
            prop_assert!(read <= duration);
            prop_assert!(duration - read <= duration / 1_000 + Duration::from_nanos(1_000));
        }

        #[test]
        fn whole_seconds_within_a_day_read_back_exactly(seconds in 0..DAY) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
