//! PostgreSQL's notifications: sent in the transaction that inserts, heard on a connection that comes back, done without
//! where a pooler swallows them.
//!
//! The poll interval of these workers is an hour unless a test says otherwise, so that only a notification can explain a
//! start.

use std::time::{Duration, Instant};

use drip::{
    Client, Context, Dialect, Event, HandlerResult, NewJob, Running, Unique, Worker, insert_job, insert_many,
    insert_many_fast, retry_job,
};
use postgres::{Transaction, fallible_iterator::FallibleIterator};
use r2d2::Pool;
use serde_json::{Value, json};

use crate::support::{Db, Ear, PATIENCE, Place, Proxy, pools::PostgresManager};

const HOUR: Duration = Duration::from_secs(3600);

fn on_postgres(test: fn(&Db)) {
    Db::run(Dialect::Postgres, Place::Own, test);
}

fn job() -> NewJob {
    NewJob::new("k", json!({}))
}

fn jobs(count: usize, queue: &'static str) -> impl Iterator<Item = NewJob> {
    (0..count).map(move |_| job().queue(queue))
}

/// A worker of the queues `default` and `other`, in the database's own time.
fn start(url: &str, poll_interval: Duration) -> (Client, Ear, Running) {
    let client = Client::connect(url).unwrap();
    let ear = Ear::of(&client);
    let worker = Worker::new(&client).handle_kind("k", |_: &Context, _: Value| -> HandlerResult { Ok(()) });
    let running = worker.queue("default").queue("other").poll_interval(poll_interval).start().unwrap();
    (client, ear, running)
}

/// As [`start`], with a worker that sleeps until a notification comes.
fn start_listening(db: &Db) -> (Client, Ear, Running) {
    let started = start(&db.url, HOUR);
    started.1.hear("notifications", listening);
    started.1.hear_silence(Duration::from_millis(300));
    started
}

fn listening(event: &Event) -> Option<()> {
    matches!(event, Event::Listening { .. }).then_some(())
}

fn not_listening(event: &Event) -> Option<String> {
    match event {
        Event::NotListening { error, .. } => Some(error.clone()),
        _ => None,
    }
}

fn idle(event: &Event) -> Option<()> {
    matches!(event, Event::Idle { .. }).then_some(())
}

fn is_start(event: &Event) -> bool {
    matches!(event, Event::Started(_))
}

fn stop(running: &Running) {
    assert!(running.stop(Duration::from_secs(10)).is_clean());
}

/// Somebody who hears every notification.
struct Listener(postgres::Client);

impl Listener {
    fn new(db: &Db) -> Listener {
        let mut client = db.postgres();
        client.batch_execute("LISTEN drip_wake").unwrap();
        Listener(client)
    }

    /// The next queue that is notified.
    fn next(&mut self) -> String {
        let next = self.0.notifications().timeout_iter(PATIENCE).next().unwrap();
        next.expect("one more notification").payload().to_owned()
    }

    /// The queues that have been notified, in alphabetical order.
    fn heard(&mut self) -> Vec<String> {
        // Notifications come in the order of their commits: what has not come before this one will not come.
        const LAST: &str = "the last one";
        self.0.execute("SELECT pg_notify('drip_wake', $1)", &[&LAST]).unwrap();
        let mut heard: Vec<String> = std::iter::repeat_with(|| self.next()).take_while(|queue| queue != LAST).collect();
        heard.sort();
        heard
    }
}

/// What somebody inserts in one transaction, and the queues that hear of it, each once.
type Case = (&'static str, fn(&mut Transaction<'_>) -> drip::Result<()>, &'static [&'static str]);

