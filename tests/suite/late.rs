//! What a handler answers after its claim has ended counts for nobody: alone or among others, the later claim of the job
//! stands as it stood. Workers record completions in statements of their own, which read nothing before.

use drip::{Client, Context, HandlerResult, Job, State, Worker, insert_many};
use serde_json::Value;

use crate::support::{Db, Gate, PATIENCE, Watch, watch::eventually, work::job};

/// So many jobs run at the same time, every other one of which is claimed by another worker before their handlers answer.
fn assert_late_answers_are_lost(db: &Db, count: usize, ephemeral: bool) {
    let client = Client::connect(&db.url).unwrap();
    let (mut watch, gate) = (Watch::new(&client), Gate::new());
    let new = |kind| if ephemeral { job(kind).ephemeral() } else { job(kind) };
    // Of the same number as the claims that end.
    let bystander = db.prepared(State::Running, |_| new("other"));
    let ids: Vec<i64> = insert_many(&client, (0..count).map(|_| new("work")))
        .unwrap()
        .iter()
        .map(|inserted| inserted.job().id)
        .collect();
    let door = gate.door();
    let handler = move |context: &Context, _: Value| -> HandlerResult {
        door.pass(context.job().id);
        Ok(())
    };
    let running = Worker::new(&client).concurrency(count).handle_kind("work", handler).start().unwrap();
    gate.arrivals(count);
    let later: Vec<Job> = ids.iter().step_by(2).map(|id| claimed_by_another(db, *id)).collect();
    db.committed(|tx| {
        tx.execute("UPDATE drip_job SET priority = priority").unwrap();
        gate.open();
        // Those behind the first wait for the settler, and are recorded together.
        let ended = || client.metrics().to_string().lines().any(|line| line == "drip_jobs_in_flight 0");
        eventually("all handlers have ended", ended);
    });
    for claim in &later {
        watch.until_claim_lost(claim.id);
        assert_eq!(db.job(claim.id), *claim);
    }
    watch.until_completed(count - later.len());
    for id in ids.iter().skip(1).step_by(2) {
        let left = drip::get_job(&db.client, *id).unwrap().map(|job| job.state);
        assert_eq!(left, (!ephemeral).then_some(State::Completed));
    }
    assert_eq!(db.job(bystander.id), bystander);
    assert!(running.stop(PATIENCE).is_clean());
}

fn claimed_by_another(db: &Db, id: i64) -> Job {
    db.execute(&format!("UPDATE drip_job SET claim_seq = claim_seq + 1, attempted_by = 'another' WHERE id = {id}"));
    db.job(id)
}

on_every_database! {
    fn a_late_completion_alone_touches_no_later_claim(db: &Db) {
        assert_late_answers_are_lost(db, 1, false);
        assert_late_answers_are_lost(db, 1, true);
    }

    /// With a console: the verbs edit no job that runs.
    fn an_ephemeral_job_that_is_made_lasting_while_it_runs_stays(db: &Db) {
        let gate = Gate::new();
        let door = gate.door();
        let handler = move |context: &Context, _: Value| -> HandlerResult {
            door.pass(context.job().id);
            Ok(())
        };
        let id = db.insert(job("work").ephemeral()).id;
        let mut watch = Watch::new(&db.client);
        let running = Worker::new(&db.client).handle_kind("work", handler).start().unwrap();
        gate.arrival();
        db.execute("UPDATE drip_job SET ephemeral = false");
        gate.open();
        watch.until_completed(1);
        assert_eq!(db.job(id).state, State::Completed);
        assert!(running.stop(PATIENCE).is_clean());
    }

    fn late_completions_among_others_touch_no_later_claim_and_hinder_nobody(db: &Db) {
        assert_late_answers_are_lost(db, 12, false);
        assert_late_answers_are_lost(db, 12, true);
    }
}
