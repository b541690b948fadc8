//! A process of its own: this test binary once more, running one of its tests, which its parent may kill at any moment.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
};

/// A running child; killed when dropped.
pub struct Process {
    child: Child,
    says: BufReader<ChildStderr>,
}

impl Process {
    /// Starts the test with this name, which is an ignored one, and waits until it says that it is [`ready`].
    pub fn start(test: &str, environment: &[(&str, String)]) -> Process {
        let mut command = Command::new(std::env::current_exe().unwrap());
        Process::spawn(command.args(arguments(test)), environment)
    }

    /// Starts another program, which says alike when it is ready.
    pub fn of_program(path: &str, environment: &[(&str, String)]) -> Process {
        Process::spawn(&mut Command::new(path), environment)
    }

    /// As [`start`](Process::start), but the kernel kills the child at its first write beyond the first `kib` KiB of a file.
    pub fn start_with_small_files(test: &str, environment: &[(&str, String)], kib: u32) -> Process {
        let limited = "ulimit -c 0 && ulimit -f \"$0\" && exec \"$@\"";
        let mut command = Command::new("bash"); // whose unit is KiB; that of other shells is not
        command.args(["-c", limited, &kib.to_string()]).arg(std::env::current_exe().unwrap());
        Process::spawn(command.args(arguments(test)), environment)
    }

    fn spawn(command: &mut Command, environment: &[(&str, String)]) -> Process {
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut says = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
        let mut heard = String::new();
        while !heard.ends_with("\nready\n") {
            assert_ne!(says.read_line(&mut heard).unwrap(), 0, "the child ended before it was ready: {heard}");
        }
        Process { child, says }
    }

    /// Lets the child go on.
    pub fn go(&mut self) {
        self.child.stdin.take().expect("a child is let go once").write_all(b"go\n").unwrap();
    }

    /// Its number in this machine.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops all its threads where they are, until it is [thawed](Process::thaw).
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets a frozen child go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "{signal}: {sent}");
    }

    /// How the child has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends SIGKILL, and waits until the process is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9), "the child had ended before it was killed");
    }

    /// What it said, if it has ended.
    pub fn last_words(&mut self) -> Option<String> {
        self.ended()?;
        Some(self.says.by_ref().lines().map_while(Result::ok).collect::<Vec<_>>().join("\n"))
    }

    /// Waits for the end of the child; what it said, and how it ended.
    pub fn wait(mut self) -> (String, ExitStatus) {
        let said = self.says.by_ref().lines().map_while(Result::ok).collect::<Vec<_>>().join("\n");
        (said, self.child.wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if it has been waited for, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn arguments(test: &str) -> [&str; 4] {
    [test, "--exact", "--ignored", "--nocapture"]
}

/// Called by the child: says that it is ready, and waits until it may go on.
pub fn ready() {
    eprintln!("\nready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}
