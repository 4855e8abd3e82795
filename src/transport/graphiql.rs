//! The GraphiQL page, served from an archive inside the binary: it needs no internet.
//!
//! `graphiql/build.sh` makes the archive, a plain tar of files that are gzipped one by one. They
//! go to the client as they are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::read::GzDecoder;

static ARCHIVE: &[u8] = include_bytes!("../../graphiql/dist.tar");

/// The gzipped members of the archive by name.
static MEMBERS: LazyLock<HashMap<String, &'static [u8]>> =
    LazyLock::new(|| index(ARCHIVE).unwrap_or_default());

/// No script but the page's own files, and no connection but to this server.
///
/// Styles alone are `'unsafe-inline'`: the Monaco editor writes its themes as `<style>` elements
/// and places every line of text with a `style` attribute, and knows no nonce.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     connect-src 'self'; worker-src 'self'; font-src 'self'; img-src 'self' data:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The routes under `/graphiql`.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/graphiql", get(async |h: HeaderMap| page(&h)))
        .route("/graphiql/LICENSES.txt", get(licences))
        .route("/graphiql/assets/{file}", get(asset))
}

/// The page itself, which `GET /graphql` shows to a browser too.
pub fn page(headers: &HeaderMap) -> Response {
    member("index.html", "no-cache", headers)
}

async fn licences(headers: HeaderMap) -> Response {
    member("LICENSES.txt", "no-cache", &headers)
}

/// A name of an asset holds a hash of what is in it.
async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let name = format!("assets/{file}");
    member(&name, "public, max-age=31536000, immutable", &headers)
}

fn index(archive: &'static [u8]) -> std::io::Result<HashMap<String, &'static [u8]>> {
    let mut members = HashMap::new();
    for entry in tar::Archive::new(Cursor::new(archive)).entries()? {
        let entry = entry?;
        let path = entry.path()?;
        let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
        let body = archive.get(start..).zip(usize::try_from(entry.size()).ok());
        let body = body.and_then(|(rest, size)| rest.get(..size));
        if let (Some(name), Some(body)) = (path.to_str().and_then(|name| name.strip_suffix(".gz")), body) {
            members.insert(name.to_owned(), body);
        }
    }
    Ok(members)
}

fn member(name: &str, cache: &'static str, headers: &HeaderMap) -> Response {
    let Some(gzipped) = MEMBERS.get(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let accepted = accepts_gzip(headers);
    let mut body = Cow::Borrowed(*gzipped);
    if !accepted {
        let mut plain = Vec::new();
        if GzDecoder::new(*gzipped).read_to_end(&mut plain).is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        body = Cow::Owned(plain);
    }
    let fields = [
        (header::CONTENT_TYPE, content_type(name)),
        (header::CACHE_CONTROL, cache),
        (header::VARY, "accept, accept-encoding"),
        // On the scripts as well: a worker obeys the policy of its own answer.
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    if accepted {
        (fields, [(header::CONTENT_ENCODING, "gzip")], body).into_response()
    } else {
        (fields, body).into_response()
    }
}

/// Whether the client names gzip, with a weight above zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().trim_start_matches("q=").parse().unwrap_or(1.0_f32);
        name.trim().eq_ignore_ascii_case("gzip") && weight > 0.0
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or(name, |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn client(encoding: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding))])
    }

    #[test]
    fn archive_is_complete() {
        assert!(MEMBERS.contains_key("index.html") && MEMBERS.contains_key("LICENSES.txt"));
        assert!(MEMBERS.keys().all(|name| !content_type(name).ends_with("stream")));
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for yes in ["gzip", "br, GZIP;q=0.5", "gzip ; q=1"] {
            assert!(accepts_gzip(&client(yes)), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.0, br"] {
            assert!(!accepts_gzip(&client(no)), "{no}");
        }
    }
}
