//! What serde_json would let through, and where the message says it was.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use crate::json::{MAX_BYTES, MAX_DEPTH, check_typed, sanitise_text};

#[derive(Serialize)]
enum Shape {
    Unit,
    New(f64),
    Tuple(u8, f32),
    Named { x: Option<f64> },
}

#[derive(Serialize)]
struct Wrapped(f64);

#[derive(Serialize)]
struct Pair(u8, f64);

#[derive(Serialize)]
struct Payload<T> {
    id: u64,
    body: T,
}

fn checked(body: impl Serialize) -> Result<String, String> {
    check_typed(&Payload { id: 1, body }, MAX_BYTES).map_err(|problem| problem.to_string())
}

#[test]
fn writes_what_serde_json_writes() {
    let body = (
        (Shape::Unit, Shape::New(1.5), Shape::Tuple(1, 0.1), Shape::Named { x: None }),
        (Wrapped(-0.0), Pair(1, 1e300), 'é', "\u{1}\"", (), [1u8; 3], true, -1i8),
        BTreeMap::from([(1, Some(u64::MAX)), (2, None)]),
        json!({"a": [1, 2.5, null, {"b": {}}], "": i64::MIN}),
        (u128::from(u64::MAX), i128::from(i64::MIN)),
    );
    let payload = Payload { id: 1, body };
    assert_eq!(check_typed(&payload, MAX_BYTES).unwrap(), serde_json::to_string(&payload).unwrap());
}

#[test]
fn floats_come_back_bit_for_bit() {
    for float in [0.1 + 0.2, -0.0, 1e-308, 5e-324, f64::MAX, 9007199254740993.0, 1.0] {
        let text = checked(float).unwrap();
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["body"].as_f64().unwrap().to_bits(), f64::to_bits(float), "{text}");
    }
}

#[test]
fn not_a_number_is_refused_wherever_it_hides() {
    let nan = f64::NAN;
    let at = |path: &str| Err(format!("at {path}: is NaN or infinite, which JSON cannot express"));
    assert_eq!(checked(nan), at("$.body"));
    assert_eq!(checked(f32::NEG_INFINITY), at("$.body"));
    assert_eq!(checked(Some(f64::INFINITY)), at("$.body"));
    assert_eq!(checked(vec![0.0, nan]), at("$.body[1]"));
    assert_eq!(checked([nan]), at("$.body[0]"));
    assert_eq!(checked((1, "a", nan)), at("$.body[2]"));
    assert_eq!(checked(Wrapped(nan)), at("$.body"));
    assert_eq!(checked(Pair(1, nan)), at("$.body[1]"));
    assert_eq!(checked(Shape::New(nan)), at("$.body.New"));
    assert_eq!(checked(Shape::Tuple(1, f32::NAN)), at("$.body.Tuple[1]"));
    assert_eq!(checked(Shape::Named { x: Some(nan) }), at("$.body.Named.x"));
    assert_eq!(checked(BTreeMap::from([("a", 1.0), ("b", nan)])), at("$.body.b"));
}

#[test]
fn of_two_problems_the_first_is_told() {
    let told = |body: serde_json::Value| checked((body, f64::NAN)).unwrap_err();
    assert_eq!(told(json!({"k\0": 1})), "at $.body[0]: has a key that holds a NUL character");
    assert_eq!(told(json!(["a\0"])), "at $.body[0][0]: holds a NUL character");
    assert_eq!(
        checked((u128::MAX, f64::NAN)).unwrap_err().split(" beyond").next(),
        Some("at $.body[0]: is an integer")
    );
}

#[test]
fn integers_keep_to_64_bits() {
    let refused =
        |problem: Result<String, String>| problem.unwrap_err().starts_with("at $.body: is an integer beyond 64 bits");
    assert_eq!(checked(u64::MAX).unwrap(), r#"{"id":1,"body":18446744073709551615}"#);
    assert_eq!(checked(i64::MIN).unwrap(), r#"{"id":1,"body":-9223372036854775808}"#);
    assert!(refused(checked(u128::from(u64::MAX) + 1)));
    assert!(refused(checked(i128::from(i64::MIN) - 1)));
}

#[test]
fn strings_and_keys_are_judged_too() {
    assert_eq!(checked("a\0").unwrap_err(), "at $.body: holds a NUL character");
    assert_eq!(checked(BTreeMap::from([("a\0", 1)])).unwrap_err(), "at $.body: has a key that holds a NUL character");
    let unkeyed = checked(BTreeMap::from([((1, 2), 3)])).unwrap_err();
    assert_eq!(unkeyed, "at $.body: key must be a string");
}

#[derive(Serialize)]
struct Flattened {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[test]
fn a_flattened_map_may_not_repeat_a_field() {
    let payload = Flattened { id: 1, rest: BTreeMap::from([("id".into(), 2)]) };
    assert_eq!(check_typed(&payload, MAX_BYTES).unwrap_err().to_string(), "at $.id: is given twice");
}

#[derive(Serialize)]
struct Nest(Vec<Nest>);

/// Built from the inside, and with as many arrays as asked for.
fn nest(depth: usize) -> Nest {
    (1..depth).fold(Nest(vec![]), |inner, _| Nest(vec![inner]))
}

#[test]
fn depth_is_counted_in_levels_of_json() {
    assert!(checked(nest(MAX_DEPTH - 1)).is_ok());
    let problem = checked(nest(MAX_DEPTH)).unwrap_err();
    assert!(problem.ends_with(&format!(": is nested deeper than {MAX_DEPTH} levels")), "{problem}");
    assert!(problem.starts_with("at $.body[0][0]"), "{problem}");
}

/// Endless, so only a check *while* writing can refuse it.
struct Endless;

impl Serialize for Endless {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq([Endless])
    }
}

struct Boundless;

impl Serialize for Boundless {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::repeat("again"))
    }
}

#[test]
fn the_endless_is_refused_while_it_is_written() {
    assert!(checked(Endless).unwrap_err().ends_with("levels"));
    assert_eq!(checked(Boundless).unwrap_err(), "at $: is longer than the limit of 1048576 bytes");
}

#[test]
fn length_counts_every_byte() {
    let frame = r#"{"id":1,"body":""}"#.len();
    assert_eq!(checked("x".repeat(MAX_BYTES - frame)).unwrap().len(), MAX_BYTES);
    assert!(checked("x".repeat(MAX_BYTES - frame + 1)).is_err());
    assert!(check_typed(&json!({}), 1).is_err());
    assert!(check_typed(&json!({}), 2).is_ok());
}

struct Grumbling;

impl Serialize for Grumbling {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no\0".repeat(1000)))
    }
}

#[test]
fn the_types_own_complaint_is_made_fit_to_print() {
    let expected = format!("at $.body[0]: {}", sanitise_text("no\0".repeat(1000), 300));
    assert_eq!(checked([Grumbling]).unwrap_err(), expected);
}

#[test]
fn the_top_must_be_an_object() {
    for problem in [check_typed(&1, 9), check_typed(&[1], 9), check_typed("a", 9), check_typed(&None::<u8>, 9)] {
        assert_eq!(problem.unwrap_err().to_string(), "at $: must be a JSON object");
    }
}
