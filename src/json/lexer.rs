//! Strings, numbers and words of a JSON text: where each ends, and whether the profile allows it.
//!
//! It knows nothing of arrays and objects, nor where in the document it stands: that is `scan`. A refusal here is only
//! the predicate ("holds a NUL character"); whoever asked knows of what.

use std::borrow::Cow;

/// Why a token is refused.
pub(super) type What = Cow<'static, str>;

const NUL: What = Cow::Borrowed("holds a NUL character");
const LONE_SURROGATE: What = Cow::Borrowed("holds a lone surrogate");
const WIDE_INTEGER: What =
    Cow::Borrowed("is an integer beyond 64 bits; the range is -9223372036854775808 to 18446744073709551615");
const WIDE_FLOAT: What = Cow::Borrowed("is beyond the range of a 64-bit float");
const LONG_NUMBER: What = Cow::Borrowed("is written with too many digits or too large an exponent");

/// Room for any 64-bit float written out in full. PostgreSQL's jsonb refuses what needs more than 16383 decimals,
/// even when they are all zero, so a number's text is bounded too, not only its value.
const MAX_NUMBER_BYTES: usize = 1100;
const MAX_EXPONENT: i32 = 2000;

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// A place in a text, always on a character boundary until an error is answered.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is not white space, without passing it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while self.byte().is_some_and(is_space) {
            self.at += 1;
        }
        self.byte()
    }

    /// Passes `wanted` if it is the very next byte.
    pub(super) fn skip(&mut self, wanted: u8) -> bool {
        let found = self.byte() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    pub(super) fn syntax(&self, expected: &str) -> What {
        format!("is not valid JSON: expected {expected} at byte {}", self.at).into()
    }

    /// `true`, `false` or `null`.
    pub(super) fn word(&mut self) -> Result<(), What> {
        let rest = &self.text[self.at..];
        let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word));
        self.at += word.ok_or_else(|| self.syntax("a value"))?.len();
        Ok(())
    }

    /// A string, from its opening quote on, with the escapes resolved.
    pub(super) fn string(&mut self) -> Result<Cow<'t, str>, What> {
        self.at += 1;
        let plain = self.plain();
        if self.skip(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut string = String::from(plain);
        while !self.skip(b'"') {
            string.push(self.escape()?);
            string.push_str(self.plain());
        }
        Ok(Cow::Owned(string))
    }

    /// A number, whose value must fit 64 bits: an integer exactly, a float finitely.
    pub(super) fn number(&mut self) -> Result<(), What> {
        let start = self.at;
        self.skip(b'-');
        if !self.skip(b'0') {
            self.digits()?;
        }
        let whole = self.at;
        if self.skip(b'.') {
            self.digits()?;
        }
        let mantissa = self.at;
        if self.skip(b'e') || self.skip(b'E') {
            let _ = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        let number = &self.text[start..self.at];
        if self.at == whole { check_integer(number) } else { check_float(number, mantissa - start) }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn digits(&mut self) -> Result<(), What> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.syntax("a digit")) } else { Ok(()) }
    }

    /// The part of a string that stands for itself. It ends at an ASCII byte, so slicing is safe.
    fn plain(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
        let plain = &rest[..end.unwrap_or(rest.len())];
        self.at += plain.len();
        plain
    }

    fn escape(&mut self) -> Result<char, What> {
        if self.byte() == Some(0) {
            return Err(NUL);
        }
        if !self.skip(b'\\') {
            return Err(self.syntax("an escape or the closing quote of a string"));
        }
        let escaped = match self.byte() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.syntax("an escape that JSON knows")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// From the `u` of `\u` on; takes both halves of a surrogate pair.
    fn unicode(&mut self) -> Result<char, What> {
        let first = self.unit()?;
        let second = match first {
            0xD800..0xDC00 if self.text[self.at..].starts_with("\\u") => {
                self.at += 1;
                Some(self.unit()?)
            }
            _ => None,
        };
        match char::decode_utf16([first].into_iter().chain(second)).next() {
            Some(Ok('\0')) => Err(NUL),
            Some(Ok(char)) => Ok(char),
            _ => Err(LONE_SURROGATE),
        }
    }

    fn unit(&mut self) -> Result<u16, What> {
        let digits = self.text.get(self.at + 1..self.at + 5);
        // `from_str_radix` alone would take a plus sign.
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.syntax("four hexadecimal digits"))?;
        self.at += 5;
        Ok(unit)
    }
}

