//! Documents that a request names by an id or a hash: trusted documents, which the manifest has.

use std::any::TypeId;

use async_graphql::Request;
use async_graphql_value::ConstValue;

use super::Api;
use super::error::ApiError;
use crate::config::Environment;

/// The id that a request sends in place of its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentId(pub String);

impl Api {
    /// Puts the trusted document that a request names into it, and refuses what is not trusted where nothing
    /// else runs.
    pub(super) fn find(&self, request: &mut Request) -> Result<(), ApiError> {
        let config = &self.app.config;
        let manifest = config.trusted_documents.as_deref();
        let id = id(request)?;
        let known = id
            .as_deref()
            .and_then(|id| manifest.and_then(|manifest| manifest.document(id)));
        match known {
            Some(text) if request.query.is_empty() => text.clone_into(&mut request.query),
            Some(text) if text != request.query => {
                return Err(bad("The query is not the document of the id that comes with it."));
            }
            Some(_) => {}
            None if id.is_some() && request.query.is_empty() => {
                return Err(bad("There is no trusted document of this id here."));
            }
            None => {
                let untrusted = manifest.is_some_and(|manifest| !manifest.has(&request.query));
                if untrusted && config.environment == Environment::Production {
                    return Err(bad("Only trusted documents run here, and this is none of them."));
                }
            }
        }
        Ok(())
    }
}

/// The id that a request names its document by: as a persisted document of GraphQL over HTTP, or in
/// Apollo's way.
fn id(request: &Request) -> Result<Option<String>, ApiError> {
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
    match (document_id, hash) {
        (Some(id), Some(hash)) if id != hash => Err(bad("documentId and persistedQuery name two documents.")),
        (id, hash) => Ok(id.or(hash)),
    }
}

fn bad(message: &str) -> ApiError {
    ApiError::BadRequest(message.to_owned())
}
