//! What a process holds, and what a database holds of it.

use std::{collections::BTreeMap, fs};

use drip::Dialect;

use crate::support::Db;

/// What this process holds; Linux only.
#[derive(Debug)]
pub struct Holdings {
    /// By name.
    pub threads: BTreeMap<String, usize>,
    pub files: usize,
    pub resident_kib: usize,
}

impl Holdings {
    pub fn now() -> Holdings {
        let mut threads = BTreeMap::new();
        for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            *threads.entry(name.trim().to_owned()).or_default() += 1;
        }
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        Holdings {
            threads,
            files: fs::read_dir("/proc/self/fd").unwrap().count(),
            resident_kib: resident.split_whitespace().next().unwrap().parse().unwrap(),
        }
    }
}

/// What is counted; by how much the median of the last third of a soak may exceed that of the middle third, a share of it and
/// so much besides; and whether that is so of a short one too, which ends before buffers have grown to what they stay at, and
/// before the threads of a pool end that nobody has any more, for which r2d2 takes half a minute.
///
/// Three connections more may just be open, of which each has four files on PostgreSQL.
pub const COUNTED: [(&str, f64, i64, bool); 9] = [
    ("jobs", 0.2, 100, true),
    ("other rows", 0.2, 8, true),
    ("memory KiB", 0.05, 2 * 1024, false),
    ("threads", 0.0, 2, false),
    ("files", 0.0, 12, true),
    ("connections", 0.0, 3, true),
    ("disk KiB", 0.25, 4 * 1024, false),
    ("old KiB", 0.5, 4 * 1024, false),
    ("server's log KiB", 0.5, 4 * LOG_SEGMENT, false),
];

/// PostgreSQL's log comes in segments of 16 MiB.
const LOG_SEGMENT: i64 = 16 * 1024;

/// All of that, at this moment.
pub fn count(db: &Db) -> [i64; COUNTED.len()] {
    let held = Holdings::now();
    let [connections, disk, old, log] = sizes(db);
    [
        db.jobs(),
        ["drip_queue", "drip_worker", "drip_timetable", "drip_schedule"].map(|table| rows(db, table)).iter().sum(),
        held.resident_kib as i64,
        held.threads.values().sum::<usize>() as i64,
        held.files as i64,
        connections,
        disk,
        old,
        log,
    ]
}

fn rows(db: &Db, table: &str) -> i64 {
    db.number(&format!("SELECT count(*) FROM {table}"))
}

/// Connections, other than this one; what the database fills on disk; what old versions of rows fill there, on SQLite the
/// write-ahead log; and PostgreSQL's log, which is that of the whole server. MariaDB's is a ring of a fixed size.
fn sizes(db: &Db) -> [i64; 4] {
    let numbers = match db.dialect {
        Dialect::Postgres => [
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
            "SELECT pg_database_size(current_database()) / 1024",
            "SELECT sum(n_dead_tup)::bigint / 4 FROM pg_stat_user_tables", // a row of a job has some 250 bytes
            "SELECT (sum(size) / 1024)::bigint FROM pg_ls_waldir()",
        ],
        Dialect::Mariadb => [
            "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()",
            "SELECT CAST(sum(file_size) / 1024 AS INTEGER) FROM information_schema.innodb_sys_tablespaces
             WHERE name LIKE concat(DATABASE(), '/%')",
            "SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'",
            "SELECT 0",
        ],
        _ => return sizes_of_file(db.url.trim_start_matches("sqlite://")),
    };
    numbers.map(|sql| db.number(sql))
}

fn sizes_of_file(path: &str) -> [i64; 4] {
    let kib = |path: String| fs::metadata(path).map_or(0, |file| file.len() as i64 / 1024);
    [0, kib(path.to_owned()), kib(format!("{path}-wal")), 0]
}
