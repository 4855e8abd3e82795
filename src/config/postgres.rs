//! The address of a Postgres, read once and by us: libraries log what they do not understand of it.

use std::str::FromStr as _;

use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::postgres::PgConnectOptions;
use url::Url;

/// Longer ones are none: something else was pasted.
const LENGTH: usize = 4096;
/// The parameters that are understood, and those of the server that begin with `options[`.
const PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// How to connect to the Postgres of an address; nothing if it is none.
///
/// In it no part of a password can stand where another part is looked for: signs that end the part before are to be
/// escaped. Parameters that nobody knows are left out, as ever.
pub(crate) fn options(address: &str) -> Option<PgConnectOptions> {
    if address.len() > LENGTH || address.contains(|c: char| c.is_control() || c == '\u{FFFD}') {
        return None;
    }
    let mut url = Url::parse(address).ok()?;
    let misplaced = [url.path(), url.query().unwrap_or_default()]
        .concat()
        .contains('@');
    let database = url.path().trim_start_matches('/');
    if !matches!(url.scheme(), "postgres" | "postgresql")
        || misplaced
        || database.contains('/')
        || url.fragment().is_some()
        || url.port() == Some(0)
    {
        return None;
    }
    let known: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| {
            name == "options" || name.starts_with("options[") || PARAMETERS.contains(&name.as_str())
        })
        .collect();
    let nowhere = url.host_str().is_none_or(str::is_empty)
        && !known
            .iter()
            .any(|(name, _)| matches!(name.as_str(), "host" | "hostaddr"));
    if nowhere {
        return None;
    }
    if known.is_empty() {
        url.set_query(None);
    } else {
        url.query_pairs_mut().clear().extend_pairs(known);
    }
    let options = PgConnectOptions::from_str(url.as_str()).ok()?;
    Some(options.disable_statement_logging())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_parts_where_they_belong() {
        let read =
            options("postgres://care:hunter%402@db:5433/plants?sslmode=require&pgbouncer=true").unwrap();
        assert_eq!(
            (read.get_host(), read.get_port(), read.get_database()),
            ("db", 5433, Some("plants"))
        );
        assert_eq!(read.get_username(), "care");
        let socket = options("postgresql:///care?host=/run/postgresql&user=care").unwrap();
        assert_eq!(socket.get_socket().unwrap().to_str(), Some("/run/postgresql"));
        for good in [
            "postgres://db/care",
            "postgres://db",
            "postgres://[::1]:5432/care",
            "postgres://%2Frun%2Fpg/care",
        ] {
            assert!(options(good).is_some(), "{good}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_postgres_is_refused() {
        for wrong in [
            "",
            "postgres://",
            "postgres:///care",
            "mysql://db/care",
            "care:hunter2@db/care",
            "postgres://care:hunter2@db:many/care",
            "postgres://care:hunter2@db:99999/care",
            "postgres://care:hunter2@db:0/care",
            "postgres://care:4222/hunter@db/care",
            "postgres://care:12?hunter@db/care",
            "postgres://care:12#hunter@db/care",
            "postgres://care:hunter2@db/care/more",
            "postgres://care:hunter2@db /care",
            "postgres://care:hunter2@db/care?sslmode=perhaps",
            "postgres://care:hunter2@db/care?port=many",
            "host=db password=hunter2",
            "\"postgres://care:hunter2@db/care\"",
        ] {
            assert!(options(wrong).is_none(), "{wrong}");
        }
        assert!(options(&format!("postgres://db/{}", "x".repeat(LENGTH))).is_none());
    }
}
