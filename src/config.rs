//! Configuration: everything the environment may say, read once and checked.
//!
//! Nobody else reads the environment. A wrong value stops the start with one line that names the
//! variable, what it held, and what it takes.

mod limits;
pub mod manifest;
mod networks;
pub(crate) mod observability;
pub(crate) mod postgres;
mod reader;
pub(crate) mod shown;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderName;
use percent_encoding::percent_decode_str;
use sea_orm::sqlx::postgres::PgConnectOptions;
use url::Url;

pub use self::limits::{Limits, whole_seconds};
use self::manifest::Manifest;
pub use self::networks::Networks;
pub use self::observability::{Observability, Sampling};
use self::reader::{
    Reader, bus_url, check_database_url, check_log_filter, default_database_url, minutes, seconds,
};

/// What is in force for one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// `LISTEN_ADDR`: the address of the public listener.
    pub listen_addr: SocketAddr,
    /// `DATA_DIR`: the folder for the database file and the development keys.
    pub data_dir: PathBuf,
    /// `DATABASE_URL`: `sqlite://` and a file, or `postgres://`.
    pub database_url: Secret<String>,
    /// `DATABASE_MAX_CONNECTIONS`: connections this process opens at most, readers and writer together.
    pub database_max_connections: u32,
    /// `BUS_URL`: `nats://` or `tls://` and a server; `None` means the database's own way, if it has one.
    pub bus_url: Option<Secret<Url>>,
    /// `SECRET_KEY`: 32 bytes that seal access tokens; `None` in development means the data folder's.
    pub secret_key: Option<Secret<[u8; 32]>>,
    /// `ENCRYPTION_KEY`: 32 bytes that wrap the members' data keys; `None` as above.
    pub encryption_key: Option<Secret<[u8; 32]>>,
    /// `ENVIRONMENT`: development or production.
    pub environment: Environment,
    /// `LOG_FORMAT`: json or pretty.
    pub log_format: LogFormat,
    /// `RUST_LOG`: what to log, as tracing's filter directives.
    pub log_filter: String,
    /// `ALLOWED_ORIGINS`: origins besides the server's own whose pages may call it.
    pub allowed_origins: Vec<String>,
    /// `INTROSPECTION`: whether `__schema` answers.
    pub introspection: bool,
    /// `ACCESS_TOKEN_MINUTES`: how long an access token is good for.
    pub access_token_life: Duration,
    /// `DRAIN_DELAY_SECONDS`: how long it is still served after SIGTERM, so that whoever sends clients here hears of it.
    pub drain_delay: Duration,
    /// `DRAIN_SECONDS`: how long open work may take to finish after SIGTERM.
    pub drain: Duration,
    /// `CLIENT_ADDRESS_HEADER`: the header in which a proxy names its client's address; `None`: nobody is
    /// believed, and the client is the one who is connected.
    pub client_address_header: Option<HeaderName>,
    /// `TRUSTED_PROXIES`: the networks whose members may name their clients in that header.
    pub trusted_proxies: Networks,
    /// `TRUSTED_DOCUMENTS`: the documents that may be sent by their id; in production, the only ones that run.
    pub trusted_documents: Option<Arc<Manifest>>,
    /// What is observed, and where it goes.
    pub observability: Observability,
    /// `LIMIT_...`: how much may be asked for.
    pub limits: Limits,
}

/// Where the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// One machine, one person: loopback only, keys made as needed.
    Development,
    /// Real members: nothing is guessed.
    Production,
}

impl FromStr for Environment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err(()),
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// Coloured lines, for people.
    Pretty,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err(()),
        }
    }
}

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(pub T);

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A setting that stops the start. Its text tells no secret, whatever is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable with a value it does not take.
    #[error("{variable}={held} is not valid: it takes {takes}")]
    Wrong {
        /// Which.
        variable: &'static str,
        /// What it held, as far as it may be shown.
        held: String,
        /// What it takes.
        takes: &'static str,
    },
    /// A limit that there is not: whoever sets it believes in one that is not in force.
    #[error("{name} is no limit that there is: {near}")]
    UnknownLimit {
        /// How it was called.
        name: String,
        /// What may have been meant.
        near: String,
    },
}

