//! A request as clients send it in JSON, over whatever transport: each of its parameters is looked at.

use async_graphql::{Request, Variables};
use serde_json::{Map, Value};

use super::error::ApiError;
use super::persisted::DocumentId;

/// Reads a request. What is not known is left alone, as GraphQL over HTTP wants it.
pub fn read(request: Value) -> Result<Request, ApiError> {
    match request {
        Value::Object(fields) => read_fields(fields),
        Value::Array(_) => Err(bad("Send one request at a time: batches are not taken.")),
        _ => Err(bad("A request is a JSON object.")),
    }
}

fn read_fields(mut fields: Map<String, Value>) -> Result<Request, ApiError> {
    let query = text(&mut fields, "query")?;
    let document_id = text(&mut fields, "documentId")?;
    let operation_name = text(&mut fields, "operationName")?;
    let variables = object(&mut fields, "variables")?;
    let extensions = object(&mut fields, "extensions")?;
    let persisted = extensions.get("persistedQuery").is_some();
    if query.is_none() && document_id.is_none() && !persisted {
        return Err(bad("There is no query."));
    }
    let mut request = Request::new(query.unwrap_or_default());
    // An empty name is none.
    request.operation_name = operation_name.filter(|name| !name.is_empty());
    request.variables =
        serde_json::from_value(variables).map_err(|_| bad("variables holds what is no GraphQL value."))?;
    request.extensions =
        serde_json::from_value(extensions).map_err(|_| bad("extensions holds what is no GraphQL value."))?;
    Ok(match document_id {
        Some(id) => request.data(DocumentId(id)),
        None => request,
    })
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ApiError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ApiError::BadRequest(format!("{name} must be a string."))),
    }
}

/// An object, or nothing.
fn object(fields: &mut Map<String, Value>, name: &str) -> Result<Value, ApiError> {
    match fields.remove(name) {
        None => Ok(Value::Null),
        Some(value @ (Value::Null | Value::Object(_))) => Ok(value),
        Some(_) => Err(ApiError::BadRequest(format!("{name} must be an object."))),
    }
}

/// Variables as bytes that are the same for the same values in any order, but for one that is left out.
pub fn canonical(variables: &Variables, without: Option<&str>) -> Vec<u8> {
    let mut variables: Vec<_> = variables.iter().collect();
    variables.retain(|(name, _)| Some(name.as_str()) != without);
    variables.sort_by(|one, other| one.0.cmp(other.0));
    // GraphQL's values are all of JSON's kinds.
    serde_json::to_vec(&variables).unwrap_or_default()
}

fn bad(message: &str) -> ApiError {
    ApiError::BadRequest(message.to_owned())
}
