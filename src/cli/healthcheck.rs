//! `faultline healthcheck`: one plain HTTP request, so that an image without a shell can check itself.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use clap::Args;

use super::{CliError, Outcome};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Address of the service; 0.0.0.0 is asked at 127.0.0.1
    #[arg(long, env, default_value = "127.0.0.1")]
    app_host: String,
    /// Port of the service
    #[arg(long, env, default_value_t = 8000)]
    app_port: u16,
    /// Seconds to wait
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

pub fn run(arguments: &Arguments) -> Result<Outcome, CliError> {
    let host = match arguments.app_host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" | "[::]" => "::1",
        host => host,
    };
    let what = format!("http://{host}:{}/readyz", arguments.app_port);
    let status = ask(host, arguments.app_port, Duration::from_secs(arguments.timeout))
        .map_err(|source| CliError::Read { what: what.clone(), source })?;
    if status.contains(" 200 ") { Ok(Outcome::Done) } else { Err(CliError::Input(format!("{what} answers: {}", status.trim()))) }
}

/// The status line of `GET /readyz`.
fn ask(host: &str, port: u16, timeout: Duration) -> std::io::Result<String> {
    let address = (host, port).to_socket_addrs()?.next().ok_or_else(|| std::io::Error::other("the host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut head = [0; 64];
    let length = stream.read(&mut head)?;
    Ok(String::from_utf8_lossy(&head[..length]).lines().next().unwrap_or_default().to_owned())
}