impl ConfigError {
    /// A variable with a value it does not take.
    fn wrong(variable: &'static str, held: &str, takes: &'static str) -> Self {
        Self::Wrong {
            variable,
            held: shown::wrong(variable, held),
            takes,
        }
    }
}

/// Where settings come from: a function from a variable's name to its value.
pub type Source<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads the process's environment and, in development, a `.env` file beside it.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let production = var("ENVIRONMENT").as_deref() == Some("production");
        let file: Vec<(String, String)> = if production {
            Vec::new()
        } else {
            dotenvy::dotenv_iter()
                .map(|lines| lines.flatten().collect())
                .unwrap_or_default()
        };
        let config = Self::from_source(&|name| {
            let in_file = || file.iter().find(|(key, _)| key == name);
            var(name)
                .or_else(|| in_file().map(|(_, value)| value.clone()))
                .or_else(|| any_var(name))
        })?;
        let names = var_names().chain(file.iter().map(|(name, _)| name.clone()));
        limits::known(names)?;
        Ok(config)
    }

    /// Reads any source of settings.
    pub fn from_source(source: Source<'_>) -> Result<Self, ConfigError> {
        let reader = Reader(source);
        let environment = reader.parse(
            "ENVIRONMENT",
            Environment::Development,
            "development or production",
        )?;
        let development = environment == Environment::Development;
        let data_dir = PathBuf::from(reader.text("DATA_DIR").unwrap_or_else(|| "data".to_owned()));
        let database_url = match reader.secret("DATABASE_URL")? {
            Some(url) => url,
            // Somebody meant to say which: members must not find themselves on another.
            None if !development && source("DATABASE_URL").is_some() => {
                return Err(ConfigError::wrong("DATABASE_URL", "", reader::DATABASE_URLS));
            }
            None => default_database_url(&data_dir),
        };
        check_database_url(&database_url)?;
        let listen_addr: SocketAddr = reader.parse(
            "LISTEN_ADDR",
            ([127, 0, 0, 1], 8000).into(),
            "an address such as 127.0.0.1:8000",
        )?;
        if development && !listen_addr.ip().is_loopback() {
            return Err(ConfigError::wrong(
                "LISTEN_ADDR",
                &listen_addr.to_string(),
                "a loopback address in development (set ENVIRONMENT=production to serve others)",
            ));
        }
        let log_format = if development {
            LogFormat::Pretty
        } else {
            LogFormat::Json
        };
        let log_filter = reader.text("RUST_LOG").unwrap_or_else(|| {
            "info,async_nats=off,sqlx=warn,sea_orm_migration=warn,opentelemetry=off".to_owned()
        });
        Ok(Self {
            listen_addr,
            data_dir,
            database_url: Secret(database_url),
            database_max_connections: reader.within("DATABASE_MAX_CONNECTIONS", 10, 2..=1000, "2 to 1000")?,
            bus_url: reader.text("BUS_URL").as_deref().map(bus_url).transpose()?,
            secret_key: reader.key("SECRET_KEY", development)?,
            encryption_key: reader.key("ENCRYPTION_KEY", development)?,
            environment,
            log_format: reader.parse("LOG_FORMAT", log_format, "json or pretty")?,
            log_filter: check_log_filter(log_filter)?,
            allowed_origins: reader.origins("ALLOWED_ORIGINS")?,
            introspection: reader.parse("INTROSPECTION", development, "true or false")?,
            access_token_life: minutes(reader.within(
                "ACCESS_TOKEN_MINUTES",
                15,
                1..=1440,
                "1 to 1440 minutes",
            )?),
            drain_delay: seconds(reader.within(
                "DRAIN_DELAY_SECONDS",
                if development { 0 } else { 3 },
                0..=600,
                "0 to 600 seconds",
            )?),
            drain: seconds(reader.within("DRAIN_SECONDS", 8, 0..=600, "0 to 600 seconds")?),
            client_address_header: reader.header("CLIENT_ADDRESS_HEADER")?,
            trusted_proxies: reader.networks("TRUSTED_PROXIES")?,
            trusted_documents: reader.manifest("TRUSTED_DOCUMENTS")?,
            observability: Observability::read(&reader, environment)?,
            limits: Limits::read(&reader)?,
        })
    }

    /// The same for a command: only the server sends spans.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        self.observability.otlp_endpoint = None;
        self
    }

    /// The database's address without its password.
    pub fn shown_database_url(&self) -> String {
        shown::address(&self.database_url.0)
    }

    /// How other processes are woken, without a password.
    pub fn shown_bus_url(&self) -> String {
        match &self.bus_url {
            Some(url) => shown::address(url.0.as_str()),
            None if self.sqlite_file().is_some() => "in-process".to_owned(),
            None => "postgres".to_owned(),
        }
    }

    /// How to connect to the Postgres, if the database is one.
    pub(crate) fn postgres(&self) -> Option<PgConnectOptions> {
        postgres::options(&self.database_url.0)
    }

    /// The file of a SQLite database.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let file = self.database_url.0.strip_prefix("sqlite://")?;
        let path = percent_decode_str(file.split('?').next().unwrap_or(file));
        Some(PathBuf::from(path.decode_utf8_lossy().into_owned()))
    }

    /// Every setting and what is in force, secrets masked: what `plant-care config` prints.
    pub fn table(&self) -> Vec<(&'static str, String)> {
        let key = |key: &Option<Secret<_>>| match key {
            Some(_) => "***".to_owned(),
            None => format!("made in {}", self.data_dir.display()),
        };
        let mut table = vec![
            ("ENVIRONMENT", format!("{:?}", self.environment).to_lowercase()),
            ("LISTEN_ADDR", self.listen_addr.to_string()),
            ("DATA_DIR", self.data_dir.display().to_string()),
            ("DATABASE_URL", self.shown_database_url()),
            (
                "DATABASE_MAX_CONNECTIONS",
                self.database_max_connections.to_string(),
            ),
            ("BUS_URL", self.shown_bus_url()),
            ("SECRET_KEY", key(&self.secret_key)),
            ("ENCRYPTION_KEY", key(&self.encryption_key)),
            (
                "ACCESS_TOKEN_MINUTES",
                (self.access_token_life.as_secs() / 60).to_string(),
            ),
            ("ALLOWED_ORIGINS", self.allowed_origins.join(",")),
            ("INTROSPECTION", self.introspection.to_string()),
            (
                "CLIENT_ADDRESS_HEADER",
                self.client_address_header
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string),
            ),
            (
                "TRUSTED_DOCUMENTS",
                self.trusted_documents
                    .as_ref()
                    .map_or_else(String::new, |manifest| manifest.path().display().to_string()),
            ),
            ("TRUSTED_PROXIES", self.trusted_proxies.to_string()),
            ("DRAIN_DELAY_SECONDS", self.drain_delay.as_secs().to_string()),
            ("DRAIN_SECONDS", self.drain.as_secs().to_string()),
            ("LOG_FORMAT", format!("{:?}", self.log_format).to_lowercase()),
            ("RUST_LOG", self.log_filter.clone()),
        ];
        table.extend(self.observability.table());
        let limits = self.limits.table();
        table.extend(limits.map(|(variable, value)| (variable, value.to_string())));
        table
    }
}

/// One variable of the process's environment.
///
/// Besides [`Config`] only the command line asks, for what belongs to a command and not to the server.
pub(crate) fn var(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The same, where it is empty or no text as well: then it is not what it takes.
fn any_var(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The names of all variables of the process's environment.
fn var_names() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())
}

#[cfg(test)]
mod tests;
