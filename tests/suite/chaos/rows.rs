//! What plain SQL answers, as text, from a database that may be away.

use drip::{Dialect, Result};
use mysql::prelude::Queryable;
use postgres::SimpleQueryMessage;

use crate::support::Db;

/// All columns of all rows; NULL is empty.
pub fn rows(db: &Db, sql: &str) -> Result<Vec<Vec<String>>> {
    match db.dialect {
        Dialect::Postgres => Ok(db.try_postgres()?.simple_query(sql)?.iter().filter_map(of_postgres).collect()),
        Dialect::Mariadb => Ok(db.try_console()?.query::<mysql::Row, _>(sql)?.into_iter().map(of_mariadb).collect()),
        _ => {
            let conn = db.try_sqlite()?;
            let mut statement = conn.prepare(sql)?;
            let columns = statement.column_count();
            let rows =
                statement.query_map([], |row| (0..columns).map(|column| Ok(of_sqlite(row.get(column)?))).collect())?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        }
    }
}

/// The number in the first column of the first row; 0 for none.
pub fn number(db: &Db, sql: &str) -> Result<i64> {
    Ok(rows(db, sql)?.first().and_then(|row| row[0].parse().ok()).unwrap_or_default())
}

fn of_postgres(message: &SimpleQueryMessage) -> Option<Vec<String>> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    Some((0..row.len()).map(|column| row.get(column).unwrap_or_default().to_owned()).collect())
}

fn of_mariadb(row: mysql::Row) -> Vec<String> {
    let text = |value| match value {
        mysql::Value::NULL => String::new(),
        mysql::Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(true),
    };
    row.unwrap().into_iter().map(text).collect()
}

fn of_sqlite(value: rusqlite::types::Value) -> String {
    use rusqlite::types::Value;
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => format!("{bytes:02x?}"),
    }
}
