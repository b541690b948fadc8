//! Through a pooler that lends each connection for the length of a transaction.

use drip::Dialect;

use super::{
    desk::Desk, everything, operations::Scene, Untouched, touch,
};
use crate::support::{Db, Place, Proxy};

#[test]
fn postgres_behind_a_pooler() {
    Db::run(Dialect::Postgres, Place::Own, |db| {
        let scene = Scene::set(db);
        let mut desk = Desk::at(db);
        let (_proxy, url) = Proxy::pooling(&db.url);
        let _other = super::through(&url, db, 1);
        let client = super::through(&url, db, 1);
        for operation in everything() {
            let untouched = Untouched::run(operation, &scene, &mut desk);
            for time in 1..=3 {
                let case = format!("{}, {time}", operation.0);
                let answer = (operation.1)(&scene, &client);
                eprintln!("{case}: {answer:?}");
                untouched.judge(&case, &answer, false, &mut desk);
                touch(&client).unwrap();
            }
        }
    });
}
