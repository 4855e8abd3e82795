//! What a mutation's payload is made of.

use async_graphql::{Context, InputType, Value};

use super::error::{ApiError, UserError};
use super::scope::scope;
use crate::crypto;
use crate::domain::values::Text;
use crate::domain::{Error, Keyed, Written};

/// What a mutation did, or why it did nothing.
pub struct Outcome<T = Written> {
    /// What it did.
    pub done: Option<T>,
    /// Why it did nothing.
    pub user_errors: Vec<UserError>,
}

impl<T> Outcome<T> {
    /// Tells a refusal as data and everything else as an error. What was loaded before the mutation is
    /// forgotten, so that the payload shows what is.
    pub fn of(context: &Context<'_>, result: Result<T, Error>) -> Result<Self, ApiError> {
        let scope = scope(context);
        scope.renew();
        match result {
            Ok(done) => Ok(Self {
                done: Some(done),
                user_errors: Vec::new(),
            }),
            Err(Error::Refused(refusals)) => {
                let locale = scope.locale();
                let user_errors = refusals
                    .iter()
                    .map(|refusal| UserError::new(refusal, locale))
                    .collect();
                Ok(Self {
                    done: None,
                    user_errors,
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Outcome {
    /// The cursor of what was written to the care stream.
    pub fn cursor(&self) -> Option<String> {
        self.done.as_ref()?.cursor.map(|cursor| cursor.encode())
    }
}

/// The caller's idempotency key with a fingerprint of the whole input.
pub fn keyed(key: Option<&str>, input: &impl InputType) -> Result<Option<Keyed>, Error> {
    let Some(key) = key else { return Ok(None) };
    let key = Text::parse("idempotencyKey", key)?;
    let canonical = without_nulls(input.to_value()).to_string();
    Ok(Some(Keyed {
        key,
        fingerprint: crypto::sha256(canonical.as_bytes()),
    }))
}

/// An input with its absent fields left out, so that a field that is added to the schema later does not
/// change the fingerprint of inputs that do not use it.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(_, value)| *value != Value::Null)
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::List(values) => Value::List(values.into_iter().map(without_nulls).collect()),
        value => value,
    }
}
