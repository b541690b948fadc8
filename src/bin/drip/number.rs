//! Numbers as they are typed: what is wrong with one is said in words.

use std::{ops::RangeInclusive, str::FromStr};

/// The id of a job.
pub fn id(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "an id is a whole number, such as 17".to_owned())
}

/// A priority.
pub fn priority(text: &str) -> Result<u8, String> {
    within(text, 1..=4)
}

/// How many at the most, where none makes no sense.
pub fn limit(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number >= 1).ok_or_else(|| "a whole number is wanted, at least 1".to_owned())
}

/// How many attempts.
pub fn attempts(text: &str) -> Result<u32, String> {
    within(text, 1..=u32::MAX)
}

/// Any whole number up to this.
pub fn up_to<const MOST: u32>(text: &str) -> Result<u32, String> {
    within(text, 0..=MOST)
}

/// The version of a schema.
pub fn version(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "a version is a whole number, such as 4".to_owned())
}

fn within<T: FromStr + PartialOrd + std::fmt::Display>(text: &str, range: RangeInclusive<T>) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("a whole number is wanted, from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_told_what_one_is() {
        assert_eq!((id("-5"), priority("4"), limit("7"), attempts("3")), (Ok(-5), Ok(4), Ok(7), Ok(3)));
        let problems = [
            id("one").err(),
            id("").err(),
            id("9223372036854775808").err(),
            priority("0").err(),
            priority("high").err(),
            limit("0").err(),
            limit("-1").err(),
            attempts("1.5").err(),
            up_to::<100>("101").err(),
            version("v4").err(),
        ];
        for problem in problems {
            assert!(problem.is_some_and(|problem| problem.contains("whole number") && !problem.contains("digit")));
        }
    }
}
