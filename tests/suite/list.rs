//! Lists show exactly the jobs that were asked for, each once, in order, a page at a time in both directions.

use std::{collections::BTreeSet, time::Duration};

use drip::{Cursor, Job, JobFilter, Listed, NewJob, Page, State, get_job, insert_many, list_jobs};
use serde_json::json;

use crate::support::Db;

const MINUTE: Duration = Duration::from_secs(60);

fn ids(listed: &Listed) -> Vec<i64> {
    listed.jobs.iter().map(|job| job.id).collect()
}

fn list(db: &Db, filter: &JobFilter) -> Listed {
    db.on(|on| list_jobs(on, filter, Page::oldest_first())).unwrap()
}

/// Jobs that differ in everything that can be asked for, a minute between them.
fn various(db: &Db) -> Vec<Job> {
    let new = [
        NewJob::new("mail", json!({})).tags(["a", "b"]).metadata(json!({"customer": 1})),
        NewJob::new("mail", json!({})).queue("q2").priority(2).tags(["A"]),
        NewJob::new("Mail", json!({}))
            .queue("Q2")
            .priority(4)
            .metadata(json!({"Customer": null, "nested": {"customer": 1}})),
        NewJob::new("mail ' OR 1=1 --", json!({}))
            .queue("100%")
            .tags(["%", "a' OR 'a'='a"])
            .metadata(json!({"a.b": 1, "x\"y": 2})),
        NewJob::new("émail📮", json!({})).delay(60 * MINUTE).tags(["📮"]).metadata(json!({"é": 1, "$": 1})),
        NewJob::new("held", json!({})).pending(),
    ];
    let insert = |job: NewJob| {
        db.clock.advance(MINUTE);
        db.insert(job)
    };
    let mut jobs: Vec<Job> = new.into_iter().map(insert).collect();
    jobs.extend([State::Running, State::Completed, State::Retryable, State::Discarded, State::Cancelled].map(
        |state| {
            db.clock.advance(MINUTE);
            db.job_in(state)
        },
    ));
    jobs
}

