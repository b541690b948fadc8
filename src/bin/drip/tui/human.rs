//! Spans of time as people say them: one figure, one unit.

use jiff::Timestamp;

/// A span of so many milliseconds.
fn span(millis: u128) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// How long something takes, or has taken.
pub fn lasting(time: std::time::Duration) -> String {
    match time.as_millis() {
        0 => "0 s".to_owned(),
        millis @ 1..1000 => format!("{millis} ms"),
        millis => span(millis),
    }
}

/// How long ago a moment was, or how far away it is.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let millis = now.duration_since(at).as_millis();
    match millis {
        -999..1000 => "now".to_owned(),
        0.. => format!("{} ago", span(millis.unsigned_abs())),
        _ => format!("in {}", span(millis.unsigned_abs())),
    }
}

/// How long it is from one moment to another; nothing, if that is the earlier one.
pub fn between(from: Timestamp, to: Timestamp) -> String {
    lasting(to.duration_since(from).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn times_are_said_in_one_unit() {
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        for (millis, text) in [
            (0, "now"),
            (-999, "now"),
            (3_000, "3 s ago"),
            (-3_900, "in 3 s"),
            (60_000, "1 min ago"),
            (3_600_000, "1 h ago"),
            (-172_800_000, "in 2 d"),
        ] {
            assert_eq!(relative(now - SignedDuration::from_millis(millis), now), text);
        }
        assert_eq!(between(now, now + SignedDuration::from_millis(12)), "12 ms");
        assert_eq!(between(now, now - SignedDuration::from_secs(12)), "0 s");
    }
}
