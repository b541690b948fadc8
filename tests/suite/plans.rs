//! The hot statements find what they need through an index, in its order, whatever else is in the table and whether or
//! not the database has statistics of it.

mod filters;
mod large;

use std::ops::RangeInclusive;

use drip::{Dialect, fetch_jobs};
use mysql::prelude::Queryable;

use crate::support::{
    Db, Place,
    statement::{self, parameter},
};

const CLAIM: &str = "drip_job_claim";
const DUE: &str = "drip_job_due";
const UNIQUE: &str = "drip_job_unique";
const STATE: &str = "drip_job_state";
const FINAL: &str = "drip_job_final";
const EXPIRING: &str = "drip_job_expiring";
const WORKER: &str = "key of drip_worker";
const ID: &str = "primary key";

/// What a statement may read jobs and workers through, the first of which it must; and whether it may sort what it has
/// found. `list_workers` is not among them: it reads all workers, and sorts them. Nor is `register_worker`, which only inserts.
const STATEMENTS: [(&str, &[&str], bool); 34] = [
    ("claim_jobs", &[CLAIM, UNIQUE, ID], false),
    ("pick_jobs", &[CLAIM, UNIQUE], false),
    ("mark_jobs", &[ID], false),
    ("read_claims", &[ID], false),
    ("find_jobs", &[CLAIM, UNIQUE], false),
    ("pick_found", &[CLAIM], false),
    ("due_jobs", &[DUE, UNIQUE], false),
    // It groups a batch by unique key; and where little is due, PostgreSQL sorts that.
    ("promote_jobs", &[ID, DUE, UNIQUE], true),
    ("glance", &[DUE, CLAIM], false),
    ("find_holder", &[UNIQUE], false),
    ("lock_jobs", &[ID], true),
    ("complete_jobs", &[ID], false),
    ("completed_claims", &[ID], false),
    ("standing_claims", &[ID], false),
    ("move_jobs", &[ID], false),
    ("drop_jobs", &[ID], false),
    ("get_job", &[ID], false),
    ("ready_queues", &[CLAIM], false),
    ("more_ready_queues", &[CLAIM], false),
    ("available_in_queues", &[CLAIM], false),
    // It groups what it has read by queue.
    ("later_in_queues", &[DUE], true),
    ("edit_job", &[ID], false),
    ("delete_job", &[ID], false),
    ("expired_jobs", &[EXPIRING], false),
    ("final_queues", &[FINAL], false),
    ("old_jobs", &[FINAL], false),
    ("remove_jobs", &[ID], false),
    // What runs, which is little.
    ("overdue_jobs", &[STATE], true),
    ("jobs_ahead", &[CLAIM], false),
    ("beat_worker", &[WORKER], false),
    ("missed_worker", &[WORKER], false),
    ("remove_worker", &[WORKER], false),
    // What runs, which is little: MariaDB has it by time. Who has died is asked of each.
    ("orphaned_workers", &[STATE, WORKER], true),
    ("running_of_worker", &[STATE], true),
];

/// As many jobs as PostgreSQL may look through where it need not.
const SMALL: i64 = 1000;

/// How a plan reads jobs.
#[derive(Debug, Default)]
struct Plan {
    text: String,
    indexes: Vec<String>,
    /// It looks at every row of the table, in no order.
    scans: bool,
    /// It goes along the primary key or another whole index, until it has found enough.
    walks: bool,
    sorts: bool,
    /// The server has answered while it was still planning: from the end of an index, or as nothing can match.
    is_answer: bool,
}

impl Plan {
    fn through(&mut self, index: &str) {
        let is_key = ["drip_job_pkey", "PRIMARY", "INTEGER PRIMARY KEY"].contains(&index);
        self.indexes.push(if is_key { ID.to_owned() } else { index.to_owned() });
    }
}

