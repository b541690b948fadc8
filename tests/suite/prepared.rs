//! Every statement can be run again and again on one connection, prepared once: no driver, and no server, keeps anything
//! of one run that spoils the next.

use drip::Dialect;
use mysql::prelude::Queryable;

use crate::support::{
    Db,
    statement::{self, Value, parameter},
};

const TIMES: usize = 3;

on_every_database! {
    fn a_prepared_statement_can_be_run_again(db: &Db) {
        for name in statement::names(db.dialect) {
            match db.dialect {
                Dialect::Postgres => on_postgres(db, &name),
                Dialect::Mariadb => on_mariadb(db, &name),
                _ => on_sqlite(db, &name),
            }
        }
    }
}

fn on_postgres(db: &Db, name: &str) {
    let mut names = Vec::new();
    let sql = statement::text(db.dialect, name, |name| statement::number(&mut names, name, '$')).unwrap();
    let (types, values) = statement::typed(&names);
    let mut client = db.postgres();
    let mut tx = client.transaction().unwrap();
    // Arrays are written as text here, with NULLs in them.
    tx.batch_execute("SET LOCAL array_nulls = on").unwrap();
    tx.batch_execute(&format!("PREPARE it{types} AS {sql}")).unwrap_or_else(|error| panic!("{name}: {error}"));
    for time in 1..=TIMES {
        tx.batch_execute(&format!("EXECUTE it{values}")).unwrap_or_else(|error| panic!("{name}, time {time}: {error}"));
    }
}

fn on_mariadb(db: &Db, name: &str) {
    let mut values = Vec::new();
    let sql = statement::text(db.dialect, name, |name| {
        values.push(match parameter(name, db.dialect).1 {
            Value::Null => mysql::Value::NULL,
            Value::Int(number) => number.into(),
            Value::Bool(truth) => truth.into(),
            Value::Text(text) | Value::Bytes(text) => text.into(),
        });
        "?".to_owned()
    });
    let values = if values.is_empty() { mysql::Params::Empty } else { mysql::Params::Positional(values) };
    let mut conn = db.mariadb();
    let mut tx = conn.start_transaction(mysql::TxOpts::default()).unwrap();
    let prepared = tx.prep(sql.unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
    for time in 1..=TIMES {
        tx.exec_drop(&prepared, &values).unwrap_or_else(|error| panic!("{name}, time {time}: {error}"));
    }
}

fn on_sqlite(db: &Db, name: &str) {
    let mut names = Vec::new();
    let sql = statement::text(db.dialect, name, |name| statement::number(&mut names, name, '?')).unwrap();
    let values = names.iter().map(|name| match parameter(name, db.dialect).1 {
        Value::Null => rusqlite::types::Value::Null,
        Value::Int(number) => number.into(),
        Value::Bool(truth) => truth.into(),
        Value::Text(text) => text.to_owned().into(),
        Value::Bytes(bytes) => bytes.as_bytes().to_vec().into(),
    });
    let values: Vec<_> = values.collect();
    let mut conn = db.sqlite();
    let tx = conn.transaction().unwrap();
    let mut prepared = tx.prepare(&sql).unwrap_or_else(|error| panic!("{name}: {error}"));
    for time in 1..=TIMES {
        let mut rows = prepared.query(rusqlite::params_from_iter(&values)).unwrap();
        while rows.next().unwrap_or_else(|error| panic!("{name}, time {time}: {error}")).is_some() {}
    }
}
