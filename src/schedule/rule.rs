//! When the jobs of a schedule come: every so often, or by a cron pattern in a time zone.

use std::{fmt, time::Duration};

use jiff::Timestamp;

use super::Slots;
use crate::{
    DurationError, Error, Result,
    duration::{format_duration, parse_duration},
};

/// When the jobs of a [`Schedule`](crate::Schedule) come. Each instant that it names is a *slot*.
///
/// ```
/// use drip::Rule;
/// use std::time::Duration;
///
/// let rules = [
///     Rule::every("15m"),
///     Rule::every(Duration::from_secs(90)),
///     Rule::every("24h").offset("9h"),                     // at 09:00 UTC
///     Rule::cron("0 9 * * mon-fri", "Europe/Paris"),       // at 09:00 in Paris, on working days
///     Rule::cron("30 2 L * *", "America/New_York"),        // at 02:30, on the last day of the month
/// ];
/// # rules.iter().for_each(|rule| drop(rule.next_after(drip::Clock::at("2030-01-01T00:00:00Z".parse().unwrap()).now()).unwrap()));
/// ```
///
/// Nothing is checked before the schedule is used; what cannot be is then refused.
///
/// # Intervals
///
/// They are aligned to 1970-01-01T00:00:00Z, and not to when somebody was started: `24h` is at midnight UTC, whoever asks,
/// and always the same slots. From 1 s, because each slot costs a transaction, which is dear if it comes more often than
/// a person could notice, to 10 years; whole milliseconds.
///
/// # Patterns
///
/// Five fields: minute (0–59), hour (0–23), day of the month (1–31), month (1–12, `jan`–`dec`), day of the week (0–7 with
/// Sunday as 0 and 7, `sun`–`sat`); upper or lower case. Each is `*`, a value, a range (`mon-fri`), a list (`1,15`), or
/// has a step (`*/15`, `8-18/2`). Days of the month also `L` (the last), `15W` (the working day nearest to the 15th) and
/// `LW`; days of the week `mon#1` (the first Monday) and `friL` (the last Friday). If both days are restricted, either
/// will do; with a `+` before the day of the week both must fit (`0 0 13 * +fri`). `@hourly`, `@daily`, `@weekly`,
/// `@monthly` and `@yearly` are patterns too. There is nothing finer than a minute.
///
/// # When clocks are put forward or back
///
/// A pattern whose hours do *not* begin with `*` names times on the clock on the wall, each of which comes once a day:
///
/// - one that is left out when clocks are put forward comes at the first instant after the gap, once for all that fell
///   into it: `30 2 * * *` at 03:00. (Apia had no 30 December 2011: what was due on it came as the 31st began.)
/// - one that is there twice when clocks are put back comes the first time only.
///
/// A pattern whose hours begin with `*` goes on by real time, at every instant whose time on the wall fits: `*/15 * * * *`
/// comes every quarter of an hour, without a gap and also in the hour that is there twice.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Rule {
    pub(super) when: When,
    offset: Option<Interval>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum When {
    Every(Interval),
    Cron { pattern: String, time_zone: String },
}

/// A length of time: a `Duration`, or text as [`parse_duration`] reads it. An error in the text shows where it is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval(Result<Duration, DurationError>);

impl From<Duration> for Interval {
    fn from(duration: Duration) -> Interval {
        Interval(Ok(duration))
    }
}

impl From<&str> for Interval {
    fn from(text: &str) -> Interval {
        Interval(parse_duration(text))
    }
}

impl From<String> for Interval {
    fn from(text: String) -> Interval {
        Interval(parse_duration(&text))
    }
}

impl Interval {
    fn get(&self, field: &'static str) -> Result<Duration> {
        self.0.clone().map_err(|error| Error::invalid(field, error.to_string()))
    }
}

impl Rule {
    /// Every so often, from 1 s to 10 years: `"24h"` or a `Duration`.
    pub fn every(interval: impl Into<Interval>) -> Self {
        Rule { when: When::Every(interval.into()), offset: None }
    }

    /// By a cron pattern of five fields, on the clocks of a time zone: a name of the IANA database, such as
    /// `Europe/Paris`, or `UTC`.
    ///
    /// The database of time zones is the machine's (`/usr/share/zoneinfo`). Where there is none, as in some containers,
    /// build with the feature `tzdb-bundle-always` of the crate `jiff`.
    pub fn cron(pattern: impl Into<String>, time_zone: impl Into<String>) -> Self {
        Rule { when: When::Cron { pattern: pattern.into(), time_zone: time_zone.into() }, offset: None }
    }

    /// Moves the slots of an interval: so much later, and less than the interval itself. Patterns have none. Default: 0.
    pub fn offset(mut self, offset: impl Into<Interval>) -> Self {
        self.offset = Some(offset.into());
        self
    }

