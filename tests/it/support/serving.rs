//! The service in a process of its own, on a loopback port.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

/// Ends when dropped.
pub struct Serving {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
}

impl Serving {
    /// `faultline serve` with more `arguments`, once it listens.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
        command.env_clear().env("APP_HOST", "127.0.0.1").env("APP_PORT", "0").arg("serve").args(arguments);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let said = Arc::new(Mutex::new(String::new()));
        let address = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).expect("a log"), 0, "it ended before it listened");
            said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
            if let Some((_, rest)) = line.split_once("listening on http://") {
                break rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
            }
        };
        let kept = Arc::clone(&said);
        // A pipe that nobody reads would fill up and block it.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        Self { child, address, log: said }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The answer to a GET, with its head.
    pub async fn get(&self, path: &str) -> String {
        self.get_with(path, "").await
    }

    /// The same with more lines in the head, each with its line end.
    pub async fn get_with(&self, path: &str, head: &str) -> String {
        self.ask(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{head}\r\n")).await
    }

    /// Asks it to stop and waits until it has. Tells what it logged.
    pub async fn stopped(mut self) -> String {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("there is a kill");
        assert!(asked.success(), "it could not be asked to stop");
        tokio::task::spawn_blocking(move || {
            let ended = self.child.wait().expect("it ends");
            assert!(ended.success(), "it ended with {ended}: {}", self.log());
            self.log()
        })
        .await
        .expect("no panic")
    }

    /// The answer to a POST, with its head. `headers` end with a line break each.
    pub async fn post(&self, path: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        self.ask(format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        ))
        .await
    }

    async fn ask(&self, request: String) -> String {
        let port = self.address.rsplit(':').next().expect("a port");
        let address = format!("127.0.0.1:{port}");
        let asking = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.write_all(request.as_bytes()).expect("a request is taken");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            answer
        });
        asking.await.expect("no panic")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
