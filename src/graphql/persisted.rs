//! Documents that a request names by an id or a hash: trusted documents, which the manifest has, and automatic persisted
//! queries, which a client sends once and from then on by their SHA-256, as Apollo's protocol has it
//! (<https://www.apollographql.com/docs/apollo-server/performance/apq>).
//!
//! What is kept is the text alone. It is looked at anew each time that it is asked for, as if it had been sent; so it does
//! not matter who sent it first, and a text can be under no hash but its own.

mod cache;
mod newcomers;

use std::any::TypeId;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_graphql::{Request, Response};
use async_graphql_value::ConstValue;

use self::cache::Cache;
use self::newcomers::Newcomers;
use super::Api;
use super::document::Document;
use super::error::{ApiError, code_of};
use crate::config::Environment;
use crate::crypto;
use crate::network::Network;

/// What is kept of all texts together, with what it takes to find them.
const BYTES: usize = 4 * 1024 * 1024;
/// New texts of one address in a minute. One program has fewer operations that are used for the first time at once.
const NEW_PER_MINUTE: usize = 100;

/// The id that a request sends in place of its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentId(pub String);

/// The hash of a request's text, which was found to be right and is to be kept with it if it may run.
struct New(String);

impl Api {
    /// Puts the document that a request names into it, and refuses what is not trusted where nothing else runs. An id of
    /// the manifest comes before a hash of the same letters.
    pub(super) fn find(&self, request: &mut Request) -> Result<(), ApiError> {
        let config = &self.app.config;
        let (document_id, hash) = named(request)?;
        let manifest = config.trusted_documents.as_deref();
        let id = document_id.as_deref().or(hash.as_deref());
        if let Some(text) = id.and_then(|id| manifest?.document(id)) {
            if request.query.is_empty() {
                text.clone_into(&mut request.query);
            } else if text != request.query {
                return Err(bad("The query is not the document of the id that comes with it."));
            }
            return Ok(());
        }
        let is_only_named = request.query.is_empty();
        if document_id.is_some() && is_only_named {
            return Err(bad("There is no trusted document of this id here."));
        }
        if let Some(manifest) = manifest
            && config.environment == Environment::Production
        {
            return match hash {
                Some(_) if is_only_named => Err(ApiError::PersistedQueryNotSupported),
                _ if manifest.has(&request.query) => Ok(()),
                _ => Err(bad("Only trusted documents run here, and this is none of them.")),
            };
        }
        match hash {
            Some(hash) => self.persisted.find(hash, request, config.limits.document_bytes),
            None => Ok(()),
        }
    }

    /// Keeps the text of a request that came with its hash and was found valid and within all limits, unless there were
    /// too many from its address.
    pub(super) fn keep(&self, request: &Request, from: IpAddr) {
        let new = request.data.get(&TypeId::of::<New>());
        if let Some(New(hash)) = new.and_then(|new| new.downcast_ref()) {
            let now = self.app.clock.elapsed();
            self.persisted.keep(hash, &request.query, Network::of(from), now);
        }
    }
}

impl Document {
    /// The request, with the text of its document, also if it named that only.
    pub fn request(&self) -> &Request {
        &self.request
    }
}

/// Whether a refusal has the client send the text of the document.
pub fn asks_for_text(refusal: &Response) -> bool {
    let mut errors = refusal.errors.iter();
    errors.any(|error| {
        matches!(
            code_of(error),
            ApiError::PERSISTED_QUERY_NOT_FOUND | ApiError::PERSISTED_QUERY_NOT_SUPPORTED
        )
    })
}

/// The automatic persisted queries of a process.
#[derive(Debug)]
pub(super) struct Persisted(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    texts: Cache,
    newcomers: Newcomers,
}

impl Default for Persisted {
    fn default() -> Self {
        Self::bounded(BYTES, NEW_PER_MINUTE)
    }
}

impl Persisted {
    fn bounded(bytes: usize, new_per_minute: usize) -> Self {
        Self(Mutex::new(Kept {
            texts: Cache::new(bytes),
            newcomers: Newcomers::new(new_per_minute),
        }))
    }

