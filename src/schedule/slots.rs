//! A rule, understood: which instants are its slots.
//!
//! Of a pattern croner knows which dates and times fit, on a line without time zones; where that line meets real time is
//! decided here, so that the answer is always the same set of instants, whichever of them is asked from.

#[cfg(test)]
mod tests;

use std::time::Duration;

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use crate::{
    Error, Result,
    duration::{MAX_DURATION, format_duration},
    name,
};

/// The shortest interval: each slot costs a transaction.
pub(crate) const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// The longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 255;

const EXAMPLE: &str = r#"write five fields, minute hour day-of-month month day-of-week, such as "0 9 * * mon-fri""#;

/// The slots of a rule.
#[derive(Debug, Clone)]
pub(crate) enum Slots {
    Every { every_ms: i64, offset_ms: i64 },
    Cron { cron: Box<Cron>, pattern: String, zone: TimeZone, zone_name: String, by_real_time: bool },
}

impl Slots {
    pub(super) fn every(every: Duration, offset: Duration) -> Result<Slots> {
        if every < LEAST_INTERVAL || every > MAX_DURATION {
            return Err(Error::invalid("every", format!("is {every:?}; from 1 s to 10 years")));
        }
        if offset >= every {
            let limit = format_duration(every);
            return Err(Error::invalid("offset", format!("is {offset:?}; it must be less than the interval, {limit}")));
        }
        Ok(Slots::Every { every_ms: whole_millis("every", every)?, offset_ms: whole_millis("offset", offset)? })
    }

    pub(super) fn cron(pattern: &str, zone_name: &str) -> Result<Slots> {
        let zone = zone(zone_name)?;
        // As it is stored, so that other spaces make no other rule.
        let pattern = pattern.split_whitespace().collect::<Vec<_>>().join(" ");
        let cron = parse(&pattern)?;
        let by_real_time = cron.as_str().split(' ').nth(1).is_some_and(|hours| hours.starts_with('*'));
        Ok(Slots::Cron { cron: Box::new(cron), pattern, zone, zone_name: zone_name.to_owned(), by_real_time })
    }

    /// The first slot after `time`.
    pub(crate) fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        match self {
            Slots::Every { every_ms, offset_ms } => {
                let passed = (floor_millis(time) - offset_ms).div_euclid(*every_ms);
                Timestamp::from_millisecond((passed + 1) * every_ms + offset_ms).ok()
            }
            Slots::Cron { cron, zone, by_real_time: true, .. } => next_by_real_time(cron, zone, time),
            Slots::Cron { cron, zone, .. } => next_on_the_wall(cron, zone, time),
        }
    }

    /// The slots from `from`, which may be one itself, to before `end`.
    pub(crate) fn between(&self, from: Timestamp, end: Timestamp) -> impl Iterator<Item = Timestamp> {
        let first = from.checked_sub(SignedDuration::from_nanos(1)).ok().and_then(|before| self.next_after(before));
        std::iter::successors(first, |slot| self.next_after(*slot)).take_while(move |slot| *slot < end)
    }

    /// Of the slots from `from` to before `end` the latest, at most `count`; oldest first. It takes no longer if there are
    /// millions of others before them.
    pub(crate) fn latest(&self, from: Timestamp, end: Timestamp, count: usize) -> Vec<Timestamp> {
        let mut back = SignedDuration::from_mins(1);
        loop {
            let begin = end.saturating_sub(back).unwrap_or(from).max(from);
            let mut slots: Vec<_> = if count == 0 { Vec::new() } else { self.between(begin, end).collect() };
            if begin == from || slots.len() >= count {
                return slots.split_off(slots.len().saturating_sub(count));
            }
            back = back.saturating_add(back);
        }
    }

    /// The interval, if it is one.
    pub(crate) fn interval(&self) -> Option<Duration> {
        match self {
            Slots::Every { every_ms, .. } => Some(Duration::from_millis(every_ms.unsigned_abs())),
            Slots::Cron { .. } => None,
        }
    }
}

