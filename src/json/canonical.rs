//! The canonical encoding of a document: the bytes that unique keys are hashed from.
//!
//! Hashes of it are stored, so it may never change: not with a version of serde_json, not with the features that
//! another crate switches on in it (`preserve_order`, `arbitrary_precision`). The golden vectors below guard that.
//!
//! - No white space; the keys of every object sorted by their bytes.
//! - Strings: UTF-8, with the escapes `\"` `\\` `\b` `\f` `\n` `\r` `\t`, and `\u00xx` for other control characters.
//! - Integers in decimal. Floats as the shortest digits that read back the same, always with an exponent: `1e0`,
//!   `-2.5e-3`. So `1` and `1.0` differ, as they do for whoever reads the payload into a type; `1.0` and `10e-1` do
//!   not. `-0` is a float, because serde_json reads it as one.

use serde_json::{Number, Value};

/// Encodes a document that was checked before. Text that is not JSON is answered as it is: there is nothing to reorder.
pub(crate) fn canonical(text: &str) -> String {
    encode(text, |_| true)
}

/// Like [`canonical`], of the named top-level members only. One that is absent is left out, so it differs from one that
/// is `null`; the order and repetition of `keys` are of no consequence.
pub(crate) fn canonical_keys(text: &str, keys: &[String]) -> String {
    encode(text, |key| keys.iter().any(|kept| kept == key))
}

fn encode(text: &str, keep: impl Fn(&str) -> bool) -> String {
    let Ok(mut value) = serde_json::from_str(text) else { return text.to_owned() };
    if let Value::Object(members) = &mut value {
        members.retain(|key, _| keep(key));
    }
    let mut out = String::with_capacity(text.len());
    write_value(&value, &mut out);
    out
}

/// Recursive, which is safe: serde_json reads nothing that is deeper than 128.
fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&encode_number(number)),
        Value::String(string) => write_string(string, out),
        Value::Array(items) => write_list(out, ['[', ']'], items, write_value),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            write_list(out, ['{', '}'], members, |(key, value), out| {
                write_string(key, out);
                out.push(':');
                write_value(value, out);
            });
        }
    }
}

fn write_list<I: IntoIterator>(
    out: &mut String,
    [open, close]: [char; 2],
    items: I,
    write: impl Fn(I::Item, &mut String),
) {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

/// Not the number's own `Display`, which is the text as written under `arbitrary_precision`, and otherwise a matter of
/// serde_json's taste: it has changed before how floats look.
fn encode_number(number: &Number) -> String {
    if let Some(integer) = number.as_u64() {
        return integer.to_string();
    }
    // Zero is not negative: this is `-0`, which is an integer only under `arbitrary_precision`.
    if let Some(integer) = number.as_i64().filter(|integer| *integer != 0) {
        return integer.to_string();
    }
    number.as_f64().map_or_else(|| number.to_string(), |float| format!("{float:e}"))
}

fn write_string(string: &str, out: &mut String) {
    out.push('"');
    for char in string.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..' ' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            _ => out.push(char),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_vectors() {
        for (text, encoded) in [
            ("{}", "{}"),
            (r#" { "b" : [ 1 , { "z" : 0, "y" : [] } ] , "a" : { } } "#, r#"{"a":{},"b":[1,{"y":[],"z":0}]}"#),
            (r#"{"a":null,"b":true,"c":false}"#, r#"{"a":null,"b":true,"c":false}"#),
            // By bytes: upper case first, U+FFFF before U+10000, which UTF-16 would sort the other way round.
            (
                r#"{"é":1,"a":2,"Z":3,"":4,"aa":5,"😀":6,"\uffff":7}"#,
                "{\"\":4,\"Z\":3,\"a\":2,\"aa\":5,\"é\":1,\"\u{ffff}\":7,\"😀\":6}",
            ),
            (r#"{"\u0061":"\u00e9\/\u000a\u001F\u007f\""}"#, "{\"a\":\"é/\\n\\u001f\u{7f}\\\"\"}"),
            ("{\"a\":\"</script>\u{2028}\"}", "{\"a\":\"</script>\u{2028}\"}"),
            (
                "[0,1,-1,18446744073709551615,-9223372036854775808]",
                "[0,1,-1,18446744073709551615,-9223372036854775808]",
            ),
            ("[1.0,10e-1,1E0,-0,-0.0,0.0]", "[1e0,1e0,1e0,-0e0,-0e0,0e0]"),
            (
                "[0.1,0.30000000000000004,1e-308,5e-324,1.7976931348623157e308]",
                "[1e-1,3.0000000000000004e-1,1e-308,5e-324,1.7976931348623157e308]",
            ),
            (
                "[1e21,1e16,123456.75,9007199254740993,9007199254740993.0]",
                "[1e21,1e16,1.2345675e5,9007199254740993,9.007199254740992e15]",
            ),
            ("not JSON", "not JSON"),
        ] {
            assert_eq!(canonical(text), encoded, "{text}");
        }
    }

    #[test]
    fn one_and_one_point_zero_differ() {
        assert_ne!(canonical(r#"{"n":1}"#), canonical(r#"{"n":1.0}"#));
    }

    #[test]
    fn an_encoding_encodes_to_itself_and_means_the_same() {
        let text = r#"{"n":[1,1.0,-0.0,1e300,-5e-324,0.1],"s":"\u0001\t\"\\/é😀","o":{"b":{},"a":[[]]}}"#;
        let encoded = canonical(text);
        assert_eq!(canonical(&encoded), encoded);
        let [before, after]: [Value; 2] = [text, &encoded].map(|text| serde_json::from_str(text).unwrap());
        assert_eq!(before["s"], after["s"]);
        assert_eq!(before["o"], after["o"]);
        let floats = |value: &Value| {
            value["n"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap().to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(floats(&before), floats(&after));
    }

    #[test]
    fn strings_are_escaped_as_serde_json_does() {
        for string in (0..0x300).filter_map(char::from_u32).map(String::from) {
            let mut encoded = String::new();
            write_string(&string, &mut encoded);
            assert_eq!(encoded, serde_json::to_string(&string).unwrap());
        }
    }

    #[test]
    fn only_the_named_top_level_keys_count() {
        let text = r#"{"b":{"x":1,"a":2},"a":null,"c":3}"#;
        for (keys, encoded) in [
            (&["a", "b"][..], r#"{"a":null,"b":{"a":2,"x":1}}"#),
            (&["b", "a", "b"], r#"{"a":null,"b":{"a":2,"x":1}}"#),
            (&["x"], "{}"),
            (&["c", "absent"], r#"{"c":3}"#),
            (&[], "{}"),
        ] {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(canonical_keys(text, &keys), encoded, "{keys:?}");
        }
    }
}
