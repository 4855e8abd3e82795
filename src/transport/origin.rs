//! Which pages may call the server.

use axum::http::{HeaderMap, header};
use url::{Host, Url};

use crate::config::{Config, Environment};

/// Whether a page of the request's `Origin` may call: the server's own, those of `ALLOWED_ORIGINS`, and in
/// development any of this machine. A request without one comes from a program, not a page.
pub fn allowed(config: &Config, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return true;
    };
    if origins.next().is_some() {
        return false;
    }
    let Some(origin) = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok()) else {
        return false;
    };
    let named = origin.origin().ascii_serialization();
    let own = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .is_some_and(|host| {
            let port = origin.port().map(|port| format!(":{port}")).unwrap_or_default();
            origin
                .host_str()
                .is_some_and(|name| format!("{name}{port}") == host)
        });
    let local = match origin.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    own || config.allowed_origins.contains(&named)
        || (local && config.environment == Environment::Development)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &'static [(&str, &str)]) -> Config {
        Config::from_source(&|name| {
            settings
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
        .unwrap()
    }

    fn asked(config: &Config, origin: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "care.example.org".parse().unwrap());
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        allowed(config, &headers)
    }

    #[test]
    fn foreign_pages_are_refused() {
        const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let production = config(&[
            ("ENVIRONMENT", "production"),
            ("SECRET_KEY", KEY),
            ("ENCRYPTION_KEY", KEY),
            ("ALLOWED_ORIGINS", "https://app.example.org"),
        ]);
        assert!(asked(&production, "https://care.example.org"));
        assert!(asked(&production, "https://app.example.org"));
        for foreign in [
            "https://evil.example",
            "http://localhost:3000",
            "null",
            "https://care.example.org.evil.example",
        ] {
            assert!(!asked(&production, foreign), "{foreign}");
        }
        assert!(allowed(&production, &HeaderMap::new()));
    }

    #[test]
    fn in_development_this_machines_pages_may_call() {
        let development = config(&[]);
        assert!(asked(&development, "http://localhost:5173") && asked(&development, "http://[::1]:3000"));
        assert!(!asked(&development, "https://evil.example"));
    }
}
