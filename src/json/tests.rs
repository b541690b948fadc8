//! The profile, entry by entry of the fault list (section B of the hazards), for text and for built values.

use serde_json::{Value, json};

use super::*;

fn text(text: impl AsRef<[u8]>) -> Result<String, String> {
    check_text(text.as_ref(), MAX_BYTES).map_err(|problem| problem.to_string())
}

fn value(value: Value) -> Result<String, String> {
    check_value(value, MAX_BYTES).map_err(|problem| problem.to_string())
}

/// A document of so many levels, and the same with a scalar in the innermost.
fn nested(depth: usize) -> [String; 3] {
    let arrays = depth - 1;
    let objects = "{\"a\":".repeat(depth - 1);
    [
        format!("{{\"a\":{}{}}}", "[".repeat(arrays), "]".repeat(arrays)),
        format!("{{\"a\":{}1{}}}", "[".repeat(arrays), "]".repeat(arrays)),
        format!("{objects}{{}}{}", "}".repeat(depth - 1)),
    ]
}

#[test]
fn what_each_entry_is_refused_for() {
    let wide = "is an integer beyond 64 bits; the range is -9223372036854775808 to 18446744073709551615";
    for (entry, document, problem) in [
        (15, r#"{"a":[0,{"b":"x\u0000"}]}"#, "at $.a[1].b: holds a NUL character"),
        (15, "{\"a\":\"\0\"}", "at $.a: holds a NUL character"),
        (16, r#"{"a":{"k\u0000":1}}"#, "at $.a: has a key that holds a NUL character"),
        (17, r#"{"a":"\ud800"}"#, "at $.a: holds a lone surrogate"),
        (17, r#"{"\udfff":1}"#, "at $: has a key that holds a lone surrogate"),
        (19, r#"{"a":18446744073709551616}"#, &format!("at $.a: {wide}")),
        (19, r#"{"a":-9223372036854775809}"#, &format!("at $.a: {wide}")),
        (20, r#"{"a":[1e400]}"#, "at $.a[0]: is beyond the range of a 64-bit float"),
        (20, r#"{"a":NaN}"#, "at $.a: is not valid JSON: expected a value at byte 5"),
        (20, r#"{"a":-Infinity}"#, "at $.a: is not valid JSON: expected a digit at byte 6"),
        (20, r#"{"a":0e-20000}"#, "at $.a: is written with too many digits or too large an exponent"),
        (23, r#"{"a":1,"b":{"c":1,"c":2}}"#, "at $.b.c: is given twice"),
        (23, r#"{"a":1,"\u0061":2}"#, "at $.a: is given twice"),
        (24, "1", "at $: must be a JSON object"),
        (24, "\"a\"", "at $: must be a JSON object"),
        (24, "null", "at $: must be a JSON object"),
        (24, "[{}]", "at $: must be a JSON object"),
        (24, "", "at $: is not valid JSON: expected a value at byte 0"),
        (24, " \n ", "at $: is not valid JSON: expected a value at byte 0"),
        (27, "\u{FEFF}{}", "at $: starts with a byte order mark"),
        (27, "{}\u{FEFF}", "at $: is not valid JSON: expected nothing more at byte 2"),
        (27, "{} {}", "at $: is not valid JSON: expected nothing more at byte 3"),
        (27, "{}\u{c}", "at $: is not valid JSON: expected nothing more at byte 2"),
        (27, r#"{"a":1,}"#, "at $: is not valid JSON: expected a key in double quotes at byte 7"),
        (27, r#"{"a":[1,]}"#, "at $.a[1]: is not valid JSON: expected a value at byte 8"),
        (27, r#"{"a":01}"#, "at $.a: is not valid JSON: expected ',' or '}' at byte 6"),
        (27, r#"{"a":[1}"#, "at $.a[0]: is not valid JSON: expected ',' or ']' at byte 7"),
        (27, r#"{"a" 1}"#, "at $.a: is not valid JSON: expected ':' at byte 5"),
    ] {
        assert_eq!(text(document), Err(problem.into()), "entry {entry}: {document}");
    }
}

#[test]
fn what_is_accepted_is_kept_to_the_letter() {
    for (entry, document) in [
        (17, r#"{"a":"\ud83d\ude00 😀"}"#),
        (19, r#"{"a":[18446744073709551615,-9223372036854775808]}"#),
        (21, r#"{"a":[0.30000000000000004,-0.0,1e-308,9007199254740993,1E+2,-0]}"#),
        (22, r#"{"a":1.0}"#),
        (23, r#"{"a":{"a":[{"a":1},{"a":1}]},"A":2}"#),
        (28, r#"{"__proto__":{"constructor":1}}"#),
        (29, "{\"a\":\"<script></script><!-- \u{2028}\"}"),
        (30, r#"{"a":"\u001b[2J\u001b]52;c;aGk=\u0007"}"#),
        (31, r#"{"":{"":""}}"#),
        (31, "{ \"a\" :\t[ ] ,\r\n\"b\" : { } }"),
    ] {
        assert_eq!(text(document).as_deref(), Ok(document), "entry {entry}");
        assert_eq!(text(format!(" \t\r\n{document}\n ")).as_deref(), Ok(document), "entry {entry}, padded");
        let built: Value = serde_json::from_str(document).unwrap();
        let back: Value = serde_json::from_str(&value(built.clone()).unwrap()).unwrap();
        assert_eq!(back, built, "entry {entry}, built");
    }
}

#[test]
fn entry_15_and_16_in_built_values() {
    assert_eq!(value(json!({"a": [1, "b\0"]})).unwrap_err(), "at $.a[1]: holds a NUL character");
    assert_eq!(value(json!({"a": {"b\0": 1}})).unwrap_err(), "at $.a: has a key that holds a NUL character");
}

#[test]
fn entry_18_depth_in_text() {
    for depth in [2, MAX_DEPTH] {
        for document in nested(depth) {
            assert!(text(&document).is_ok(), "{document}");
            assert!(value(serde_json::from_str(&document).unwrap()).is_ok(), "{document}");
        }
    }
    for depth in [MAX_DEPTH + 1, 33, 128, 129, 100_000] {
        for document in nested(depth) {
            let problem = text(&document).unwrap_err();
            assert!(problem.ends_with(": is nested deeper than 31 levels"), "{depth}: {problem}");
        }
    }
    let open = text("[".repeat(100_000)).unwrap_err();
    assert!(open.ends_with("[0][0]: is nested deeper than 31 levels"), "{open}");
}

/// On a small stack, where the destructor of the value alone would overflow.
#[test]
fn entry_18_depth_in_built_values() {
    let check = || {
        let arrays = (0..100_000).fold(json!(1), |inner, _| Value::Array(vec![json!(0), inner]));
        let objects =
            (0..100_000).fold(json!(1), |inner, _| Value::Object([("a".to_owned(), inner)].into_iter().collect()));
        for deep in [arrays, objects] {
            let problem = value(deep).unwrap_err();
            assert!(problem.ends_with("is nested deeper than 31 levels"), "{problem}");
        }
    };
    std::thread::Builder::new().stack_size(512 * 1024).spawn(check).unwrap().join().unwrap();
}

#[test]
fn entry_24_top_of_built_values() {
    for top in [json!(null), json!(true), json!(1), json!("a"), json!([{}])] {
        assert_eq!(value(top).unwrap_err(), "at $: must be a JSON object");
    }
}

#[test]
fn entry_25_length() {
    let of_length = |len: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(len - r#"{"a":""}"#.len()));
    assert!(text(of_length(MAX_BYTES)).is_ok());
    assert!(text(format!("  {}\n", of_length(MAX_BYTES))).is_ok(), "the padding is not stored, so not counted");
    assert_eq!(text(of_length(MAX_BYTES + 1)).unwrap_err(), "at $: is 1048577 bytes long; the limit is 1048576");
    assert_eq!(text(of_length(64 << 20)).unwrap_err(), "at $: is 67108864 bytes long; the limit is 1048576");
    assert_eq!(check_text(b"{}", 1).unwrap_err().what, "is 2 bytes long; the limit is 1");
    let big = value(json!({"a": "x".repeat(MAX_BYTES)})).unwrap_err();
    assert_eq!(big, "at $: is longer than the limit of 1048576 bytes");
}

#[test]
fn entry_26_invalid_utf8() {
    assert_eq!(text(b"{\"a\":\"\xff\"}").unwrap_err(), "at $: is not valid UTF-8 at byte 6");
    assert_eq!(
        text(b"{\"a\":\"\xed\xa0\x80\"}").unwrap_err(),
        "at $: is not valid UTF-8 at byte 6",
        "an encoded surrogate"
    );
}

#[test]
fn entry_31_many_keys() {
    let members: Vec<String> = (0..10_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let document = format!("{{{}}}", members.join(","));
    assert_eq!(text(&document).as_deref(), Ok(document.as_str()));
    let repeated = document.replace("\"k9999\"", "\"k0\"");
    assert_eq!(text(repeated).unwrap_err(), "at $.k0: is given twice");
}
