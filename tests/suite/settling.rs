//! Attempts that end while the settler waits for the database are recorded together: in one statement, whose time they all
//! have, and not one by one, as they are when the database refuses the batch.

use drip::{Client, Context, HandlerResult, Outcome, State, Worker, insert_many};
use serde_json::Value;

use crate::support::{
    Gate, PATIENCE, Watch,
    watch::{eventually, job as job_of},
    work::job,
};

const JOBS: usize = 12;

on_every_database! {
    fn what_ends_while_the_settler_waits_is_recorded_in_one_statement(db: &Db) {
        for kind in ["completed", "discarded", "cancelled"] {
            // In the database's own time: statements are told apart by it.
            let client = Client::connect(&db.url).unwrap();
            let (mut watch, gate) = (Watch::new(&client), Gate::new());
            insert_many(&client, (0..JOBS).map(|_| job(kind))).unwrap();
            let door = gate.door();
            let handler = move |context: &Context, _: Value| -> HandlerResult<Outcome> {
                door.pass(context.job().id);
                Ok(match kind {
                    "completed" => Outcome::Complete,
                    "discarded" => Outcome::Discard("no hope".into()),
                    _ => Outcome::Cancel("no need".into()),
                })
            };
            let running = Worker::new(&client).concurrency(JOBS).handle_kind(kind, handler).start().unwrap();
            gate.arrivals(JOBS);
            db.committed(|tx| {
                tx.execute("UPDATE drip_job SET priority = priority").unwrap();
                gate.open();
                // Whatever the settler began with waits for this transaction, and the rest for the settler.
                let ended = || client.metrics().to_string().lines().any(|line| line == "drip_jobs_in_flight 0");
                eventually("all handlers have ended", ended);
            });
            watch.until_count(JOBS, |event| job_of(event).is_some_and(|job| job.state.is_final()));
            assert!(running.stop(PATIENCE).is_clean());
            let state = kind.parse::<State>().unwrap();
            let ended = format!("FROM drip_job WHERE kind = '{kind}' AND state = '{state}'");
            assert_eq!(db.number(&format!("SELECT count(*) {ended}")), JOBS as i64);
            let statements = db.number(&format!("SELECT count(DISTINCT finalized_at) {ended}"));
            assert!(statements <= 2, "{kind}: {statements} statements, one of which the settler had begun with");
        }
    }
}
