//! Reading settings, and refusing what they do not take.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::manifest::Manifest;
use super::networks::Networks;
use super::{ConfigError, Secret, Source, postgres, shown};

/// Reads variables one by one; each says what it takes.
pub(super) struct Reader<'a>(pub(super) Source<'a>);

impl Reader<'_> {
    pub(super) fn text(&self, variable: &str) -> Option<String> {
        (self.0)(variable).filter(|value| !value.is_empty())
    }

    /// A variable, or the content of the file that another one names: `SECRET_KEY_FILE` for `SECRET_KEY`. The space
    /// around it, which is easily copied along, is no part of it.
    pub(super) fn secret(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        let (variable_of_file, takes) = match variable {
            "DATABASE_URL" => (
                "DATABASE_URL_FILE",
                "the path of a file that can be read and is not empty, only if DATABASE_URL is not set",
            ),
            "SECRET_KEY" => (
                "SECRET_KEY_FILE",
                "the path of a file that can be read and is not empty, only if SECRET_KEY is not set",
            ),
            _ => (
                "ENCRYPTION_KEY_FILE",
                "the path of a file that can be read and is not empty, only if ENCRYPTION_KEY is not set",
            ),
        };
        let trimmed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let value = self.text(variable).as_deref().and_then(trimmed);
        let Some(path) = self.text(variable_of_file) else {
            return Ok(value);
        };
        let content = std::fs::read_to_string(&path).ok().as_deref().and_then(trimmed);
        match content {
            Some(content) if value.is_none() => Ok(Some(content)),
            _ => Err(ConfigError::Wrong {
                variable: variable_of_file,
                held: shown::path(&path),
                takes,
            }),
        }
    }

    pub(super) fn parse<T: FromStr>(
        &self,
        variable: &'static str,
        default: T,
        takes: &'static str,
    ) -> Result<T, ConfigError> {
        match self.text(variable) {
            None => Ok(default),
            Some(held) => held
                .parse()
                .map_err(|_| ConfigError::wrong(variable, &held, takes)),
        }
    }

    pub(super) fn within<T>(
        &self,
        variable: &'static str,
        default: T,
        range: std::ops::RangeInclusive<T>,
        takes: &'static str,
    ) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let value = self.parse(variable, default, takes)?;
        if range.contains(&value) {
            Ok(value)
        } else {
            Err(ConfigError::wrong(variable, &value.to_string(), takes))
        }
    }

    pub(super) fn key(
        &self,
        variable: &'static str,
        optional: bool,
    ) -> Result<Option<Secret<[u8; 32]>>, ConfigError> {
        const TAKES: &str = "32 random bytes in base64, as `openssl rand -base64 32` prints";
        match self.secret(variable)? {
            None if optional => Ok(None),
            None => Err(ConfigError::Wrong {
                variable,
                held: String::new(),
                takes: TAKES,
            }),
            Some(held) => match STANDARD
                .decode(held.trim())
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
            {
                Some(key) => Ok(Some(Secret(key))),
                None => Err(ConfigError::wrong(variable, &held, TAKES)),
            },
        }
    }

    pub(super) fn origins(&self, variable: &'static str) -> Result<Vec<String>, ConfigError> {
        let list = self.text(variable).unwrap_or_default();
        list.split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(|origin| match Url::parse(origin) {
                Ok(url) if url.origin().is_tuple() && url.path() == "/" => {
                    Ok(url.origin().ascii_serialization())
                }
                _ => Err(ConfigError::wrong(
                    variable,
                    origin,
                    "origins such as https://app.example.org, separated by commas",
                )),
            })
            .collect()
    }

    pub(super) fn header(&self, variable: &'static str) -> Result<Option<HeaderName>, ConfigError> {
        let Some(held) = self.text(variable) else {
            return Ok(None);
        };
        match held.parse() {
            Ok(name) => Ok(Some(name)),
            Err(_) => Err(ConfigError::wrong(
                variable,
                &held,
                "a header's name such as X-Forwarded-For",
            )),
        }
    }

    pub(super) fn networks(&self, variable: &'static str) -> Result<Networks, ConfigError> {
        self.parse(
            variable,
            Networks::private(),
            "networks such as 10.0.0.0/8,2001:db8::1, separated by commas",
        )
    }

    pub(super) fn manifest(&self, variable: &'static str) -> Result<Option<Arc<Manifest>>, ConfigError> {
        let Some(path) = self.text(variable) else {
            return Ok(None);
        };
        match Manifest::read(path.as_ref()) {
            Ok(manifest) => Ok(Some(Arc::new(manifest))),
            Err(reason) => Err(ConfigError::wrong(
                variable,
                &format!("{path} ({reason})"),
                "the path of a manifest in the format apollo-persisted-query-manifest, version 1",
            )),
        }
    }
}

pub(super) fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

pub(super) fn minutes(number: u64) -> Duration {
    Duration::from_secs(number * 60)
}

pub(super) fn default_database_url(data_dir: &std::path::Path) -> String {
    format!("sqlite://{}/plant-care.db", data_dir.display())
}

/// What `DATABASE_URL` takes.
pub(super) const DATABASE_URLS: &str = "sqlite:// and a file's path, or postgres://user:password@host/database, with \
     the signs of a password escaped as in every address (%40 for @)";

pub(super) fn check_database_url(url: &str) -> Result<(), ConfigError> {
    let sqlite_file = url.strip_prefix("sqlite://").is_some_and(|file| {
        !file.is_empty() && !file.contains(":memory:") && !file.contains(char::is_control)
    });
    if sqlite_file || postgres::options(url).is_some() {
        return Ok(());
    }
    Err(ConfigError::wrong("DATABASE_URL", url, DATABASE_URLS))
}

/// The bus's address: nothing but a server, with a password or without.
pub(super) fn bus_url(held: &str) -> Result<Secret<Url>, ConfigError> {
    let url = Url::parse(held).ok().filter(|url| {
        matches!(url.scheme(), "nats" | "tls")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty() == url.password().is_none()
    });
    url.map(Secret).ok_or_else(|| {
        ConfigError::wrong(
            "BUS_URL",
            held,
            "nats://host:4222, nats://user:password@host:4222, or the same with tls://",
        )
    })
}

pub(super) fn check_log_filter(filter: String) -> Result<String, ConfigError> {
    match tracing_subscriber::EnvFilter::try_new(&filter) {
        Ok(_) => Ok(filter),
        Err(_) => Err(ConfigError::wrong(
            "RUST_LOG",
            &filter,
            "filter directives such as info,plant_care=debug",
        )),
    }
}