const CASES: &[Case] = &[
    ("one job", |tx| insert_job(&mut *tx, job()).map(drop), &["default"]),
    (
        "one after the other",
        |tx| jobs(50, "default").try_for_each(|job| insert_job(&mut *tx, job).map(drop)),
        &["default"],
    ),
    (
        "turn by turn",
        |tx| jobs(9, "a").chain(jobs(9, "b")).try_for_each(|job| insert_job(&mut *tx, job).map(drop)),
        &["a", "b"],
    ),
    ("many, in several statements", |tx| insert_many(&mut *tx, jobs(2500, "a")).map(drop), &["a"]),
    (
        "many of several queues",
        |tx| insert_many(&mut *tx, jobs(700, "a").chain(jobs(700, "b")).chain(jobs(700, "a"))).map(drop),
        &["a", "b"],
    ),
    (
        "many and one",
        |tx| insert_many(&mut *tx, jobs(5, "a")).and_then(|_| insert_job(&mut *tx, job().queue("a"))).map(drop),
        &["a"],
    ),
    ("many, loaded", |tx| insert_many_fast(&mut *tx, jobs(9, "a").chain(jobs(9, "b"))).map(drop), &["a", "b"]),
    (
        "loaded ones that ask for silence, or are for later",
        |tx| {
            let quiet = jobs(5, "b").map(NewJob::without_notification).chain(jobs(5, "c").map(|job| job.delay(HOUR)));
            insert_many_fast(&mut *tx, quiet.chain(jobs(1, "a"))).map(drop)
        },
        &["a"],
    ),
    ("one that asks for silence", |tx| insert_job(&mut *tx, job().without_notification()).map(drop), &[]),
    (
        "many that ask for silence",
        |tx| insert_many(&mut *tx, jobs(5, "a").map(NewJob::without_notification)).map(drop),
        &[],
    ),
    (
        "some that ask for silence",
        |tx| insert_many(&mut *tx, jobs(5, "a").chain(jobs(5, "b").map(NewJob::without_notification))).map(drop),
        &["a"],
    ),
    ("one for later", |tx| insert_job(&mut *tx, job().delay(HOUR)).map(drop), &[]),
    ("many for later", |tx| insert_many(&mut *tx, jobs(5, "a").map(|job| job.delay(HOUR))).map(drop), &[]),
    ("one that is held", |tx| insert_job(&mut *tx, job().pending()).map(drop), &[]),
    ("many that are held", |tx| insert_many(&mut *tx, jobs(5, "a").map(NewJob::pending)).map(drop), &[]),
    (
        "unique ones",
        |tx| insert_many(&mut *tx, jobs(5, "a").map(|job| job.unique(Unique::new().by_args()))).map(drop),
        &["a"],
    ),
    (
        "duplicates",
        |tx| insert_many(&mut *tx, jobs(5, "a").map(|job| job.unique(Unique::new().by_args()))).map(drop),
        &[],
    ),
    ("none", |tx| insert_many(&mut *tx, jobs(0, "a")).map(drop), &[]),
];

#[test]
fn a_transaction_notifies_each_queue_once_and_only_of_jobs_that_are_available() {
    on_postgres(|db| {
        let mut listener = Listener::new(db);
        let mut client = db.postgres();
        for (what, insert, queues) in CASES {
            let mut tx = client.transaction().unwrap();
            insert(&mut tx).unwrap();
            assert_eq!(listener.heard(), [""; 0], "{what}, before the commit");
            tx.commit().unwrap();
            assert_eq!(listener.heard(), *queues, "{what}");
        }
        let mut tx = client.transaction().unwrap();
        insert_many(&mut tx, jobs(5, "a")).unwrap();
        tx.rollback().unwrap();
        assert_eq!(listener.heard(), [""; 0], "after a rollback");
    });
}

#[test]
fn a_client_announces_its_own_inserts_together() {
    on_postgres(|db| {
        let mut listener = Listener::new(db);
        let client = Client::connect(&db.url).unwrap();
        let began = Instant::now();
        for _ in 0..200 {
            for job in [job(), job().queue("silent").without_notification(), job().queue("later").delay(HOUR)] {
                assert!(!insert_job(&client, job).unwrap().is_duplicate());
            }
        }
        drop(client); // announces what is left
        let most = 2 + began.elapsed().as_millis() / 5;
        let heard = listener.heard();
        assert!(!heard.is_empty() && heard.iter().all(|queue| queue == "default"), "{heard:?}");
        assert!(heard.len() as u128 <= most, "{} announcements, where {most} would do", heard.len());
    });
}

