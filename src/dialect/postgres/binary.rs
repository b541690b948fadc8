//! How values are written and read: in PostgreSQL's binary format, by hand. That takes no feature of the driver, and the types
//! of all parameters are known beforehand, so that a statement which is not cached still takes one round trip.

use std::error::Error as StdError;

use jiff::Timestamp;
use postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut};

use super::super::{
    Cell, Cells, Value,
    connection::{Record, from_microsecond, undecodable},
};
use crate::Result;

/// Microseconds from 1970 to 2000, from which PostgreSQL counts.
const EPOCH: i64 = 946_684_800_000_000;

/// The first microsecond of the year 1: what lies before has no text that all databases read.
const FIRST: i64 = -62_135_596_800_000_000;

impl Value<'_> {
    pub(super) fn postgres_type(&self) -> Type {
        match self {
            Value::Bool(_) => Type::BOOL,
            Value::Int(_) => Type::INT8,
            Value::Small(_) => Type::INT2,
            Value::Text(_) => Type::TEXT,
            Value::Json(_) => Type::JSON,
            Value::Bytes(_) => Type::BYTEA,
            Value::Time(_) => Type::TIMESTAMPTZ,
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let mut put = |bytes: Option<&[u8]>| match bytes {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                IsNull::No
            }
            None => IsNull::Yes,
        };
        Ok(match *self {
            Value::Bool(value) => put(Some(&[value.into()])),
            Value::Small(value) => put(Some(&value.to_be_bytes())),
            Value::Int(value) => put(value.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice)),
            Value::Text(value) | Value::Json(value) => put(value.map(str::as_bytes)),
            Value::Bytes(value) => put(value),
            Value::Time(value) => put(value.map(since_2000).as_ref().map(<[u8; 8]>::as_slice)),
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(ty, out)
    }
}

/// A column of rows as an array: all its values, or the one that all of them are.
#[derive(Debug)]
pub(super) struct Column<'r>(Vec<&'r Value<'r>>);

/// Not all of one value: how many rows there are says the longest.
pub(super) fn columns<'r>(rows: &'r [Record<'r>]) -> Vec<Column<'r>> {
    let Some(first) = rows.first() else { return Vec::new() };
    let all = |index: usize| rows.iter().map(|row| &row[index]).collect();
    let alike = |index: &usize| rows.iter().all(|row| row[*index] == first[*index]);
    let mut columns: Vec<Column<'r>> =
        (0..first.len()).map(|index| Column(if alike(&index) { vec![&first[index]] } else { all(index) })).collect();
    if columns.iter().all(|column| column.0.len() < rows.len()) {
        columns[0] = Column(all(0));
    }
    columns
}

impl Column<'_> {
    pub(super) fn postgres_type(&self) -> Type {
        match self.0[0] {
            Value::Bool(_) => Type::BOOL_ARRAY,
            Value::Int(_) => Type::INT8_ARRAY,
            Value::Small(_) => Type::INT2_ARRAY,
            Value::Text(_) => Type::TEXT_ARRAY,
            Value::Json(_) => Type::JSON_ARRAY,
            Value::Bytes(_) => Type::BYTEA_ARRAY,
            Value::Time(_) => Type::TIMESTAMPTZ_ARRAY,
        }
    }
}

impl ToSql for Column<'_> {
    /// Dimensions, whether there are nulls, the type of the elements, their number, where they begin; then each.
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let element = self.0[0].postgres_type();
        for number in [1, 1, i32::try_from(element.oid())?, i32::try_from(self.0.len())?, 1] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        self.0.iter().try_for_each(|value| put(value, out))?;
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(ty, out)
    }
}

/// A value behind its length, which is -1 for null: as an element of an array, and as a field of a row that is copied.
pub(super) fn put(value: &Value<'_>, out: &mut BytesMut) -> Result<(), Box<dyn StdError + Sync + Send>> {
    let begin = out.len();
    out.extend_from_slice(&(-1_i32).to_be_bytes());
    if let IsNull::No = value.to_sql(&value.postgres_type(), out)? {
        let length = i32::try_from(out.len() - begin - 4)?;
        out[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

fn since_2000(time: Timestamp) -> [u8; 8] {
    (time.as_microsecond() - EPOCH).to_be_bytes()
}

impl Cells for postgres::Row {
    fn width(&self) -> usize {
        self.len()
    }

    fn cell(&self, index: usize) -> Result<Cell<'_>> {
        let cell: Option<Cell<'_>> =
            self.try_get(index).map_err(|error| undecodable(self.columns()[index].name()).because(error))?;
        Ok(cell.unwrap_or(Cell::Null))
    }
}

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Cell<'a>, Box<dyn StdError + Sync + Send>> {
        Ok(match *ty {
            Type::BOOL => Cell::Int(i64::from(raw.first() == Some(&1))),
            Type::INT2 => Cell::Int(i16::from_be_bytes(raw.try_into()?).into()),
            Type::INT4 => Cell::Int(i32::from_be_bytes(raw.try_into()?).into()),
            Type::INT8 => Cell::Int(i64::from_be_bytes(raw.try_into()?)),
            Type::TIMESTAMPTZ => {
                // `infinity`, written by hand, must not fail the claim of all the others.
                let micros = i64::from_be_bytes(raw.try_into()?).saturating_add(EPOCH);
                Cell::Time(from_microsecond(micros.clamp(FIRST, Timestamp::MAX.as_microsecond()))?)
            }
            Type::BYTEA => Cell::Bytes(raw),
            Type::VOID => Cell::Null,
            _ => Cell::Text(std::str::from_utf8(raw)?),
        })
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::BOOL | Type::INT2 | Type::INT4 | Type::INT8 | Type::TIMESTAMPTZ | Type::BYTEA | Type::VOID)
            || matches!(*ty, Type::TEXT | Type::VARCHAR | Type::NAME | Type::JSON)
    }
}