    /// Puts the text of a hash into a request that has none, and compares the one that it has.
    fn find(&self, hash: String, request: &mut Request, longest: usize) -> Result<(), ApiError> {
        let text = self.kept().texts.find(&hash);
        match text {
            Some(text) if request.query.is_empty() => text.as_ref().clone_into(&mut request.query),
            None if request.query.is_empty() => return Err(ApiError::PersistedQueryNotFound),
            Some(text) if *text == *request.query => {}
            // It is refused for its length, and need not be hashed before.
            _ if request.query.len() > longest => {}
            _ if crypto::sha256_hex(&request.query) != hash => {
                return Err(bad(
                    "The query's SHA-256 is not the sha256Hash that comes with it.",
                ));
            }
            _ => request.data.insert(New(hash)),
        }
        Ok(())
    }

    fn keep(&self, hash: &str, text: &str, from: Network, now: Duration) {
        let mut kept = self.kept();
        if !kept.texts.has(hash) && kept.newcomers.lets_in(from, now) {
            kept.texts.insert(hash, text);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a request names its document by: the id of GraphQL over HTTP, and the hash of Apollo's protocol.
fn named(request: &Request) -> Result<(Option<String>, Option<String>), ApiError> {
    let document_id = request
        .data
        .get(&TypeId::of::<DocumentId>())
        .and_then(|id| id.downcast_ref::<DocumentId>())
        .map(|id| id.0.clone());
    let hash = match request.extensions.get("persistedQuery") {
        None | Some(ConstValue::Null) => None,
        Some(ConstValue::Object(persisted)) => {
            let version = persisted.get("version");
            match persisted.get("sha256Hash") {
                Some(ConstValue::String(hash)) if version == Some(&ConstValue::Number(1.into())) => {
                    Some(hash.clone())
                }
                _ => return Err(bad("persistedQuery takes version 1 and a sha256Hash.")),
            }
        }
        Some(_) => return Err(bad("persistedQuery takes version 1 and a sha256Hash.")),
    };
    match (&document_id, &hash) {
        (Some(id), Some(hash)) if id != hash => Err(bad("documentId and persistedQuery name two documents.")),
        _ => Ok((document_id, hash)),
    }
}

fn bad(message: &str) -> ApiError {
    ApiError::BadRequest(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sha256_hex as sha256;

    const LONGEST: usize = 1000;

    fn network() -> Network {
        Network::of([192, 0, 2, 1].into())
    }

    #[test]
    fn a_persisted_query_is_kept_by_its_own_hash() {
        // The first example of FIPS 180-4.
        assert_eq!(
            sha256("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let persisted = Persisted::default();
        let hash = sha256("{ a }");
        let find = |hash: &str, query: &str| {
            let mut request = Request::new(query);
            let found = persisted.find(hash.to_owned(), &mut request, LONGEST);
            found.map(|()| {
                (
                    request.query.clone(),
                    request.data.contains_key(&TypeId::of::<New>()),
                )
            })
        };
        let code = |hash: &str, query: &str| find(hash, query).unwrap_err().code();
        assert_eq!(code(&hash, ""), "PERSISTED_QUERY_NOT_FOUND");
        assert_eq!(find(&hash, "{ a }").unwrap(), ("{ a }".to_owned(), true));
        assert_eq!(code(&hash, ""), "PERSISTED_QUERY_NOT_FOUND", "it has not run");
        for wrong in [
            sha256("{ b }"),
            hash.to_uppercase(),
            hash[1..].to_owned(),
            String::new(),
        ] {
            assert_eq!(code(&wrong, "{ a }"), "BAD_REQUEST", "{wrong}");
            assert_eq!(code(&wrong, ""), "PERSISTED_QUERY_NOT_FOUND", "{wrong}");
        }
        // The limits tell of what is too long.
        let long = "x".repeat(LONGEST + 1);
        assert!(!find(&hash, &long).unwrap().1);

        persisted.keep(&hash, "{ a }", network(), Duration::ZERO);
        for query in ["", "{ a }"] {
            assert_eq!(find(&hash, query).unwrap(), ("{ a }".to_owned(), false));
        }
        assert_eq!(code(&hash, "{ b }"), "BAD_REQUEST");
    }

    #[test]
    fn a_persisted_query_that_is_there_is_not_new() {
        let persisted = Persisted::bounded(BYTES, 2);
        let has = |hash: &str| persisted.kept().texts.has(hash);
        let keep = |hash: &str, second| persisted.keep(hash, "{ a }", network(), Duration::from_secs(second));
        for second in 0..10 {
            keep("1", second);
        }
        for hash in ["2", "3"] {
            keep(hash, 10);
        }
        assert!(has("1") && has("2") && !has("3"));
        keep("3", 60);
        assert!(has("3"));
    }
}
