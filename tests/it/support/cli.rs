//! The program as a person at a terminal sees it: its own process, with nothing in the environment.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A run of the program that is about to begin.
pub struct Run {
    command: Command,
    input: Vec<u8>,
}

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The program with `arguments`, in the folder of the crate, with nothing piped in.
pub fn faultline(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    // Whoever runs the tests may have a kubeconfig at home: no test may ever reach a real cluster.
    let no_home = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-home");
    command.args(arguments).env_clear().env("HOME", no_home).current_dir(env!("CARGO_MANIFEST_DIR"));
    Run { command, input: Vec::new() }
}

impl Run {
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn input(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.input = text.into();
        self
    }

    pub fn run(mut self) -> Ran {
        let pipes = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the program starts");
        // A program that reads no input closes the pipe early.
        let _ = child.stdin.take().expect("a pipe").write_all(&self.input);
        let done = child.wait_with_output().expect("the program ends");
        let text = |bytes| String::from_utf8(bytes).expect("answers are UTF-8");
        Ran { code: done.status.code().expect("no signal ended it"), out: text(done.stdout), err: text(done.stderr) }
    }

    /// What it prints, having ended with 0.
    #[track_caller]
    pub fn succeeds(self) -> String {
        self.ends_with(0).out
    }

    #[track_caller]
    pub fn ends_with(self, code: i32) -> Ran {
        let ran = self.run();
        assert_eq!(ran.code, code, "stdout:\n{}\nstderr:\n{}", ran.out, ran.err);
        ran
    }
}

/// An empty folder of one test, below the target folder.
pub struct Folder(PathBuf);

impl Folder {
    /// `name` is the test's own.
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a file can be written");
        path.to_str().expect("a path in UTF-8").to_owned()
    }
}
