//! A real Postgres of the test run's own, where the machine has one installed.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A server on a socket in a folder of its own; it and the folder go when this is dropped.
pub struct Postgres {
    server: Child,
    folder: TempDir,
}

/// Whom the server runs as where the tests run as root, which it refuses.
const NOBODY: u32 = 65534;

impl Postgres {
    /// `None` = Postgres is not installed; the reason is printed.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            #[expect(clippy::print_stderr, reason = "whoever runs the tests should know what was not tested")]
            {
                eprintln!("SKIPPED postgres: neither PATH nor /usr/lib/postgresql holds initdb and postgres");
            }
            return None;
        };
        let folder = tempfile::Builder::new().prefix("faultline-pg").tempdir().expect("a folder can be made");
        let is_root = fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0);
        if is_root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root may give a folder away");
        }
        let data = folder.path().join("data");
        let mut initdb = command(&programs.join("initdb"), is_root);
        initdb.args(["--username=faultline", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"]).arg(&data);
        let made = initdb.stdin(Stdio::null()).output().expect("initdb starts");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

        let mut postgres = command(&programs.join("postgres"), is_root);
        postgres.arg("-D").arg(&data).arg("-k").arg(folder.path());
        postgres.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200", "-c", "logging_collector=off"]);
        let mut server = postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut log = BufReader::new(server.stderr.take().expect("a pipe"));
        let (mut said, mut line) = (String::new(), String::new());
        while !line.contains("ready to accept connections") {
            line.clear();
            assert_ne!(log.read_line(&mut line).expect("a log"), 0, "it ended before it was ready: {said}");
            said.push_str(&line);
        }
        // A pipe that nobody reads would fill up and block it.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Some(Self { server, folder })
    }

    /// Address of a database on it, whether or not that is there.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://faultline@localhost/{database}?host={}", self.folder.path().display())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, but orderly: killed outright it would leave its shared memory behind.
        let _ = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}

/// `program` as somebody whom Postgres accepts.
fn command(program: &Path, is_root: bool) -> Command {
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

/// The folder of the programs: the newest of Debian's, else where PATH leads to.
fn programs() -> Option<PathBuf> {
    let has_both = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let mut found: Vec<PathBuf> = versions.filter(has_both).collect();
    found.sort();
    #[expect(clippy::disallowed_methods, reason = "a test looks for a program, as a shell does")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.pop().or_else(|| std::env::split_paths(&path).find(has_both))
}
