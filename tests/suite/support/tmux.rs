//! A terminal of a test's own, in which a program runs and somebody types: tmux, on a socket that nobody else has.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long something may take to come to the screen.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Tmux {
    directory: TempDir,
    /// Looks on, and is told of everything that is written.
    onlooker: Child,
    news: Receiver<()>,
}

impl Tmux {
    /// Runs a line of a shell in a terminal of this size. When it has ended, `ended:` is written with its exit code, and
    /// the terminal stays. `None`: there is no tmux here, which is said loudly.
    pub fn start((width, height): (u16, u16), environment: &[(&str, &str)], line: &str) -> Option<Tmux> {
        let directory = tempfile::tempdir().unwrap();
        let (width, height) = (width.to_string(), height.to_string());
        // What comes after is there to be looked at: what the program left behind.
        let line =
            format!("{line}; code=$?; stty -a > '{}/stty'; echo ended: $code; exec cat", directory.path().display());
        let mut tmux = command(&directory);
        tmux.args(["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, &line]);
        tmux.env_remove("NO_COLOR").env_remove("TMUX").env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        tmux.envs(environment.iter().copied());
        match tmux.status() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                assert!(std::env::var("CI").as_deref() != Ok("true"), "tmux cannot be had, and CI=true");
                eprintln!("*** tmux NOT FOUND: the terminal UI is not tested in a terminal ***");
                return None;
            }
            status => assert!(status.unwrap().success()),
        }
        let mut onlooker = command(&directory);
        onlooker.args(["-C", "attach", "-f", "ignore-size"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut onlooker = onlooker.spawn().unwrap();
        // Of bytes: tmux cuts characters in two.
        let lines = BufReader::new(onlooker.stdout.take().unwrap()).split(b'\n');
        let (sender, news) = channel();
        thread::spawn(move || lines.map_while(Result::ok).for_each(|_| sender.send(()).unwrap_or(())));
        Some(Tmux { directory, onlooker, news })
    }

    /// Presses keys, by tmux's names.
    pub fn keys(&self, keys: &[&str]) {
        assert!(command(&self.directory).arg("send-keys").args(keys).status().unwrap().success());
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        self.told(&["capture-pane", "-p"])
    }

    /// Waits until this is on the screen, and answers that.
    #[track_caller]
    pub fn until(&self, text: &str) -> String {
        self.wait(&format!("{text:?} to come"), |screen| screen.contains(text))
    }

    /// Waits until the screen is as it should be, and answers it.
    #[track_caller]
    pub fn wait(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return screen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(self.news.recv_timeout(left).is_ok(), "waiting for {what}; there is:\n{screen}");
        }
    }

    /// Whether the terminal is as programs expect it: its own screen, a cursor, no mouse, and, once the program has ended,
    /// lines that are edited and echoed.
    pub fn is_clean(&self) -> bool {
        let flags = self.told(&["display-message", "-p", "#{alternate_on}#{mouse_any_flag}#{cursor_flag}"]);
        let modes = std::fs::read_to_string(self.directory.path().join("stty")).unwrap_or_default();
        flags.trim() == "001"
            && ["icanon", "echo", "isig"].iter().all(|mode| modes.split_whitespace().any(|set| set == *mode))
    }

    fn told(&self, arguments: &[&str]) -> String {
        let output = command(&self.directory).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // The server would wait for it.
        let _ = self.onlooker.kill();
        let _ = self.onlooker.wait();
        let _ = command(&self.directory).arg("kill-server").status();
    }
}

fn command(directory: &TempDir) -> Command {
    let mut command = Command::new("tmux");
    command.arg("-u").arg("-S").arg(directory.path().join("socket")).stdin(Stdio::null());
    command
}