/// The text of a statement with what is put where its parameters are, if the dialect has it.
type Text<'t> = &'t dyn Fn(&mut dyn FnMut(&str) -> String) -> Option<String>;

/// PostgreSQL's plan under these settings: one made for the values, or one for any.
fn plan_on_postgres(db: &Db, text: Text<'_>, settings: &str, small: bool) -> Option<Plan> {
    let mut names = Vec::new();
    let sql = text(&mut |name| statement::number(&mut names, name, '$'))?;
    let (types, values) = statement::typed(&names);
    let mut client = db.postgres();
    client.batch_execute(&format!("{settings}; PREPARE it{types} AS {sql}")).unwrap();
    let rows = client.query(&format!("EXPLAIN (COSTS OFF) EXECUTE it{values}"), &[]).unwrap();
    let lines: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    let mut plan = Plan { text: lines.join("\n"), ..Plan::default() };
    for (line, next) in lines.iter().zip(lines[1..].iter().chain([&""])) {
        let node = line.trim_start_matches([' ', '-', '>']).trim_start_matches("Parallel ");
        let words = node.split(' ').collect::<Vec<_>>();
        plan.sorts |= node.starts_with("Sort") || node.starts_with("Incremental Sort");
        plan.scans |= node.starts_with("Seq Scan on drip_job");
        if ["Index Scan", "Index Only Scan", "Bitmap Index Scan"].iter().any(|scan| node.starts_with(scan)) {
            let index = words.iter().find(|word| word.starts_with("drip_")).expect("the name of the index");
            plan.through(if *index == "drip_worker_pkey" { WORKER } else { index });
            let whole = ![CLAIM, DUE].contains(index) && !next.trim_start().starts_with("Index Cond");
            // Of a small table that may well be the best plan, and for once it is not kept for long.
            plan.walks |= whole && !small;
        }
    }
    plan.indexes.retain(|index| !index.starts_with("drip_queue"));
    Some(plan)
}

fn plan_on_mariadb(db: &Db, text: Text<'_>) -> Option<Plan> {
    let sql = text(&mut |name| parameter(name, db.dialect).1.literal(db.dialect))?;
    let rows: Vec<mysql::Row> = db.mariadb().query(format!("EXPLAIN {sql}")).unwrap();
    let mut plan = Plan::default();
    for row in rows {
        let cell = |column: &str| row.get::<Option<String>, _>(column).flatten().unwrap_or_default();
        let (table, kind, key, extra) = (cell("table"), cell("type"), cell("key"), cell("Extra"));
        plan.text += &format!("{table} {kind} {key}: {extra}\n");
        plan.is_answer |= extra.contains("optimized away") || extra.contains("Impossible WHERE");
        if table.is_empty() || table.starts_with('<') || table == "drip_queue" || extra.contains("Table function") {
            continue;
        }
        plan.sorts |= extra.contains("filesort") || extra.contains("temporary");
        if table == "drip_worker" {
            // Of the few workers all may be read.
            plan.through(WORKER);
            continue;
        }
        plan.scans |= kind == "ALL" || cell("select_type") == "MATERIALIZED";
        plan.walks |= kind == "index";
        plan.through(&key);
    }
    Some(plan)
}

fn plan_on_sqlite(db: &Db, text: Text<'_>) -> Option<Plan> {
    let sql = text(&mut |name| parameter(name, db.dialect).1.literal(db.dialect))?;
    let conn = db.sqlite();
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.query_map([], |row| row.get::<_, String>("detail")).unwrap();
    let mut plan = Plan::default();
    for step in steps.map(|step| step.unwrap()) {
        plan.text += &format!("{step}\n");
        plan.sorts |= step.contains("TEMP B-TREE");
        // From the end of an index that holds only what waits; how far is a limit's matter.
        let partial = [CLAIM, DUE].iter().any(|index| step.ends_with(&format!(" USING INDEX {index}")));
        plan.walks |= ["SCAN drip_job", "SCAN holder", "SCAN j"]
            .iter()
            .any(|scan| format!("{step} ").starts_with(&format!("{scan} ")) && !partial);
        if let Some((_, index)) = step.split_once(" USING ").filter(|_| !step.contains("drip_queue")) {
            let index = index.trim_start_matches("COVERING ").trim_start_matches("INDEX ");
            let index = if step.contains("drip_worker") { WORKER } else { index };
            plan.through(index.split(" (").next().unwrap());
        }
    }
    Some(plan)
}

