//! The database as the checker needs it: with the tables of an application, and triggers that write down every change of a job.

use drip::Dialect;

use crate::support::Db;

const CHANGES: &str =
    "what, job_id, kind, old_state, state, attempt, max_attempts, old_claim, claim, crash_count, args";

/// What is written down of a change: by `INSERT`, `UPDATE` and `DELETE`.
const INSERTED: &str = "'insert', NEW.id, NEW.kind, '', NEW.state, NEW.attempt, NEW.max_attempts, 0, NEW.claim_seq,
    NEW.crash_count, NEW.args";
const UPDATED: &str = "'update', NEW.id, NEW.kind, OLD.state, NEW.state, NEW.attempt, NEW.max_attempts, OLD.claim_seq,
    NEW.claim_seq, NEW.crash_count, ''";
const DELETED: &str = "'delete', OLD.id, OLD.kind, OLD.state, '', OLD.attempt, OLD.max_attempts, OLD.claim_seq,
    OLD.claim_seq, OLD.crash_count, ''";

/// Creates all that producers, handlers and triggers write to.
pub fn prepare(db: &Db) {
    db.execute("CREATE TABLE purchase (uid VARCHAR(80) NOT NULL)");
    db.execute("CREATE TABLE effect (job_id BIGINT NOT NULL, uid VARCHAR(80) NOT NULL, claim BIGINT NOT NULL)");
    let number = match db.dialect {
        Dialect::Postgres => "BIGSERIAL PRIMARY KEY",
        Dialect::Mariadb => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        _ => "INTEGER PRIMARY KEY AUTOINCREMENT",
    };
    db.execute(&format!(
        "CREATE TABLE job_change (n {number}, what VARCHAR(10), job_id BIGINT, kind VARCHAR(127), old_state VARCHAR(20),
         state VARCHAR(20), attempt BIGINT, max_attempts BIGINT, old_claim BIGINT, claim BIGINT, crash_count BIGINT,
         args TEXT)"
    ));
    for (what, values) in [("INSERT", INSERTED), ("UPDATE", UPDATED), ("DELETE", DELETED)] {
        db.execute(&trigger(db.dialect, what, &format!("INSERT INTO job_change ({CHANGES}) VALUES ({values})")));
    }
}

fn trigger(dialect: Dialect, what: &str, action: &str) -> String {
    let name = format!("after_{}", what.to_lowercase());
    let on = format!("CREATE TRIGGER {name} AFTER {what} ON drip_job FOR EACH ROW");
    match dialect {
        Dialect::Postgres => format!(
            "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {action}; RETURN NULL; END$$;
             {on} EXECUTE PROCEDURE {name}()"
        ),
        Dialect::Mariadb => format!("{on} {action}"),
        _ => format!("{on} BEGIN {action}; END"),
    }
}