type Criterion = (&'static str, fn(JobFilter, &[Job]) -> JobFilter, fn(&Job, &[Job]) -> bool);

/// What is asked for, and which jobs that leaves.
const CRITERIA: &[Criterion] = &[
    ("nothing", |f, _| f, |_, _| true),
    ("ids", |f, all| f.ids([all[1].id, all[4].id, -5, i64::MAX]), |job, all| [all[1].id, all[4].id].contains(&job.id)),
    ("no ids", |f, _| f.ids([]), |_, _| false),
    ("a state", |f, _| f.state(State::Available), |job, _| job.state == State::Available),
    (
        "states",
        |f, _| f.states([State::Discarded, State::Scheduled]),
        |job, _| matches!(job.state, State::Discarded | State::Scheduled),
    ),
    ("all states", |f, _| f.states(State::ALL), |_, _| true),
    ("no states", |f, _| f.states([]), |_, _| false),
    ("a kind", |f, _| f.kind("mail"), |job, _| job.kind == "mail"),
    ("kinds", |f, _| f.kinds(["Mail", "held"]), |job, _| job.kind == "Mail" || job.kind == "held"),
    ("a kind of SQL", |f, _| f.kind("mail ' OR 1=1 --"), |job, _| job.kind == "mail ' OR 1=1 --"),
    ("a kind beyond ASCII", |f, _| f.kind("émail📮"), |job, _| job.kind == "émail📮"),
    ("a kind with a wildcard", |f, _| f.kind("%"), |_, _| false),
    ("no kinds", |f, _| f.kinds([""; 0]), |_, _| false),
    ("a queue", |f, _| f.queue("q2"), |job, _| job.queue == "q2"),
    ("queues", |f, _| f.queue("Q2").queue("100%"), |job, _| job.queue == "Q2" || job.queue == "100%"),
    ("a priority", |f, _| f.priority(2), |job, _| job.priority == 2),
    ("priorities", |f, _| f.priorities([1, 4]), |job, _| job.priority == 1 || job.priority == 4),
    ("a tag", |f, _| f.tag("a"), |job, _| job.tags.contains(&"a".to_owned())),
    ("another tag", |f, _| f.tag("A"), |job, _| job.tags.contains(&"A".to_owned())),
    ("any of some tags", |f, _| f.tags(["b", "A"]), |job, _| job.tags.iter().any(|tag| tag == "b" || tag == "A")),
    ("a tag with a wildcard", |f, _| f.tag("%"), |job, _| job.tags.contains(&"%".to_owned())),
    ("a tag of SQL", |f, _| f.tag("a' OR 'a'='a"), |job, _| job.tags.contains(&"a' OR 'a'='a".to_owned())),
    ("a tag beyond ASCII", |f, _| f.tag("📮"), |job, _| job.tags.contains(&"📮".to_owned())),
    ("no tags", |f, _| f.tags([""; 0]), |_, _| false),
    ("a metadata key", |f, _| f.metadata_key("customer"), |job, _| job.metadata().unwrap().contains_key("customer")),
    ("a key of a null", |f, _| f.metadata_key("Customer"), |job, _| job.metadata().unwrap().contains_key("Customer")),
    (
        "a key that looks like a path",
        |f, _| f.metadata_key("a.b"),
        |job, _| job.metadata().unwrap().contains_key("a.b"),
    ),
    ("a key with a quote", |f, _| f.metadata_key("x\"y"), |job, _| job.metadata().unwrap().contains_key("x\"y")),
    (
        "keys",
        |f, _| f.metadata_key("é").metadata_key("nested"),
        |job, _| ["é", "nested"].iter().any(|key| job.metadata().unwrap().contains_key(*key)),
    ),
    ("a worker", |f, _| f.worker("worker"), |job, _| job.attempted_by.is_some()),
    ("ids from", |f, all| f.id_range(all[3].id..), |job, all| job.id >= all[3].id),
    ("ids to", |f, all| f.id_range(..all[3].id), |job, all| job.id < all[3].id),
    ("created from", |f, all| f.created(all[2].created_at..), |job, all| job.created_at >= all[2].created_at),
    (
        "created between",
        |f, all| f.created(all[1].created_at..=all[4].created_at),
        |job, all| (all[1].created_at..=all[4].created_at).contains(&job.created_at),
    ),
    ("created before", |f, all| f.created(..all[2].created_at), |job, all| job.created_at < all[2].created_at),
    ("due from", |f, all| f.scheduled(all[4].scheduled_at..), |job, all| job.scheduled_at >= all[4].scheduled_at),
    (
        "due between",
        |f, all| f.scheduled(all[1].scheduled_at..=all[3].scheduled_at),
        |job, all| (all[1].scheduled_at..=all[3].scheduled_at).contains(&job.scheduled_at),
    ),
    (
        "ended between",
        |f, all| f.finalized(all[7].finalized_at.unwrap()..=all[9].finalized_at.unwrap()),
        |job, all| (all[7].finalized_at..=all[9].finalized_at).contains(&job.finalized_at),
    ),
    ("ended", |f, all| f.finalized(all[0].created_at..), |job, _| job.finalized_at.is_some()),
    (
        "several",
        |f, _| f.kind("mail").queue("q2").tag("A").priority(2),
        |job, _| job.kind == "mail" && job.queue == "q2" && job.priority == 2,
    ),
    ("what excludes itself", |f, _| f.kind("mail").queue("Q2"), |_, _| false),
];

on_every_database_and_place! {
    fn each_criterion_leaves_the_jobs_that_it_names(db: &Db) {
        let all = various(db);
        let all: Vec<Job> = all.iter().map(|job| db.job(job.id)).collect();
        for (label, criterion, is_left) in CRITERIA {
            let found = list(db, &criterion(JobFilter::new(), &all)).jobs;
            let expected: Vec<Job> = all.iter().filter(|job| is_left(job, &all)).cloned().collect();
            assert_eq!(found, expected, "{label}");
        }
    }

    fn a_list_is_read_page_by_page_in_both_directions(db: &Db) {
        let jobs = insert_many(&db.client, (0..10).map(|_| NewJob::new("k", json!({})))).unwrap();
        let mut expected: Vec<i64> = jobs.iter().map(|inserted| inserted.job().id).collect();
        for page in [Page::oldest_first().limit(4), Page::newest_first().limit(4)] {
            let read = |page: Page| db.on(|on| list_jobs(on, &JobFilter::new(), page)).unwrap();
            let first = read(page);
            assert_eq!((ids(&first), first.previous), (expected[..4].to_vec(), None));
            let second = read(page.at(first.next.unwrap()));
            assert_eq!(ids(&second), expected[4..8]);
            let third = read(page.at(second.next.unwrap()));
            assert_eq!((ids(&third), third.next), (expected[8..].to_vec(), None));
            let back = read(page.at(third.previous.unwrap()));
            assert_eq!((ids(&back), back.next), (ids(&second), second.next));
            let first_again = read(page.at(back.previous.unwrap()));
            assert_eq!((ids(&first_again), first_again.previous), (ids(&first), None));
            let beyond = read(page.at(Cursor::after(expected[9])));
            assert_eq!((ids(&beyond), beyond.next), (vec![], None));
            assert_eq!(ids(&read(page.at(beyond.previous.unwrap()))), expected[6..]);
            let before = read(page.at(Cursor::before(expected[0])));
            assert_eq!((ids(&before), before.previous), (vec![], None));
            assert_eq!(ids(&read(page.at(before.next.unwrap()))), expected[..4]);
            expected.reverse();
        }
    }

    fn jobs_that_come_and_go_between_pages_are_neither_repeated_nor_lost(db: &Db) {
        let jobs = insert_many(&db.client, (0..30).map(|_| NewJob::new("k", json!({})))).unwrap();
        let there: BTreeSet<i64> = jobs.iter().map(|inserted| inserted.job().id).collect();
        let (mut seen, mut gone) = (Vec::new(), BTreeSet::new());
        let mut page = Page::newest_first().limit(7);
        loop {
            let listed = db.on(|on| list_jobs(on, &JobFilter::new(), page)).unwrap();
            seen.extend(ids(&listed));
            let Some(next) = listed.next else { break };
            // The one that the cursor names, and one that would have come.
            for id in [listed.jobs[6].id, listed.jobs[6].id - 2] {
                drip::delete_job(&db.client, id).unwrap();
                gone.insert(id);
            }
            db.insert(NewJob::new("k", json!({})));
            page = page.at(next);
        }
        let unique: BTreeSet<i64> = seen.iter().copied().collect();
        assert_eq!(unique.len(), seen.len());
        assert!(seen.is_sorted_by(|a, b| a > b));
        assert!(there.difference(&gone).all(|id| unique.contains(id)));
    }

    fn a_page_holds_between_one_and_a_thousand_jobs(db: &Db) {
        insert_many(&db.client, (0..1010).map(|_| NewJob::new("k", json!({})))).unwrap();
        for (asked, given) in [(0, 1), (1, 1), (999, 999), (1000, 1000), (usize::MAX, 1000)] {
            let listed = db.on(|on| list_jobs(on, &JobFilter::new(), Page::newest_first().limit(asked))).unwrap();
            assert_eq!(listed.jobs.len(), given);
        }
        assert_eq!(db.on(|on| list_jobs(on, &JobFilter::new(), Page::default())).unwrap().jobs.len(), 100);
    }

    fn a_list_holds_what_its_transaction_has_done(db: &Db) {
        let (listed, _) = db.ended(crate::support::End::Rollback, |tx| {
            drip::insert_job(tx.on(), NewJob::new("k", json!({}))).unwrap();
            list_jobs(tx.on(), &JobFilter::new().kind("k"), Page::default()).unwrap()
        });
        assert_eq!(listed.jobs.len(), 1);
        assert_eq!(get_job(&db.client, listed.jobs[0].id).unwrap(), None);
        assert_eq!(list(db, &JobFilter::new()).jobs, []);
    }

    fn what_cannot_be_meant_is_refused_and_spoils_no_transaction(db: &Db) {
        for filter in [
            JobFilter::new().queue(""),
            JobFilter::new().kind(""),
            JobFilter::new().tag("a,b"),
            JobFilter::new().priority(0),
            JobFilter::new().ids(0..1001),
        ] {
            db.committed(|tx| {
                let error = list_jobs(tx.on(), &filter, Page::default()).unwrap_err();
                assert!(error.is_invalid_input(), "{error}");
                drip::insert_job(tx.on(), NewJob::new("k", json!({}))).unwrap();
            });
        }
        assert_eq!(db.jobs(), 5);
        assert_eq!(list(db, &JobFilter::new().ids(0..1000)).jobs.len(), 5);
    }
}
