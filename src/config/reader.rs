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
use super::{ConfigError, Secret, Source};

/// Reads variables one by one; each says what it takes.
pub(super) struct Reader<'a>(pub(super) Source<'a>);

impl Reader<'_> {
    pub(super) fn text(&self, variable: &str) -> Option<String> {
        (self.0)(variable).filter(|value| !value.is_empty())
    }

    /// A variable, or the content of the file that another one names: `SECRET_KEY_FILE` for `SECRET_KEY`.
    pub(super) fn secret(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        let (variable_of_file, takes) = match variable {
            "DATABASE_URL" => (
                "DATABASE_URL_FILE",
                "a file that can be read, only if DATABASE_URL is not set",
            ),
            "SECRET_KEY" => (
                "SECRET_KEY_FILE",
                "a file that can be read, only if SECRET_KEY is not set",
            ),
            _ => (
                "ENCRYPTION_KEY_FILE",
                "a file that can be read, only if ENCRYPTION_KEY is not set",
            ),
        };
        let value = self.text(variable);
        let Some(path) = self.text(variable_of_file) else {
            return Ok(value);
        };
        match std::fs::read_to_string(&path) {
            Ok(text) if value.is_none() => Ok(Some(text.trim().to_owned())),
            _ => Err(ConfigError {
                variable: variable_of_file,
                held: path,
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
            Some(held) => held.parse().map_err(|_| ConfigError {
                variable,
                held,
                takes,
            }),
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
            Err(ConfigError {
                variable,
                held: value.to_string(),
                takes,
            })
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
            None => Err(ConfigError {
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
                None => Err(ConfigError {
                    variable,
                    held: "***".to_owned(),
                    takes: TAKES,
                }),
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
                _ => Err(ConfigError {
                    variable,
                    held: origin.to_owned(),
                    takes: "origins such as https://app.example.org, separated by commas",
                }),
            })
            .collect()
    }

    pub(super) fn header(&self, variable: &'static str) -> Result<Option<HeaderName>, ConfigError> {
        let Some(held) = self.text(variable) else {
            return Ok(None);
        };
        match held.parse() {
            Ok(name) => Ok(Some(name)),
            Err(_) => Err(ConfigError {
                variable,
                held,
                takes: "a header's name such as X-Forwarded-For",
            }),
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
            Err(reason) => Err(ConfigError {
                variable,
                held: format!("{path} ({reason})"),
                takes: "the path of a manifest in the format apollo-persisted-query-manifest, version 1",
            }),
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

pub(super) fn check_database_url(url: &str) -> Result<(), ConfigError> {
    let sqlite_file = url
        .strip_prefix("sqlite://")
        .is_some_and(|file| !file.is_empty() && !file.contains(":memory:"));
    if sqlite_file || url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(());
    }
    Err(ConfigError {
        variable: "DATABASE_URL",
        held: mask_password(url),
        takes: "sqlite:// and a file's path, or postgres://user:password@host/database",
    })
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
    url.map(Secret).ok_or_else(|| ConfigError {
        variable: "BUS_URL",
        // A user without a password may be a token.
        held: mask_user(&mask_password(held)),
        takes: "nats://host:4222, nats://user:password@host:4222, or the same with tls://",
    })
}

pub(super) fn check_log_filter(filter: String) -> Result<String, ConfigError> {
    match tracing_subscriber::EnvFilter::try_new(&filter) {
        Ok(_) => Ok(filter),
        Err(_) => Err(ConfigError {
            variable: "RUST_LOG",
            held: filter,
            takes: "filter directives such as info,plant_care=debug",
        }),
    }
}

/// A URL as it may be shown: with its password masked.
pub(super) fn mask_password(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => match parsed.set_password(Some("***")) {
            Ok(()) => parsed.to_string(),
            Err(()) => "***".to_owned(),
        },
        Ok(_) => url.to_owned(),
        Err(_) => mask_user(url),
    }
}

/// What may be no URL, with all masked that comes before its host.
fn mask_user(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://***{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}