/// PostgreSQL: what the planner may use by default.
const ALL_SCANS: &str = "SET enable_indexscan = on; SET enable_bitmapscan = on; SET from_collapse_limit = 8; \
                         SET join_collapse_limit = 8";

/// The plans of a statement: under the settings of the connections that a worker keeps, or under the server's own.
fn plans(db: &Db, text: Text<'_>, kept: bool, small: bool) -> Vec<Plan> {
    match db.dialect {
        Dialect::Postgres => {
            let kept = if kept { include_str!("../../sql/postgres/kept_connection.sql") } else { "" };
            let settings = format!("{ALL_SCANS}; {kept}");
            let is_old = !db.is_postgres_since(12);
            let modes = if is_old { ["", ""] } else { ["custom", "generic"] };
            let modes = modes.iter().map(|mode| match *mode {
                "" => settings.clone(),
                mode => format!("{settings}; SET plan_cache_mode = force_{mode}_plan"),
            });
            modes.filter_map(|settings| plan_on_postgres(db, text, &settings, small)).collect()
        }
        Dialect::Mariadb => Vec::from_iter(plan_on_mariadb(db, text)),
        _ => Vec::from_iter(plan_on_sqlite(db, text)),
    }
}

fn check(db: &Db, kept: bool) {
    let jobs = db.jobs();
    let mut checked = 0;
    for (name, indexes, may_sort) in STATEMENTS {
        let indexes = indexes.iter().map(|index| here(db, index)).collect::<Vec<_>>();
        for plan in plans(db, &|place| statement::text(db.dialect, name, place), kept, jobs <= SMALL) {
            let Plan { text, .. } = &plan;
            let about = format!("{name} where {jobs} jobs are:\n{text}");
            assert!(!plan.scans && !plan.walks, "a table scan in {about}");
            assert!(may_sort || !plan.sorts, "a sort in {about}");
            let others: Vec<_> = plan.indexes.iter().filter(|index| !indexes.contains(&index.as_str())).collect();
            assert!(others.is_empty(), "{others:?} in {about}");
            let first = plan.indexes.iter().filter(|index| *index == indexes[0]).count();
            assert!(plan.is_answer || first > 0, "no {} in {about}", indexes[0]);
            assert!(first == 1 || !["claim_jobs", "pick_jobs"].contains(&name), "more than one probe in {about}");
            checked += 1;
        }
    }
    assert!(checked >= STATEMENTS.len() - 6, "{checked}");
}

