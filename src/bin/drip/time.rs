//! Times and spans of time: as people type them, and as they read them. JSON has them in UTC.

use std::{sync::OnceLock, time::Duration};

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use crate::escape::escaped;

/// The zone of this machine, or the one that TZ names. Where that is none, people are told so once, and are shown UTC.
pub fn zone() -> TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    let find = || {
        TimeZone::try_system().unwrap_or_else(|_| {
            if let Some(name) = std::env::var_os("TZ").filter(|name| !name.is_empty()) {
                let name = escaped(&name.to_string_lossy());
                eprintln!("drip: TZ={name} names no time zone that is known here; times are shown in UTC");
            }
            TimeZone::UTC
        })
    };
    ZONE.get_or_init(find).clone()
}

/// A span of time, such as `30s` or `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    drip::parse_duration(text).map_err(|error| error.to_string())
}

/// A moment: as RFC 3339 has it, or on the clocks of this machine.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    if text == "now" {
        return Ok(Timestamp::now());
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let there = |time: civil::DateTime| time.to_zoned(zone()).map(|zoned| zoned.timestamp());
    text.parse::<civil::DateTime>().and_then(there).map_err(|_| {
        format!(r#"{text:?} is no time; write one such as "2030-01-31T09:00:00Z", or "2030-01-31 09:00" on this machine's clock"#)
    })
}

/// A moment, or how long ago it was.
pub fn moment_or_ago(text: &str) -> Result<Timestamp, String> {
    match drip::parse_duration(text) {
        Ok(ago) => Timestamp::now()
            .checked_sub(SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX))
            .map_err(|error| error.to_string()),
        Err(_) => moment(text).map_err(|problem| format!(r#"{problem}; or how long ago, such as "2h""#)),
    }
}

/// In the zone of this machine, to the second.
pub fn local(time: Timestamp) -> String {
    time.to_zoned(zone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// As [`local`], or a dash.
pub fn local_or_dash(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), local)
}

/// As [`local`], with the name of the zone, for where there is room.
pub fn local_with_zone(time: Timestamp) -> String {
    time.to_zoned(zone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// A sentence with times in UTC after `since` or `at`, as the library has them, told as [`local_with_zone`] does.
pub fn with_local_times(sentence: &str) -> String {
    let mut before = "";
    let words = sentence.split(' ').map(|word| {
        let (bare, dated) = (word.trim_end_matches([';', ',', '.']), matches!(before, "since" | "at"));
        before = word;
        match bare.parse::<Timestamp>() {
            Ok(time) if dated => local_with_zone(time) + &word[bare.len()..],
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A span of time as it is said in a sentence, in its two largest units.
pub fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let two = |large: u64, name: &str, small: u64, small_name: &str| match seconds % large / small {
        0 => format!("{} {name}", seconds / large),
        rest => format!("{} {name} {rest} {small_name}", seconds / large),
    };
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => two(60, "min", 1, "s"),
        3600..86_400 => two(3600, "h", 60, "min"),
        _ => two(86_400, "d", 3600, "h"),
    }
}

/// A span of time, in its two largest units.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..60 => format!("{seconds}s"),
        60..3600 => two(seconds, 60, "m", 1, "s"),
        3600..86_400 => two(seconds, 3600, "h", 60, "m"),
        _ => two(seconds, 86_400, "d", 3600, "h"),
    }
}

/// How long from one moment to another; nothing, if that is the earlier one.
pub fn span_between(from: Timestamp, to: Timestamp) -> String {
    span(Duration::try_from(to.duration_since(from)).unwrap_or_default())
}

fn two(seconds: u64, large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match seconds % large / small {
        0 => format!("{}{large_unit}", seconds / large),
        rest => format!("{}{large_unit} {rest}{small_unit}", seconds / large),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_at_a_glance() {
        for (seconds, text) in [(0, "0ms"), (59, "59s"), (60, "1m"), (61, "1m 1s"), (3700, "1h 1m"), (90_000, "1d 1h")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(span(Duration::from_millis(250)), "250ms");
        for (millis, text) in
            [(250, "250 ms"), (59_900, "59 s"), (61_000, "1 min 1 s"), (41_203_700, "11 h 26 min"), (86_400_000, "1 d")]
        {
            assert_eq!(in_words(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_sentence_has_the_times_of_this_machine() {
        let told = local_with_zone("2030-01-31T09:00:00.25Z".parse().unwrap());
        for (sentence, wanted) in [
            ("paused, since 2030-01-31T09:00:00.25Z; 1 job waits", format!("paused, since {told}; 1 job waits")),
            ("cleared away at 2030-01-31T09:00:00.250001Z", format!("cleared away at {told}")),
            // Somebody's name, and no time of ours.
            ("of 2030-01-31T09:00:00Z", "of 2030-01-31T09:00:00Z".to_owned()),
            ("look at  it", "look at  it".to_owned()),
        ] {
            assert_eq!(with_local_times(sentence), wanted);
        }
    }

    #[test]
    fn moments_are_read_in_several_ways() {
        assert_eq!(moment("2030-01-31T09:00:00Z").unwrap().as_second(), 1_896_080_400);
        assert_eq!(moment("2030-01-31T10:00:00+01:00").unwrap().as_second(), 1_896_080_400);
        for text in ["2030-01-31 09:00", "2030-01-31T09:00", "2030-01-31"] {
            assert!(moment(text).is_ok(), "{text}");
        }
        let two_hours_ago = moment_or_ago("2h").unwrap();
        assert_eq!(Timestamp::now().duration_since(two_hours_ago).as_hours(), 2);
        for text in ["", "soon", "2h ago", "2030-13-01"] {
            assert!(moment_or_ago(text).unwrap_err().contains("how long ago"), "{text}");
        }
    }
}
