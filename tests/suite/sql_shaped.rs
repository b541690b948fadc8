//! Text that looks like SQL, like a place in a statement, or like the end of a string is data: in every field of every
//! verb it is either refused before anything is sent, or comes back exactly as it was given, and finds its own rows only.

mod text;

use std::collections::BTreeMap;

use drip::{
    AnySession, Context, Cursor, Failure, Job, JobFilter, JobUpdate, NewJob, OnDuplicate, Outcome, Page, Result, State,
    Unique, Worked, Worker, cancel_jobs, count_jobs, delete_jobs, discard_jobs, fail_job, fetch_jobs, insert_job,
    insert_many, insert_many_fast, list_jobs, record_output, retry_jobs, swap_job, update_job,
};
use serde_json::{Value, json};

use self::text::{kept, names, no_names, texts};
use crate::support::{Db, Place};

/// A job that has the text wherever it has one.
fn named(text: &str) -> NewJob {
    NewJob::new(text.to_owned(), filled(text)).queue(text.to_owned()).tags([text]).metadata(filled(text))
}

/// As key, as value, and within both.
fn filled(text: &str) -> Value {
    json!({text: text, "": [text, {text: [text]}]})
}

/// One job for each name, by three ways in; the ids of each name's jobs.
fn insert_all(db: &Db) -> BTreeMap<String, Vec<i64>> {
    let mut ids = BTreeMap::<String, Vec<i64>>::new();
    let mut add = |name: &str, job: &Job| ids.entry(name.to_owned()).or_default().push(job.id);
    for name in names() {
        add(&name, db.on(|on| insert_job(on, named(&name))).unwrap().job());
    }
    let all: Vec<NewJob> = names().iter().map(|name| named(name)).collect();
    for (name, inserted) in names().iter().zip(db.on(|on| insert_many(on, all.clone())).unwrap()) {
        add(name, inserted.job());
    }
    db.on(|on| insert_many_fast(on, all.clone())).unwrap();
    let newest = list_jobs(&db.client, &JobFilter::new(), Page::newest_first().limit(all.len())).unwrap().jobs;
    for (name, job) in names().iter().zip(newest.iter().rev()) {
        add(name, job);
    }
    ids
}

/// The job is as [`named`] made it.
fn assert_named(job: &Job, name: &str) {
    assert_eq!([&job.kind, &job.queue, &job.tags[0]], [name; 3]);
    assert_eq!(job.args().unwrap(), filled(name));
    assert_eq!(Value::Object(job.metadata().unwrap()), filled(name));
}

type Criterion = (&'static str, fn(String) -> JobFilter);

const CRITERIA: [Criterion; 5] = [
    ("kinds", |text| JobFilter::new().kind(text)),
    ("queues", |text| JobFilter::new().queue(text)),
    ("tags", |text| JobFilter::new().tag(text)),
    ("metadata_key", |text| JobFilter::new().metadata_key(text)),
    ("worker", |text| JobFilter::new().worker(text)),
];

/// A field, as an error names it, and a verb that is given a text for it.
type Refusal<'r> = (&'static str, Box<dyn Fn(AnySession<'_>) -> Result<()> + 'r>);

fn refusal<'r, T>(field: &'static str, verb: impl Fn(AnySession<'_>) -> Result<T> + 'r) -> Refusal<'r> {
    (field, Box::new(move |on| verb(on).map(drop)))
}

