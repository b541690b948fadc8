//! Why a document does not fit a type, in words that repeat nothing of the document.

use serde_json::error::Category;

/// How serde begins what it says of values and names that are the document's.
const FOUND: [&str; 5] =
    ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `", "unknown field `"];

/// How it ends where the type has none that could be expected; all that is before may be the document's.
const NONE: [&str; 2] = [", there are no fields", ", there are no variants"];

/// What serde says, but for what it found: that is somebody's data, and this text goes to logs.
pub(crate) fn misfit(error: &serde_json::Error) -> String {
    let at = match error.line() {
        0 => String::new(), // serde does not know
        line => format!(" at line {line} column {}", error.column()),
    };
    if error.classify() != Category::Data {
        return format!("it is not JSON{at}");
    }
    let text = error.to_string();
    let said = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    // The name of a field of the type's own.
    if said.starts_with("missing field `") && said.ends_with('`') && said.matches('`').count() == 2 {
        return format!("{said}{at}");
    }
    // What was expected comes last, in words of the type's.
    let none = NONE.iter().find(|none| said.ends_with(**none)).map(|none| (*none).to_owned());
    let expected = said.rsplit_once(", expected ").map(|(_, expected)| format!(", expected {expected}"));
    match (FOUND.iter().find(|found| said.starts_with(**found)), none.or(expected)) {
        (Some(found), Some(expected)) => format!("{}{expected}{at}", found.trim_end_matches([':', ' ', '`'])),
        _ => format!("the type refuses it{at}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, de::DeserializeOwned};

    use super::*;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Charge {
        cents: u8,
        card: Option<Card>,
    }

    #[derive(Deserialize, Debug)]
    enum Card {
        Visa,
        Other,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Empty {}

    #[derive(Deserialize, Debug)]
    enum Never {}

    #[derive(Debug)]
    struct Fussy;

    impl<'de> Deserialize<'de> for Fussy {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Fussy, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("{text}, expected {text}")))
        }
    }

    fn said<T: DeserializeOwned + std::fmt::Debug>(document: &str) -> String {
        misfit(&serde_json::from_str::<T>(document).unwrap_err())
    }

    #[test]
    fn the_problem_is_named_and_the_data_is_not() {
        for (said, expected) in [
            (said::<Charge>("{}"), "missing field `cents` at line 1 column 2"),
            (said::<Charge>(r#"{"cents": "secret"}"#), "invalid type, expected u8 at line 1 column 18"),
            (
                said::<Charge>(r#"{"cents": "secret, expected secret"}"#),
                "invalid type, expected u8 at line 1 column 35",
            ),
            (said::<Charge>(r#"{"cents": 4711}"#), "invalid value, expected u8 at line 1 column 14"),
            (said::<Charge>(r#"{"secret": 1}"#), "unknown field, expected `cents` or `card` at line 1 column 9"),
            (
                said::<Charge>(r#"{"cents": 1, "card": "secret"}"#),
                "unknown variant, expected `Visa` or `Other` at line 1 column 29",
            ),
            (said::<Empty>(r#"{"a, expected secret": 1}"#), "unknown field, there are no fields at line 1 column 21"),
            (said::<Never>(r#""a, expected secret""#), "unknown variant, there are no variants at line 1 column 20"),
            (said::<[u8; 3]>("[4711]"), "invalid value, expected u8 at line 1 column 5"),
            (said::<[u8; 3]>("[1]"), "invalid length, expected an array of length 3 at line 1 column 3"),
            (said::<BTreeMap<String, u8>>("{secret"), "it is not JSON at line 1 column 2"),
            (said::<Fussy>("\"secret\""), "the type refuses it"),
        ] {
            assert_eq!(said, expected);
        }
    }
}
