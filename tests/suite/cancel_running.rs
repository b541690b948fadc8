//! A running job that somebody cancels or discards is so at once, wherever that somebody is; its handler is told, and
//! nothing that it does then counts.

use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use drip::{
    AnySession, CancelReason, Client, Clock, Context, HandlerResult, Outcome, State, Worker, cancel_job, discard_job,
    retry_job,
};
use serde_json::{Value, json};

use crate::support::{Gate, Watch, watch::PATIENCE, work::job};

on_every_database! {
    fn the_row_changes_at_once_and_the_token_fires_soon_wherever_the_verb_was_called(db: &Db) {
        let mut watch = Watch::new(&db.client);
        let (sent, received) = unbounded();
        let _running = Worker::new(&db.client)
            .handle_kind("work", move |context: &Context, args: Value| -> HandlerResult {
                sent.send(None)?;
                context.cancel().wait(PATIENCE);
                sent.send(context.cancel().reason())?;
                if args["fails"] == true { Err("cancelled".into()) } else { Ok(()) }
            })
            .start()
            .unwrap();
        let other = Client::builder().clock(Clock::at(db.clock.now())).connect(&db.url).unwrap();
        for (who, client) in [("this process", &db.client), ("another", &other)] {
            for (state, fails) in [
                (State::Cancelled, false),
                (State::Cancelled, true),
                (State::Discarded, false),
                (State::Discarded, true),
            ] {
                let id = db.insert(drip::NewJob::new("work", json!({"fails": fails}))).id;
                assert_eq!(received.recv_timeout(PATIENCE), Ok(None));
                let (on, began) = (AnySession::new(client), Instant::now());
                let ended = if state == State::Cancelled { cancel_job(on, id) } else { discard_job(on, id) }.unwrap();
                assert_eq!((ended.state, db.job(id).state), (state, state), "by {who}");
                assert_eq!(received.recv_timeout(PATIENCE), Ok(Some(CancelReason::ClaimEnded)), "by {who}");
                // A second is promised; this machine may be busy.
                assert!(began.elapsed() < Duration::from_secs(5), "by {who}: {:?}", began.elapsed());
                watch.until_claim_lost(id);
                let job = db.job(id);
                assert_eq!((job.state, job.errors.len()), (state, 0), "by {who}");
            }
        }
    }

    fn only_the_handler_of_the_cancelled_job_is_told(db: &Db) {
        let others = [db.insert(job("work")).id, db.insert(job("work")).id];
        // No claim has the number of another.
        db.execute("UPDATE drip_job SET claim_seq = 10 * id");
        let mut watch = Watch::new(&db.client);
        let gate = Gate::new();
        let door = gate.door();
        let _running = Worker::new(&db.client)
            .concurrency(3)
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                door.pass(context.job().id);
                if context.is_cancelled() { Err("cancelled".into()) } else { Ok(()) }
            })
            .handle_kind("wait", |context: &Context, _: Value| -> HandlerResult {
                assert!(context.cancel().wait(PATIENCE));
                Ok(())
            })
            .start()
            .unwrap();
        let id = db.insert(job("wait")).id;
        gate.arrivals(2);
        watch.until(|event| matches!(event, drip::Event::Started(job) if job.id == id));
        cancel_job(&db.client, id).unwrap();
        watch.until_claim_lost(id);
        gate.open();
        for other in others {
            watch.until_state(other, State::Completed);
        }
    }

    fn the_handler_is_told_though_its_own_worker_runs_the_job_anew(db: &Db) {
        let (sent, received) = unbounded();
        let _running = Worker::new(&db.client)
            .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult {
                let claim = context.job().claim_seq;
                sent.send((claim, None))?;
                context.cancel().wait(PATIENCE);
                Ok(sent.send((claim, context.cancel().reason()))?)
            })
            .start()
            .unwrap();
        let id = db.insert(job("work")).id;
        assert_eq!(received.recv_timeout(PATIENCE), Ok((1, None)));
        for claim in 1..=3 {
            cancel_job(&db.client, id).unwrap();
            retry_job(&db.client, id).unwrap();
            let mut heard = [received.recv_timeout(PATIENCE).unwrap(), received.recv_timeout(PATIENCE).unwrap()];
            heard.sort_by_key(|(claim, _)| *claim);
            assert_eq!(heard, [(claim, Some(CancelReason::ClaimEnded)), (claim + 1, None)]);
        }
        cancel_job(&db.client, id).unwrap();
        assert_eq!(received.recv_timeout(PATIENCE), Ok((4, Some(CancelReason::ClaimEnded))));
    }

    fn a_cancelled_handler_that_goes_on_touches_no_later_claim(db: &Db) {
        type Answer = fn() -> HandlerResult<Outcome>;
        let answers: [Answer; 5] = [
            || Ok(Outcome::Complete),
            || Ok(Outcome::CompleteWith(json!("too late"))),
            || Ok(Outcome::Snooze(Duration::from_secs(60))),
            || Err("too late".into()),
            || panic!("too late"),
        ];
        for answer in answers {
            let mut watch = Watch::new(&db.client);
            let (first, second) = (Gate::new(), Gate::new());
            let (first_door, second_door) = (first.door(), second.door());
            let running = Worker::new(&db.client)
                .concurrency(2)
                .handle_kind("work", move |context: &Context, _: Value| -> HandlerResult<Outcome> {
                    if context.job().claim_seq == 1 {
                        first_door.pass(1);
                        return answer();
                    }
                    second_door.pass(2);
                    Ok(Outcome::CompleteWith(json!("in time")))
                })
                .start()
                .unwrap();
            let id = db.insert(job("work")).id;
            first.arrival();
            cancel_job(&db.client, id).unwrap();
            let _ = retry_job(&db.client, id).unwrap();
            second.arrival();
            first.open();
            assert_eq!(watch.until_claim_lost(id).claim_seq, 1);
            assert_eq!(db.job(id).state, State::Running);
            second.open();
            watch.until_state(id, State::Completed);
            let job = db.job(id);
            assert_eq!((job.claim_seq, job.attempt, job.snooze_count, job.errors.len()), (2, 2, 0, 0));
            assert_eq!(job.output(), Some(json!("in time")));
            assert!(running.stop(PATIENCE).is_clean());
        }
    }
}
