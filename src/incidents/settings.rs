//! Where the store is, and how long it keeps things.

use std::path::{Path, PathBuf};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};
use sqlx::postgres::PgConnectOptions;

use super::postgres;
use crate::net::Secret;

/// Where incidents are kept, and for how long.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Incidents")]
pub struct StoreSettings {
    #[command(flatten)]
    pub place: PlaceSettings,

    /// Days after its end that an incident is kept
    #[arg(long, env, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub incident_retention_days: u32,

    /// Days that a row of the audit log is kept
    #[arg(long, env, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub audit_retention_days: u32,
}

/// Where incidents are kept.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Incidents")]
pub struct PlaceSettings {
    /// Store of incidents: postgres://user:password@host/database, sqlite:///path/to/file, or off; when not set: a file in DATA_DIR
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true)]
    pub database_url: Secret,

    /// Folder of the store's file, faultline.db; `faultline` in the user's data folder when not set
    #[arg(long, env, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub data_dir: Option<PathBuf>,
}

/// Where the store is, understood.
#[derive(Clone, Debug)]
pub enum Place {
    /// Nothing is to be kept.
    Off,
    /// No place is known; the text says why.
    Nowhere(&'static str),
    File {
        file: PathBuf,
        /// It was named by `DATABASE_URL`, so its folder is the user's and not made here.
        is_named: bool,
    },
    Postgres(Box<PgConnectOptions>),
}

/// Name of the file in `DATA_DIR`.
const FILE: &str = "faultline.db";

impl PlaceSettings {
    /// The error says what is wrong with `DATABASE_URL` and never quotes it. `user_data_dir` is used where `DATA_DIR` is not set.
    pub fn place(&self, user_data_dir: Option<PathBuf>) -> Result<Place, String> {
        let url = self.database_url.expose();
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            let path = path.strip_suffix("?mode=rwc").unwrap_or(path);
            if path.is_empty() || path.contains(['?', '\0']) || path.starts_with(':') {
                return Err("must name a file, such as sqlite:///var/lib/faultline/faultline.db, without parameters".to_owned());
            }
            return Ok(Place::File { file: PathBuf::from(path), is_named: true });
        }
        match url {
            "" => {}
            "off" => return Ok(Place::Off),
            _ if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                return postgres::parse(url).map(|options| Place::Postgres(Box::new(options)));
            }
            _ => return Err("must begin with postgres:// or sqlite:, or be off".to_owned()),
        }
        let folder = self.data_dir.clone().filter(|folder| !folder.as_os_str().is_empty()).or(user_data_dir);
        Ok(folder.map_or(Place::Nowhere("neither DATABASE_URL nor DATA_DIR is set, and the user has no home folder"), |folder| {
            Place::File { file: folder.join(FILE), is_named: false }
        }))
    }
}

impl Place {
    /// The place for people, without a password.
    pub fn describe(&self) -> String {
        match self {
            Self::Off => "off".to_owned(),
            Self::Nowhere(why) => format!("none: {why}"),
            Self::File { file, .. } => format!("SQLite file {}", file.display()),
            Self::Postgres(options) => {
                let database = options.get_database().unwrap_or_else(|| options.get_username());
                format!("Postgres database {database} at {}:{}", options.get_host(), options.get_port())
            }
        }
    }
}

/// Makes the folder of a file, for this user alone, since incidents quote logs.
pub fn make_folder(file: &Path) -> std::io::Result<()> {
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::{Place, PlaceSettings};
    use crate::net::Secret;

    fn place(url: &str) -> Result<Place, String> {
        PlaceSettings { database_url: Secret::new(url), data_dir: None }.place(Some("/data/faultline".into()))
    }

    #[test]
    fn a_place_is_read_from_its_address() {
        let files = [
            ("sqlite:///var/a.db", "/var/a.db"),
            ("sqlite://a.db", "a.db"),
            ("sqlite:a.db?mode=rwc", "a.db"),
            ("", "/data/faultline/faultline.db"),
        ];
        for (url, wanted) in files {
            assert!(matches!(place(url), Ok(Place::File { file, .. }) if file.as_os_str() == wanted), "{url}");
        }
        assert!(matches!(place("off"), Ok(Place::Off)));
        let postgres = place("postgresql://me:hunter2@db:5433/faultline").expect("an address");
        assert_eq!(postgres.describe(), "Postgres database faultline at db:5433");
        let nowhere = PlaceSettings::default().place(None).expect("no place is no mistake");
        assert!(matches!(nowhere, Place::Nowhere(_)));
    }

    #[test]
    fn a_wrong_address_is_refused_without_being_quoted() {
        for url in
            ["mysql://me:hunter2@db/x", "sqlite:", "sqlite::memory:", "sqlite://a.db?cache=hunter2", "postgres://me:hunter2@:x/y"]
        {
            let error = place(url).expect_err(url);
            assert!(!error.contains("hunter2"), "{url}: {error}");
        }
    }
}
