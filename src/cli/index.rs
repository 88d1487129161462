//! `faultline index`: the vectors of the runbooks, made, shown and checked.

use std::io::Write;

use clap::Subcommand;

use super::{CliError, Outcome, block_on, progress::Bar};
use crate::{
    app,
    config::KnowledgeSettings,
    retrieve::{build::Patience, retriever::Retriever, state::DenseState, vectors::VectorFile},
};

#[derive(Clone, Copy, Debug, Subcommand)]
pub enum IndexCommand {
    /// Make the vectors that are missing, and bring them to Qdrant where it is set
    Build {
        /// Make a new collection in Qdrant, and let readers see it when it is whole
        #[arg(long)]
        fresh: bool,
    },
    /// Tell what is indexed, without changing anything
    Status,
    /// Check that the index holds what the runbooks say, and nothing else; exit code 1 where it does not
    Verify,
}

pub fn run(command: IndexCommand, settings: &KnowledgeSettings) -> Result<Outcome, CliError> {
    let stages = app::stages_without_cluster(settings)?;
    let retriever = &stages.retriever;
    match command {
        IndexCommand::Build { fresh } => block_on(build(retriever, fresh))?,
        IndexCommand::Status => block_on(status(retriever))?,
        IndexCommand::Verify => block_on(verify(retriever))?,
    }
}

async fn build(retriever: &Retriever, fresh: bool) -> Result<Outcome, CliError> {
    if fresh && let Some(store) = retriever.store() {
        store.start_afresh();
    }
    let bar = Bar::new();
    retriever.refresh(Patience::Endless, &|step| bar.step(step)).await;
    bar.end();
    report(retriever)
}

async fn status(retriever: &Retriever) -> Result<Outcome, CliError> {
    retriever.look().await;
    report(retriever)
}

/// What there is, and whether it is whole.
fn report(retriever: &Retriever) -> Result<Outcome, CliError> {
    let mut out = anstream::stdout().lock();
    let shelf = retriever.shelf();
    writeln!(out, "runbooks  {}", shelf.library.runbooks().len())?;
    writeln!(out, "passages  {}", shelf.library.passages().len())?;
    for problem in shelf.problems.iter() {
        writeln!(out, "problem   {}: {}", problem.file, problem.what)?;
    }
    if let Some(embedder) = retriever.embedder() {
        writeln!(out, "model     {}", embedder.identity())?;
        let dense = shelf.memory.dense();
        writeln!(out, "vectors   {} of {}", dense.len(), shelf.texts.len())?;
    }
    for gap in retriever.gaps() {
        writeln!(out, "gap       {}: {}", gap.what, gap.why)?;
    }
    Ok(if retriever.state() == DenseState::Ready { Outcome::Done } else { Outcome::ProblemsFound })
}

async fn verify(retriever: &Retriever) -> Result<Outcome, CliError> {
    let mut problems = Vec::new();
    retriever.look().await;
    let shelf = retriever.shelf();
    match retriever.embedder() {
        None => problems.push(retriever.state().gap().map_or_else(|| "there is no model".to_owned(), |gap| gap.why)),
        Some(embedder) => {
            let file = retriever.vector_file(embedder.identity());
            let loaded = file.as_ref().map(VectorFile::load).unwrap_or_default();
            problems.extend(loaded.damage.map(|damage| format!("the file of vectors {damage}")));
            let missing = shelf.missing(&loaded.vectors).len();
            if missing > 0 {
                problems.push(format!("{missing} texts have no vector on disk"));
            }
            let wrong = loaded.vectors.values().filter(|vector| vector.len() != embedder.identity().dimension).count();
            if wrong > 0 {
                problems.push(format!("{wrong} vectors have a wrong dimension"));
            }
            if let Some(store) = retriever.store() {
                problems.extend(store.verify(&shelf).await);
            }
        }
    }
    let mut out = anstream::stdout().lock();
    for problem in &problems {
        writeln!(out, "{problem}")?;
    }
    writeln!(out, "{} runbooks, {} texts, {} problems", shelf.library.runbooks().len(), shelf.texts.len(), problems.len())?;
    Ok(if problems.is_empty() { Outcome::Done } else { Outcome::ProblemsFound })
}