/// Milliseconds since 1970, rounded down also before it.
fn floor_millis(time: Timestamp) -> i64 {
    time.as_nanosecond().div_euclid(1_000_000) as i64
}

fn whole_millis(field: &'static str, span: Duration) -> Result<i64> {
    match i64::try_from(span.as_millis()) {
        Ok(millis) if span.subsec_nanos().is_multiple_of(1_000_000) => Ok(millis),
        _ => Err(Error::invalid(field, format!("is {span:?}; whole milliseconds"))),
    }
}

fn zone(zone_name: &str) -> Result<TimeZone> {
    name::check("time_zone", zone_name)?;
    TimeZone::get(zone_name).map_err(|_| {
        Error::invalid(
            "time_zone",
            format!(
                "{zone_name:?} is not known here; write a name of the IANA database, such as \"Europe/Paris\", or \"UTC\". \
                 If it is one, this machine has no database of time zones: install tzdata, or build with the feature \
                 `tzdb-bundle-always` of the crate jiff"
            ),
        )
    })
}

fn parse(pattern: &str) -> Result<Cron> {
    let refused = |problem: &str| Err(Error::invalid("cron", format!("{pattern:?} {problem}; {EXAMPLE}")));
    if pattern.len() > MAX_PATTERN_BYTES {
        let length = pattern.len();
        return Err(Error::invalid("cron", format!("is {length} bytes long; the limit is {MAX_PATTERN_BYTES}")));
    }
    if pattern.split(' ').any(|field| field.split(',').any(str::is_empty)) {
        return refused("is empty, or has an empty place in a list");
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = match parser.parse(pattern) {
        Ok(cron) => cron,
        Err(error) => return refused(&format!("is no pattern ({})", error.to_string().trim_end_matches('.'))),
    };
    // Without a year in it what comes at all comes within forty of them: 29 February on a given day of the week.
    match next_fit(&cron, DateTime::constant(2000, 1, 1, 0, 0, 0, 0), true) {
        Some(_) => Ok(cron),
        None => Err(Error::invalid("cron", format!("{pattern:?} never comes: there is no such day"))),
    }
}

/// The next date and time that fit the pattern, on a line without time zones.
fn next_fit(cron: &Cron, from: DateTime, inclusive: bool) -> Option<DateTime> {
    let from = from.to_zoned(TimeZone::UTC).ok()?;
    cron.find_next_occurrence(&from, inclusive).ok().map(|fit| fit.datetime())
}

/// From one change of the clocks to the next, in between which they run as real time does.
fn next_by_real_time(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let (mut from, mut inclusive) = (after, false);
    loop {
        let offset = zone.to_offset(from);
        let slot = offset.to_timestamp(next_fit(cron, offset.to_datetime(from), inclusive)?).ok()?;
        match zone.following(from).next().map(|change| change.timestamp()) {
            Some(change) if change <= slot => (from, inclusive) = (change, true),
            _ => return Some(slot),
        }
    }
}

/// What fits, in the order of the clock on the wall, which is also that of the instants at which it comes.
fn next_on_the_wall(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut fit = next_fit(cron, zone.to_datetime(after), false)?;
    loop {
        let slot = on_the_wall(zone, fit)?;
        if slot > after {
            return Some(slot);
        }
        // It came already: in the hour that is there twice, or as a gap ended.
        fit = next_fit(cron, fit, false)?;
    }
}

/// When the clock on the wall shows `time` for the first time, or is put past it.
fn on_the_wall(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(time).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(time).ok(),
        AmbiguousOffset::Gap { before, .. } => {
            // By the clocks as they were it would be now: the change was not long ago.
            let past = before.to_timestamp(time).ok()?;
            zone.preceding(past.checked_add(SignedDuration::from_nanos(1)).ok()?)
                .next()
                .map(|change| change.timestamp())
        }
    }
}
