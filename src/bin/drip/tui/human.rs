//! Spans of time as people say them: one figure, one unit.

use jiff::{Timestamp, tz::TimeZone};

/// A span of so many milliseconds, to the nearest unit.
fn span(millis: u128) -> String {
    let seconds = millis / 1000;
    let nearest = |unit: u128| (seconds + unit / 2) / unit;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", nearest(60)),
        3600..86_400 => format!("{} h", nearest(3600)),
        _ => format!("{} d", nearest(86_400)),
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
        1000.. => format!("{} ago", span(millis.unsigned_abs())),
        _ => format!("in {}", span(millis.unsigned_abs())),
    }
}

/// How long it is from one moment to another; nothing, if that is the earlier one.
pub fn between(from: Timestamp, to: Timestamp) -> String {
    lasting(to.duration_since(from).try_into().unwrap_or_default())
}

/// A moment on the clocks of a time zone; without the date, if that is today's.
pub fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let form = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    at.strftime(form).to_string()
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
            (-10_793_000, "in 3 h"),
            (-172_800_000, "in 2 d"),
        ] {
            assert_eq!(relative(now - SignedDuration::from_millis(millis), now), text);
        }
        for (hours, text) in [(2, "02:00:00"), (-2, "2029-12-31 22:00:00")] {
            assert_eq!(moment(now + SignedDuration::from_hours(hours), now, &TimeZone::UTC), text);
        }
        assert_eq!(between(now, now + SignedDuration::from_millis(12)), "12 ms");
        assert_eq!(between(now, now - SignedDuration::from_secs(12)), "0 s");
    }
}