/// Nobody waits for the disk with a message; but the connection may be one of the application's, and goes back to it.
#[test]
fn a_connection_that_has_announced_is_as_durable_as_before() {
    on_postgres(|db| {
        let mut listener = Listener::new(db);
        let url = format!("{}?options=-c%20synchronous_commit%3Don", db.url);
        let pool = Pool::builder().max_size(3).build(PostgresManager(url)).unwrap();
        let client = Client::from_pool(pool.clone());
        let _ = insert_job(&client, job().queue("announced")).unwrap();
        assert_eq!(listener.next(), "announced");
        drop(client); // gives the connection back
        let connections: Vec<_> = (0..3).map(|_| pool.get().unwrap()).collect();
        for mut connection in connections {
            let setting: String = connection.query_one("SHOW synchronous_commit", &[]).unwrap().get(0);
            assert_eq!(setting, "on");
        }
    });
}

#[test]
fn a_client_announces_what_it_inserts_after_its_connections_were_killed() {
    on_postgres(|db| {
        let mut listener = Listener::new(db);
        let mut admin = db.postgres();
        let client = Client::connect(&db.url).unwrap();
        let insert = |queue| insert_job(&client, job().queue(queue));
        assert!(insert("before").is_ok());
        // The notification comes a moment later, and shows that there is a connection for it.
        assert_eq!(listener.next(), "before");
        admin.batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'drip'").unwrap();
        assert!(insert("after").or_else(|_| insert("after")).is_ok());
        // The end of the connection may have hidden that the first one was sent; then it is sent again.
        while listener.next() != "after" {}
    });
}

#[test]
fn a_worker_wakes_when_the_inserting_transaction_commits_and_not_before() {
    on_postgres(|db| {
        let (_client, ear, running) = start_listening(db);
        let mut client = db.postgres();
        let mut wake = db.postgres();
        for commits in [false, true] {
            let mut tx = client.transaction().unwrap();
            let id = insert_job(&mut tx, job()).unwrap().job().id;
            // Awake for another reason, it finds nothing.
            wake.batch_execute("NOTIFY drip_wake, 'other'").unwrap();
            ear.hear("a look that finds nothing", idle);
            assert_eq!(ear.count(is_start), 0, "before the commit");
            if commits {
                tx.commit().unwrap();
                ear.hear_completion(id);
            } else {
                tx.rollback().unwrap();
                wake.batch_execute("NOTIFY drip_wake, 'other'").unwrap();
                ear.hear("a look that finds nothing", idle);
                assert_eq!(ear.count(is_start), 0, "after a rollback");
            }
        }
        stop(&running);
    });
}

#[test]
fn a_worker_hears_of_the_jobs_that_other_clients_insert() {
    on_postgres(|db| {
        let (_client, ear, running) = start_listening(db);
        let other = Client::connect(&db.url).unwrap();
        for queue in ["default", "other"] {
            ear.hear_completion(insert_job(&other, job().queue(queue)).unwrap().job().id);
            let many = insert_many(&other, jobs(20, queue)).unwrap();
            ear.hear_completions(&many.iter().map(|inserted| inserted.job().id).collect::<Vec<_>>());
        }
        let put_off = insert_job(&other, job().delay(HOUR)).unwrap().job().id;
        retry_job(&other, put_off).unwrap();
        ear.hear_completion(put_off);
        stop(&running);
    });
}

/// Ends the backend that listens, and waits until it is gone.
fn kill_listener(admin: &mut postgres::Client) {
    const LISTENERS: &str = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN drip%'";
    let killed = admin.query(&format!("SELECT pg_terminate_backend(pid) {LISTENERS}"), &[]).unwrap();
    assert_eq!(killed.len(), 1, "one connection listens");
    while admin.query_one(&format!("SELECT count(*) {LISTENERS}"), &[]).unwrap().get::<_, i64>(0) > 0 {}
}