/// A reader would turn a wider integer into the nearest float without a word.
fn check_integer(number: &str) -> Result<(), What> {
    let fits = number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    if fits { Ok(()) } else { Err(WIDE_INTEGER) }
}

fn check_float(number: &str, mantissa: usize) -> Result<(), What> {
    let value: f64 = number.parse().map_err(|_| WIDE_FLOAT)?;
    let (mantissa, exponent) = (&number[..mantissa], number.get(mantissa + 1..));
    let vanished = value == 0.0 && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if !value.is_finite() || vanished {
        return Err(WIDE_FLOAT);
    }
    let exponent = exponent.map_or(Ok(0), str::parse::<i32>);
    let bounded = exponent.is_ok_and(|exponent| exponent.abs() <= MAX_EXPONENT);
    if bounded && number.len() <= MAX_NUMBER_BYTES { Ok(()) } else { Err(LONG_NUMBER) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Result<String, String> {
        Lexer::new(text).string().map(Cow::into_owned).map_err(Cow::into_owned)
    }

    #[test]
    fn strings_are_decoded() {
        for (text, decoded) in [
            (r#""""#, ""),
            (r#""plain é 😀""#, "plain é 😀"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""a\u0041\u00e9\uFFFF\ud83d\ude00z""#, "aAé\u{FFFF}😀z"),
            (r#""\u0001""#, "\u{1}"),
        ] {
            assert_eq!(string(text).as_deref(), Ok(decoded), "{text}");
        }
    }

    #[test]
    fn bad_strings_are_refused() {
        for (text, what) in [
            (r#""\u0000""#, "NUL"),
            ("\"a\0\"", "NUL"),
            (r#""\ud800""#, "lone surrogate"),
            (r#""\udc00""#, "lone surrogate"),
            (r#""\ud800\u0041""#, "lone surrogate"),
            (r#""\ud800\ud800""#, "lone surrogate"),
            (r#""\ud800\n""#, "lone surrogate"),
            (r#""\ud800\u12""#, "four hexadecimal digits"),
            (r#""\u+123""#, "four hexadecimal digits"),
            (r#""\u00é""#, "four hexadecimal digits"),
            (r#""\u00"#, "four hexadecimal digits"),
            (r#""\x""#, "an escape that JSON knows"),
            (r#""\é""#, "an escape that JSON knows"),
            (r#""\"#, "an escape that JSON knows"),
            ("\"a\nb\"", "closing quote"),
            ("\"open", "closing quote"),
        ] {
            let problem = string(text).unwrap_err();
            assert!(problem.contains(what), "{text}: {problem}");
        }
    }

    #[test]
    fn numbers_fit_64_bits() {
        let number = |text: &str| Lexer::new(text).number();
        let zeros = "0".repeat(1500);
        let (wide, float, long) = (Err(WIDE_INTEGER), Err(WIDE_FLOAT), Err(LONG_NUMBER));
        for (text, answer) in [
            ("0", Ok(())),
            ("-0", Ok(())),
            ("-0.0", Ok(())),
            ("18446744073709551615", Ok(())),
            ("-9223372036854775808", Ok(())),
            ("9007199254740993", Ok(())),
            ("0.30000000000000004", Ok(())),
            ("1e-308", Ok(())),
            ("5e-324", Ok(())),
            ("1.7976931348623157E+308", Ok(())),
            ("18446744073709551616.0", Ok(())),
            ("0e2000", Ok(())),
            ("18446744073709551616", wide.clone()),
            ("-9223372036854775809", wide.clone()),
            (&format!("1{zeros}"), wide),
            ("1e400", float.clone()),
            ("-1e309", float.clone()),
            ("1e-400", float.clone()),
            ("1e99999999999", float),
            ("0e-20000", long.clone()),
            ("0e99999999999", long.clone()),
            (&format!("0.{zeros}"), long),
        ] {
            assert_eq!(number(text), answer, "{text}");
        }
        assert_eq!(number(&format!("{:.1074}", f64::from_bits(1))), Ok(()), "the smallest float, written out");
    }
}