/// Each verb refuses the text before anything is sent: a caller's transaction goes on as if nothing had been asked.
fn refused(db: &Db, text: &str, verbs: &[Refusal<'_>]) {
    let before = db.jobs();
    match db.place {
        Place::Own => verbs.iter().for_each(|(field, verb)| told(field, text, verb(AnySession::new(&db.client)))),
        Place::Callers => db.committed(|tx| {
            for (field, verb) in verbs {
                told(field, text, verb(tx.on()));
                let witness = insert_job(tx.on(), NewJob::new("witness", json!({}))).unwrap().into_job();
                drip::delete_job(tx.on(), witness.id).unwrap();
            }
        }),
    }
    assert_eq!(db.jobs(), before);
}

fn told(field: &str, text: &str, answer: Result<()>) {
    let error = answer.expect_err(field);
    assert!(error.is_invalid_input() && !error.is_transient(), "{field} {text:?}: {error}");
    let said = error.to_string();
    let said = said.strip_prefix("job 0 of the batch: ").unwrap_or(&said);
    assert!(said.starts_with(&format!("{field}: ")) && said.len() < 400, "{field} {text:?}: {said}");
    assert!(!said.chars().any(char::is_control), "{field} {text:?}: {said:?}");
}

on_every_database! {
    fn jobs_come_back_as_they_were_given_and_are_found_by_that_alone(db: &Db) {
        let ids = insert_all(db);
        for name in names() {
            for id in &ids[&name] {
                assert_named(&db.job(*id), &name);
            }
            for (criterion, filter) in &CRITERIA[..4] {
                let filter = filter(name.clone());
                let found = db.on(|on| list_jobs(on, &filter, Page::oldest_first())).unwrap().jobs;
                assert_eq!(found.iter().map(|job| job.id).collect::<Vec<_>>(), ids[&name], "{criterion} {name:?}");
                let count = db.on(|on| count_jobs(on, &filter)).unwrap();
                assert_eq!(count.in_queue(&name).number, 3, "{criterion} {name:?}");
                assert_eq!(count.total().number, 3, "{criterion} {name:?}");
            }
        }
    }

    fn a_claim_takes_the_jobs_of_that_very_queue_for_that_very_worker(db: &Db) {
        let ids = insert_all(db);
        for name in names() {
            let claimed = db.on(|on| fetch_jobs(on, &name, &name, 10)).unwrap();
            assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), ids[&name], "{name:?}");
            for job in &claimed {
                assert_named(job, &name);
                assert_eq!((job, job.attempted_by.as_ref()), (&db.job(job.id), Some(&name)));
            }
        }
        for name in names() {
            let filter = JobFilter::new().worker(name.clone());
            let found = db.on(|on| list_jobs(on, &filter, Page::oldest_first())).unwrap().jobs;
            assert_eq!(found.iter().map(|job| job.id).collect::<Vec<_>>(), ids[&name], "{name:?}");
        }
    }

    fn a_change_of_many_jobs_changes_those_alone(db: &Db) {
        let ids = insert_all(db);
        let in_states = |ids: &[i64]| ids.iter().map(|id| db.job(*id).state).collect::<Vec<_>>();
        for name in names() {
            for (verb, state) in [("cancel", State::Cancelled), ("retry", State::Available), ("discard", State::Discarded)] {
                let changed = match verb {
                    "cancel" => db.on(|on| cancel_jobs(on, &JobFilter::new().tag(name.clone()))),
                    "retry" => db.on(|on| retry_jobs(on, &JobFilter::new().metadata_key(name.clone()))),
                    _ => db.on(|on| discard_jobs(on, &JobFilter::new().kind(name.clone()))),
                };
                assert_eq!(changed.unwrap().changed, 3, "{verb} {name:?}");
                assert_eq!(in_states(&ids[&name]), [state; 3], "{verb} {name:?}");
            }
        }
        let mut left = db.jobs();
        for name in names() {
            assert_eq!(db.on(|on| delete_jobs(on, &JobFilter::new().queue(name.clone()))).unwrap(), 3, "{name:?}");
            left -= 3;
            assert_eq!(db.jobs(), left, "{name:?}");
        }
        assert_eq!(left, 0);
    }

    fn a_changed_job_has_what_it_was_changed_to(db: &Db) {
        let id = db.insert(NewJob::new("k", json!({}))).id;
        for name in names() {
            let update = || JobUpdate::new().queue(name.clone()).tags([name.as_str()]).args(filled(&name));
            let answer = db.on(|on| update_job(on, id, update().metadata(filled(&name)))).unwrap();
            let mut job = db.job(id);
            assert_eq!(answer, job, "{name:?}");
            job.kind = name.clone(); // the one thing that stays
            assert_named(&job, &name);
            // By another way to the same end: taken away, and put back.
            for further in [Value::Null, json!(name)] {
                let merge = |_: &Job| Ok(JobUpdate::new().merge_metadata(json!({name.as_str(): further})));
                let answer = db.on(|on| swap_job(on, id, merge)).unwrap();
                assert_eq!(answer.metadata().unwrap().get(&name), Some(&further).filter(|value| !value.is_null()));
                assert_eq!(answer, db.job(id), "{name:?}");
            }
        }
    }

    fn what_is_unique_by_a_text_is_so_by_that_alone(db: &Db) {
        for unique in [Unique::new().by_args(), Unique::new().by_queue(), Unique::new()] {
            db.execute("DELETE FROM drip_job");
            let job = |name: &String| named(name).unique(unique.clone().on_duplicate(OnDuplicate::Replace));
            for name in names() {
                let first = db.on(|on| insert_job(on, job(&name))).unwrap();
                assert!(!first.is_duplicate(), "{name:?} is {:?}", first.job());
            }
            for name in names() {
                let again = db.on(|on| insert_job(on, job(&name))).unwrap();
                assert!(again.is_duplicate(), "{name:?}");
                assert_named(again.job(), &name);
                assert_eq!(again.job(), &db.job(again.job().id));
            }
        }
    }

    fn a_key_of_args_is_looked_up_as_it_is(db: &Db) {
        for (n, text) in texts().filter(|text| !text.contains('\0')).enumerate() {
            let kind = format!("kind {n}");
            let unique = Unique::new().by_keys([text.as_str()]);
            let job = |value: i64| NewJob::new(kind.clone(), json!({text.as_str(): value})).unique(unique.clone());
            let one = |value| db.on(|on| insert_job(on, job(value))).unwrap().is_duplicate();
            assert_eq!([1, 2, 1].map(one), [false, false, true], "{text:?}");
        }
    }

    fn a_worker_is_called_and_serves_what_it_was_told(db: &Db) {
        insert_all(db);
        for name in names() {
            let text = name.clone();
            let end = move |context: &Context, _: Value| match context.job().id % 3 {
                0 => Ok(Outcome::Cancel(text.clone())),
                1 => Ok(Outcome::Discard(text.clone())),
                _ => Err(text.clone()),
            };
            let worker = Worker::new(&db.client).queue(name.clone()).label(name.clone()).handle_kind(name.clone(), end);
            for _ in 0..3 {
                let (Worked::Done(job) | Worked::Failed(job)) = worker.work_once().unwrap() else {
                    panic!("{name:?} has a job left");
                };
                assert_named(&job, &name);
                assert_eq!(job, db.job(job.id));
                assert_eq!((&job.errors[0].error, job.attempted_by.as_ref()), (&name, Some(&name)));
            }
            assert_eq!(worker.work_once().unwrap(), Worked::Nothing, "{name:?}");
        }
    }

    fn a_worker_is_not_started_with_what_is_no_name(db: &Db) {
        let handler = |_: &Context, _: Value| Ok::<_, String>(());
        for text in no_names() {
            let worker = || Worker::new(&db.client);
            for (field, worker) in [
                ("label", worker().label(text.clone()).handle_kind("k", handler)),
                ("queue", worker().queue(text.clone()).handle_kind("k", handler)),
                ("kind", worker().handle_kind(text.clone(), handler)),
            ] {
                for error in [worker.work_once().map(drop).unwrap_err(), worker.start().map(drop).unwrap_err()] {
                    assert!(error.is_invalid_input(), "{field} {text:?}: {error}");
                    assert!(error.to_string().starts_with(&format!("{field}: ")), "{field} {text:?}: {error}");
                }
            }
        }
    }
}