#[test]
fn a_listener_that_is_killed_comes_back_and_misses_nothing() {
    on_postgres(|db| {
        let (_client, ear, running) = start_listening(db);
        let mut client = db.postgres();
        for _ in 0..3 {
            kill_listener(&mut client);
            // Nobody hears this one; it is found by the look that follows the return.
            let unheard = insert_job(&mut client, job()).unwrap().job().id;
            ear.hear("the end of listening", not_listening);
            assert!(!running.health().listening);
            ear.hear("its return", listening);
            ear.hear_completion(unheard);
            assert!(running.health().listening);
            ear.hear_silence(Duration::from_millis(300));
            let heard = insert_job(&mut client, job()).unwrap().job().id;
            ear.hear_completion(heard);
        }
        assert_eq!(ear.count(|event| not_listening(event).is_some()), 3);
        assert_eq!(ear.count(|event| matches!(event, Event::DatabaseLost { .. })), 0);
        stop(&running);
    });
}

/// While the server hangs up on everybody, the listener tries again less and less often, and says once that it does.
#[test]
fn a_listener_that_is_refused_neither_spins_nor_repeats_itself() {
    on_postgres(|db| {
        let (proxy, url) = Proxy::before(&db.url);
        let (_client, ear, running) = start(&url, HOUR);
        ear.hear("notifications", listening);
        ear.hear_silence(Duration::from_millis(300));
        let away = Instant::now();
        proxy.take_away();
        // The claimer sleeps: it is the listener that tries, after 100, 200, 400 and 800 ms, give or take a quarter.
        proxy.wait_until_hung_up(4);
        assert!(away.elapsed() >= Duration::from_millis(1100), "tried four times within {:?}", away.elapsed());
        proxy.give_back();
        ear.hear("its return", listening);
        assert_eq!(ear.count(|event| not_listening(event).is_some()), 1);
        let mut client = db.postgres();
        ear.hear_completion(insert_job(&mut client, job()).unwrap().job().id);
        stop(&running);
    });
}

#[test]
fn a_database_that_allows_no_connections_for_a_while_is_listened_to_again() {
    on_postgres(|db| {
        let (_client, ear, running) = start_listening(db);
        let mut client = db.postgres();
        // PostgreSQL forbids it of the database one is in.
        let (server, database) = db.url.rsplit_once('/').unwrap();
        let mut admin = postgres::Client::connect(&format!("{server}/postgres"), postgres::NoTls).unwrap();
        admin.batch_execute(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false")).unwrap();
        kill_listener(&mut client);
        let error = ear.hear("the end of listening", not_listening);
        assert!(!error.is_empty());
        let unheard = insert_job(&mut client, job()).unwrap().job().id;
        admin.batch_execute(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true")).unwrap();
        ear.hear("its return", listening);
        ear.hear_completion(unheard);
        assert_eq!(ear.count(|event| not_listening(event).is_some()), 1);
        stop(&running);
    });
}

/// A pooler in transaction mode accepts LISTEN, and nothing ever arrives.
#[test]
fn where_a_pooler_swallows_notifications_the_worker_says_so_and_polls() {
    on_postgres(|db| {
        let (proxy, url) = Proxy::before(&db.url);
        proxy.swallow_notifications();
        let (_client, ear, running) = start(&url, Duration::from_millis(50));
        let error = ear.hear("why nothing is heard", not_listening);
        assert!(error.contains("pooler"), "{error}");
        let mut client = db.postgres();
        for _ in 0..3 {
            ear.hear_completion(insert_job(&mut client, job()).unwrap().job().id);
        }
        assert!(!running.health().listening && running.health().is_healthy());
        assert_eq!(ear.count(|event| listening(event).is_some()), 0);
        assert_eq!(ear.count(|event| not_listening(event).is_some()), 1);
        stop(&running);
    });
}
