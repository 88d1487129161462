//! `faultline cluster-health`.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};
use jiff::Timestamp;

use super::{
    CliError, Outcome,
    ask::{CONNECT, write_json},
    human::{BOLD, DIM, severity_style, write_gaps, write_prose},
};
use crate::{
    app,
    cluster::ClusterSettings,
    config::KnowledgeSettings,
    domain::health::{ClusterHealth, Status},
    http::markdown,
    pipeline::cluster_health,
};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Namespace to look at; may be given more than once; when not given: all
    #[arg(long = "namespace", short, value_parser = NonEmptyStringValueParser::new())]
    namespaces: Vec<String>,
    /// Form of the answer
    #[arg(long, short, value_enum, default_value_t = Output::Human)]
    output: Output,
    #[command(flatten)]
    knowledge: KnowledgeSettings,
    #[command(flatten)]
    cluster: ClusterSettings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Human,
    Json,
    Markdown,
}

pub fn run(arguments: &Arguments) -> Result<Outcome, CliError> {
    let stages = app::stages(&arguments.knowledge, &arguments.cluster)?;
    #[expect(clippy::disallowed_methods, reason = "the command line is an edge: the clock is read here, once")]
    let now = Timestamp::now();
    let health = super::runtime()?.block_on(async {
        stages.cluster.connect(CONNECT).await;
        cluster_health::cluster_health(&stages, &arguments.namespaces, now).await
    });
    let mut out = anstream::stdout().lock();
    match arguments.output {
        Output::Human => write_human(&mut out, &health)?,
        Output::Json => write_json(&mut out, &health)?,
        Output::Markdown => out.write_all(markdown::cluster_health(&health).as_bytes())?,
    }
    Ok(match health.picture.status {
        Status::Healthy => Outcome::Done,
        Status::Degraded | Status::Unhealthy => Outcome::ProblemsFound,
        Status::Unknown => Outcome::NothingFound,
    })
}

fn write_human(out: &mut impl Write, health: &ClusterHealth) -> io::Result<()> {
    let picture = &health.picture;
    let totals = &picture.totals;
    let style = style(picture.status);
    let of = if picture.namespaces.is_empty() { String::new() } else { format!(" in {}", picture.namespaces.join(", ")) };
    writeln!(
        out,
        "{style}{}{style:#}  {BOLD}{} of {} nodes ready, {} of {} workloads unwell, {} of {} pods unwell{of}{BOLD:#}  {DIM}as of {:.0}{DIM:#}",
        picture.status.as_str().to_uppercase(),
        totals.nodes_ready,
        totals.nodes,
        totals.workloads_unwell,
        totals.workloads,
        totals.pods_unwell,
        totals.pods,
        picture.observed_at
    )?;
    for node in picture.nodes.iter().filter(|node| !node.ready || !node.schedulable || !node.pressure.is_empty()) {
        writeln!(out, "  node {}: {}", node.name, node.in_words())?;
    }
    for problem in &picture.problems {
        let style = severity_style(problem.severity);
        writeln!(out, "\n{style}{:<8}{style:#} {BOLD}{}{BOLD:#}  {}", problem.severity, problem.object, problem.category)?;
        write_prose(out, "         ", &problem.message)?;
    }
    write_gaps(out, &picture.gaps)
}

fn style(status: Status) -> Style {
    let colour = match status {
        Status::Healthy => AnsiColor::Green,
        Status::Degraded | Status::Unknown => AnsiColor::Yellow,
        Status::Unhealthy => AnsiColor::Red,
    };
    colour.on_default().bold()
}
