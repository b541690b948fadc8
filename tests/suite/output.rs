//! What a job has to show: recorded by its handler while its claim stands, or by an operator, one rule on all databases.

use drip::{NewJob, State, complete_job, record_output};
use serde_json::{Value, json};

on_every_database_and_place! {
    fn an_output_takes_the_place_of_the_one_before_and_leaves_other_metadata(db: &Db) {
        let job = db.insert(NewJob::new("k", json!({})).metadata(json!({"by": "Ada", "output": "old"})));
        for output in [json!({"a": 1, "b": 2}), json!({"c": 3}), json!(null), json!([1.5, "é📮", "it's"]), json!("")] {
            let answer = db.on(|on| record_output(on, job.id, output.clone())).unwrap();
            let metadata = Value::Object(db.job(job.id).metadata().unwrap());
            assert_eq!(metadata, json!({"by": "Ada", "output": output}));
            assert_eq!(answer, db.job(job.id));
            assert_eq!(answer.state, State::Available);
        }
    }

    fn an_output_is_recorded_in_every_state_and_moves_the_job_nowhere(db: &Db) {
        for state in State::ALL {
            let before = db.job_in(state);
            let after = db.on(|on| record_output(on, before.id, json!(7))).unwrap();
            assert_eq!(after.output(), Some(json!(7)));
            assert_eq!((after.state, after.finalized_at, after.scheduled_at), (state, before.finalized_at, before.scheduled_at));
            assert_eq!((after.attempt, after.claim_seq), (before.attempt, before.claim_seq));
        }
    }

    fn a_claim_records_its_output_only_while_it_stands(db: &Db) {
        db.insert(NewJob::new("k", json!({})));
        let claimed = db.claim("default");
        assert_eq!(db.on(|on| record_output(on, &claimed, json!("half"))).unwrap().output(), Some(json!("half")));
        let completed = db.on(|on| complete_job(on, &claimed)).unwrap();
        assert_eq!(completed.output(), Some(json!("half")));
        assert!(db.on(|on| record_output(on, &claimed, json!("late"))).unwrap_err().is_lost_claim());
        assert_eq!(db.job(claimed.id).output(), Some(json!("half")));
        assert!(db.on(|on| record_output(on, claimed.id + 1, json!(1))).unwrap_err().is_not_found());
    }

    fn an_output_outside_the_limits_is_refused_and_spoils_no_transaction(db: &Db) {
        let job = db.insert(NewJob::new("k", json!({})).metadata(json!({"much": "x".repeat(600_000)})));
        let mut deep = json!(1);
        (0..40).for_each(|_| deep = json!([deep.take()]));
        for output in [json!("a\0b"), json!("x".repeat(2 << 20)), deep, json!("x".repeat(600_000))] {
            db.committed(|tx| {
                let error = record_output(tx.on(), job.id, output).unwrap_err();
                assert!(error.is_invalid_input() && error.to_string().starts_with("output"), "{error}");
                drip::insert_job(tx.on(), NewJob::new("k", json!({}))).unwrap();
            });
        }
        assert_eq!(db.job(job.id), job);
        assert_eq!(db.jobs(), 5);
    }
}