/// The index that serves instead where there are no partial ones.
fn here(db: &Db, index: &'static str) -> &'static str {
    if index == STATE && db.dialect == Dialect::Mariadb { DUE } else { index }
}

/// Inserts jobs in these states, in turn: in five queues, of seven kinds; of those that wait for their time a third is
/// due; every fifth has a unique key.
fn fill(db: &Db, numbers: RangeInclusive<i64>, states: &[&str]) {
    let (from, to) = numbers.into_inner();
    let numbers = match db.dialect {
        Dialect::Postgres => format!("SELECT n FROM generate_series({from}, {to}) AS n"),
        Dialect::Mariadb => format!("SELECT seq AS n FROM seq_{from}_to_{to}"),
        _ => format!(
            "WITH RECURSIVE a(n) AS (VALUES ({from}) UNION ALL SELECT n + 1 FROM a WHERE n < {to}) SELECT n FROM a"
        ),
    };
    let (time, key) = match db.dialect {
        Dialect::Postgres => ("timestamptz '%-01-01'", "convert_to(concat('k', n), 'UTF8')"),
        Dialect::Mariadb => ("'%-01-01'", "CONCAT('k', n)"),
        _ => ("'%-01-01T00:00:00.000000Z'", "CAST('k' || n AS BLOB)"),
    };
    let (past, future) = (time.replace('%', "2020"), time.replace('%', "2040"));
    let one_of = |count: usize, name: &dyn Fn(usize) -> String| -> String {
        let whens: String = (0..count).map(|i| format!(" WHEN {i} THEN '{}'", name(i))).collect();
        format!("CASE n % {count}{whens} END")
    };
    // Nothing of this need outlive the machine, and the tests beside this one want the disk.
    let hurry = if db.dialect == Dialect::Sqlite { "PRAGMA synchronous = OFF;" } else { "" };
    db.execute(&format!(
        "{hurry}
         INSERT INTO drip_job (state, queue, kind, priority, scheduled_at, finalized_at, unique_key, unique_states)
         SELECT state, {queue}, {kind}, 1 + n % 4,
                CASE WHEN state IN ('scheduled', 'retryable') AND n % 3 > 0 THEN {future} ELSE {past} END,
                CASE WHEN state IN ('completed', 'discarded', 'cancelled') THEN {past} END,
                CASE WHEN n % 5 = 0 THEN {key} END, CASE WHEN n % 5 = 0 THEN 207 END
         FROM (SELECT n, {state} AS state FROM ({numbers}) AS numbers) AS jobs",
        queue = one_of(5, &|i| format!("q{i}")),
        kind = one_of(7, &|i| format!("k{i}")),
        state = one_of(states.len(), &|i| states[i].to_owned()),
    ));
}

on_every_database! {
    fn every_hot_statement_goes_through_its_index(db: &Db) {
        let all: Vec<_> = drip::State::ALL.iter().map(|state| state.name()).collect();
        leave_statistics_to_the_test(db);
        fill(db, 1..=SMALL, &all);
        check(db, true);
        filters::check(db);
        fill(db, SMALL + 1..=101_000, &["completed", "scheduled", "discarded"]);
        check(db, true);
        check(db, false);
        analyse(db);
        check(db, true);
        check(db, false);
    }

    fn statistics_of_a_small_table_do_no_harm_in_a_large_one(db: &Db) {
        let all: Vec<_> = drip::State::ALL.iter().map(|state| state.name()).collect();
        leave_statistics_to_the_test(db);
        fill(db, 1..=SMALL, &all);
        analyse(db);
        fill(db, SMALL + 1..=101_000, &["completed", "scheduled", "discarded"]);
        check(db, true);
    }
}

/// PostgreSQL makes some within a minute, by itself.
fn leave_statistics_to_the_test(db: &Db) {
    if db.dialect == Dialect::Postgres {
        db.execute("ALTER TABLE drip_job SET (autovacuum_enabled = off)");
    }
}

fn analyse(db: &Db) {
    db.execute(if db.dialect == Dialect::Mariadb { "ANALYZE TABLE drip_job" } else { "ANALYZE drip_job" });
}

/// Its EXPLAIN does not say how far a statement goes along an index; the handler does.
#[test]
fn mariadb_reads_few_jobs_where_there_are_many() {
    Db::run(Dialect::Mariadb, Place::Own, |db| {
        fill(db, 1..=20_000, &["available", "scheduled", "completed"]);
        db.execute("UPDATE drip_job SET scheduled_at = '2040-01-01' WHERE state = 'scheduled'");
        let mut conn = db.mariadb();
        for name in [
            "pick_jobs",
            "pick_found",
            "due_jobs",
            "glance",
            "find_holder",
            "ready_queues",
            "lock_jobs",
            "complete_jobs",
            "available_in_queues",
            "later_in_queues",
        ] {
            let sql =
                statement::text(db.dialect, name, |name| parameter(name, db.dialect).1.literal(db.dialect)).unwrap();
            let before = rows_read(&mut conn);
            conn.query_drop(sql).unwrap();
            let read = rows_read(&mut conn) - before;
            assert!(read < 50, "{name} reads {read} rows");
        }
    });
}

fn rows_read(conn: &mut mysql::Conn) -> u64 {
    let counters: Vec<(String, u64)> = conn.query("SHOW SESSION STATUS LIKE 'Handler_read%'").unwrap();
    // That of temporary tables, such as this one, aside.
    counters.iter().filter(|(name, _)| name != "Handler_read_rnd_next").map(|(_, count)| count).sum()
}

/// A scheduler asks again and again, of however many schedules.
#[test]
fn what_is_due_is_found_among_many_schedules() {
    for dialect in [Dialect::Postgres, Dialect::Mariadb, Dialect::Sqlite] {
        Db::run(dialect, Place::Own, |db| {
            let (time, numbers) = match db.dialect {
                Dialect::Postgres => ("timestamptz '2040-01-01'", "SELECT n FROM generate_series(1, 10000) AS n"),
                Dialect::Mariadb => ("'2040-01-01'", "SELECT seq AS n FROM seq_1_to_10000"),
                _ => (
                    "'2040-01-01T00:00:00.000000Z'",
                    "WITH RECURSIVE a(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM a WHERE n < 10000) SELECT n FROM a",
                ),
            };
            db.execute(&format!(
                "INSERT INTO drip_schedule (name, every_ms, kind, next_at)
                 SELECT n, 3600000, 'k', {time} FROM ({numbers}) AS numbers"
            ));
            for name in ["due_schedule", "next_slot"] {
                let text = |place: &mut dyn FnMut(&str) -> String| statement::text(db.dialect, name, place);
                for plan in plans(db, &text, true, false) {
                    assert!(!plan.sorts && !plan.text.contains("Seq Scan on drip_schedule"), "{name}: {}", plan.text);
                    assert!(plan.text.contains("drip_schedule_due"), "{name}: {}", plan.text);
                }
                if db.dialect == Dialect::Mariadb {
                    let place = |name: &str| parameter(name, db.dialect).1.literal(db.dialect);
                    let sql = statement::text(db.dialect, name, place).unwrap();
                    let mut conn = db.mariadb();
                    let before = rows_read(&mut conn);
                    conn.query_drop(sql).unwrap();
                    let read = rows_read(&mut conn) - before;
                    assert!(read < 50, "{name} reads {read} rows");
                }
            }
        });
    }
}

/// Whoever sorts or scans locks every row it looks at, and leaves nothing to others until it commits.
#[test]
fn a_claim_locks_no_more_jobs_than_it_takes() {
    Db::run(Dialect::Mariadb, Place::Own, |db| {
        fill(db, 1..=100, &["available"]);
        for isolation in [mysql::IsolationLevel::ReadCommitted, mysql::IsolationLevel::RepeatableRead] {
            let options = mysql::TxOpts::default().set_isolation_level(Some(isolation));
            let mut conns = [db.mariadb(), db.mariadb()];
            let mut open: Vec<_> = conns.iter_mut().map(|conn| conn.start_transaction(options).unwrap()).collect();
            let claims = open.iter_mut().map(|tx| fetch_jobs(tx, "q1", "worker", 1).unwrap());
            let ids: Vec<i64> = claims.flatten().map(|job| job.id).collect();
            assert!(ids.len() == 2 && ids[0] != ids[1], "{isolation:?}: {ids:?}");
            // Nor the first of the queue behind, where one comes to the end.
            assert_eq!(fetch_jobs(&mut open[0], "q2", "worker", 100).unwrap().len(), 20);
            assert_eq!(fetch_jobs(&mut open[1], "q3", "worker", 100).unwrap().len(), 20);
        }
    });
}
