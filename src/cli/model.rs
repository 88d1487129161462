//! `faultline model`: the embedding model and its runtime, fetched and shown.

use std::{io::Write, path::Path};

use clap::Subcommand;

use super::{CliError, Outcome, block_on, progress::Bar};
use crate::{
    app,
    config::KnowledgeSettings,
    retrieve::{
        embed::{fetch, hub, local},
        model,
        settings::EmbedderChoice,
    },
};

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Get the model and the ONNX Runtime into the cache, unless they are there and sound
    Fetch {
        /// Get them anew, whatever is there
        #[arg(long)]
        force: bool,
        /// The Python that makes the default model
        #[arg(long, default_value = "python3")]
        python: String,
        /// Hub that other models come from
        #[arg(long, default_value = hub::DEFAULT_URL)]
        hub: String,
    },
    /// Tell whether the model can be used, and where it is; exit code 1 where it cannot
    Status,
}

pub fn run(command: &ModelCommand, settings: &KnowledgeSettings) -> Result<Outcome, CliError> {
    let settings = app::retrieval(settings);
    let mut out = anstream::stdout().lock();
    let loaded = block_on(model::load(&settings))?;
    match command {
        ModelCommand::Status => {
            let shown =
                |path: Option<std::path::PathBuf>| path.map_or_else(|| "none".to_owned(), |path| path.display().to_string());
            if settings.endpoint().is_none() {
                writeln!(out, "model    {}", shown(model::model_folder(&settings)))?;
                writeln!(out, "runtime  {}", shown(model::runtime(&settings)))?;
            }
            match loaded {
                Ok(embedder) => {
                    writeln!(out, "ready    {}", embedder.identity())?;
                    Ok(Outcome::Done)
                }
                Err(error) => {
                    writeln!(out, "not ready: {error}")?;
                    Ok(Outcome::ProblemsFound)
                }
            }
        }
        ModelCommand::Fetch { force, python, hub } => {
            if settings.embedder != EmbedderChoice::Local {
                return Err(CliError::Input("EMBEDDER is not `local`: there is nothing to fetch".to_owned()));
            }
            if let (Ok(embedder), false) = (&loaded, force) {
                writeln!(out, "already there: {}", embedder.identity())?;
                return Ok(Outcome::Done);
            }
            drop(loaded);
            let cache = settings.cache_dir.clone().ok_or_else(|| CliError::Input(fetch::FetchError::NoCache.to_string()))?;
            let bar = Bar::new();
            let name = settings.local_model();
            if name == local::DEFAULT_MODEL {
                get_default(&cache, python, &bar)?;
            } else {
                let has_runtime = model::runtime(&settings).is_some();
                block_on(hub::fetch(&cache, name, hub, &|what, done, of| bar.show_bytes(what, done, of)))?
                    .map_err(|error| CliError::Input(error.to_string()))?;
                if !has_runtime {
                    get_default(&cache, python, &bar)?;
                }
            }
            bar.end();
            let embedder = block_on(model::load(&settings))?.map_err(|error| CliError::Input(error.to_string()))?;
            writeln!(out, "ready: {}", embedder.identity())?;
            Ok(Outcome::Done)
        }
    }
}

fn get_default(cache: &Path, python: &str, bar: &Bar) -> Result<(), CliError> {
    let fetched = fetch::fetch(cache, python, &mut |what, done, of| bar.show_bytes(what, done, of));
    fetched.map_err(|error| {
        bar.end();
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        CliError::Input(format!("{error}{cause}"))
    })
}
