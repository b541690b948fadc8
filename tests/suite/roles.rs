//! Each role can do what it is there for with the grants on file, and nothing else.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use drip::{
    Client, Clock, Dialect, Error, JobFilter, JobUpdate, Maintenance, NewJob, OnDuplicate, Page, Periodic, Retention,
    Rule, Schedule, State, Unique, Worker,
};
use serde_json::json;

use crate::support::{
    Db, Place, START, Watch,
    watch::PATIENCE,
    work::{done, job},
};

/// What makes a role.
fn grants(dialect: Dialect, role: &str) -> String {
    let path = format!("{}/sql/{}/grants/{role}.sql", env!("CARGO_MANIFEST_DIR"), dialect.name());
    std::fs::read_to_string(path).unwrap()
}

/// A user of the server who has this role only, removed when dropped.
struct User<'d> {
    db: &'d Db,
    name: String,
    client: Client,
}

impl<'d> User<'d> {
    fn with(db: &'d Db, role: &str) -> User<'d> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("drip_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        db.execute(&grants(db.dialect, role));
        db.execute(&match db.dialect {
            Dialect::Postgres => format!("CREATE USER {name} PASSWORD 'secret'; GRANT drip_{role} TO {name}"),
            _ => format!(
                "CREATE USER {name} IDENTIFIED BY 'secret'; GRANT drip_{role} TO {name}; SET DEFAULT ROLE drip_{role} FOR {name}"
            ),
        });
        let (scheme, rest) = db.url.split_once("://").unwrap();
        let url = format!("{scheme}://{name}:secret@{}", rest.rsplit_once('@').unwrap().1);
        let client = Client::builder().clock(Clock::at(START.parse().unwrap())).connect(&url).unwrap();
        User { db, name, client }
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let owned = if self.db.dialect == Dialect::Postgres { "DROP OWNED BY {}; " } else { "" };
            self.db.execute(&format!("{owned}DROP USER {{}}").replace("{}", &self.name));
        }
    }
}

/// The database has refused it, for good, and says why.
fn refused<T>(verb: &str, answer: Result<T, Error>) {
    let error = answer.err().unwrap_or_else(|| panic!("{verb} was allowed"));
    let said = error.to_string();
    assert!(said.contains("denied") && !error.is_transient() && !error.is_invalid_input(), "{verb}: {said}");
}

fn on_each_server(test: fn(&Db)) {
    [Dialect::Postgres, Dialect::Mariadb].into_iter().for_each(|dialect| Db::run(dialect, Place::Own, test));
}

#[test]
fn a_migrator_brings_the_schema_up_and_down() {
    on_each_server(|db| {
        let db = db.unmigrated();
        let user = User::with(&db, "migrator");
        let migrator = &user.client;
        for version in [Client::SCHEMA_VERSION, 0, Client::SCHEMA_VERSION] {
            migrator.migrate_to(version).unwrap();
        }
        migrator.migrate().unwrap();
        assert_eq!(db.jobs(), 0);
        migrator.migrate_to(0).unwrap();
    });
}

#[test]
fn a_producer_inserts_and_changes_nothing() {
    on_each_server(|db| {
        let user = User::with(db, "producer");
        let producer = &user.client;
        let unique = || job("work").unique(Unique::new().by_args());
        let first = drip::insert_job(producer, unique()).unwrap().into_job();
        assert!(drip::insert_job(producer, unique()).unwrap().is_duplicate());
        drip::insert_many(producer, [job("work"), job("work").delay(Duration::from_secs(60))]).unwrap();
        assert_eq!(drip::insert_many_fast(producer, [job("work")]).unwrap(), 1);
        assert_eq!(drip::get_job(producer, first.id).unwrap(), Some(first.clone()));
        let replacing = unique().unique(Unique::new().by_args().on_duplicate(OnDuplicate::Replace));
        assert!(drip::examine(producer).unwrap().len() > 10);
        refused("replace", drip::insert_job(producer, replacing));
        refused("cancel_job", drip::cancel_job(producer, first.id));
        refused("delete_job", drip::delete_job(producer, first.id));
        refused("pause_queue", drip::pause_queue(producer, "default"));
        refused("migrate_to", producer.migrate_to(0));
        assert_eq!((db.jobs(), db.job(first.id)), (4, first));
    });
}

