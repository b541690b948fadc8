//! A serialisable value to text, in one pass and without a silent loss.
//!
//! serde_json does the writing. Added is what it leaves out: `Strict` refuses NaN and the infinities, which it writes
//! as `null`; `Shallow` stops it from recursing too deep; `Capped` from filling the memory with what is refused anyway.
//! The text is then judged like any other.

use std::io::{self, Write};

use serde::{
    Serialize, Serializer,
    ser::{self, Error as _},
};
use serde_json::ser::Formatter;

use super::{JsonProblem, check_document, sanitise::sanitise_text, scan};

const NOT_FINITE: &str = "is NaN or infinite, which JSON cannot express";
/// The type's own `Serialize` may complain, at any length.
const MAX_MESSAGE_BYTES: usize = 300;

/// Writes `value` as JSON and checks it; the text has no white space between its tokens.
pub(crate) fn check_typed<T: Serialize + ?Sized>(value: &T, max_bytes: usize) -> Result<String, JsonProblem> {
    // Most are short, and would otherwise grow three times.
    let mut out = Capped { text: Vec::with_capacity(64), max_bytes };
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Shallow { depth: 0 });
    let written = Strict(value).serialize(&mut serializer);
    written.map_err(|error| unwritable(&error, &out.text))?;
    let text = String::from_utf8(out.text).map_err(|e| JsonProblem::of_whole(e.to_string()))?;
    check_document(&text)?;
    Ok(text)
}

/// What was written before the error breaks off exactly where the error is, so that is where a scan of it ends.
fn unwritable(error: &serde_json::Error, begun: &[u8]) -> JsonProblem {
    match scan::path_at_end(&String::from_utf8_lossy(begun)) {
        Ok(path) => JsonProblem { path, what: sanitise_text(error.to_string(), MAX_MESSAGE_BYTES) },
        Err(earlier) => earlier,
    }
}

/// Takes at most `max_bytes`. On the first byte too many it forgets the rest, so that the path of that error is `$`.
struct Capped {
    text: Vec<u8>,
    max_bytes: usize,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.max_bytes - self.text.len() {
            self.text = Vec::new();
            return Err(io::Error::other(format!("is longer than the limit of {} bytes", self.max_bytes)));
        }
        self.text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The compact format, down to the depth that is allowed. Here rather than in `Strict`, because one level of a type may
/// be no level of JSON, or two (an enum's variant).
struct Shallow {
    depth: usize,
}

impl Shallow {
    fn enter(&mut self) -> io::Result<()> {
        self.depth += 1;
        if self.depth > super::MAX_DEPTH { Err(io::Error::other(scan::too_deep())) } else { Ok(()) }
    }
}

impl Formatter for Shallow {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.enter()?;
        out.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        out.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.enter()?;
        out.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        out.write_all(b"}")
    }
}

/// Around a serializer or a value: passes everything through, at every depth, but floats that are not finite.
struct Strict<S>(S);

impl<T: Serialize + ?Sized> Serialize for Strict<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Strict(serializer))
    }
}

macro_rules! pass {
    ($($method:ident($($name:ident: $type:ty),*))*) => {$(
        fn $method(self, $($name: $type),*) -> Result<S::Ok, S::Error> {
            self.0.$method($($name),*)
        }
    )*};
}

macro_rules! pass_if_finite {
    ($($method:ident($type:ty))*) => {$(
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            if value.is_finite() { self.0.$method(value) } else { Err(S::Error::custom(NOT_FINITE)) }
        }
    )*};
}

macro_rules! wrap_value {
    ($($method:ident($($name:ident: $type:ty),*))*) => {$(
        fn $method<T: Serialize + ?Sized>(self, $($name: $type,)* value: &T) -> Result<S::Ok, S::Error> {
            self.0.$method($($name,)* &Strict(value))
        }
    )*};
}

macro_rules! wrap_members {
    ($($method:ident($($name:ident: $type:ty),*) -> $members:ident)*) => {$(
        fn $method(self, $($name: $type),*) -> Result<Self::$members, S::Error> {
            self.0.$method($($name),*).map(Strict)
        }
    )*};
}

impl<S: Serializer> Serializer for Strict<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Strict<S::SerializeSeq>;
    type SerializeTuple = Strict<S::SerializeTuple>;
    type SerializeTupleStruct = Strict<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Strict<S::SerializeTupleVariant>;
    type SerializeMap = Strict<S::SerializeMap>;
    type SerializeStruct = Strict<S::SerializeStruct>;
    type SerializeStructVariant = Strict<S::SerializeStructVariant>;

    pass_if_finite! { serialize_f32(f32) serialize_f64(f64) }

    pass! {
        serialize_bool(v: bool)
        serialize_i8(v: i8) serialize_i16(v: i16) serialize_i32(v: i32) serialize_i64(v: i64) serialize_i128(v: i128)
        serialize_u8(v: u8) serialize_u16(v: u16) serialize_u32(v: u32) serialize_u64(v: u64) serialize_u128(v: u128)
        serialize_char(v: char) serialize_str(v: &str) serialize_bytes(v: &[u8])
        serialize_none() serialize_unit() serialize_unit_struct(name: &'static str)
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str)
    }

    wrap_value! {
        serialize_some()
        serialize_newtype_struct(name: &'static str)
        serialize_newtype_variant(name: &'static str, index: u32, variant: &'static str)
    }

    wrap_members! {
        serialize_seq(len: Option<usize>) -> SerializeSeq
        serialize_tuple(len: usize) -> SerializeTuple
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant
        serialize_map(len: Option<usize>) -> SerializeMap
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! members {
    ($($kind:ident::$method:ident($($name:ident: $type:ty)?))*) => {$(
        impl<S: ser::$kind> ser::$kind for Strict<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $type,)? value: &T) -> Result<(), S::Error> {
                self.0.$method($($name,)? &Strict(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        }
    )*};
}

members! {
    SerializeSeq::serialize_element()
    SerializeTuple::serialize_element()
    SerializeTupleStruct::serialize_field()
    SerializeTupleVariant::serialize_field()
    SerializeStruct::serialize_field(key: &'static str)
    SerializeStructVariant::serialize_field(key: &'static str)
}

impl<S: ser::SerializeMap> ser::SerializeMap for Strict<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    /// Unwrapped: a key is a scalar, and serde_json itself refuses one that is not finite.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.0.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_value(&Strict(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests;
