//! Tests that count what their process holds run in a process of their own: this test binary once more.

use std::{env, process::Command};

use super::{Db, servers::servers};

const ALONE: &str = "DRIP_TEST_ALONE";

/// Runs `test` in a process in which no other test runs. `module` and `name` are those of the test.
pub fn alone(db: &Db, module: &str, name: &str, test: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return test();
    }
    let (_, module) = module.split_once("::").expect("a test is in a module of the suite");
    let name = format!("{module}::{}::{name}", db.dialect.name());
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([&name, "--exact", "--nocapture", "--test-threads=1"]).env(ALONE, "1").env("DRIP_TEST_SERVERS", "1");
    // What a test complains of must not be lost among the backtraces of handlers that panic on purpose.
    command.env("RUST_BACKTRACE", "0");
    for (variable, url) in
        [("DRIP_TEST_POSTGRES_URL", &servers().postgres), ("DRIP_TEST_MARIADB_URL", &servers().mariadb)]
    {
        command.envs(url.as_ref().map(|url| (variable, url)));
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{name}, alone: {said}");
}

/// How many threads of workers this process has; Linux only.
pub fn worker_threads() -> usize {
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        // A thread that ends meanwhile has no name any more.
        task.ok().and_then(|task| std::fs::read_to_string(task.path().join("comm")).ok()).unwrap_or_default()
    };
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(name);
    // `drip-notify` belongs to the client.
    tasks.filter(|name| name.starts_with("drip-") && name.trim() != "drip-notify").count()
}