#[test]
fn a_dashboard_sees_everything_and_changes_nothing() {
    on_each_server(|db| {
        let user = User::with(db, "dashboard");
        let dashboard = &user.client;
        let first = db.insert(job("work").tags(["t"]));
        let schedule = || Schedule::new("hourly", Rule::every("1h"), job("work"));
        drip::upsert_schedule(&db.client, schedule()).unwrap();
        let filter = JobFilter::new().tag("t");
        assert_eq!(drip::list_jobs(dashboard, &filter, Page::default()).unwrap().jobs, std::slice::from_ref(&first));
        assert_eq!(drip::count_jobs(dashboard, &filter).unwrap().in_state(State::Available).number, 1);
        assert_eq!(drip::list_queues(dashboard).unwrap().len(), 1);
        assert_eq!(drip::list_schedules(dashboard).unwrap().len(), 1);
        assert!(drip::list_workers(dashboard).unwrap().is_empty());
        assert!(drip::list_tasks(dashboard).unwrap().is_empty());
        assert!(drip::get_queue(dashboard, "default").unwrap().is_none());
        drip::why_job(dashboard, first.id).unwrap();
        // What it may not look at keeps it from nothing else.
        let findings = drip::examine(dashboard).unwrap();
        let unknown = |check| findings.iter().any(|it| it.check == check && it.severity == drip::Severity::Unknown);
        assert!(unknown("oldest_transaction") && !unknown("schema_drift") && !unknown("workers"), "{findings:#?}");
        refused("insert_job", drip::insert_job(dashboard, job("work")));
        refused("cancel_job", drip::cancel_job(dashboard, first.id));
        refused("update_job", drip::update_job(dashboard, first.id, JobUpdate::new().priority(2)));
        refused("delete_jobs", drip::delete_jobs(dashboard, &filter));
        refused("pause_queue", drip::pause_queue(dashboard, "default"));
        refused("run_schedule_now", drip::run_schedule_now(dashboard, "hourly"));
        refused("upsert_schedule", drip::upsert_schedule(dashboard, schedule()));
        assert_eq!((db.jobs(), db.job(first.id)), (1, first));
    });
}

#[test]
fn a_worker_runs_schedules_and_maintains_and_leaves_the_schema_alone() {
    on_each_server(|db| {
        let user = User::with(db, "worker");
        let client = &user.client;
        let mut watch = Watch::new(client);
        let worker = Worker::new(client).handle_kind("work", done).start().unwrap();
        let maintenance = Maintenance::new(client).start().unwrap();
        let schedule = Schedule::new("hourly", Rule::every("1h"), NewJob::new("other", json!({})));
        let periodic = Periodic::new(client).schedule(schedule).start().unwrap();
        let first = drip::insert_job(client, job("work")).unwrap().into_job();
        watch.until_state(first.id, State::Completed);
        drip::run_schedule_now(client, "hourly").unwrap();
        drip::pause_schedule(client, "hourly").unwrap();
        drip::pause_queue(client, "default").unwrap();
        assert!(maintenance.stop(PATIENCE) && periodic.stop(PATIENCE) && worker.stop(PATIENCE).is_clean());
        drip::retain_jobs(client, &Retention::default()).unwrap();
        drip::expire_jobs(client).unwrap();
        drip::tidy(client).unwrap();
        assert_eq!(drip::cancel_jobs(client, &JobFilter::new().kind("other")).unwrap().changed, 1);
        assert_eq!(drip::delete_jobs(client, &JobFilter::new().state(State::Completed)).unwrap(), 1);
        drip::delete_schedule(client, "hourly").unwrap();
        assert!(drip::list_tasks(client).unwrap().iter().all(|task| task.error.is_none()));
        refused("migrate_to", client.migrate_to(0));
        assert_eq!(db.jobs(), 1);
    });
}
