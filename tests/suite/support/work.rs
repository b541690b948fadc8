//! What tests of the worker have in common: jobs without args, handlers that do nothing, and transactional handlers
//! that are written once for all drivers.

use drip::{AnySession, Context, Dialect, HandlerResult, NewJob, Outcome, Worker, complete_job};
use mysql::prelude::Queryable;
use serde_json::{Value, json};

use super::Db;

/// A job of this kind, with no args.
pub fn job(kind: &'static str) -> NewJob {
    NewJob::new(kind, json!({}))
}

/// A handler that completes whatever it is given.
pub fn done(_: &Context, _: Value) -> HandlerResult {
    Ok(())
}

/// A handler's transaction, of whichever driver.
pub trait HandlerTx {
    /// Where the verbs run.
    fn on(&mut self) -> AnySession<'_>;
    /// Runs a statement of the application's own.
    fn execute(&mut self, sql: &str) -> HandlerResult;
}

impl HandlerTx for postgres::Transaction<'_> {
    fn on(&mut self) -> AnySession<'_> {
        AnySession::new(self)
    }
    fn execute(&mut self, sql: &str) -> HandlerResult {
        Ok(self.batch_execute(sql)?)
    }
}

impl HandlerTx for mysql::Transaction<'_> {
    fn on(&mut self) -> AnySession<'_> {
        AnySession::new(self)
    }
    fn execute(&mut self, sql: &str) -> HandlerResult {
        Ok(self.query_drop(sql)?)
    }
}

impl HandlerTx for rusqlite::Transaction<'_> {
    fn on(&mut self) -> AnySession<'_> {
        AnySession::new(self)
    }
    fn execute(&mut self, sql: &str) -> HandlerResult {
        Ok(self.execute_batch(sql)?)
    }
}

/// The worker with a transactional handler of the test's driver.
pub fn transactional<F, O>(db: &Db, worker: Worker, kind: &'static str, handler: F) -> Worker
where
    F: Fn(&mut dyn HandlerTx, &Context) -> HandlerResult<O> + Send + Sync + 'static,
    O: Into<Outcome>,
{
    match db.dialect {
        Dialect::Postgres => worker
            .handle_kind(kind, move |tx: &mut postgres::Transaction, context: &Context, _: Value| handler(tx, context)),
        Dialect::Mariadb => worker
            .handle_kind(kind, move |tx: &mut mysql::Transaction, context: &Context, _: Value| handler(tx, context)),
        _ => worker
            .handle_kind(kind, move |tx: &mut rusqlite::Transaction, context: &Context, _: Value| handler(tx, context)),
    }
}

/// A plain handler completes its job in a transaction that it opens itself.
pub fn complete_in_own_transaction(context: &Context) {
    let client = context.client();
    match client.dialect() {
        Dialect::Postgres => client.transaction(|tx: &mut postgres::Transaction| complete_job(&mut *tx, context.job())),
        Dialect::Mariadb => client.transaction(|tx: &mut mysql::Transaction| complete_job(&mut *tx, context.job())),
        _ => client.transaction(|tx: &mut rusqlite::Transaction| complete_job(&mut *tx, context.job())),
    }
    .unwrap();
}

impl Db {
    /// The database refuses updates of jobs to which this condition on `OLD` and `NEW` applies, as a trigger of the
    /// application's might; until [`allow`](Db::allow).
    pub fn refuse(&self, condition: &str) {
        self.refuse_any("UPDATE", "refuse", condition);
    }

    /// The database refuses new jobs to which this condition on `NEW` applies.
    pub fn refuse_inserts(&self, condition: &str) {
        self.refuse_any("INSERT", "refuse_insert", condition);
    }

    /// The database keeps the jobs to which this condition on `OLD` applies.
    pub fn refuse_deletes(&self, condition: &str) {
        self.refuse_any("DELETE", "refuse_delete", condition);
    }

    fn refuse_any(&self, what: &str, name: &str, condition: &str) {
        self.execute(&match self.dialect {
            Dialect::Postgres => format!(
                "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not so'; END$$;
                 CREATE TRIGGER {name} BEFORE {what} ON drip_job FOR EACH ROW WHEN ({condition})
                 EXECUTE PROCEDURE {name}()"
            ),
            Dialect::Mariadb => format!(
                "CREATE TRIGGER {name} BEFORE {what} ON drip_job FOR EACH ROW
                 IF {condition} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not so'; END IF"
            ),
            _ => format!(
                "CREATE TRIGGER {name} BEFORE {what} ON drip_job WHEN {condition}
                 BEGIN SELECT RAISE(ABORT, 'not so'); END"
            ),
        });
    }

    /// Takes that back.
    pub fn allow(&self) {
        let on = if self.dialect == Dialect::Postgres { "ON drip_job" } else { "" };
        self.execute(&format!("DROP TRIGGER refuse {on}"));
    }

    /// A table for what handlers do, of which each row names its job.
    pub fn create_effects(&self) {
        self.execute("CREATE TABLE effect (job_id BIGINT NOT NULL)");
    }

    /// How many rows handlers have left for a job.
    pub fn effects_of(&self, id: i64) -> i64 {
        self.number(&format!("SELECT count(*) FROM effect WHERE job_id = {id}"))
    }
}

/// The statement by which a handler leaves its row.
pub fn effect(context: &Context) -> String {
    format!("INSERT INTO effect (job_id) VALUES ({})", context.job().id)
}
