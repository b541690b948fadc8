//! Counts tell how many jobs there are in which queue and state; of many, how many at least.

use drip::{Count, JobFilter, NewJob, State, count_jobs, insert_many};
use serde_json::json;

fn exact(number: u64) -> Count {
    let mut count = Count::default();
    count.number = number;
    count
}

on_every_database_and_place! {
    fn jobs_are_counted_by_queue_and_state(db: &Db) {
        let asked = |filter: &JobFilter| db.on(|on| count_jobs(on, filter)).unwrap();
        assert_eq!(asked(&JobFilter::new()).counts, []);
        for _ in 0..2 {
            State::ALL.into_iter().for_each(|state| drop(db.job_in(state)));
        }
        insert_many(&db.client, (0..5).map(|_| NewJob::new("k", json!({})).queue("it's 100%"))).unwrap();
        let all = asked(&JobFilter::new());
        for state in State::ALL {
            assert_eq!(all.in_state(state), exact(if state == State::Available { 7 } else { 2 }), "{state}");
        }
        assert_eq!((all.total(), all.in_queue("it's 100%"), all.in_queue("none")), (exact(21), exact(5), exact(0)));
        assert_eq!(all.counts.len(), 17, "each of the others has a queue of its own");
        let some = asked(&JobFilter::new().kind("k").states([State::Available, State::Running]));
        assert_eq!((some.counts.len(), some.total()), (1, exact(5)));
        assert_eq!(asked(&JobFilter::new().states([])).counts, []);
        assert_eq!(asked(&JobFilter::new().tag("a")).total(), exact(16));
        let error = db.on(|on| count_jobs(on, &JobFilter::new().kind(""))).unwrap_err();
        assert!(error.is_invalid_input());
    }
}

on_every_database! {
    /// Each state has a share of the cap, and what the others leave of theirs.
    fn counting_ends_where_it_becomes_dear_and_says_so(db: &Db) {
        drip::insert_many_fast(&db.client, (0..100_010).map(|_| NewJob::new("k", json!({})))).unwrap();
        db.insert(NewJob::new("k", json!({})).pending());
        let counts = count_jobs(&db.client, &JobFilter::new()).unwrap();
        let available = counts.in_state(State::Available);
        assert!(available.capped && (99_000..=100_000).contains(&available.number), "{available:?}");
        assert_eq!(counts.in_state(State::Pending), exact(1));
        assert!(counts.total().capped);
        drip::delete_jobs(&db.client, &JobFilter::new().state(State::Available).id_range(..20)).unwrap();
        let only = count_jobs(&db.client, &JobFilter::new().state(State::Available)).unwrap();
        assert_eq!(only.total(), exact(99_991));
    }
}
