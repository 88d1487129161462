//! `faultline incidents`: the history, listed, searched, exported and changed.

use std::io::{self, Write};

use clap::{Args, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use super::{
    CliError, Outcome,
    ask::write_json,
    human::{BOLD, DIM, severity_style, write_prose},
    store::{asked, opened},
};
use crate::{
    domain::{
        incident::{Durations, EntryKind, Incident, IncidentFilter, Status},
        incident_stats::{Group, IncidentStats},
        redact::Redactor,
        symptom::Severity,
    },
    http::incidents::{Detail, Timeline},
    incidents::{Changed, Listed, NewEntry, PlaceSettings, Store},
};

#[derive(Debug, Subcommand)]
pub enum IncidentsCommand {
    /// List incidents, the newest first
    List(ListArguments),
    /// Show one incident: its latest diagnosis and its history
    Show {
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a note to an incident
    Note(ChangeArguments),
    /// Say that somebody looks after an incident
    Acknowledge(ChangeArguments),
    /// Say that an incident is over
    Resolve(ChangeArguments),
    /// Counts, times to detection and resolution, and the success of healing
    Stats {
        /// Days to look back
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36500))]
        days: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct ListArguments {
    /// Words that all stand in the title, target, category or notes
    words: Vec<String>,
    /// Only those that are open, acknowledged, mitigated or resolved; may come more than once
    #[arg(long, value_parser = known_status)]
    status: Vec<Status>,
    /// Only those of this severity; may come more than once
    #[arg(long, value_enum, ignore_case = true)]
    severity: Vec<SeverityName>,
    #[arg(long)]
    category: Option<String>,
    #[arg(long, short)]
    namespace: Option<String>,
    /// NAME, KIND/NAME or KIND/NAMESPACE/NAME
    #[arg(long)]
    target: Option<String>,
    /// Detected at this time or later: 2026-02-19T10:30:00Z
    #[arg(long)]
    since: Option<Timestamp>,
    /// Detected before this time
    #[arg(long)]
    until: Option<Timestamp>,
    /// Incidents at most; 0 lists all
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// As JSON lines: one incident a line, to be saved
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct ChangeArguments {
    id: String,
    /// What there is to say
    text: Vec<String>,
    /// Who says it
    #[arg(long)]
    author: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SeverityName {
    Critical,
    High,
    Medium,
    Low,
}

fn known_status(name: &str) -> Result<Status, String> {
    Status::of(name).ok_or_else(|| "must be open, acknowledged, mitigated or resolved".to_owned())
}

/// Incidents read at once.
const PAGE: usize = 200;
/// Longest note, as over HTTP.
const NOTE_CHARACTERS: usize = 4096;

pub fn run(command: &IncidentsCommand, place: &PlaceSettings) -> Result<Outcome, CliError> {
    super::block_on(async {
        let store = opened(place).await?;
        let done = match command {
            IncidentsCommand::List(arguments) => list(&store, arguments).await,
            IncidentsCommand::Show { id, json } => show(&store, id, *json).await,
            IncidentsCommand::Note(arguments) => change(&store, arguments, EntryKind::Note).await,
            IncidentsCommand::Acknowledge(arguments) => change(&store, arguments, EntryKind::Acknowledged).await,
            IncidentsCommand::Resolve(arguments) => change(&store, arguments, EntryKind::Resolved).await,
            IncidentsCommand::Stats { days, json } => stats(&store, *days, *json).await,
        };
        store.close().await;
        done
    })?
}

impl ListArguments {
    fn filter(&self) -> IncidentFilter {
        let severity = |name: &SeverityName| match name {
            SeverityName::Critical => Severity::Critical,
            SeverityName::High => Severity::High,
            SeverityName::Medium => Severity::Medium,
            SeverityName::Low => Severity::Low,
        };
        IncidentFilter {
            statuses: self.status.clone(),
            severities: self.severity.iter().map(severity).collect(),
            category: self.category.clone(),
            namespace: self.namespace.clone(),
            target: self.target.clone(),
            since: self.since,
            until: self.until,
            text: (!self.words.is_empty()).then(|| self.words.join(" ")),
        }
    }
}

async fn list(store: &Store, arguments: &ListArguments) -> Result<Outcome, CliError> {
    let filter = arguments.filter();
    let mut left = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    let mut after = None;
    loop {
        let page = asked(store.incidents().list(&filter, &Listed { limit: left.min(PAGE), after }).await)?;
        let mut out = anstream::stdout().lock();
        for incident in &page.incidents {
            if arguments.json {
                serde_json::to_writer(&mut out, incident).map_err(io::Error::from)?;
                writeln!(out)?;
            } else {
                write_line(&mut out, incident)?;
            }
        }
        left -= page.incidents.len();
        after = page.next;
        if after.is_none() || left == 0 {
            return Ok(Outcome::Done);
        }
    }
}

fn write_line(out: &mut impl Write, incident: &Incident) -> io::Result<()> {
    let style = severity_style(incident.severity);
    writeln!(
        out,
        "{}  {DIM}{:.0}{DIM:#}  {style}{:<8}{style:#}  {:<12}  {BOLD}{}{BOLD:#}  {}",
        incident.id, incident.detected_at, incident.severity, incident.status, incident.target, incident.category
    )
}

async fn show(store: &Store, id: &str, as_json: bool) -> Result<Outcome, CliError> {
    let detail = asked(store.incidents().read(id).await)?.ok_or_else(|| not_found(id))?;
    let timeline = asked(store.incidents().timeline(id).await)?.unwrap_or_default();
    let mut out = anstream::stdout().lock();
    if as_json {
        let incident = serde_json::json!({"incident": Detail::new(&detail), "timeline": Timeline::new(id, &timeline)});
        write_json(&mut out, &incident)?;
        return Ok(Outcome::Done);
    }
    write_line(&mut out, &detail.incident)?;
    write_prose(&mut out, "", &detail.incident.title)?;
    writeln!(out)?;
    for entry in &timeline {
        let actor = entry.actor.as_ref().map(|actor| format!(" ({actor})")).unwrap_or_default();
        let lead = format!("{:.0}  {:<12}  ", entry.at, entry.kind);
        write_prose(&mut out, &lead, &format!("{}{actor}", entry.summary))?;
    }
    Ok(Outcome::Done)
}

async fn change(store: &Store, arguments: &ChangeArguments, kind: EntryKind) -> Result<Outcome, CliError> {
    let redactor = Redactor::built_in();
    let text = redactor.clean(arguments.text.join(" ").trim());
    let text = text.as_str();
    let author = arguments.author.as_ref().map(|author| redactor.clean(author).into_string());
    if text.chars().count() > NOTE_CHARACTERS {
        return Err(CliError::Input(format!("the text must have at most {NOTE_CHARACTERS} characters")));
    }
    let now = super::store::now();
    let said = |unsaid: &str| NewEntry::new(kind, if text.is_empty() { unsaid } else { text }).by(author.clone());
    let incidents = store.incidents();
    let changed = match kind {
        EntryKind::Acknowledged => incidents.acknowledge(&arguments.id, &said("acknowledged"), now).await,
        EntryKind::Resolved => incidents.resolve(&arguments.id, &said("resolved by hand"), now).await,
        _ if text.is_empty() => return Err(CliError::Input("the note is empty".to_owned())),
        _ => incidents.add(&arguments.id, &said(""), now).await,
    };
    match asked(changed)? {
        Changed::NotFound => Err(not_found(&arguments.id)),
        Changed::Done => Ok(Outcome::Done),
        Changed::AlreadySo => {
            writeln!(anstream::stdout().lock(), "it is that far already; nothing was changed")?;
            Ok(Outcome::Done)
        }
    }
}

fn not_found(id: &str) -> CliError {
    CliError::Input(format!("there is no incident `{id}`; see `faultline incidents list`"))
}

async fn stats(store: &Store, days: u32, as_json: bool) -> Result<Outcome, CliError> {
    let until = super::store::now();
    let since = until.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN);
    let stats = asked(store.incidents().stats(since, until).await)?;
    let mut out = anstream::stdout().lock();
    if as_json {
        write_json(&mut out, &stats)?;
    } else {
        write_stats(&mut out, &stats)?;
    }
    Ok(Outcome::Done)
}

fn write_stats(out: &mut impl Write, stats: &IncidentStats) -> io::Result<()> {
    writeln!(out, "{BOLD}{} incidents{BOLD:#} from {:.0} to {:.0}", stats.incidents, stats.since, stats.until)?;
    for (name, count) in stats.by_status.iter().chain(&stats.by_severity) {
        writeln!(out, "  {name:<34} {count:>6}")?;
    }
    let whole = Group { incidents: stats.incidents, detection: stats.detection, resolution: stats.resolution };
    writeln!(out, "\n  {:<34} {:>6}  {:>22}  {:>22}", "mean / median", "", "to detection", "to resolution")?;
    let categories = stats.by_category.iter().map(|(name, group)| (name.as_str(), group));
    let namespaces =
        stats.by_namespace.iter().map(|(name, group)| (if name.is_empty() { "(no namespace)" } else { name }, group));
    for (name, group) in [("all", &whole)].into_iter().chain(categories).chain(namespaces) {
        let (detection, resolution) = (in_words(group.detection), in_words(group.resolution));
        writeln!(out, "  {name:<34} {:>6}  {detection:>22}  {resolution:>22}", group.incidents)?;
    }
    let healing = &stats.healing;
    let success = healing.success.map(|share| format!(", {:.0} % successful", share * 100.0)).unwrap_or_default();
    writeln!(out, "\nhealing: {} applied, {} verified, {} undone{success}", healing.applied, healing.verified, healing.undone)
}

fn in_words(durations: Option<Durations>) -> String {
    let short = |seconds: f64| match seconds {
        _ if seconds < 120.0 => format!("{seconds:.0}s"),
        _ if seconds < 7200.0 => format!("{:.0}m", seconds / 60.0),
        _ => format!("{:.1}h", seconds / 3600.0),
    };
    durations.map_or_else(|| "-".to_owned(), |one| format!("{} / {}", short(one.mean_seconds), short(one.median_seconds)))
}
