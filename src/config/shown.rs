//! What may be shown of a setting. A message is read by more people than the setting.

use std::path::Path;

use url::Url;

/// Variables that hold a secret, or may.
const SECRET: [&str; 5] = [
    "DATABASE_URL",
    "BUS_URL",
    "SECRET_KEY",
    "ENCRYPTION_KEY",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
/// The schemes of addresses that people write: only these are surely no part of a secret.
const SCHEMES: [&str; 18] = [
    "postgres",
    "postgresql",
    "sqlite",
    "mysql",
    "mariadb",
    "mssql",
    "nats",
    "tls",
    "kafka",
    "amqp",
    "amqps",
    "redis",
    "rediss",
    "http",
    "https",
    "smtp",
    "smtps",
    "file",
];
/// Parameters of a database's address whose values say nothing secret.
const OPEN: [&str; 16] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "application_name",
    "statement-cache-capacity",
    "mode",
    "cache",
    "immutable",
];
/// Characters of a wrong value that are shown.
const LENGTH: usize = 200;

/// A wrong value as a message may show it.
///
/// Of what may hold a secret only the scheme is shown: what is wrong with it may be just that its parts are not
/// where they should be.
pub(super) fn wrong(variable: &str, held: &str) -> String {
    if held.trim().is_empty() {
        return String::new();
    }
    if SECRET.contains(&variable) || held.contains("://") || held.contains('@') {
        return scheme_alone(held);
    }
    let mut shown = String::new();
    for c in held.chars().take(LENGTH) {
        if c.is_control() {
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    if held.chars().nth(LENGTH).is_some() {
        shown.push('…');
    }
    shown
}

/// The path of a file that cannot be used, unless it is rather what should be in the file.
pub(super) fn path(held: &str) -> String {
    let path = Path::new(held);
    let folder = path
        .parent()
        .filter(|folder| folder.components().count() > 1 || path.is_relative());
    if folder.is_some_and(|folder| !folder.as_os_str().is_empty() && folder.is_dir()) || path.is_file() {
        wrong("", held)
    } else {
        "***".to_owned()
    }
}

/// An address that is in force: without its password, without a user who comes with none, which may be a token, and
/// without the values of parameters that may be secret.
pub(crate) fn address(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else {
        return scheme_alone(address);
    };
    let masked = match (url.username(), url.password()) {
        ("", None) => true,
        (_, Some(_)) => url.set_password(Some("***")).is_ok(),
        (_, None) => url.set_username("***").is_ok(),
    };
    if !masked {
        return scheme_alone(address);
    }
    if url.query().is_some() {
        let pairs = url.query_pairs().into_owned();
        let shown: Vec<_> = pairs
            .map(|(name, value)| {
                if OPEN.contains(&name.as_str()) {
                    format!("{name}={value}")
                } else {
                    "***".to_owned()
                }
            })
            .collect();
        url.set_query(Some(&shown.join("&")));
    }
    url.set_fragment(None);
    url.to_string()
}

/// The scheme of an address, and nothing else.
fn scheme_alone(held: &str) -> String {
    match held.trim_start().split_once("://") {
        Some((scheme, _)) if SCHEMES.contains(&scheme) => format!("{scheme}://***"),
        _ => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_force_is_shown_without_what_is_secret() {
        for (held, shown) in [
            ("postgres://db/care", "postgres://db/care"),
            ("postgres://hunter2@db/care", "postgres://***@db/care"),
            (
                "postgres://care:hunter2@db:5433/care",
                "postgres://care:***@db:5433/care",
            ),
            ("postgres://:hunter2@db/care", "postgres://:***@db/care"),
            (
                "postgres:///care?host=/run/pg&password=hunter2",
                "postgres:///care?host=/run/pg&***",
            ),
            (
                "postgres://db/care?sslmode=require&hunter2",
                "postgres://db/care?sslmode=require&***",
            ),
            (
                "sqlite:///data/plants.db?mode=rwc",
                "sqlite:///data/plants.db?mode=rwc",
            ),
            ("nats://care:hunter2@bus:4222", "nats://care:***@bus:4222"),
            ("http://care:hunter2@alloy:4317/", "http://care:***@alloy:4317/"),
            ("postgres://care:hunter2@db:many/care", "postgres://***"),
        ] {
            assert_eq!(address(held), shown, "{held}");
        }
    }

    #[test]
    fn a_wrong_value_is_shown_unless_it_may_be_secret() {
        assert_eq!(wrong("DRAIN_SECONDS", "soon"), "soon");
        assert_eq!(wrong("DRAIN_SECONDS", "1\n2"), "1\\n2");
        assert_eq!(wrong("RUST_LOG", &"x".repeat(300)).chars().count(), 201);
        assert_eq!(
            wrong("ALLOWED_ORIGINS", "https://care:hunter2@app/x"),
            "https://***"
        );
        assert_eq!(wrong("BUS_URL", "hunter2://bus"), "***");
        assert_eq!(wrong("DATABASE_URL", "host=db password=hunter2"), "***");
    }

    #[test]
    fn a_path_is_shown_if_it_may_be_one() {
        let there = std::env::temp_dir().join("nothing.key").display().to_string();
        let gone = format!("{}/nowhere/x.key", std::env::temp_dir().display());
        assert_eq!(path("/proc/self/nothing"), "/proc/self/nothing");
        assert_eq!(path(&gone), "***");
        assert!([there.as_str(), "***"].contains(&path(&there).as_str()));
        for secret in [
            "hunter2",
            "/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "postgres://care:hunter2@db/care",
        ] {
            assert_eq!(path(secret), "***", "{secret}");
        }
    }
}