on_every_database_and_place! {
    /// Whatever has no NUL may be in JSON, and whatever there is in the text of a failure.
    fn values_outputs_and_errors_come_back_as_they_were_given(db: &Db) {
        for (n, text) in texts().enumerate() {
            let id = db.insert(NewJob::new("k", json!({})).max_attempts(1).queue(format!("queue {n}"))).id;
            if text.contains('\0') {
                let job = || NewJob::new("k", json!({}));
                refused(db, &text, &[
                    refusal("args", |on| insert_job(on, job().args(filled(&text)))),
                    refusal("metadata", |on| insert_many(on, [job().metadata(filled(&text))])),
                    refusal("metadata", |on| insert_many_fast(on, [job().metadata_entry(text.clone(), json!(1))])),
                    refusal("args", |on| update_job(on, id, JobUpdate::new().args(filled(&text)))),
                    refusal("metadata", |on| update_job(on, id, JobUpdate::new().merge_metadata(filled(&text)))),
                    refusal("output", |on| record_output(on, id, filled(&text))),
                ]);
            } else {
                let job = db.on(|on| update_job(on, id, JobUpdate::new().args(filled(&text)).metadata(filled(&text)))).unwrap();
                assert_eq!(job.args().unwrap(), filled(&text), "{text:?}");
                let job = db.on(|on| record_output(on, id, filled(&text))).unwrap();
                assert_eq!(job.output(), Some(filled(&text)), "{text:?}");
                assert_eq!(job.metadata().unwrap()[""], filled(&text)[""], "{text:?}");
                assert_eq!(db.job(id), job, "{text:?}");
            }
            let claimed = db.claim(&format!("queue {n}"));
            let failed = db.on(|on| fail_job(on, &claimed, Failure::new(&text).trace(&text))).unwrap();
            assert_eq!(failed, db.job(id), "{text:?}");
            assert_eq!([&failed.errors[0].error, &failed.errors[0].trace], [&kept(&text); 2]);
        }
    }

    fn what_is_no_name_is_refused_where_it_would_be_new_and_names_nothing(db: &Db) {
        let id = db.insert(NewJob::new("k", json!({}))).id;
        let job = || NewJob::new("k", json!({}));
        for text in no_names() {
            let jobs = [
                ("kind", NewJob::new(text.clone(), json!({}))),
                ("queue", job().queue(text.clone())),
                ("tags", job().tags([text.as_str()])),
            ];
            let filters = CRITERIA.map(|(field, filter)| (field, filter(text.clone())));
            let mut verbs = vec![
                refusal("queue", |on| update_job(on, id, JobUpdate::new().queue(text.clone()))),
                refusal("tags", |on| swap_job(on, id, |_| Ok(JobUpdate::new().tags([text.as_str()])))),
                refusal("queue", |on| fetch_jobs(on, &text, "worker", 1)),
                refusal("worker_id", |on| fetch_jobs(on, "default", &text, 1)),
            ];
            for (field, job) in &jobs {
                verbs.push(refusal(field, |on| insert_job(on, job.clone())));
                verbs.push(refusal(field, |on| insert_many(on, [job.clone()])));
                verbs.push(refusal(field, |on| insert_many_fast(on, [job.clone()])));
            }
            for (field, filter) in filters.iter().filter(|_| text.is_empty()) {
                verbs.push(refusal(field, |on| list_jobs(on, filter, Page::default())));
                verbs.push(refusal(field, |on| count_jobs(on, filter)));
                verbs.push(refusal(field, |on| retry_jobs(on, filter)));
                verbs.push(refusal(field, |on| cancel_jobs(on, filter)));
                verbs.push(refusal(field, |on| discard_jobs(on, filter)));
                verbs.push(refusal(field, |on| delete_jobs(on, filter)));
            }
            refused(db, &text, &verbs);
            // Plain SQL may have written it: it can be looked for, and is not there.
            for (field, filter) in filters.iter().filter(|_| !text.is_empty()) {
                let case = format!("{field} {text:?}");
                assert_eq!(db.on(|on| list_jobs(on, filter, Page::default())).unwrap().jobs, [], "{case}");
                assert_eq!(db.on(|on| count_jobs(on, filter)).unwrap().total().number, 0, "{case}");
                assert_eq!(db.on(|on| retry_jobs(on, filter)).unwrap().changed, 0, "{case}");
                assert_eq!(db.on(|on| cancel_jobs(on, filter)).unwrap().changed, 0, "{case}");
                assert_eq!(db.on(|on| discard_jobs(on, filter)).unwrap().changed, 0, "{case}");
                assert_eq!(db.on(|on| delete_jobs(on, filter)).unwrap(), 0, "{case}");
            }
        }
        assert_eq!(db.jobs(), 1);
        assert_eq!(db.job(id).state, State::Available);
    }
}

#[test]
fn no_such_text_is_a_state_or_a_cursor() {
    for text in texts() {
        assert!(text.parse::<State>().unwrap_err().is_invalid_input(), "{text:?}");
        for text in [text.clone(), format!("after:{text}"), format!("before:1{text}")] {
            let is_number = text.split_once(':').is_some_and(|(_, id)| id.parse::<i64>().is_ok());
            assert_eq!(text.parse::<Cursor>().is_err_and(|error| error.is_invalid_input()), !is_number, "{text:?}");
        }
    }
}