    /// The first slot after `time`. `None`: there is none that could be stored.
    ///
    /// # Errors
    /// [`is_invalid_input`](Error::is_invalid_input) if this is no rule.
    pub fn next_after(&self, time: Timestamp) -> Result<Option<Timestamp>> {
        Ok(self.slots()?.next_after(time))
    }

    /// The rule, understood.
    pub(crate) fn slots(&self) -> Result<Slots> {
        match &self.when {
            When::Every(interval) => {
                let offset = self.offset.as_ref().map_or(Ok(Duration::ZERO), |offset| offset.get("offset"))?;
                Slots::every(interval.get("every")?, offset)
            }
            When::Cron { .. } if self.offset.is_some() => {
                Err(Error::invalid("offset", "belongs to intervals; put the time into the pattern"))
            }
            When::Cron { pattern, time_zone } => Slots::cron(pattern, time_zone),
        }
    }
}

impl fmt::Display for Rule {
    /// For people: `every 1h 30m`, `every 1d, 9h later`, `0 9 * * mon-fri (Europe/Paris)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            |interval: &Interval| interval.0.as_ref().map_or_else(DurationError::to_string, |d| format_duration(*d));
        match &self.when {
            When::Every(interval) => write!(f, "every {}", text(interval))?,
            When::Cron { pattern, time_zone } => write!(f, "{pattern} ({time_zone})")?,
        }
        match &self.offset {
            Some(offset) if offset.0 != Ok(Duration::ZERO) => write!(f, ", {} later", text(offset)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_for_people() {
        for (rule, text) in [
            (Rule::every("90m"), "every 1h 30m"),
            (Rule::every("24h").offset("9h"), "every 1d, 9h later"),
            (Rule::every("24h").offset("0s"), "every 1d"),
            (Rule::cron("0 9 * * mon-fri", "Europe/Paris"), "0 9 * * mon-fri (Europe/Paris)"),
        ] {
            assert_eq!(rule.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_advice() {
        let day = Duration::from_secs(86_400);
        for (rule, field, advice) in [
            (Rule::every("24"), "every", r#"such as "250ms""#),
            (Rule::every(""), "every", "it is empty"),
            (Rule::every("1mo"), "every", "months and years vary"),
            (Rule::every("-1h"), "every", "negative"),
            (Rule::every("0s"), "every", "from 1 s to 10 years"),
            (Rule::every("999ms"), "every", "from 1 s to 10 years"),
            (Rule::every(Duration::MAX), "every", "from 1 s to 10 years"),
            (Rule::every(Duration::from_micros(1_000_001)), "every", "whole milliseconds"),
            (Rule::every(day).offset("24h"), "offset", "less than the interval"),
            (Rule::every(day).offset("x"), "offset", "invalid duration"),
            (Rule::every(day).offset(Duration::from_nanos(1)), "offset", "whole milliseconds"),
            (Rule::cron("0 9 * * *", "UTC").offset("1h"), "offset", "belongs to intervals"),
            (Rule::cron("0 9 * * *", "Europe/Atlantis"), "time_zone", r#"such as "Europe/Paris""#),
            (Rule::cron("0 9 * * *", "CET+1; rm"), "time_zone", "tzdata"),
            (Rule::cron("0 9 * * *", ""), "time_zone", "may not be empty"),
            (Rule::cron("0 9 * * *", "a\u{202e}b"), "time_zone", "control character"),
            (Rule::cron("", "UTC"), "cron", "five fields"),
            (Rule::cron("0 9 * *", "UTC"), "cron", "five fields"),
            (Rule::cron("0 0 9 * * *", "UTC"), "cron", "five fields"),
            (Rule::cron("@reboot", "UTC"), "cron", "five fields"),
            (Rule::cron("60 9 * * *", "UTC"), "cron", "out of bounds"),
            (Rule::cron("0 24 * * *", "UTC"), "cron", "out of bounds"),
            (Rule::cron("0 22-2 * * *", "UTC"), "cron", "out of bounds"),
            (Rule::cron("*/0 * * * *", "UTC"), "cron", "Step cannot be zero"),
            (Rule::cron("0 9 * * monday", "UTC"), "cron", "five fields"),
            (Rule::cron("0 9 1,,2 * *", "UTC"), "cron", "an empty place in a list"),
            (Rule::cron("0 9 * * mon,", "UTC"), "cron", "an empty place in a list"),
            (Rule::cron("0 9 30 2 *", "UTC"), "cron", "no such day"),
            (Rule::cron("0 9 31 4,6,9,11 *", "UTC"), "cron", "no such day"),
            (Rule::cron("0 9 31 2 +mon", "UTC"), "cron", "no such day"),
            (Rule::cron("0 ".repeat(200), "UTC"), "cron", "the limit is 255"),
        ] {
            let error = rule.slots().map(drop).expect_err(&rule.to_string());
            let text = error.to_string();
            assert!(error.is_invalid_input() && text.starts_with(&format!("{field}: ")), "{rule}: {text}");
            assert!(text.contains(advice) && !text.chars().any(char::is_control), "{rule}: {text}");
        }
    }
}
