//! `faultline redact`: what would leave.

use std::{
    fs,
    io::{self, BufRead, Read, Write},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use serde::Serialize;

use super::{CliError, Outcome, ask::write_json};
use crate::{app, config::RedactSettings, domain::redact::Redactor};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Read the text from a file; when not given: what is piped in
    #[arg(long, short)]
    file: Option<PathBuf>,
    /// Print how many places were masked, by kind, instead of the text
    #[arg(long, conflicts_with = "jsonl")]
    json: bool,
    /// Read one JSON string per line and print one per line, each a request of its own
    #[arg(long)]
    jsonl: bool,
    #[command(flatten)]
    redact: RedactSettings,
}

#[derive(Serialize)]
struct Summary<'a> {
    masked: usize,
    kinds: &'a std::collections::BTreeMap<String, usize>,
}

pub fn run(arguments: &Arguments) -> Result<Outcome, CliError> {
    let redactor = app::redactor(&arguments.redact)?;
    let what = arguments.file.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let unreadable = |source| CliError::Read { what: what.clone(), source };
    let mut input: Box<dyn Read> = match &arguments.file {
        Some(path) => Box::new(fs::File::open(path).map_err(unreadable)?),
        None => Box::new(io::stdin().lock()),
    };
    let mut out = anstream::stdout().lock();
    if arguments.jsonl {
        return lines(&redactor, input, &what, &mut out);
    }
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(unreadable)?;
    let mut session = redactor.session();
    let clean = session.clean(&String::from_utf8_lossy(&bytes));
    if arguments.json {
        let kinds = session.counts();
        write_json(&mut out, &Summary { masked: kinds.values().sum(), kinds })?;
    } else {
        out.write_all(clean.as_bytes())?;
    }
    Ok(Outcome::Done)
}

fn lines(redactor: &Arc<Redactor>, input: Box<dyn Read>, what: &str, out: &mut impl Write) -> Result<Outcome, CliError> {
    for (line, number) in io::BufReader::new(input).lines().zip(1..) {
        let line = line.map_err(|source| CliError::Read { what: what.to_owned(), source })?;
        if line.trim().is_empty() {
            continue;
        }
        let text: String = serde_json::from_str(&line)
            .map_err(|error| CliError::Input(format!("line {number} is not a JSON string: {error}")))?;
        let clean = redactor.clean(&text);
        serde_json::to_writer(&mut *out, clean.as_str()).map_err(io::Error::from)?;
        writeln!(out)?;
    }
    Ok(Outcome::Done)
}
