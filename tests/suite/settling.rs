//! Attempts that end while the settler waits for the database are recorded together: in one statement, whose time they all
//! have, and not one by one, as they are when the database refuses the batch.

use drip::{Client, Context, Dialect, HandlerResult, Outcome, State, Worker, insert_many};
use serde_json::Value;

use crate::support::{
    Db, Gate, PATIENCE, Place, Watch,
    watch::{eventually, job as job_of},
    work::job,
};

const JOBS: usize = 12;

fn until_in_flight(client: &Client, count: usize) {
    let line = format!("drip_jobs_in_flight {count}");
    eventually(&line, || client.metrics().to_string().lines().any(|other| other == line));
}

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
                until_in_flight(&client, 0);
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

#[test]
fn postgres_locks_what_is_recorded_together_in_the_order_of_ids() {
    Db::run(Dialect::Postgres, Place::Own, |db| assert_locked_in_order(db, State::Cancelled));
}

#[test]
fn mariadb_locks_what_is_recorded_together_in_the_order_of_ids() {
    Db::run(Dialect::Mariadb, Place::Own, |db| assert_locked_in_order(db, State::Cancelled));
}

#[test]
fn mariadb_locks_what_is_completed_together_in_the_order_of_ids() {
    Db::run(Dialect::Mariadb, Place::Own, |db| assert_locked_in_order(db, State::Completed));
}

/// Whatever order handlers end in: others lock jobs in that of their ids, and nobody waits in a circle. SQLite has no locks
/// of rows.
fn assert_locked_in_order(db: &Db, end: State) {
    let client = Client::connect(&db.url).unwrap();
    let kinds = ["first", "low", "high"];
    let jobs = insert_many(&client, kinds.map(job)).unwrap();
    let [first, low, high] = [0, 1, 2].map(|index| jobs[index].job().id);
    let gates = kinds.map(|_| Gate::new());
    let worker = kinds.iter().zip(&gates).fold(Worker::new(&client).concurrency(3), |worker, (kind, gate)| {
        let door = gate.door();
        worker.handle_kind(*kind, move |context: &Context, _: Value| -> HandlerResult<Outcome> {
            door.pass(context.job().id);
            Ok(if end == State::Completed { Outcome::Complete } else { Outcome::Cancel("no need".into()) })
        })
    });
    let running = worker.start().unwrap();
    gates.iter().zip([first, low, high]).for_each(|(gate, id)| assert_eq!(gate.arrival(), id));
    let [gate_of_first, gate_of_low, gate_of_high] = gates;
    // Behind the others in PostgreSQL's table.
    db.execute(&format!("UPDATE drip_job SET priority = priority WHERE id = {low}"));
    let lock = |id: i64| format!("SELECT id FROM drip_job WHERE id = {id} FOR UPDATE");
    db.committed(|held| {
        held.execute(&lock(low)).unwrap();
        db.committed(|held| {
            held.execute(&lock(first)).unwrap();
            for (gate, left) in [(gate_of_first, 2), (gate_of_high, 1), (gate_of_low, 0)] {
                gate.open();
                until_in_flight(&client, left);
                until_a_lock_is_waited_for(db);
            }
        });
        eventually("the first is recorded", || db.job(first).state == end);
        until_a_lock_is_waited_for(db);
        db.committed(|other| other.execute(&format!("{} NOWAIT", lock(high))).expect("is locked before a lower one"));
    });
    eventually("all are recorded", || [low, high].iter().all(|id| db.job(*id).state == end));
    assert!(running.stop(PATIENCE).is_clean());
}

/// Until the settler has waited for a while, whatever for.
fn until_a_lock_is_waited_for(db: &Db) {
    let waiting = match db.dialect {
        Dialect::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        }
        _ => {
            "SELECT count(*) FROM information_schema.processlist
             WHERE db = database() AND command = 'Execute' AND time_ms > 100
               AND (info LIKE '%FOR UPDATE' OR info LIKE 'UPDATE %')"
        }
    };
    eventually("a lock is waited for", || db.number(waiting) > 0);
}
