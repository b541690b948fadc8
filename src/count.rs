//! A figure that stops counting where counting becomes dear.

use std::fmt;

/// How many there are, or, where counting was broken off, how many at least.
///
/// Shown it is `1,000`, or `1,000+` if there may be more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Count {
    /// How many were counted.
    pub number: u64,
    /// Whether there may be more: it is not known, for that would have to be counted.
    pub capped: bool,
}

impl Count {
    /// What counting has found that was broken off at `cap`.
    pub(crate) fn up_to(cap: u64, number: u64) -> Count {
        Count { number, capped: number >= cap }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.number.to_string();
        let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&(text + if self.capped { "+" } else { "" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_with_commas_and_with_a_plus_where_there_may_be_more() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")] {
            assert_eq!(Count { number, capped: false }.to_string(), text);
            assert_eq!(Count { number, capped: true }.to_string(), format!("{text}+"));
        }
        assert_eq!(format!("{:>7}", Count::up_to(1000, 1000)), " 1,000+");
        assert_eq!(Count::up_to(1000, 999), Count { number: 999, capped: false });
    }
}
