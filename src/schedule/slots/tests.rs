//! Tables of slots, across the days on which clocks are changed.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn cron(pattern: &str, zone: &str) -> Slots {
    Slots::cron(pattern, zone).unwrap_or_else(|error| panic!("{error}"))
}

/// The slots after `from` as a clock in `zone` shows them, `-04:00` and its like included.
fn shown(slots: &Slots, from: &str, zone: &str, count: usize) -> Vec<String> {
    let zone = TimeZone::get(zone).unwrap();
    let shown = |slot: Timestamp| slot.to_zoned(zone.clone()).strftime("%d. %H:%M%:z").to_string();
    let after = std::iter::successors(slots.next_after(at(from)), |slot| slots.next_after(*slot));
    after.take(count).map(shown).collect()
}

#[test]
fn intervals_are_aligned_to_1970_in_utc() {
    let hour = Duration::from_secs(3600);
    for (every, offset, from, next) in [
        (24 * hour, Duration::ZERO, "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z"),
        (24 * hour, Duration::ZERO, "2029-12-31T23:59:59.999999Z", "2030-01-01T00:00:00Z"),
        (24 * hour, 9 * hour, "2030-01-01T00:00:00Z", "2030-01-01T09:00:00Z"),
        (24 * hour, 9 * hour, "2030-01-01T09:00:00Z", "2030-01-02T09:00:00Z"),
        // 1970 began on a Thursday.
        (7 * 24 * hour, Duration::ZERO, "2030-01-01T12:00:00Z", "2030-01-03T00:00:00Z"),
        (Duration::from_millis(1500), Duration::ZERO, "2030-01-01T00:00:00.1Z", "2030-01-01T00:00:01.5Z"),
        (Duration::from_secs(1), Duration::from_millis(250), "2030-01-01T00:00:00.25Z", "2030-01-01T00:00:01.25Z"),
        (24 * hour, Duration::ZERO, "1969-12-30T23:59:59.999999Z", "1969-12-31T00:00:00Z"),
        (24 * hour, Duration::ZERO, "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"),
    ] {
        assert_eq!(Slots::every(every, offset).unwrap().next_after(at(from)), Some(at(next)), "{every:?} after {from}");
    }
    assert_eq!(Slots::every(MAX_DURATION, Duration::ZERO).unwrap().next_after(Timestamp::MAX), None);
}

#[test]
fn patterns() {
    for (pattern, from, expected) in [
        ("0 9 * * mon-fri", "2030-01-03T09:00:00Z", ["04. 09:00", "07. 09:00", "08. 09:00"]),
        ("0 9 * * MON-FRI", "2030-01-03T08:59:59.999999Z", ["03. 09:00", "04. 09:00", "07. 09:00"]),
        ("*/20 8-9 1 jan,feb *", "2030-01-01T08:20:00.000001Z", ["01. 08:40", "01. 09:00", "01. 09:20"]),
        ("0 0 L * *", "2030-01-01T00:00:00Z", ["31. 00:00", "28. 00:00", "31. 00:00"]),
        ("0 0 29 2 *", "2030-01-01T00:00:00Z", ["29. 00:00", "29. 00:00", "29. 00:00"]),
        ("0 0 15W * *", "2030-05-16T00:00:00Z", ["14. 00:00", "15. 00:00", "15. 00:00"]),
        ("0 0 * * mon#1", "2030-01-01T00:00:00Z", ["07. 00:00", "04. 00:00", "04. 00:00"]),
        ("0 0 * * 5L", "2030-01-01T00:00:00Z", ["25. 00:00", "22. 00:00", "29. 00:00"]),
        ("0 0 13 * fri", "2030-01-01T00:00:00Z", ["04. 00:00", "11. 00:00", "13. 00:00"]),
        ("0 0 13 * +fri", "2030-01-01T00:00:00Z", ["13. 00:00", "13. 00:00", "13. 00:00"]),
        ("0 0 * * 7", "2030-01-01T00:00:00Z", ["06. 00:00", "13. 00:00", "20. 00:00"]),
        ("@daily", "2030-01-01T00:00:00Z", ["02. 00:00", "03. 00:00", "04. 00:00"]),
        ("@hourly", "2030-01-01T00:00:00Z", ["01. 01:00", "01. 02:00", "01. 03:00"]),
    ] {
        assert_eq!(shown(&cron(pattern, "UTC"), from, "UTC", 3), expected.map(|it| format!("{it}+00:00")), "{pattern}");
    }
}

/// One row: pattern, time zone, from when, and what the clock on the wall shows when the slots come.
type Change = (&'static str, &'static str, &'static str, &'static [&'static str]);

const CHANGES: [Change; 21] = [
    // Paris, 31 March 2030: 02:00 becomes 03:00.
    ("30 2 * * *", "Europe/Paris", "2030-03-29T12:00Z", &["30. 02:30+01:00", "31. 03:00+02:00", "01. 02:30+02:00"]),
    ("0,30 2 * * *", "Europe/Paris", "2030-03-30T12:00Z", &["31. 03:00+02:00", "01. 02:00+02:00", "01. 02:30+02:00"]),
    ("30 2,3 * * *", "Europe/Paris", "2030-03-30T12:00Z", &["31. 03:00+02:00", "31. 03:30+02:00", "01. 02:30+02:00"]),
    ("0 2,3 * * *", "Europe/Paris", "2030-03-30T12:00Z", &["31. 03:00+02:00", "01. 02:00+02:00", "01. 03:00+02:00"]),
    ("30 * * * *", "Europe/Paris", "2030-03-31T00:00Z", &["31. 01:30+01:00", "31. 03:30+02:00", "31. 04:30+02:00"]),
    ("0 */2 * * *", "Europe/Paris", "2030-03-30T23:30Z", &["31. 04:00+02:00", "31. 06:00+02:00"]),
    // Asked in the middle of the gap's instant, and right after it.
    ("30 2 * * *", "Europe/Paris", "2030-03-31T01:00Z", &["01. 02:30+02:00"]),
    ("30 2 * * *", "Europe/Paris", "2030-03-31T00:59:59.999999Z", &["31. 03:00+02:00", "01. 02:30+02:00"]),
    // Paris, 27 October 2030: 03:00 becomes 02:00.
    ("30 2 * * *", "Europe/Paris", "2030-10-26T12:00Z", &["27. 02:30+02:00", "28. 02:30+01:00"]),
    ("30 2 * * *", "Europe/Paris", "2030-10-27T01:00Z", &["28. 02:30+01:00"]),
    ("0 3 * * *", "Europe/Paris", "2030-10-26T12:00Z", &["27. 03:00+01:00", "28. 03:00+01:00"]),
    (
        "*/30 * * * *",
        "Europe/Paris",
        "2030-10-26T23:45Z",
        &["27. 02:00+02:00", "27. 02:30+02:00", "27. 02:00+01:00", "27. 02:30+01:00", "27. 03:00+01:00"],
    ),
    // New York, 10 March and 3 November 2030.
    ("15 2 * * *", "America/New_York", "2030-03-09T12:00Z", &["10. 03:00-04:00", "11. 02:15-04:00"]),
    ("15 1 * * *", "America/New_York", "2030-11-02T12:00Z", &["03. 01:15-04:00", "04. 01:15-05:00"]),
    // Lord Howe's clocks are put on and back by half an hour: 02:00 becomes 02:30 on 6 October 2030, 01:30 on 7 April.
    ("15 2 * * *", "Australia/Lord_Howe", "2030-10-05T12:00Z", &["06. 02:30+11:00", "07. 02:15+11:00"]),
    ("30 2 * * *", "Australia/Lord_Howe", "2030-10-05T12:00Z", &["06. 02:30+11:00", "07. 02:30+11:00"]),
    ("45 1 * * *", "Australia/Lord_Howe", "2030-04-06T12:00Z", &["07. 01:45+11:00", "08. 01:45+10:30"]),
    (
        "*/15 * * * *",
        "Australia/Lord_Howe",
        "2030-04-06T14:20Z",
        &["07. 01:30+11:00", "07. 01:45+11:00", "07. 01:30+10:30", "07. 01:45+10:30", "07. 02:00+10:30"],
    ),
    // Apia went from 29 to 31 December 2011.
    ("0 9 * * *", "Pacific/Apia", "2011-12-29T12:00Z", &["29. 09:00-10:00", "31. 00:00+14:00", "31. 09:00+14:00"]),
    ("0 9,17 30 12 *", "Pacific/Apia", "2011-12-01T00:00Z", &["31. 00:00+14:00", "30. 09:00+14:00", "30. 17:00+14:00"]),
    // Beirut's day began at 01:00.
    ("0 0 * * *", "Asia/Beirut", "2025-03-29T12:00Z", &["30. 01:00+03:00", "31. 00:00+03:00"]),
];

#[test]
fn when_clocks_are_changed() {
    for (pattern, zone, from, expected) in CHANGES {
        assert_eq!(shown(&cron(pattern, zone), from, zone, expected.len()), expected, "{pattern} {zone} {from}");
    }
}

#[test]
fn the_latest_of_very_many_are_found_at_once() {
    let (from, end) = (at("1970-01-01T00:00:00Z"), at("2030-01-01T00:00:00Z"));
    let seconds = Slots::every(LEAST_INTERVAL, Duration::ZERO).unwrap();
    for (slots, count, first) in [
        (&seconds, 100, Some("2029-12-31T23:58:20Z")),
        (&seconds, 1, Some("2029-12-31T23:59:59Z")),
        (&seconds, 0, None),
        (&cron("* * * * *", "Europe/Paris"), 100, Some("2029-12-31T22:20:00Z")),
        (&cron("0 0 29 2 *", "UTC"), 2, Some("2024-02-29T00:00:00Z")),
        (&cron("0 0 29 2 *", "UTC"), 100, Some("1972-02-29T00:00:00Z")),
    ] {
        let latest = slots.latest(from, end, count);
        assert_eq!(latest.first().copied(), first.map(at));
        assert!(latest.len() <= count && latest.is_sorted() && latest.iter().all(|slot| *slot < end));
    }
    assert_eq!(seconds.latest(end, end, 5), []);
    assert_eq!(seconds.latest(at("2029-12-31T23:59:58Z"), end, 5).len(), 2);
}

const ZONES: [&str; 6] =
    ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"];

proptest! {
    #[test]
    fn nothing_that_is_no_pattern_does_harm(pattern in any::<String>(), zone in any::<String>()) {
        drop(Slots::cron(&pattern, "UTC"));
        drop(Slots::cron("0 0 * * *", &zone));
    }

    #[test]
    fn near_misses_do_no_harm(pattern in "[-+0-9,*/#?lLwW@ a-zé]{0,30}") {
        drop(Slots::cron(&pattern, "Europe/Paris"));
    }

    /// Slots are a set of instants: from wherever one asks, the next is the same.
    #[test]
    fn between_a_time_and_the_slot_after_it_there_is_none(
        from in 1_000_000_000i64..2_000_000_000,
        between in 0.0..1.0f64,
        minute in prop::sample::select(vec!["0", "30", "*/15", "0,45"]),
        hour in prop::sample::select(vec!["*", "*/2", "0", "1-3", "2", "2,3"]),
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let slots = cron(&format!("{minute} {hour} * * *"), zone);
        let from = Timestamp::from_second(from).unwrap();
        let next = slots.next_after(from).unwrap();
        prop_assert!(next > from);
        let inside = from + (next.duration_since(from)).mul_f64(between);
        prop_assert_eq!(slots.next_after(inside.min(next - SignedDuration::from_nanos(1))), Some(next));
        prop_assert_eq!(slots.between(next, next + SignedDuration::from_nanos(1)).next(), Some(next));
    }
}
